"""Validation cases as arrays: who knows what at a request, how long ago, and what should be found.

Ages, gaps and levels are the device's (``homespun.protocol.bundle.Kernel``); that they agree is tested against the
client's own code.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.model.habits import own_odds
from homespun.model.history import LEAST_SHARE, in_favour, likes, times_in_favour
from homespun.protocol.bundle import HistoryRule, activity_level
from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case
from homespun_server.training.model import Kernel

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Questions:
    """Cases, as arrays. Arrays about the history have one entry for each (case, liked item).

    Attributes:
        items: N, how many items can be recommended.
        levels: int64 [q], activity level of every case.
        rows: int64 [n], the case.
        columns: int64 [n], the item.
        ages: float64 [n], liked items after it; 0 without a time.
        gaps: float64 [n], seconds to the latest one; 0 without a time.
        timed: bool [n], whether its time is known.
        chosen_rows: int64 [m], the case of every (case, item with events in favour).
        chosen_columns: int64 [m], the item.
        chosen: int64 [m], how many events.
        left_out_rows: int64 [s], the case of every item that must not be recommended.
        left_out_columns: int64 [s], the item.
        target_rows: int64 [t], the case of every item to be found, ascending.
        target_columns: int64 [t], the item.
        contexts: int64 [q] by feature, indices into its values; −1: none of them.
        times: float64 [q], when each request was made; not a number where nobody knows.
        habits: float64 [m] by feature, what each person's own habits say of each item with events in favour, without
            weights; 0 where they say nothing. No feature where nothing that was seen may be recommended.
        lately: What changes from request to request of what depends on the item alone; empty if nothing does.
    """

    items: int
    levels: Integers
    rows: Integers
    columns: Integers
    ages: Reals
    gaps: Reals
    timed: NDArray[np.bool_]
    chosen_rows: Integers
    chosen_columns: Integers
    chosen: Integers
    left_out_rows: Integers
    left_out_columns: Integers
    target_rows: Integers
    target_columns: Integers
    contexts: Mapping[str, Integers]
    times: Reals
    habits: Mapping[str, Reals] = field(default_factory=dict)
    lately: "Lately | None" = None

    @property
    def count(self) -> int:
        """How many cases there are."""
        return self.levels.size

    def histories(self, kernel: Kernel) -> csr_matrix:
        """Return what every item of every history weighs: float32 [q, N]."""
        weights = np.exp(-_decay(self.ages, kernel.age) - _decay(self.gaps, kernel.gap))
        if kernel.ordered:
            weights = np.where(self.timed, weights, 0.0)
        largest = np.zeros(self.count)
        np.maximum.at(largest, self.rows, weights)
        kept = weights >= LEAST_SHARE * np.maximum(largest[self.rows], np.finfo(float).tiny)
        entries = (weights[kept].astype(np.float32), (self.rows[kept], self.columns[kept]))
        return csr_matrix(entries, shape=(self.count, self.items))


@dataclass(frozen=True, eq=False)
class Lately:
    """Terms that are refreshed while requests come in.

    Attributes:
        moments: int64 [q], index of the refresh before every request.
        values: float64 [m, N] by the name of the term: what it says after each refresh.
    """

    moments: Integers
    values: Mapping[str, Reals]


def ask(
    cases: Iterable[Case],
    known: Mapping[str, int],
    rule: HistoryRule,
    *,
    most: int,
    repeats: bool,
    contexts: Mapping[str, Sequence[str]] | None = None,
) -> Questions:
    """Turn cases into arrays; cases none of whose items can be recommended are left out.

    Args:
        cases: The cases.
        known: Position of every item that can be recommended.
        rule: Which items of a history are liked.
        most: Most cases.
        repeats: Whether items of the history may be recommended.
        contexts: The values that are told apart, by feature.
    """
    answerable = (case for case in cases if any(item in known for item in case.relevant))
    asked = list(islice(answerable, most))
    histories = [_history(case.events, known, rule) for case in asked]
    favoured = [in_favour(case.events, known, rule) for case in asked]
    chosen = [times_in_favour(events, known) for events in favoured]
    told = contexts or {}
    seen = [
        [] if repeats else sorted({known[event.item] for event in case.events if event.item in known}) for case in asked
    ]
    targets = [sorted(known[item] for item in case.relevant if item in known) for case in asked]
    columns, ages, gaps, timed = (
        np.concatenate([np.zeros(0), *(history[part] for history in histories)]) for part in range(4)
    )
    return Questions(
        items=len(known),
        levels=np.array([activity_level(history[0].size) for history in histories], np.int64),
        rows=_rows([history[0].size for history in histories]),
        columns=columns.astype(np.int64),
        ages=ages,
        gaps=gaps,
        timed=timed.astype(np.bool_),
        chosen_rows=_rows([len(each) for each in chosen]),
        chosen_columns=np.array([item for each in chosen for item in each], np.int64),
        chosen=np.array([count for each in chosen for count in each.values()], np.int64),
        left_out_rows=_rows([len(each) for each in seen]),
        left_out_columns=np.array([item for each in seen for item in each], np.int64),
        target_rows=_rows([len(each) for each in targets]),
        target_columns=np.array([item for each in targets for item in each], np.int64),
        contexts={feature: _codes(asked, feature, values) for feature, values in told.items()},
        times=np.array([np.nan if case.now is None else case.now for case in asked], np.float64),
        habits={
            feature: np.array(
                [
                    odds
                    for case, events, items in zip(asked, favoured, chosen, strict=True)
                    for odds in _habit(case, events, items, known, feature, frozenset(values))
                ],
                np.float64,
            )
            for feature, values in told.items()
            if repeats
        },
    )


def _history(
    events: Sequence[Event], known: Mapping[str, int], rule: HistoryRule
) -> tuple[Integers, Reals, Reals, Reals]:
    """Return the liked items of a history: their positions, ages, gaps, and whether their times are known."""
    used = [event for event in likes(events, rule) if event.item in known][-rule.max_items :]
    times = np.array([np.nan if event.time is None else event.time for event in used], np.float64)
    timed = ~np.isnan(times)
    ages = np.where(timed, np.arange(len(used))[::-1], 0).astype(np.float64)
    latest = times[timed].max() if timed.any() else 0.0
    gaps = np.where(timed, latest - np.nan_to_num(times), 0.0)
    return np.array([known[event.item] for event in used], np.int64), ages, gaps, timed.astype(np.float64)


def _habit(
    case: Case,
    favoured: Sequence[Event],
    chosen: Iterable[int],
    known: Mapping[str, int],
    feature: str,
    values: Collection[str],
) -> list[float]:
    """Return what a person's own habits say of each of the items that they chose."""
    value = case.context.get(feature)
    odds = {} if value is None or value not in values else own_odds(favoured, known, feature, values, value)
    return [odds.get(item, 0.0) for item in chosen]


def _codes(cases: Sequence[Case], feature: str, values: Sequence[str]) -> Integers:
    numbers = {value: number for number, value in enumerate(values)}
    return np.array([numbers.get(case.context.get(feature, ""), -1) for case in cases], np.int64)


def _rows(lengths: Sequence[int]) -> Integers:
    return np.repeat(np.arange(len(lengths)), np.array(lengths, np.int64))


def _decay(distances: Reals, over: float | None) -> Reals:
    return np.zeros_like(distances) if over is None else distances / over
