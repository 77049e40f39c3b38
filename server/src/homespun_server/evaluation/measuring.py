"""One pass over cases for one model: every metric of every case, and how often each item was shown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun_server.evaluation.cases import Case, Recommender
from homespun_server.evaluation.facts import GROUPS, ItemFacts
from homespun_server.evaluation.lists import NOWHERE, Lists
from homespun_server.evaluation.metrics import ACCURACY, Hits

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]
Progress = Callable[[int], None]

LIST_METRICS = ("novelty", "diversity", "calibration")

_BATCH = 256


@dataclass(frozen=True, eq=False)
class Asked:
    """What is the same for every model: whose cases they are, and what each is about.

    Attributes:
        names: Distinct ids of users.
        users: int64 [cases], index into ``names``.
        lengths: int64 [cases], events in the history.
        cold_users: bool [cases], whether the user has no history in training.
        relevant: int64 [cases, groups], relevant items by group.
        tags: Tags that ``main_tags`` is an index into.
        main_tags: int64 [cases], the tag that most items of the history carry, the first of equals; −1 for none.
            Empty where no item has a tag.
    """

    names: tuple[str, ...]
    users: Integers
    lengths: Integers
    cold_users: NDArray[np.bool_]
    relevant: Integers
    tags: tuple[str, ...] = ()
    main_tags: Integers = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)

    @property
    def count(self) -> int:
        """How many cases there are."""
        return self.users.size


@dataclass(frozen=True, eq=False)
class Measured:
    """One model's figures of every case.

    Attributes:
        name: The model's name.
        hits: int8 [cases, depth], 1 + the group of the relevant item at each rank, 0 where none is.
        lists: By ``novelty@10`` and so on, float64 [cases]; NaN where a list does not have the figure.
        shown: By k, int64 [items], how often each item was shown.
    """

    name: str
    hits: NDArray[np.int8] = field(repr=False)
    lists: dict[str, Reals] = field(repr=False)
    shown: dict[int, Integers] = field(repr=False)

    def accuracy(self, asked: Asked, ks: Sequence[int], group: int | None = None) -> dict[str, Reals]:
        """Return every metric of accuracy, by ``ndcg@10`` and so on: float64 [cases].

        Args:
            asked: The cases.
            ks: Lengths of lists.
            group: The only items to find, index into GROUPS; NaN for cases without any. None: all.
        """
        found, relevant = self.hits > 0, asked.relevant.sum(axis=1)
        if group is not None:
            found, relevant = self.hits == group + 1, asked.relevant[:, group]
        hits = Hits(found, np.maximum(relevant, 1))
        absent = relevant == 0
        return {
            f"{name}@{k}": np.where(absent, np.nan, metric(hits, k)) for name, metric in ACCURACY.items() for k in ks
        }


def ask(cases: Iterable[Case], facts: ItemFacts, *, begin: float | None = None) -> Asked:
    """Read the cases once.

    Args:
        cases: The cases.
        facts: The items.
        begin: When training ended, if it is a matter of time: who has no event before is a cold user.
    """
    names: dict[str, int] = {}
    users, lengths, cold, relevant, main = [], [], [], [], []
    for case in cases:
        users.append(names.setdefault(case.user, len(names)))
        lengths.append(len(case.events))
        cold.append(begin is not None and all(event.time is not None and event.time >= begin for event in case.events))
        groups = [int(facts.groups[facts.positions[item]]) for item in case.relevant]
        relevant.append(np.bincount(groups, minlength=len(GROUPS)))
        main.append(_main_tag(case, facts))
    return Asked(
        names=tuple(names),
        users=np.array(users, np.int64),
        lengths=np.array(lengths, np.int64),
        cold_users=np.array(cold, np.bool_),
        relevant=np.array(relevant, np.int64).reshape(-1, len(GROUPS)),
        tags=facts.tag_names,
        main_tags=np.array(main, np.int64) if facts.tagged else np.zeros(0, np.int64),
    )


def _main_tag(case: Case, facts: ItemFacts) -> int:
    if not facts.tagged:
        return -1
    starts, columns = facts.tags.indptr, facts.tags.indices
    positions = (facts.positions[event.item] for event in case.events if event.item in facts.positions)
    carried = [columns[starts[position] : starts[position + 1]] for position in positions]
    found = np.concatenate(carried) if carried else np.zeros(0, np.int64)
    return int(np.bincount(found).argmax()) if found.size else -1


def measure(
    name: str,
    recommender: Recommender,
    cases: Iterable[Case],
    facts: ItemFacts,
    ks: Sequence[int],
    progress: Progress = lambda _done: None,
) -> Measured:
    """Measure one model on all cases.

    Args:
        name: The model's name.
        recommender: The model.
        cases: The cases.
        facts: The items.
        ks: Lengths of lists; the longest is asked for.
        progress: Called with how many cases are done.

    Raises:
        MisuseError: If the model lists an item twice, or one that is not among ``facts``.
    """
    pass_ = _Pass(name, recommender, facts, tuple(ks))
    remaining = iter(cases)
    while batch := list(islice(remaining, _BATCH)):
        pass_.add(batch)
        progress(pass_.done)
    return pass_.measured()


class _Pass:
    """What was measured so far."""

    def __init__(self, name: str, recommender: Recommender, facts: ItemFacts, ks: tuple[int, ...]) -> None:
        self.done = 0
        self._name = name
        self._recommender = recommender
        self._facts = facts
        self._ks = ks
        self._metrics = LIST_METRICS if facts.tagged else LIST_METRICS[:1]
        self._hits: list[NDArray[np.int8]] = [np.zeros((0, max(ks)), np.int8)]
        self._lists: dict[str, list[Reals]] = {f"{metric}@{k}": [] for metric in self._metrics for k in ks}
        self._shown = {k: np.zeros(len(facts.ids), np.int64) for k in ks}

    def add(self, batch: Sequence[Case]) -> None:
        """Rank for some cases."""
        shown = np.full((len(batch), max(self._ks)), NOWHERE, np.int64)
        hits = np.zeros(shown.shape, np.int8)
        for row, case in enumerate(batch):
            positions = self._ranked(case)
            shown[row, : positions.size] = positions
            right = [self._facts.ids[position] in case.relevant for position in positions.tolist()]
            hits[row, : positions.size] = np.where(right, 1 + self._facts.groups[positions], 0)
        self._hits.append(hits)
        self._describe(Lists(shown, [self._past(case) for case in batch], self._facts))
        self.done += len(batch)

    def measured(self) -> Measured:
        """Return everything."""
        lists = {name: np.concatenate([np.empty(0), *parts]) for name, parts in self._lists.items()}
        return Measured(self._name, np.concatenate(self._hits), lists, self._shown)

    def _describe(self, lists: Lists) -> None:
        for k in self._ks:
            self._shown[k] += lists.exposure(k)
            for metric in self._metrics:
                self._lists[f"{metric}@{k}"].append(getattr(lists, metric)(k))

    def _ranked(self, case: Case) -> Integers:
        listed = list(self._recommender.recommend(case, max(self._ks)))[: max(self._ks)]
        positions = [self._facts.positions.get(item, NOWHERE) for item in listed]
        if NOWHERE in positions or len(set(positions)) < len(positions):
            raise MisuseError(
                f"{self._name} lists an item twice, or one that is not in the catalogue of the evaluation, so that its "
                "figures would mean nothing. Evaluate with the catalogue that it was made from."
            )
        return np.array(positions, np.int64)

    def _past(self, case: Case) -> Integers:
        known = self._facts.positions
        return np.array([known[event.item] for event in case.events if event.item in known], np.int64)
