"""Windows of a period overlap, cost more or less than a person loses, or let somebody into more than K of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import universe_of
from homespun.protocol.statistics.grid import GRID
from homespun.protocol.statistics.standard import item_counts, people
from homespun_server import BudgetLedger, BudgetPolicy, Cohort, Population, release, sum_over_people, windows_of
from homespun_server.errors import BudgetExceededError
from homespun_server.privacy.ledger import BudgetState, MemoryLog
from homespun_server.privacy.spend import cost
from homespun_server.privacy.zcdp import rho_for
from homespun_server.statistics.cohort import Membership, Window
from homespun_server.statistics.interactions import Interactions
from tests.server.support import Integers, Row, catalogue, write_table

PEOPLE = 60
EDGES = (0, 100, 200, 350, 400)
ITEMS = catalogue(PEOPLE)
COUNTS = item_counts(universe_of(ITEMS.ids))
COSTS = [Fraction(each, 1000) for each in (1, 4, 2, 3)]


def ledger_of(policy: BudgetPolicy | None = None) -> BudgetLedger:
    ledger = BudgetLedger(MemoryLog(lambda length: bytes(range(length))), "people", clock=lambda: 1e9)
    ledger.open(policy or BudgetPolicy())
    return ledger


@contextmanager
def everybody_at(times: Sequence[float], folder: Path, secret: bytes) -> Iterator[Population]:
    """Everybody uses an item of their own at each of these times."""
    rows = [Row(f"u{n}", ITEMS.ids[n], time) for n in range(PEOPLE) for time in times]
    with Interactions.read(write_table(folder / "rows.csv", rows), items=ITEMS) as interactions:
        yield Population(interactions, secret)


def parts(windows: Sequence[Window], population: Population) -> Integers:
    """Return how often each person is in each window's sum: int64 [windows, people]."""
    cohorts = [Cohort.everybody().within(window) for window in windows]
    found = [sum_over_people([COUNTS], population, cohort)[0].values for cohort in cohorts]
    assert all(not (values % GRID).any() for values in found)
    return np.array(found) // GRID


def released(windows: Sequence[Window], population: Population, ledger: BudgetLedger) -> BudgetState:
    """Release the number of people in each window, at different costs."""
    cohorts = [Cohort.everybody().within(window) for window in windows]
    amounts = [(cohort.path, rho) for cohort, rho in zip(cohorts, COSTS, strict=True)]
    with ledger.reserve(amounts, "people by window") as budget:
        for cohort, rho in zip(cohorts, COSTS, strict=True):
            (total,) = sum_over_people([people()], population, cohort)
            assert budget.left(cohort.path) == rho
            release(total, rho=rho, budget=budget)
    return ledger.state()


def test_windows_leave_a_gap_or_overlap() -> None:
    windows = windows_of("2026-11", EDGES, at_most=2)
    assert [(each.start, each.end) for each in windows] == list(pairwise(EDGES))
    assert [(each.period, each.number, each.windows, each.at_most) for each in windows] == [
        ("2026-11", number, 4, 2) for number in range(4)
    ]
    assert {each.membership.group for each in windows} == {"windows:2026-11/4"}
    assert windows_of("p", [5, 6])[0].membership == Membership("windows:p/1", "0", 1)
    assert [each.membership.at_most for each in windows_of("p", EDGES)] == [4] * 4


@pytest.mark.parametrize("edges", [(), (7,), (7, 7), (7, 6), (0, 5, 5), (0, 5, 4, 9), (-1, 5), (0, 1 << 60)])
def test_edges_divide_nothing(edges: Sequence[int]) -> None:
    with pytest.raises(MisuseError):
        windows_of("p", edges)


