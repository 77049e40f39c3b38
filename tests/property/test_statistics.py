"""The L2 bound that every privacy claim stands on: adding or removing any one person moves any sum by no more.

Exact: every norm is computed in Python's integers. The encoder that is checked is the one that tables and devices
use; broken ones, which round up, clip less or look at other people, are checked too, and must be found out.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from homespun.protocol.statistics.cells import Cells
from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.encoding import Contributions, Encoder, encode_metrics
from homespun.protocol.statistics.grid import GRID, clip
from homespun.protocol.statistics.histories import Histories
from homespun.protocol.statistics.standard import metric_sums
from tests.conftest import Runs
from tests.sdk.protocol.statistics.declarations import FORMS, HALF, Declare, cases, wide
from tests.sdk.protocol.statistics.people import adversary, histories, together

ITEMS = 200
Encode = Callable[[Statistic, Histories], Contributions]


def encode(statistic: Statistic, people: Histories) -> Contributions:
    return Encoder(statistic).encode(people)


def total(found: Contributions) -> Counter[int]:
    """Add up what a batch adds, in Python's integers."""
    added: Counter[int] = Counter()
    for cell, value in zip(found.cells.tolist(), found.values.tolist(), strict=True):
        added[cell] += value
    return added


def moved(before: Counter[int], after: Counter[int]) -> int:
    """Return the squared distance between two sums."""
    return sum((after[cell] - before[cell]) ** 2 for cell in before | after)


def check_bound(statistic: Statistic, others: Histories, everybody: Histories, encoding: Encode = encode) -> None:
    after, before = total(encoding(statistic, everybody)), total(encoding(statistic, others))
    assert moved(before, after) <= statistic.l2_bound**2, "one person moves the sum by more than the bound"


def check_somebody_busy(number: int, encoding: Encode = encode) -> None:
    """Add somebody who does very much, at any place, to three who do less."""
    draw = np.random.default_rng(number)
    statistic = wide(ITEMS)[number % len(FORMS)]
    others = [adversary(draw, ITEMS, int(draw.integers(0, 50))) for _ in range(3)]
    busy = adversary(draw, ITEMS, int(10 ** draw.uniform(0, 5)))
    place = int(draw.integers(0, 4))
    check_bound(statistic, together(others), together([*others[:place], busy, *others[place:]]), encoding)


@pytest.mark.parametrize("form", FORMS)
@HALF
@given(st.data())
def test_one_person_moves_the_sum_by_more_than_the_bound(form: Declare, data: st.DataObject) -> None:
    statistic, people = data.draw(cases(form))
    place = data.draw(st.integers(0, len(people) - 1))
    check_bound(statistic, histories([*people[:place], *people[place + 1 :]]), histories(people))


def test_somebody_who_does_very_much_moves_the_sum_by_more_than_the_bound(runs: Runs) -> None:
    for number in runs("contribution", 300):
        check_somebody_busy(number)


@given(st.lists(st.lists(st.floats(allow_nan=False), min_size=3, max_size=3), min_size=1, max_size=5))
@example([[1.0, 1.0, 1.0]])
def test_one_persons_metrics_move_the_sum_by_more_than_the_bound(rows: list[list[float]]) -> None:
    statistic = metric_sums(["ndcg", "recall", "coverage"])
    table = np.array(rows)
    for place in range(len(rows)):
        others = total(encode_metrics(statistic, np.delete(table, place, axis=0)))
        assert 0 < moved(others, total(encode_metrics(statistic, table))) <= GRID**2


class Unclipped(Encoder):
    """Adds weights as they are."""

    def clip(self, found: Cells, people: int) -> Contributions:
        return Contributions(found.owners, found.cells, found.weights * self.statistic.l2_bound)


class RoundedUp(Encoder):
    """Rounds every value up, by less than one step."""

    def clip(self, found: Cells, people: int) -> Contributions:
        return Contributions(found.owners, found.cells, np.ceil(self.shares(found, people)).astype(np.int64))

    def shares(self, found: Cells, people: int) -> NDArray[np.float64]:
        """Return values before rounding."""
        weights = found.weights.astype(np.float64)
        squares = np.bincount(found.owners, weights**2, people)
        return np.asarray(self.statistic.l2_bound * weights / np.sqrt(squares[found.owners]))


class ToTheNearest(RoundedUp):
    """Rounds every value to the nearest."""

    def clip(self, found: Cells, people: int) -> Contributions:
        return Contributions(found.owners, found.cells, np.rint(self.shares(found, people)).astype(np.int64))


class ByTheLargest(Encoder):
    """Bounds every cell, and not their norm."""

    def clip(self, found: Cells, people: int) -> Contributions:
        return Contributions(found.owners, found.cells, np.minimum(found.weights, 1) * self.statistic.l2_bound)


class ByThePlace(Encoder):
    """Takes every person's secret from their place in the batch."""

    def cells(self, people: Histories) -> Cells:
        secrets = [b"%032d" % place for place in range(people.people)]
        columns = (people.starts, people.items, people.times, people.kinds, people.weights)
        return super().cells(Histories(*columns, secrets, people.kind_names, people.contexts))


class AllTogether(Encoder):
    """Bounds everybody together, as if they were one person."""

    def clip(self, found: Cells, people: int) -> Contributions:
        values = clip(found.weights, np.array([0, found.weights.size]), self.statistic.l2_bound)
        return Contributions(found.owners, found.cells, values)


def check_everybody_busy(broken: type[Encoder]) -> None:
    for number in range(100):
        check_somebody_busy(number, lambda statistic, people: broken(statistic).encode(people))


@pytest.mark.parametrize("broken", [Unclipped, RoundedUp, ToTheNearest, ByTheLargest, ByThePlace, AllTogether])
def test_a_broken_encoder_is_not_found_out(broken: type[Encoder]) -> None:
    with pytest.raises(AssertionError, match="more than the bound"):
        check_everybody_busy(broken)
