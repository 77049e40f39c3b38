"""From likes to a bundle: the releases that a model needs, and the model that is trained from them alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from homespun.errors import MisuseError
from homespun.protocol.bundle import PrivacyStatement
from homespun.protocol.events import KIND
from homespun.protocol.statistics import MAX_UNIVERSE, item_weights
from homespun_server.privacy.accountant import Accountant
from homespun_server.privacy.release import Release, release, release_without_privacy
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import Likes
from homespun_server.statistics.sums import UserSum, item_counts, item_pairs
from homespun_server.training.collaborative import POPULARITY_POWER, train_collaborative
from homespun_server.training.comparison import Observer
from homespun_server.training.model import Model
from homespun_server.training.popularity import PRIOR_WEIGHT, choose_universe, prior
from homespun_server.training.report import Bounding

COUNTS_SHARE = Fraction(6, 100)
"""Share of the budget for item counts; the rest is for pairs. Fixed a priori."""


@dataclass(frozen=True)
class FitOptions:
    """What a fit may vary; everything is fixed before data is seen.

    Attributes:
        name: The bundle's name for people.
        min_weight: Least weight of a like; None: every interaction is one.
        test_share: Share of users kept aside for evaluation, in [0, 1).
        max_items: Largest universe. Noise takes 17 µs a pair and core: 3,000 items are 4.5 million pairs.
        dimensions: Largest rank of a component.
        kinds: The kinds of events that devices may record, declared and never taken from the table; None: any.
    """

    name: str = "homespun bundle"
    min_weight: float | None = None
    test_share: float = 0.1
    max_items: int = 3000
    dimensions: int = 64
    kinds: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what means nothing, before anything is read or spent."""
        if not 2 <= self.max_items <= MAX_UNIVERSE or self.dimensions < 1:  # noqa: PLR2004 - a pair
            raise MisuseError(f"max_items must lie in 2..{MAX_UNIVERSE} and dimensions be at least 1.")
        if self.kinds is not None and not (self.kinds and all(KIND.fullmatch(kind) for kind in self.kinds)):
            raise MisuseError(f"kinds is {self.kinds!r}; name at least one lower-case word, or None for any kind.")
        if not 0 <= self.test_share < 1:
            raise MisuseError(f"test_share is {self.test_share}; it must lie in [0, 1).")
        if self.min_weight is not None and not math.isfinite(self.min_weight):
            raise MisuseError(
                f"min_weight is {self.min_weight}; give a finite number, or None if everything is a like."
            )


@dataclass(frozen=True)
class Learned:
    """A trained model, and what bounding did on the way."""

    model: Model
    bounding: tuple[Bounding, ...]
    directions: int


def make_bundle(
    likes: Likes,
    items: Items,
    folder: Path,
    *,
    budget: Accountant | None,
    options: FitOptions,
    observer: Observer,
    now: datetime,
) -> tuple[Learned, PrivacyStatement]:
    """Learn from the training users' likes and write the bundle to ``folder``; see ``fit`` for the arguments."""
    learned = learn(likes, items.ids, options, budget, observer)
    delta = None if budget is None else budget.delta
    parameters = _parameters(options, learned)
    description = Description(options.name, now, options.min_weight, delta, parameters, options.kinds)
    manifest = write_bundle(learned.model, items, description, folder)
    return learned, manifest.privacy


def learn(
    likes: Likes, ids: Sequence[str], options: FitOptions, budget: Accountant | None, observer: Observer
) -> Learned:
    """Release the sums that a model needs, and train it from the releases alone.

    Args:
        likes: The likes; only training users' are summed.
        ids: Ids of the whole catalogue.
        options: What a fit may vary.
        budget: The budget to spend; None for exact sums, marked non-private.
        observer: Called with (step, done, in all).
    """
    summed_counts = item_counts(likes, len(ids))
    counts = _release(summed_counts, COUNTS_SHARE, budget, observer)
    universe = choose_universe(counts, ids, options.max_items)
    weights = item_weights(universe.popularity, POPULARITY_POWER)
    summed_pairs = item_pairs(likes.baskets(universe.items), weights)
    pairs = _release(summed_pairs, Fraction(1), budget, observer)
    trained = train_collaborative(pairs, universe, options.dimensions)
    model = Model(universe.items, (trained.component,), prior(universe), trained.releases)
    bounding = tuple(Bounding(total.statistic.name, total.users, total.kept) for total in (summed_counts, summed_pairs))
    return Learned(model, bounding, trained.directions)


def _release(total: UserSum, share_of_rest: Fraction, budget: Accountant | None, observer: Observer) -> Release:
    step = f"release {total.statistic.name}"
    if budget is None:
        observer(f"{step} (non-private)", 1, 1)
        return release_without_privacy(total)
    rho = (budget.rho - budget.spent) * share_of_rest
    return release(total, rho=rho, accountant=budget, progress=lambda done, of: observer(step, done, of))


def _parameters(options: FitOptions, learned: Learned) -> dict[str, str]:
    return {
        "largest universe": str(options.max_items),
        "dimensions": str(learned.model.components[0].encoder.shape[1]),
        "power of popularity": str(POPULARITY_POWER),
        "share of the budget for counts": str(float(COUNTS_SHARE)),
        "weight of the prior": str(PRIOR_WEIGHT),
        "least weight of a like": "none" if options.min_weight is None else str(options.min_weight),
        "users kept aside": f"{100 * options.test_share:g}%",
    }
