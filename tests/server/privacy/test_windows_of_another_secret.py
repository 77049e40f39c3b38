"""What would let one person into more windows than are charged: windows that another secret chose."""

import secrets
from fractions import Fraction
from pathlib import Path

import pytest

from homespun.errors import MisuseError
from homespun.protocol.statistics.standard import people
from homespun_server.privacy.ledger import Reservation, one_off_budget
from homespun_server.privacy.release import Release, release
from homespun_server.statistics.cohort import Window, windows_of
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.population import Population
from homespun_server.statistics.sums import UserSum, sum_over_people
from tests.server.support import EVERYBODY, Row, catalogue, user_sum, write_table

EDGES = (0, 10, 20, 30, 40)
WEEK = Fraction(1, 100)


def summed(interactions: Interactions, secret: bytes, window: Window) -> UserSum:
    (total,) = sum_over_people([people()], Population(interactions, secret), EVERYBODY.within(window))
    return total


def tried(total: UserSum, budget: Reservation) -> Release:
    return release(total, rho=WEEK, budget=budget)


def test_each_window_is_chosen_by_a_secret_of_its_own(tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.csv", [Row("one", "item-0", float(time)) for time in range(40)])
    with Interactions.read(path, items=catalogue(1)) as interactions, one_off_budget(2.0, 1e-6) as budget:
        for window in windows_of("month", EDGES, at_most=1):
            with pytest.raises(MisuseError, match="another secret"):
                tried(summed(interactions, secrets.token_bytes(32), window), budget)
        assert budget.spends == ()
        for window in windows_of("month", EDGES, at_most=1):
            tried(summed(interactions, budget.secret, window), budget)
        assert budget.spent <= WEEK


def test_a_sum_over_chosen_windows_does_not_say_who_chose() -> None:
    window = windows_of("month", EDGES, at_most=2)[0]
    with one_off_budget(2.0, 1e-6) as budget, pytest.raises(MisuseError, match="another secret"):
        tried(user_sum([1], people(), EVERYBODY.within(window)), budget)


@pytest.mark.parametrize("most", [None, 4])
def test_windows_that_nobody_chose_need_a_secret(most: int | None) -> None:
    window = windows_of("month", EDGES, at_most=most)[0]
    with one_off_budget(2.0, 1e-6) as budget:
        assert tried(user_sum([1], people(), EVERYBODY.within(window)), budget).path == budget.spends[0].path
