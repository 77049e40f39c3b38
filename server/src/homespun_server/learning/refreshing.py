"""Trains a model again from releases that were kept, with some of them released anew; the rest costs nothing more.

The universe stays what the kept item counts chose, and so do blend, scorer and all other options: a refresh decides
nothing by data, so a model of it is made as the fit's was, from other numbers. A new universe is chosen by a new fit.

Tastes begin with the released pairs. Where pairs are released anew, tastes are too, so that no release stays behind
whose very question came from pairs that the model does not state any more.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import universe_of
from homespun_server.errors import DataError, TrainingError
from homespun_server.evaluation.comparison import Observer
from homespun_server.learning.data import FitData
from homespun_server.learning.fitting import Learned, assembled, blend_of, stated_weighing
from homespun_server.learning.keeping import CATALOGUE_FILE, COUNTS, KeptFit, Paid
from homespun_server.learning.moments import stretches
from homespun_server.learning.options import FitOptions
from homespun_server.learning.releasing import (
    IMPORTANCE,
    Released,
    context_name,
    kind_of,
    release_over,
    sequence_of,
    told_bounding,
)
from homespun_server.learning.terms import Catalogue, read_catalogue, train_terms
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.provenance import Sourced, derive, fixed
from homespun_server.statistics.items import Items
from homespun_server.training.blend import ARCHETYPES, context_term
from homespun_server.training.content import catalogue
from homespun_server.training.popularity import Universe, choose_universe
from homespun_server.training.repeating import NAME as REPEATS
from homespun_server.training.trend import name_of

TREND = "item-trend"

REFRESHABLE = (TREND, *(name for name in IMPORTANCE if name not in {TREND, "archetypes"}))
"""What can be released anew. Item counts cannot: they chose the universe; archetypes come with the pairs."""

_ORDERED = "transitions"


def check_refreshable(kept: KeptFit, statistics: Collection[str]) -> None:
    """Refuse to spend on what the model has not, or does not weigh; before anything is read or spent.

    Raises:
        MisuseError: Naming the statistic.
    """
    if not statistics:
        raise MisuseError(f"name at least one statistic to release anew: {', '.join(REFRESHABLE)}.")
    for name in statistics:
        if name not in REFRESHABLE:
            raise MisuseError(
                f"{name!r} cannot be released anew; choose from {', '.join(REFRESHABLE)}. The universe stays what the "
                f"fit's {COUNTS} chose; a new fit chooses a new one."
            )
        if name not in map(kind_of, kept.statistics):
            raise MisuseError(
                f"the fit released no {name}, so there is none to refresh. Fit anew with a model that uses it, or name "
                f"others: it has {', '.join(kept.statistics[1:]) or 'none'}."
            )
        terms = _TERMS[name](kept.options)
        blend = blend_of(kept.options, ordered=_ORDERED in kept.statistics, noisy=True)
        if not any(any(blend.weight(term)) for term in terms):
            raise MisuseError(
                f"{name} weighs nothing in this model's blend, so releasing it anew would cost budget and change no "
                f"list: {', '.join(terms)}. Fit anew with a blend that weighs it."
            )


def check_grown(kept: KeptFit, items: Items) -> None:
    """Refuse a catalogue that lacks an item which was counted.

    Raises:
        DataError: Naming one of them, and how many there are.
    """
    missing = [each for each in kept.ids if each not in items.positions]
    if missing:
        raise DataError(
            f"the catalogue has no item {missing[0]!r} any more: of the {len(kept.ids):,} items that the fit counted "
            f"{len(missing):,} are missing. A refresh keeps the fit's items, and may only add to them; put them back "
            "into the catalogue, or fit anew. Nothing was read or spent.",
            path=kept.folder / CATALOGUE_FILE if items.report is None else Path(items.report.path),
            count=len(missing),
        )


def moment_of(
    kept: KeptFit, paid: Paid, statistics: Collection[str], as_of: int | None, now: datetime
) -> Sourced[int] | None:
    """Return when it is for trends: as told, or now if they are released anew, or else when it was for the fit."""
    if kept.as_of is None:
        return None
    if as_of is not None:
        return paid.options.stated(as_of)
    return fixed(int(now.timestamp())) if TREND in statistics else paid.options.stated(kept.as_of)


def relearn(
    data: FitData,
    kept: KeptFit,
    paid: Paid,
    *,
    statistics: Collection[str],
    as_of: Sourced[int] | None,
    budget: Reservation | None,
    observer: Observer,
) -> Learned:
    """Release some statistics anew, and train the model from these and the kept ones.

    Args:
        data: The people; only training users are summed.
        kept: The fit.
        paid: Its releases.
        statistics: What to release anew; none: the fit's model again, for nothing.
        as_of: When it is for trends; None where there are none.
        budget: The budget to spend, all of it.
        observer: Called with (step, done, in all).

    Raises:
        BudgetError: If the budget does not allow a release.
        ReleaseFileError: If the kept releases are not about the items that the counts choose.
        TrainingError: If nothing can be learned, or the table has no times and they are needed; then before any
            release.
    """
    if not data.timed and {TREND, _ORDERED}.intersection(statistics):
        raise TrainingError(
            "the table has no times, so neither order nor trends can be released anew. Nothing was released; name the "
            "column of times."
        )
    options = paid.options
    items = catalogue(data.interactions.items)
    known = read_catalogue(items, options)
    released = replace(restored(kept, paid, items), as_of=as_of)
    if statistics:
        released = _renewed(data, items, released, options, statistics, budget, observer)
    return _assembled(kept, released, known, options, as_of, observer)


def retrain(
    items: Sourced[Items], kept: KeptFit, paid: Paid, *, as_of: Sourced[int] | None, observer: Observer
) -> Learned:
    """Train the model of kept releases: nobody's data is read, and nothing is spent.

    Args:
        items: The catalogue.
        kept: The releases' folder.
        paid: The releases.
        as_of: When it is for trends; None where there are none.
        observer: Called with (step, done, in all).

    Raises:
        ReleaseFileError: If the kept releases are not about the items that the counts choose.
        TrainingError: If nothing can be learned.
    """
    known = read_catalogue(items, paid.options)
    released = replace(restored(kept, paid, items), as_of=as_of)
    return _assembled(kept, released, known, paid.options, as_of, observer)


def _assembled(
    kept: KeptFit,
    released: Released,
    known: Catalogue,
    options: FitOptions,
    as_of: Sourced[int] | None,
    observer: Observer,
) -> Learned:
    observer("train", 0, 1)
    terms = train_terms(released, known, options, as_of=as_of)
    observer("train", 1, 1)
    weighing = stated_weighing(options, ordered=_ORDERED in kept.statistics, noisy=True)
    return assembled(terms, released, weighing, options)


def restored(kept: KeptFit, paid: Paid, items: Sourced[Items]) -> Released:
    """Return a fit's releases as they were, over the same items wherever these stand in the catalogue now.

    Raises:
        ReleaseFileError: If they are not about the items that the counts choose.
    """
    options, by_name = paid.options, dict(paid.by_name)
    counts = by_name.pop(COUNTS)
    counted = derive(lambda _: _plain(kept.ids), items)
    chosen = choose_universe(counts, counted, options.stated(options.max_items))
    universe = derive(lambda then, now: _moved(then, kept.ids, now), chosen, items)
    sequence = sequence_of(universe, options, private=counts.private)
    for name, release in by_name.items():
        about = sequence.value if name == _ORDERED else universe.value.items
        if release.statistic.universe != universe_of([items.value.ids[item] for item in about.tolist()]):
            raise kept.mixed_up(name)
    contexts = tuple(by_name.pop(context_name(place)) for place in range(len(options.contexts)))
    return Released(counts, universe, sequence, by_name, contexts, (), kept.left_out)


def _renewed(
    data: FitData,
    items: Sourced[Items],
    before: Released,
    options: FitOptions,
    statistics: Collection[str],
    budget: Reservation | None,
    observer: Observer,
) -> Released:
    """Return the releases with some of them anew."""
    edges = () if before.as_of is None else stretches(before.as_of.value, options.half_lives)
    over, sequence = before.universe, before.sequence
    new = release_over(
        data, items, options, over, sequence, budget=budget, edges=edges, observer=observer, only=statistics
    )
    by_name, left_out = before.by_name, before.left_out
    if "item-pairs" in new.by_name:
        by_name = {name: release for name, release in by_name.items() if name != "archetypes"}
        left_out = new.left_out
    contexts = tuple(new.by_name.pop(each.statistic.name, each) for each in before.contexts)
    return replace(
        before,
        by_name=by_name | new.by_name,
        contexts=contexts,
        bounding=told_bounding(new.sums),
        left_out=left_out,
    )


def _plain(ids: Sequence[str]) -> Items:
    return Items(list(ids), list(ids), [()] * len(ids), [""] * len(ids))


def _moved(then: Universe, ids: Sequence[str], now: Items) -> Universe:
    """Return the universe with the positions that its items have in another catalogue.

    Items that were added are counted as rarely as the rarest.
    """
    places = np.array([now.positions[each] for each in ids], np.int64)
    known = then.counts
    counts = None if known is None else np.full(len(now), known.min())
    if counts is not None and known is not None:
        counts[places] = known
    return replace(then, items=places[then.items], counts=counts)


_TERMS: dict[str, Callable[[FitOptions], tuple[str, ...]]] = {
    TREND: lambda options: tuple(map(name_of, options.half_lives)),
    "item-pairs": lambda options: ("collaborative", *((ARCHETYPES,) if options.archetypes else ())),
    _ORDERED: lambda _: ("sequential", "session"),
    "item-context": lambda options: tuple(context_term(feature) for feature, _ in options.contexts),
    "repeats": lambda _: (REPEATS,),
}
"""Which terms of the score a statistic is for."""
