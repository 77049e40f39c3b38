"""What comes next: a sparse table of transitions, from one release of them.

Without noise, W_ab = [C_ab / (C_a· + 5u) / max(C_·b, u)^.3]^.4. C are released sums, and what a person adds to them is
scaled to a norm of 1, so one transition does not count 1 in them. u is the unit that offsets are given in, the size
of a single transition in C; see ``unit_of``. Quality hardly depends on it: from a third to ten times of it NDCG@10
moved by less than .001 on one data set, and from .074 to .075 on a sparse one.

With noise, C is denoised first and cut at 0, W_ab = [C_ab / (C_a· + 5s)^.8]^.4, and the unit is the noise's deviation
s: what lies below it is not known. A column's sum is then left alone, because dividing by it prefers items of which
nothing but noise is known.

The power .4 spreads what is rare. Against none it was worth a tenth of NDCG@10 without noise, and 1 to 11% with it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import Transitions
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import Sourced, derive, fixed, released
from homespun_server.privacy.release import Release
from homespun_server.training.denoising import denoised_transitions
from homespun_server.training.placement import Placement
from homespun_server.training.tables import Floats

NOISY_ROW_POWER = 0.8
"""Power of a row's sum where there is noise: rows whose sum is mostly noise are not blown up to full weight."""


@dataclass(frozen=True)
class TransitionRecipe:
    """The constants of the formula, fixed a priori.

    Attributes:
        row_offset: Added to a row's sum, in units of a single transition: rows of few transitions weigh less.
        column_power: Power of the column's sum that is divided by: 0 prefers the popular, 1 the rare.
        power: Of the quotient, in (0, 1].

    Raises:
        MisuseError: On construction, if one is out of range.
    """

    row_offset: float = 5.0
    column_power: float = 0.3
    power: float = 0.4

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if not (self.row_offset >= 0 and 0 <= self.column_power <= 1 and 0 < self.power <= 1):
            raise MisuseError(f"{self} is no recipe: offsets are not negative, powers lie in 0..1, the last above 0.")


@dataclass(frozen=True, eq=False)
class LearnedTransitions:
    """A table of transitions.

    Attributes:
        matrix: float64 [N, N] in compressed rows, canonical: how much a row's item speaks for each other one.
        directions: How many patterns stood out from the noise; None without noise. At 0 what the table holds are
            single entries that stood out, and not much more than noise.
    """

    matrix: csr_matrix
    directions: int | None


def standard_recipe() -> Sourced[TransitionRecipe]:
    """State the recipe above: fixed a priori."""
    default = TransitionRecipe()
    return derive(TransitionRecipe, fixed(default.row_offset), fixed(default.column_power), fixed(default.power))


def train_transitions(
    transitions: Release, placement: Sourced[Placement], recipe: Sourced[TransitionRecipe]
) -> Sourced[LearnedTransitions]:
    """Train a table of transitions.

    Args:
        transitions: Released transitions, over a part of the model's items.
        placement: Which.
        recipe: The constants.

    Raises:
        TrainingError: If nothing follows anything.
        MisuseError: If it is a release of something else, or over other items.
    """
    return derive(_trained, released(transitions), placement, recipe)


def _trained(release: Release, placement: Placement, recipe: TransitionRecipe) -> LearnedTransitions:
    form = release.statistic.transformation
    if not isinstance(form, Transitions):
        raise MisuseError(f"{release.statistic.name} counts no transitions; give a release of them.")
    placement.check(release)
    size = placement.rows.size
    sums, directions = denoised_transitions(release.reals.reshape(size, size), release.noise)
    sums = np.maximum(sums, 0.0)
    np.fill_diagonal(sums, 0.0)  # an item that follows itself is left to repeats: all is noise there
    if not sums.any():
        raise TrainingError(
            "the released transitions hold nothing: nobody's events follow each other. Without an order of time "
            "there is nothing to learn here; leave the sequential components out."
        )
    weights = noisy_weights(sums, release.noise, recipe) if release.noise else exact_weights(sums, form, recipe)
    return LearnedTransitions(placement.spread_square(weights), directions)


def exact_weights(sums: Floats, form: Transitions, recipe: TransitionRecipe) -> Floats:
    """Return [C_ab / (C_a· + offset·u) / max(C_·b, u)^column_power]^power.

    Args:
        sums: float64 [m, m], not negative.
        form: How they were counted.
        recipe: The constants.
    """
    unit = unit_of(sums, form)
    rows = sums.sum(axis=1, keepdims=True) + recipe.row_offset * unit
    columns = np.maximum(sums.sum(axis=0), unit) ** recipe.column_power
    weights: Floats = (sums / rows / columns) ** recipe.power
    return weights


def noisy_weights(sums: Floats, noise: float, recipe: TransitionRecipe) -> Floats:
    """Return [C_ab / (C_a· + offset·s)^.8]^power.

    Args:
        sums: float64 [m, m], denoised, not negative.
        noise: The noise's deviation s before it was taken out, positive.
        recipe: The constants; the column's power is not used.
    """
    rows = sums.sum(axis=1, keepdims=True) + recipe.row_offset * noise
    weights: Floats = (sums / rows**NOISY_ROW_POWER) ** recipe.power
    return weights


def unit_of(sums: Floats, form: Transitions) -> float:
    """Estimate from sums without noise how much one transition of weight 1 adds to them.

    Half of all cells that hold anything hold one person's transition or hardly more, so the median cell is such a
    one, of the median of the declared lag weights. On two data sets this is three times the mean of what one
    transition really added.

    Args:
        sums: float64 [m, m], not negative, not all 0.
        form: How they were counted.
    """
    lags = np.array([weight for weight in form.lag_weights if weight > 0], float)
    typical = float(np.median(lags) / lags.max()) if lags.size else 1.0
    return float(np.median(sums[sums > 0])) / typical
