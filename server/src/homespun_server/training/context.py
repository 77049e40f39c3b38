"""What suits the circumstances: log[p(c|j) / p(c)] for every value of a context and item, from one release.

Differences that noise or small numbers explain are shrunk away; see ``ratios``.
"""

from dataclasses import dataclass

import numpy as np

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import ItemContext
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import Sourced, derive, released
from homespun_server.privacy.release import Release
from homespun_server.training.model import Context, Weights
from homespun_server.training.placement import Placement
from homespun_server.training.ratios import log_ratios
from homespun_server.training.tables import Floats

SIGNIFICANCE = 4.0
"""A value is learned if its sum exceeds so many deviations of the noise in it."""


@dataclass(frozen=True, eq=False)
class LearnedContext:
    """A context without its weights.

    Attributes:
        feature: Its name.
        values: Its values, as declared.
        log_odds: float64 [V, N]; 0 where nothing is known.
    """

    feature: str
    values: tuple[str, ...]
    log_odds: Floats

    def weighted(self, weights: Weights, own_weights: Weights | None = None) -> Context:
        """Return it with γ, one weight per activity level, and δ, of people's own habits; None: they add nothing."""
        return Context(self.feature, self.values, self.log_odds, weights, own_weights)


def train_context(context: Release, placement: Sourced[Placement]) -> Sourced[LearnedContext]:
    """Train a context from its release.

    Args:
        context: Released counts of one context feature, over a part of the model's items.
        placement: Which.

    Raises:
        TrainingError: If no two of its values stand out from the noise.
        MisuseError: If it is a release of something else, or over other items.
    """
    return derive(_trained, released(context), placement)


def _trained(release: Release, placement: Placement) -> LearnedContext:
    form = release.statistic.transformation
    if not isinstance(form, ItemContext):
        raise MisuseError(f"{release.statistic.name} counts no context; give a release of item-context.")
    placement.check(release)
    sums = release.reals.reshape(release.statistic.shape)
    log_odds = odds_of_rows(sums, release.noise)
    if log_odds is None:
        raise TrainingError(
            f"no two values of {form.feature} stand out from the noise, so none can be told from another. Declare "
            "fewer values, spend more on it, or leave it out."
        )
    return LearnedContext(form.feature, form.values, placement.spread(log_odds))


def odds_of_rows(sums: Floats, noise: float) -> Floats | None:
    """Return log[p(row|item) / p(row)], float64 as ``sums``; rows that do not stand out from the noise are 0.

    Args:
        sums: float64 [V, m].
        noise: Deviation of the noise in each.

    Returns:
        None if fewer than two rows stand out.
    """
    totals = sums.sum(axis=1)
    known = totals > SIGNIFICANCE * noise * np.sqrt(sums.shape[1])
    if known.sum() < 2:  # noqa: PLR2004 - one row has no other to be told from
        return None
    odds = np.zeros_like(sums)
    part, shares = sums[known], totals[known] / totals[known].sum()
    # n_cj − π_c n_j is made of noise in all rows: its own counts with 1 − π, the others with −π.
    by_noise = noise**2 * ((1 - shares) ** 2 + (shares.size - 1) * shares**2)
    odds[known] = log_ratios(part, part.sum(axis=0), shares, by_noise)
    return odds
