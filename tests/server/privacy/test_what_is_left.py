"""A reservation says that more is left than it gives, or less; a refusal costs what it refuses."""

from fractions import Fraction
from pathlib import Path as File

import msgspec
import pytest

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import universe_of
from homespun.protocol.statistics.standard import item_counts, people
from homespun_server.errors import BudgetExceededError
from homespun_server.privacy import release as release_module
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog, Reservation
from homespun_server.privacy.release import release
from homespun_server.statistics.cohort import Cohort, Path, windows_of
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.population import Population
from homespun_server.statistics.sums import sum_over_people
from tests.server.privacy.ledger.support import spend_of
from tests.server.support import Row, catalogue, counted, user_sum, write_table

EVERYBODY = Cohort.everybody()
TRAINING, HELD_OUT = Cohort.training(0.1), Cohort.held_out(0.1)
WEEKS = [EVERYBODY.within(week) for week in windows_of("p", range(5), at_most=2)]
TENTH = Fraction(1, 10)


def ledger_of() -> BudgetLedger:
    ledger = BudgetLedger(MemoryLog(), "people", clock=lambda: 1e9)
    ledger.open(BudgetPolicy(epsilon=10.0))
    return ledger


def reserved(*amounts: tuple[Path, Fraction]) -> Reservation:
    return ledger_of().reserve(amounts, "test")


def spent(budget: Reservation, cohort: Cohort, rho: Fraction) -> Fraction:
    """Spend at most so much, and return how much it was."""
    return budget.spend(spend_of(rho, cohort.path)).spend.rho


def check_it_is_left(budget: Reservation, cohort: Cohort) -> None:
    """Check that all that is said to be left can be spent, and then hardly anything is."""
    left = budget.left(cohort.path)
    with pytest.raises(BudgetExceededError):
        spent(budget, cohort, left * Fraction(1001, 1000) + Fraction(1, 10**6))
    if left:
        spent(budget, cohort, left)
        assert budget.left(cohort.path) < left / 1000


@pytest.mark.parametrize("cohort", [TRAINING, HELD_OUT])
def test_one_side_of_a_split_spends_from_the_other(cohort: Cohort) -> None:
    budget = reserved((TRAINING.path, TENTH), (HELD_OUT.path, TENTH / 2))
    first = spent(budget, TRAINING, TENTH / 3)
    assert budget.left(TRAINING.path) == TENTH - first
    assert budget.left(HELD_OUT.path) == TENTH / 2
    assert budget.left(()) == 0
    check_it_is_left(budget, cohort)


def test_the_last_of_three_releases_finds_less_than_its_share() -> None:
    budget = reserved((TRAINING.path, TENTH))
    for share in (Fraction(6, 100), Fraction(1, 2)):
        before = budget.left(TRAINING.path)
        part = spent(budget, TRAINING, before * share)
        assert budget.left(TRAINING.path) == before - part
        assert before * share * Fraction(99, 100) < part <= before * share
    check_it_is_left(budget, TRAINING)


def test_what_everybody_lost_is_left_for_some() -> None:
    budget = reserved(((), TENTH))
    spent(budget, EVERYBODY, TENTH / 2)
    assert budget.left(TRAINING.path) == budget.left(()) <= TENTH * Fraction(501, 1000)
    check_it_is_left(budget, TRAINING)


def test_what_some_lost_is_left_for_everybody() -> None:
    budget = reserved(((), TENTH))
    costly, cheap = spent(budget, TRAINING, TENTH / 2), spent(budget, HELD_OUT, TENTH / 4)
    # Nobody is on both sides, so everybody can still lose what the costlier side leaves.
    assert budget.left(()) == TENTH - costly
    assert budget.left(HELD_OUT.path) == TENTH - cheap
    check_it_is_left(budget, EVERYBODY)


def test_a_third_window_finds_what_two_others_left() -> None:
    budget = reserved(((), TENTH))
    (quarter,) = {spent(budget, week, TENTH / 4) for week in WEEKS[:3]}
    # A person is in two: the new one, and one of the three.
    assert budget.left(WEEKS[3].path) == TENTH - quarter
    assert budget.left(WEEKS[0].path) == budget.left(()) == TENTH - 2 * quarter
    check_it_is_left(budget, WEEKS[3])


@pytest.mark.parametrize("week", WEEKS)
def test_a_window_has_less_than_it_was_promised(week: Cohort) -> None:
    budget = reserved(*((each.path, TENTH) for each in WEEKS))
    for each in WEEKS:
        if each is not week:
            spent(budget, each, TENTH)
    assert budget.left(week.path) == TENTH
    check_it_is_left(budget, week)


def test_an_inner_promise_is_spent_by_those_around_it() -> None:
    budget = reserved(((), TENTH), (TRAINING.path, TENTH / 2))
    spent(budget, EVERYBODY, TENTH / 2)
    assert budget.left(TRAINING.path) == TENTH / 2
    assert budget.left(HELD_OUT.path) <= TENTH * Fraction(501, 1000)
    check_it_is_left(budget, TRAINING)


def test_people_of_whom_nothing_was_promised_have_something_left() -> None:
    budget = reserved((TRAINING.path, TENTH))
    for cohort in (EVERYBODY, HELD_OUT, *WEEKS):
        assert budget.left(cohort.path) == 0
    assert budget.left(TRAINING.within(windows_of("p", range(5))[0]).path) == TENTH


def test_a_sum_that_could_wrap_is_charged_before_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[object] = []
    monkeypatch.setattr(release_module, "add_discrete_gaussian", lambda *given: drawn.append(given))
    narrow = msgspec.structs.replace(counted(3), width=32, max_people=(1 << 18) - 1)
    ledger = ledger_of()
    with ledger.reserve([((), TENTH)], "test") as budget:
        with pytest.raises(MisuseError, match="32 bits"):
            release(user_sum([1, 2, 3], narrow), rho=TENTH, budget=budget)
        assert budget.left(()) == TENTH
        assert ledger.state().sequence == 2
    assert (ledger.state().spends, drawn) == ((), [])


@pytest.mark.parametrize("declare", [people, lambda: item_counts(universe_of(catalogue(3).ids))])
def test_more_people_than_declared_cost_something(declare: type, tmp_path: File) -> None:
    table = write_table(tmp_path / "rows.csv", [Row(f"u{n}", "item-1") for n in range(5)])
    statistic = msgspec.structs.replace(declare(), max_people=4)
    ledger = ledger_of()
    with (
        ledger.reserve([((), TENTH)], "test"),
        Interactions.read(table, items=catalogue(3)) as interactions,
        pytest.raises(MisuseError, match="at most 4 people"),
    ):
        sum_over_people([statistic], Population(interactions, ledger.secret), EVERYBODY)
    state = ledger.state()
    assert (state.spends, state.held) == ((), ())
    assert state.left() == state.policy.ceiling
