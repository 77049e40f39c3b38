"""From collected tasks to a model: which sums to ask devices for, round by round, and what is trained from them.

Two rounds, as over a table: item counts over the whole catalogue choose the universe; all else is counted over that.
What is asked for are the same declarations, with integers of 32 bits, and what is trained from them is trained by the
same code: it cannot tell where a release comes from. Nobody is kept aside, because nobody's events are there to test
with; how good a model is shows on devices, or on public data.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.collection.constants import LARGEST_SUM
from homespun.protocol.collection.task import MAX_NUMBERS, WIDTH
from homespun.protocol.statistics.declaration import ItemTrend, Statistic, universe_of
from homespun.protocol.statistics.standard import item_counts
from homespun_server.errors import TrainingError
from homespun_server.evaluation.comparison import Observer
from homespun_server.learning.data import rule_of
from homespun_server.learning.fitting import Learned
from homespun_server.learning.keeping import COUNTS, KeptFit, Paid
from homespun_server.learning.options import FitOptions
from homespun_server.learning.refreshing import retrain
from homespun_server.learning.releasing import sequence_of, wanted_over
from homespun_server.privacy.provenance import Sourced, fixed
from homespun_server.privacy.release import Release
from homespun_server.statistics.items import Items
from homespun_server.training.popularity import choose_universe

MAX_ITEMS = 1000
"""Items that are learned from people where nobody says otherwise: half a million pairs are reports of 2 MB."""


class Asked(NamedTuple):
    """A sum that devices are to be asked for.

    Attributes:
        statistic: Its declaration.
        ids: The items that it counts, in order.
    """

    statistic: Statistic
    ids: tuple[str, ...]


def first_round(ids: Sequence[str], options: FitOptions, people: int) -> Asked:
    """Return what is asked for first: item counts over the whole catalogue.

    Args:
        ids: The catalogue's.
        options: What a fit may vary.
        people: Most installations that are added up.

    Raises:
        MisuseError: If so many items or installations are too many for one task.
    """
    return _asked(item_counts(universe_of(ids), rule_of(options)), ids, people)


def second_round(
    counts: Release,
    items: Sourced[Items],
    options: FitOptions,
    people: int,
    *,
    edges: Sequence[int] = (),
    timed: bool = True,
) -> tuple[Asked, ...]:
    """Return what is asked for next, over the universe that collected counts choose.

    Args:
        counts: The collected item counts.
        items: The catalogue that they were counted over.
        options: What a fit may vary.
        people: Most installations that are added up.
        edges: Stretches of time for trends; empty: none.
        timed: Whether events have an order.

    Raises:
        MisuseError: If a sum has too many numbers, or so many installations are too many.
        TrainingError: If nothing stands out from the noise.
    """
    universe = choose_universe(counts, items, options.stated(options.max_items))
    sequence = sequence_of(universe, options, private=True)
    found = wanted_over(rule_of(options), items.value, options, universe.value, sequence.value, edges, timed=timed)
    return tuple(_asked(each.statistic, [items.value.ids[item] for item in each.items], people) for each in found)


def train_collected(
    releases: Mapping[str, Release],
    counted: Sequence[str],
    items: Sourced[Items],
    options: FitOptions,
    observer: Observer,
) -> Learned:
    """Train a model from collected tasks: nobody's data is read, and nothing is spent.

    Args:
        releases: The collected tasks' releases, by the name of the statistic; item counts among them.
        counted: The ids that item counts were counted over, in order.
        items: The catalogue of now; it has all of them.
        options: What a fit may vary; nobody is kept aside.
        observer: Called with (step, done, in all).

    Raises:
        MisuseError: If somebody is to be kept aside, or a release was not collected.
        ReleaseFileError: If releases are not about the items that the counts choose.
        TrainingError: If nothing can be learned.
    """
    _check(releases, counted, items.value, options)
    # Only names and numbers of a folder of kept releases are needed, and none is written or read.
    kept = KeptFit(
        folder=Path("collected tasks"),
        options=options,
        ids=tuple(counted),
        statistics=tuple(releases),
        as_of=None,
        left_out=(),
        ledger=None,
    )
    return retrain(items, kept, Paid(options, releases), as_of=_moment(releases), observer=observer)


def _asked(statistic: Statistic, ids: Sequence[str], people: int) -> Asked:
    if statistic.size > MAX_NUMBERS:
        raise MisuseError(
            f"{statistic.name} would be {statistic.size:,} numbers, and a report holds at most {MAX_NUMBERS:,}. Learn "
            "fewer items from people (max_items, max_sequence_items)."
        )
    if people * statistic.l2_bound > LARGEST_SUM:
        raise MisuseError(
            f"the sum of {people:,} installations would wrap; one task adds up at most "
            f"{LARGEST_SUM // statistic.l2_bound:,}, less the noise. Ask a larger fleet in several tasks."
        )
    return Asked(msgspec.structs.replace(statistic, width=WIDTH, max_people=people), tuple(ids))


def _check(releases: Mapping[str, Release], counted: Sequence[str], items: Items, options: FitOptions) -> None:
    if options.test_share:
        raise MisuseError("nobody's events are here to be kept aside; say test_share=0 for collected tasks.")
    if any(release.task is None for release in releases.values()):
        raise MisuseError("a release over a table is no collected task; train from one or the other.")
    if COUNTS not in releases:
        raise TrainingError(f"no collected task is of {COUNTS}, which choose the universe; collect that first.")
    if releases[COUNTS].statistic.universe != universe_of(counted):
        raise TrainingError("the item counts are about other items than were named. Name the list that the task names.")
    missing = [each for each in counted if each not in items.positions]
    if missing:
        raise TrainingError(
            f"the catalogue lacks {len(missing):,} items that were counted, for instance {missing[0]!r}. Put them back."
        )


def _moment(releases: Mapping[str, Release]) -> Sourced[int] | None:
    """Return when it is for trends: the end of what was counted, as the task published it beforehand."""
    trend = releases.get("item-trend")
    if trend is None or not isinstance(trend.statistic.transformation, ItemTrend):
        return None
    return fixed(trend.statistic.transformation.edges[-1])
