"""The releases that a model is trained from: first item counts, which choose the universe, then all other sums.

Of the budget item counts get 6%, and the others share the rest as ``IMPORTANCE`` says, whichever of them there are.
Both were fixed a priori. Everything but tastes is summed in one pass over the people.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.statistics.declaration import LikeRule, Statistic, Universe, universe_of
from homespun.protocol.statistics.published import item_weights, lag_weights
from homespun.protocol.statistics.standard import (
    archetypes,
    item_context,
    item_counts,
    item_pairs,
    item_trend,
    repeats,
    transitions,
)
from homespun_server.errors import TrainingError
from homespun_server.evaluation.comparison import Observer
from homespun_server.evaluation.report import Bounding
from homespun_server.learning.data import FitData
from homespun_server.learning.options import FitOptions
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.provenance import Sourced, derive
from homespun_server.privacy.release import Release, release, release_without_privacy
from homespun_server.statistics.cohort import Cohort, Path
from homespun_server.statistics.items import Items
from homespun_server.statistics.sums import UserSum, sum_over_people
from homespun_server.training.archetypes import first_centroids
from homespun_server.training.collaborative import POPULARITY_POWER
from homespun_server.training.popularity import Universe as Chosen
from homespun_server.training.popularity import choose_universe

Integers = NDArray[np.int64]

COUNTS_SHARE = Fraction(6, 100)
"""Share of the budget for item counts. Fixed a priori."""

IMPORTANCE = {
    "item-pairs": Fraction(1),
    "transitions": Fraction(1),
    "archetypes": Fraction(1, 5),
    "item-trend": Fraction(1, 10),
    "item-context": Fraction(1, 10),
    "repeats": Fraction(1, 20),
}
"""How much of the rest a statistic gets, relative to the others that there are."""

_COUNTS = "item-counts"

LAG_DECAY, LAGS = 3.0, 20
"""A transition over l steps counts e^{−(l−1)/3}: one table serves what comes next and what belongs together."""

PRIVATE_SEQUENCE_ITEMS = 1000
"""Items that transitions are counted of where noise is added to each of their pairs."""


class Drawer(Protocol):
    """Where releases are kept one by one as they are made, so that whoever is killed pays for none of them twice."""

    def kept(self, statistic: Statistic, path: Path) -> Release | None:
        """Return the release of a statistic about the users of a path; None if it was not made yet."""

    def keep(self, release: Release) -> None:
        """Keep a release that was made just now."""


@dataclass(frozen=True)
class Released:
    """What a model is trained from.

    Attributes:
        counts: The item counts, over the whole catalogue of that time.
        universe: The items that are learned from people.
        sequence: int64 [m], catalogue positions of the items that transitions are about.
        by_name: The other releases but those of circumstances, by the name of the statistic.
        contexts: Those of circumstances, in the order of the options.
        bounding: What bounding did to each sum: raw.
        left_out: Why tastes were not released, if they were wanted.
        as_of: When it is for trends; None where there are none.
    """

    counts: Release
    universe: Sourced[Chosen]
    sequence: Sourced[Integers]
    by_name: dict[str, Release]
    contexts: tuple[Release, ...]
    bounding: tuple[Bounding, ...]
    left_out: tuple[str, ...] = ()
    as_of: Sourced[int] | None = None

    @property
    def everything(self) -> tuple[Release, ...]:
        """All releases, item counts first; names differ."""
        return (self.counts, *self.by_name.values(), *self.contexts)


@dataclass(frozen=True)
class Over:
    """What was released over a universe that was chosen before.

    Attributes:
        by_name: The releases, by the name of the statistic.
        sums: What they were made from: raw.
        left_out: Why tastes were not released, if they were wanted.
    """

    by_name: dict[str, Release]
    sums: tuple[UserSum, ...] = field(repr=False)
    left_out: tuple[str, ...] = ()


class Wanted(NamedTuple):
    """A statistic to be summed over some of the catalogue's items: int64 [m], positions in it."""

    statistic: Statistic
    items: Integers


