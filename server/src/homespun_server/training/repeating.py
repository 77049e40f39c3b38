"""Which items are chosen again: how much likelier than others, from a release of counts by number of events."""

import numpy as np

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import Repeats
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import Sourced, derive, released
from homespun_server.privacy.release import Release
from homespun_server.training.context import SIGNIFICANCE
from homespun_server.training.item_prior import ItemPrior
from homespun_server.training.placement import Placement
from homespun_server.training.ratios import log_ratios

NAME = "repeats"


def train_repeats(repeats: Release, placement: Sourced[Placement]) -> Sourced[ItemPrior]:
    """Return log[P(chosen again | chosen, item) / P(chosen again | chosen)], shrunk as ``ratios`` says.

    Chosen again means: at least as often as the second declared threshold, of those who reached the first. Items
    outside the release get 0.

    Args:
        repeats: Released counts with two thresholds or more, over a part of the model's items.
        placement: Which.

    Raises:
        TrainingError: If hardly anybody chooses anything again, as far as noise allows to say.
        MisuseError: If it is a release of something else or over other items, or has only one threshold.
    """
    return derive(_trained, released(repeats), placement)


def _trained(release: Release, placement: Placement) -> ItemPrior:
    form = release.statistic.transformation
    if not isinstance(form, Repeats) or len(form.thresholds) < 2:  # noqa: PLR2004 - again, of those who did once
        raise MisuseError(f"{release.statistic.name} counts no repeats; give a release with two thresholds or more.")
    placement.check(release)
    once, again = release.reals.reshape(release.statistic.shape)[:2]
    limit = SIGNIFICANCE * release.noise * np.sqrt(once.size)
    if not (once.sum() > limit and again.sum() > limit):
        raise TrainingError(
            "nothing is chosen again, as far as the noise allows to say, so no item can be told from another by it. "
            "Leave this prior out, or spend more on repeats."
        )
    share = np.array([again.sum() / once.sum()])
    by_noise = release.noise**2 * (1 + share**2)
    return ItemPrior(NAME, placement.spread(log_ratios(again[None], once, share, by_noise)[0]))
