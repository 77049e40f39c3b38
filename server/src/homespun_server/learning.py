"""From likes to a bundle: the releases that a model needs, and the model that is trained from them alone.

Options are plain values, which the operator fixed before data was seen. Options that were chosen by something
name it in ``FitOptions.chosen_by``, and the bundle then comes from that too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.bundle import NEGATIVE_KINDS, PrivacyStatement
from homespun.protocol.events import KIND
from homespun.protocol.statistics.declaration import MAX_PAIRED, LikeRule, Universe, universe_of
from homespun.protocol.statistics.published import item_weights
from homespun.protocol.statistics.standard import item_counts, item_pairs, metric_sums
from homespun_server.errors import TrainingError
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.provenance import (
    PlainT,
    Sourced,
    check_sourced,
    derive,
    fixed,
    non_private,
    public,
    together,
)
from homespun_server.privacy.release import Release, release, release_without_privacy
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.publishing.figures import Figure, Quality, number_of_users, released_quality
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.likes import MIN_TEST_LIKES, Likes
from homespun_server.statistics.population import Population
from homespun_server.statistics.raw import Raw
from homespun_server.statistics.sums import UserSum, sum_metrics, sum_over_people
from homespun_server.training.collaborative import POPULARITY_POWER, collaborative_model, train_collaborative
from homespun_server.training.comparison import METRICS, Observer
from homespun_server.training.content import catalogue
from homespun_server.training.model import Model
from homespun_server.training.popularity import PRIOR_WEIGHT, choose_universe
from homespun_server.training.report import Bounding

Reals = NDArray[np.float64]

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
        users: The number of users, if the operator declares it public; it then stands on the card.
        chosen_by: What options were chosen by, if not fixed a priori: releases, or figures derived from them.
    """

    name: str = "homespun bundle"
    min_weight: float | None = None
    test_share: float = 0.1
    max_items: int = 3000
    dimensions: int = 64
    kinds: tuple[str, ...] | None = None
    users: int | None = None
    chosen_by: tuple[Sourced[object], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what means nothing, before anything is read or spent."""
        if not 2 <= self.max_items <= MAX_PAIRED or self.dimensions < 1:  # noqa: PLR2004 - a pair
            raise MisuseError(f"max_items must lie in 2..{MAX_PAIRED} and dimensions be at least 1.")
        if self.kinds is not None and not (self.kinds and all(KIND.fullmatch(kind) for kind in self.kinds)):
            raise MisuseError(f"kinds is {self.kinds!r}; name at least one lower-case word, or None for any kind.")
        if not 0 <= self.test_share < 1:
            raise MisuseError(f"test_share is {self.test_share}; it must lie in [0, 1).")
        if self.min_weight is not None and not math.isfinite(self.min_weight):
            raise MisuseError(
                f"min_weight is {self.min_weight}; give a finite number, or None if everything is a like."
            )
        check_sourced(**{f"chosen_by[{place}]": source for place, source in enumerate(self.chosen_by)})
        if self.users is not None and self.users < 0:
            raise MisuseError(f"{self.users} users cannot be declared; leave it out if the number is not public.")

    def stated(self, value: PlainT) -> Sourced[PlainT]:
        """State one of these options: fixed a priori, or whatever it was chosen by."""
        return derive(lambda plain, _: plain, fixed(value), together(*self.chosen_by))


@dataclass(frozen=True)
class Learned:
    """A trained model, how many patterns of taste it found, and what bounding did on the way."""

    model: Sourced[Model]
    directions: Sourced[int]
    bounding: Raw[tuple[Bounding, ...]]


class FitData:
    """The people whose data a fit uses. Lives in the interactions' database.

    Attributes:
        interactions: The table.
        likes: Who likes what, for the users kept aside.
        population: Everybody, for sums.
        rule: Which events count in favour of an item.
        training: The cohort that the model is trained from.
    """

    def __init__(self, interactions: Interactions, options: FitOptions, budget: Reservation | None) -> None:
        """Prepare the data; without a budget, samples are drawn with a secret that everybody knows."""
        secret = bytes(32) if budget is None else budget.secret
        self.interactions = interactions
        self.likes = Likes(interactions, min_weight=options.min_weight, test_share=options.test_share)
        self.population = Population(interactions, secret)
        least = None if options.min_weight is None else Decimal(str(options.min_weight))
        self.rule = LikeRule(min_weight=least, negative_kinds=NEGATIVE_KINDS)
        self.training = Cohort.training(options.test_share)


def make_bundle(
    data: FitData,
    folder: Path,
    *,
    budget: Reservation | None,
    options: FitOptions,
    observer: Observer,
    now: datetime,
) -> tuple[Learned, PrivacyStatement]:
    """Learn from the training users and write the bundle to ``folder``; see ``fit`` for the arguments."""
    learned = learn(data, options, budget, observer)
    return learned, write(learned, data, folder, budget=budget, options=options, now=now)


def write(
    learned: Learned,
    data: FitData,
    folder: Path,
    *,
    budget: Reservation | None,
    options: FitOptions,
    now: datetime,
    quality: Sourced[Quality] | None = None,
) -> PrivacyStatement:
    """Write the bundle of what was learned; see ``fit`` for the arguments."""
    description = Description(
        name=options.name,
        created=now,
        min_weight=options.stated(options.min_weight),
        delta=None if budget is None else budget.delta,
        parameters=_parameters(options, learned.model),
        kinds=None if options.kinds is None else options.stated(options.kinds),
        people=_people(data.likes, options, private=budget is not None),
        quality=quality,
    )
    return write_bundle(learned.model, catalogue(data.interactions.items), description, folder).privacy


def learn(data: FitData, options: FitOptions, budget: Reservation | None, observer: Observer) -> Learned:
    """Release the sums that a model needs, and train it from the releases alone.

    Args:
        data: The people; only training users are summed.
        options: What a fit may vary.
        budget: The budget to spend; None for exact sums, marked non-private.
        observer: Called with (step, done, in all).

    Raises:
        BudgetError: If the budget does not allow a release.
        TrainingError: If the data allow no model; before any release, if the catalogue allows none.
    """
    items = catalogue(data.interactions.items)
    if len(items.value) < 2:  # noqa: PLR2004 - a pair
        raise TrainingError(
            f"the catalogue has {len(items.value)} item, and a model needs at least two. Nothing was released."
        )
    counted = item_counts(universe_of(items.value.ids), data.rule)
    (count_sum,) = sum_over_people([counted], data.population, data.training, observer=observer)
    counts = _release(count_sum, COUNTS_SHARE, budget, observer)
    universe = choose_universe(counts, items, options.stated(options.max_items))
    chosen = universe.value.items
    paired = item_pairs(
        _selected(items.value.ids, chosen.tolist()),
        item_weights(universe.value.popularity, POPULARITY_POWER),
        data.rule,
    )
    selections = {paired.name: chosen}
    (pair_sum,) = sum_over_people([paired], data.population, data.training, selections=selections, observer=observer)
    pairs = _release(pair_sum, Fraction(1), budget, observer)
    trained = train_collaborative(pairs, universe, options.stated(options.dimensions))
    bounding = tuple(Bounding(total.statistic.name, total.contributors, total.kept) for total in (count_sum, pair_sum))
    return Learned(collaborative_model(trained, universe), derive(lambda part: part.directions, trained), Raw(bounding))


def release_metrics(
    metrics: Raw[Reals], learned: Learned, options: FitOptions, budget: Reservation, observer: Observer
) -> Sourced[Quality]:
    """Release the mean metrics (``METRICS``) of the users kept aside, for the card.

    Args:
        metrics: float64 [users, metrics].
        learned: The model that was measured.
        options: The fit's.
        budget: The budget to spend.
        observer: Called with (step, done, in all).
    """
    statistic = metric_sums(METRICS, who=f"people with {MIN_TEST_LIKES} likes or more")
    total = sum_metrics(statistic, metrics.for_the_operator(), Cohort.held_out(options.test_share))
    return released_quality(_release(total, Fraction(1), budget, observer), learned.model)


def _release(total: UserSum, share: Fraction, budget: Reservation | None, observer: Observer) -> Release:
    """Release a sum for a share of what its cohort has left of the budget."""
    step = f"release {total.statistic.name}"
    if budget is None:
        observer(f"{step} (non-private)", 1, 1)
        return release_without_privacy(total)
    rho = budget.left(total.cohort.path) * share
    return release(total, rho=rho, budget=budget, progress=lambda done, of: observer(step, done, of))


def _selected(ids: Sequence[str], chosen: Sequence[int]) -> Universe:
    return universe_of([ids[item] for item in chosen])


def _people(likes: Likes, options: FitOptions, *, private: bool) -> Sourced[Figure] | None:
    """Return the number of users for the card, if it may stand there."""
    if options.users is not None:
        return derive(number_of_users, public(options.users, "declared by the operator"))
    if private:
        return None
    return derive(number_of_users, non_private(likes.training_users(), "the number of training users"))


def _parameters(options: FitOptions, model: Sourced[Model]) -> dict[str, Sourced[str]]:
    return {
        "largest universe": options.stated(str(options.max_items)),
        "dimensions": derive(lambda found: str(found.components[0].encoder.shape[1]), model),
        "power of popularity": fixed(str(POPULARITY_POWER)),
        "share of the budget for counts": fixed(str(float(COUNTS_SHARE))),
        "weight of the prior": fixed(str(PRIOR_WEIGHT)),
        "least weight of a like": options.stated("none" if options.min_weight is None else str(options.min_weight)),
        "users kept aside": options.stated(f"{100 * options.test_share:g}%"),
    }