def release_all(
    data: FitData,
    items: Sourced[Items],
    options: FitOptions,
    *,
    budget: Reservation | None,
    edges: Sequence[int],
    observer: Observer,
    drawer: Drawer | None = None,
) -> Released:
    """Sum and release what the options want and the table allows.

    Args:
        data: The people; only training users are summed.
        items: The catalogue.
        options: What a fit may vary.
        budget: The budget to spend; None for exact sums, marked non-private.
        edges: Stretches of time for trends; empty: none.
        observer: Called with (step, done, in all).
        drawer: Keeps each release as it is made, and has those of a run that was killed; None: nobody does.

    Raises:
        BudgetError: If the budget does not allow a release.
        TrainingError: If the data allow no model; before any release, if the catalogue allows none.
    """
    if len(items.value) < 2:  # noqa: PLR2004 - a pair
        raise TrainingError(
            f"the catalogue has {len(items.value)} item, and a model needs at least two. Nothing was released."
        )
    if not data.timed and (options.demands("sequential") or options.demands("trend")):
        raise TrainingError(
            "the table has no times, so neither order nor trends can be learned, and one of them was asked for. "
            "Nothing was released; name the column of times, or leave these parts out."
        )
    counted = item_counts(universe_of(items.value.ids), data.rule)
    (count_sum,) = sum_over_people([counted], data.population, data.training, observer=observer)
    counts = released_sum(count_sum, COUNTS_SHARE, budget, observer, drawer)
    universe = choose_universe(counts, items, options.stated(options.max_items))
    sequence = sequence_of(universe, options, private=budget is not None)
    made = release_over(
        data, items, options, universe, sequence, budget=budget, edges=edges, observer=observer, drawer=drawer
    )
    contexts = tuple(made.by_name.pop(context_name(place)) for place in range(len(options.contexts)))
    bounding = told_bounding((count_sum, *made.sums))
    return Released(counts, universe, sequence, made.by_name, contexts, bounding, made.left_out)


def sequence_of(universe: Sourced[Chosen], options: FitOptions, *, private: bool) -> Sourced[Integers]:
    """Return the items that transitions are counted of: int64 [m], catalogue positions, the most popular ones."""
    most = options.max_sequence_items or (PRIVATE_SEQUENCE_ITEMS if private else options.max_items)
    return derive(lambda chosen, limit: chosen.items[:limit], universe, options.stated(most))


def release_over(
    data: FitData,
    items: Sourced[Items],
    options: FitOptions,
    universe: Sourced[Chosen],
    sequence: Sourced[Integers],
    *,
    budget: Reservation | None,
    edges: Sequence[int],
    observer: Observer,
    only: Collection[str] | None = None,
    drawer: Drawer | None = None,
) -> Over:
    """Sum and release what the options want over a universe that was chosen before.

    Tastes begin with the released pairs, so they are released where these are, and only there.

    Args:
        data: The people; only training users are summed.
        items: The catalogue.
        options: What a fit may vary.
        universe: The items that are learned from people.
        sequence: Those that transitions are about.
        budget: The budget to spend, all of it; None for exact sums, marked non-private.
        edges: Stretches of time for trends; empty: none.
        observer: Called with (step, done, in all).
        only: The kinds of statistics, as in ``IMPORTANCE``; None: all that the options want.
        drawer: As in ``release_all``.

    Raises:
        BudgetError: If the budget does not allow a release.
    """
    wanted = [
        want
        for want in wanted_over(
            data.rule, items.value, options, universe.value, sequence.value, edges, timed=data.timed
        )
        if only is None or kind_of(want.statistic.name) in only
    ]
    selections = {want.statistic.name: want.items for want in wanted}
    sums = sum_over_people(
        [want.statistic for want in wanted], data.population, data.training, selections=selections, observer=observer
    )
    names = [total.statistic.name for total in sums]
    by_name: dict[str, Release] = {}
    tastes = "archetypes" if options.archetypes and "item-pairs" in names else None
    for total in sums:
        left = [name for name in (*names, tastes) if name is not None and name not in by_name]
        by_name[total.statistic.name] = released_sum(
            total, _share(total.statistic.name, left), budget, observer, drawer
        )
    if tastes is None:
        return Over(by_name, sums)
    try:
        tasted = _taste_sum(data, items.value, universe, by_name["item-pairs"], options, observer)
    except TrainingError as error:
        # Their share stays unspent; a model without tastes is better than none, after all that was spent.
        return Over(by_name, sums, (str(error),))
    by_name[tastes] = released_sum(tasted, Fraction(1), budget, observer, drawer)
    return Over(by_name, (*sums, tasted))


def told_bounding(sums: Sequence[UserSum]) -> tuple[Bounding, ...]:
    """Return what bounding did to each sum: raw."""
    return tuple(Bounding(total.statistic.name, total.contributors, total.kept) for total in sums)


def trend_release(
    data: FitData,
    items: Sourced[Items],
    universe: Sourced[Chosen],
    *,
    budget: Reservation | None,
    edges: Sequence[int],
    cohort: Cohort,
    observer: Observer,
) -> Release:
    """Sum and release the trend alone, over a universe that was chosen before: what a refresh needs."""
    chosen = universe.value.items
    statistic = item_trend(_universe(items.value, chosen), edges, data.rule)
    (total,) = sum_over_people(
        [statistic], data.population, cohort, selections={statistic.name: chosen}, observer=observer
    )
    return released_sum(total, Fraction(1), budget, observer)