@pytest.mark.parametrize("most", [0, -1, 5])
def test_somebody_takes_part_in_no_window_or_in_more_than_there_are(most: int) -> None:
    with pytest.raises(MisuseError, match=f"at most {most} of 4 windows"):
        windows_of("p", EDGES, at_most=most)


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_somebody_adds_to_more_windows_than_are_charged(most: int, tmp_path: Path) -> None:
    times = [time for start, end in pairwise(EDGES) for time in (start, start + 0.5, end - 0.001)]
    with everybody_at(times, tmp_path, ledger_of().secret) as population:
        found = parts(windows_of("2026-11", EDGES, at_most=most), population)
    assert set(found.flat) <= {0, 1}
    assert (found.sum(axis=0) == most).all()
    assert (found.sum(axis=1) > 0).all()


def test_without_a_limit_somebody_is_left_out_of_a_window(tmp_path: Path) -> None:
    with everybody_at([50, 150, 250, 399], tmp_path, ledger_of().secret) as population:
        assert (parts(windows_of("2026-11", EDGES), population) == 1).all()


@pytest.mark.parametrize("most", [None, 2])
def test_an_event_is_in_two_windows(most: int | None, tmp_path: Path) -> None:
    for number, time in enumerate((0, 99.999, 100, 349.5, 350, 399.999)):
        with everybody_at([time], tmp_path, bytes([number]) * 32) as population:
            found = parts(windows_of("2026-11", EDGES, at_most=most), population)
        (seen,) = np.flatnonzero(found.sum(axis=1))
        assert EDGES[seen] <= time < EDGES[seen + 1]
        assert found.sum() == PEOPLE if most is None else 0 < found.sum() < PEOPLE
    with everybody_at([400], tmp_path, bytes(32)) as population:
        assert not parts(windows_of("2026-11", EDGES, at_most=most), population).any()


@pytest.mark.parametrize("most", [1, 2, 3])
def test_windows_cost_more_or_less_than_the_costliest_of_a_persons(most: int, tmp_path: Path) -> None:
    ledger = ledger_of()
    with everybody_at([50, 150, 250, 399], tmp_path, ledger.secret) as population:
        windows = windows_of("2026-11", EDGES, at_most=most)
        state = released(windows, population, ledger)
        taken = parts(windows, population)
    charged = {each.spend.path[-1].cell: each.spend.rho for each in state.spends}
    assert len(charged) == 4
    assert state.spent == sum(sorted(charged.values(), reverse=True)[:most])
    losses = [sum(charged[str(window)] for window in np.flatnonzero(person)) for person in taken.T]
    assert max(losses) == state.spent
    assert min(losses) < state.spent


def test_windows_without_a_limit_cost_less_than_all_of_them(tmp_path: Path) -> None:
    ledger = ledger_of()
    with everybody_at([50], tmp_path, ledger.secret) as population:
        state = released(windows_of("2026-11", EDGES), population, ledger)
    assert state.spent == sum(each.spend.rho for each in state.spends)
    assert sum(COSTS) * Fraction(99, 100) < state.spent <= sum(COSTS)


def test_a_ceiling_for_two_windows_refuses_four_of_which_two_are_a_persons() -> None:
    two = Fraction(rho_for(1.0, 1e-6)) / 2
    ledger = ledger_of(BudgetPolicy(epsilon=1.0, period="once"))
    paths = [Cohort.everybody().within(window).path for window in windows_of("2026-11", EDGES, at_most=2)]
    with ledger.reserve([(path, two) for path in paths], "four windows"):
        pass
    unlimited = [Cohort.everybody().within(window).path for window in windows_of("2026-12", EDGES)]
    with pytest.raises(BudgetExceededError):
        ledger.reserve([(path, two) for path in unlimited], "four windows of everybody")
    assert cost([(path, two) for path in paths]) == 2 * two
    assert ledger.state().spends == ()


def test_who_is_in_a_window_is_the_same_for_every_secret(tmp_path: Path) -> None:
    found = []
    for secret in (bytes(32), bytes([1]) * 32):
        with everybody_at([50, 150, 250, 399], tmp_path, secret) as population:
            found.append(parts(windows_of("2026-11", EDGES, at_most=2), population))
    assert (found[0] != found[1]).any()