def released_sum(
    total: UserSum, share: Fraction, budget: Reservation | None, observer: Observer, drawer: Drawer | None = None
) -> Release:
    """Release a sum for a share of what its cohort has left of the budget, unless it was released and kept before."""
    step = f"release {total.statistic.name}"
    if budget is None:
        observer(f"{step} (non-private)", 1, 1)
        return release_without_privacy(total)
    before = None if drawer is None else drawer.kept(total.statistic, total.cohort.path)
    if before is not None:
        return before
    rho = budget.left(total.cohort.path) * share
    made = release(total, rho=rho, budget=budget, progress=lambda done, of: observer(step, done, of))
    if drawer is not None:
        drawer.keep(made)
    return made


def kinds_of(options: FitOptions, *, timed: bool) -> tuple[str, ...]:
    """Return the kinds of statistics that the options want, item counts first, in the order of their release.

    Args:
        options: What a fit may vary.
        timed: Whether the table has times.
    """
    wanted = {
        "item-trend": timed and options.wants("trend"),
        "item-context": bool(options.contexts),
        "repeats": options.repeats,
        "transitions": timed and options.wants("sequential"),
        "item-pairs": options.wants("collaborative"),
        "archetypes": bool(options.archetypes) and options.wants("collaborative"),
    }
    return (_COUNTS, *(kind for kind, is_wanted in wanted.items() if is_wanted))


def shares_of(options: FitOptions, *, timed: bool) -> dict[str, Fraction]:
    """Return which share of the budget each kind of statistic gets; item-context is all circumstances together."""
    times = {"item-context": len(options.contexts)}
    kinds = kinds_of(options, timed=timed)[1:]
    weights = {kind: IMPORTANCE[kind] * times.get(kind, 1) for kind in kinds}
    whole = sum(weights.values(), Fraction(0))
    rest = {kind: (1 - COUNTS_SHARE) * weight / whole for kind, weight in weights.items()}
    return {_COUNTS: COUNTS_SHARE, **rest}


def wanted_over(
    rule: LikeRule,
    items: Items,
    options: FitOptions,
    chosen: Chosen,
    sequence: Integers,
    edges: Sequence[int],
    *,
    timed: bool,
) -> Iterator[Wanted]:
    """Yield the statistics that are wanted over a universe, the ones to be released first.

    Args:
        rule: Which events count.
        items: The catalogue.
        options: What a fit may vary.
        chosen: The items that are learned from people.
        sequence: Those that transitions are about.
        edges: Stretches of time for trends; empty: none.
        timed: Whether events have times, and so an order.
    """
    universe = _universe(items, chosen.items)
    if edges and options.wants("trend"):
        yield Wanted(item_trend(universe, edges, rule), chosen.items)
    for place, (feature, values) in enumerate(options.contexts):
        found = item_context(universe, feature, values, rule, name=context_name(place))
        yield Wanted(found, chosen.items)
    if options.repeats:
        yield Wanted(repeats(universe, rule), chosen.items)
    if timed and options.wants("sequential"):
        ordered = transitions(
            _universe(items, sequence), rule, lags=lag_weights(LAG_DECAY, LAGS), max_events=options.max_events
        )
        yield Wanted(ordered, sequence)
    if options.wants("collaborative"):
        weights = item_weights(chosen.popularity, POPULARITY_POWER)
        yield Wanted(item_pairs(universe, weights, rule), chosen.items)


def _taste_sum(
    data: FitData, items: Items, universe: Sourced[Chosen], pairs: Release, options: FitOptions, observer: Observer
) -> UserSum:
    chosen = universe.value.items
    centroids = first_centroids(pairs, universe, options.stated(options.archetypes))
    statistic = archetypes(_universe(items, chosen), centroids.value, data.rule)
    selections = {statistic.name: chosen}
    (total,) = sum_over_people([statistic], data.population, data.training, selections=selections, observer=observer)
    return total


def _share(name: str, left: Sequence[str]) -> Fraction:
    """Return what a statistic gets of what is left, when these are still to be released."""
    return _importance(name) / sum(map(_importance, left), Fraction(0))


def _importance(name: str) -> Fraction:
    return IMPORTANCE[kind_of(name)]


def kind_of(name: str) -> str:
    """Return which entry of ``IMPORTANCE`` a statistic belongs to, by its name."""
    return "item-context" if name.startswith("item-context") else name


def context_name(place: int) -> str:
    """Return the name of the statistic about the context at this place among the options'."""
    return f"item-context-{place}"


def _universe(items: Items, chosen: Integers) -> Universe:
    return universe_of([items.ids[item] for item in chosen.tolist()])
