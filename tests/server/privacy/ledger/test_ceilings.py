"""What would let a user lose more than a ceiling allows, renew a period early, or forget what was ever spent."""

import math
from fractions import Fraction

import pytest

from homespun.errors import MisuseError
from homespun_server.errors import BudgetError, BudgetExceededError, LedgerError, PrivacyParameterError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog
from homespun_server.privacy.ledger.policy import Period, Span
from homespun_server.privacy.ledger.rules import rounded
from homespun_server.privacy.spend import cost
from tests.server.privacy.ledger.support import (
    APRIL_1,
    DAY,
    HELD_OUT,
    MARCH_10,
    MAY_1,
    TRAINING,
    Rig,
    ceiling,
    spend_of,
    window,
)

MONTHLY = BudgetPolicy(epsilon=1.0)
WHOLE = ceiling(MONTHLY)


def test_a_request_past_the_ceiling_is_granted_or_recorded() -> None:
    rig = Rig(MONTHLY)
    rig.spend(WHOLE * 3 / 4)
    before = rig.ledger.state()
    with pytest.raises(BudgetExceededError) as refused:
        rig.ledger.reserve([((), WHOLE / 2)], "fit of March")
    assert rig.ledger.state() == before
    for told in (
        "fit of March",
        "'people'",
        "ε = 1 per user",
        "δ = 1e-06",
        "renews on 2025-04-01 00:00 UTC",
        "Nothing was read",
    ):
        assert told in str(refused.value)
    assert f"ρ = {rounded(float(WHOLE) / 2, up=True):.4g} (ε = " in str(refused.value)
    left = rig.ledger.state().left()
    assert left is not None
    epsilon = rounded(rig.ledger.state().epsilon(left), up=False)
    assert f"only ρ = {rounded(float(left), up=False):.4g} (ε = {epsilon:.4g} by itself)" in str(refused.value)
    rig.ledger.reserve([((), left)], "exactly the rest")
    assert rig.ledger.state().left() == 0


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (BudgetPolicy(epsilon=1.0, period="once"), "It never renews"),
        (BudgetPolicy(epsilon=1.0), "more than a whole period allows, so no renewal will help"),
        (BudgetPolicy(lifetime=1.0), "for ever never renews"),
        (BudgetPolicy(epsilon=9.0, lifetime=1.0), "ε = 1 per user for ever"),
    ],
)
def test_a_refusal_promises_a_renewal_that_does_not_come(policy: BudgetPolicy, told: str) -> None:
    with pytest.raises(BudgetExceededError, match=told):
        Rig(policy).ledger.reserve([((), 2 * WHOLE)], "fit")


def test_what_was_refused_reads_like_what_is_left() -> None:
    rig = Rig(MONTHLY)
    rig.spend(WHOLE / 3)
    left = rig.ledger.state().left()
    assert left is not None
    with pytest.raises(BudgetExceededError) as refused:
        rig.ledger.reserve([((), left * Fraction(10**9 + 1, 10**9))], "a touch more")
    asked, rest = (part.partition(" by itself")[0] for part in str(refused.value).split("ρ = ")[1:])
    assert asked != rest


def test_what_is_held_is_promised_to_a_second_one() -> None:
    rig = Rig(MONTHLY)
    with rig.ledger.reserve([((), WHOLE * 2 / 3)], "first") as first:
        with pytest.raises(BudgetExceededError, match=rf"Open reservations \({first.number}\) hold ρ"):
            rig.reopened().reserve([((), WHOLE / 2)], "second")
        first.spend(spend_of(WHOLE / 3))
        assert rig.ledger.state().left() == WHOLE / 3
    left = rig.ledger.state().left()
    assert left is not None
    assert left > WHOLE * 2 / 3


def test_a_crash_holds_its_amount_for_ever() -> None:
    rig = Rig(MONTHLY)
    rig.ledger.reserve([((), WHOLE)], "crashes", ttl=60)
    rig.clock.advance(59)
    assert rig.reopened().state().left() == 0
    rig.clock.advance(1)
    assert rig.reopened().state().left() == WHOLE


def test_the_last_second_of_a_period_is_in_the_next() -> None:
    rig = Rig(MONTHLY)
    rig.spend(WHOLE)
    rig.at(APRIL_1 - 0.001)
    with pytest.raises(BudgetExceededError):
        rig.spend(WHOLE)
    rig.at(APRIL_1)
    rig.spend(WHOLE)
    with pytest.raises(BudgetExceededError, match="2025-05-01"):
        rig.spend(WHOLE)
    assert [each.period for each in rig.reopened().state().spends] == [0, 1]
    assert rig.reopened().state().periods == (Span(int(MARCH_10), int(APRIL_1)), Span(int(APRIL_1), int(MAY_1)))


def test_a_clock_set_back_returns_to_an_earlier_period_or_renews_twice() -> None:
    rig = Rig(MONTHLY)
    rig.spend(WHOLE)
    rig.at(APRIL_1)
    rig.spend(WHOLE)
    for back in (MARCH_10, 0.0, APRIL_1 - 1):
        rig.at(back)
        assert rig.reopened().state().time == int(APRIL_1)
        with pytest.raises(BudgetExceededError):
            rig.spend(WHOLE / 2)
    rig.at(APRIL_1 + DAY)
    with pytest.raises(BudgetExceededError):
        rig.spend(WHOLE / 2)
    rig.at(MAY_1)
    rig.spend(WHOLE)
    assert rig.ledger.state().lifetime_spent > WHOLE * 5 / 2


def test_a_clock_that_was_ahead_renews_again_when_it_is_right() -> None:
    rig = Rig(MONTHLY)
    rig.spend(WHOLE)
    rig.at(MAY_1)
    rig.spend(WHOLE)
    rig.at(APRIL_1 + DAY)
    with pytest.raises(BudgetExceededError, match="2025-06-01"):
        rig.spend(WHOLE)


@pytest.mark.parametrize("now", [math.nan, math.inf, -1.0, 1e12])
def test_a_clock_without_a_time_is_believed(now: float) -> None:
    ledger = BudgetLedger(MemoryLog(), "people", clock=lambda: now)
    with pytest.raises(MisuseError, match="the clock says"):
        ledger.open(MONTHLY)


def test_renewal_resets_the_lifetime() -> None:
    policy = BudgetPolicy(epsilon=1.0, lifetime=2.0, period=1)
    rig = Rig(policy)
    spent = Fraction(0)
    assert policy.lifetime_ceiling is not None
    for _ in range(math.floor(policy.lifetime_ceiling / WHOLE)):
        spent += rig.spend(WHOLE).rho
        assert rig.ledger.state().lifetime_spent == spent
        rig.clock.advance(DAY)
        assert rig.ledger.state().spent == 0
    with pytest.raises(BudgetExceededError, match="for ever never renews"):
        rig.spend(WHOLE)
    assert rig.ledger.state().left() == policy.lifetime_ceiling - spent
    rig.clock.advance(3000 * DAY)
    with pytest.raises(BudgetExceededError, match="for ever never renews"):
        rig.spend(WHOLE)


@pytest.mark.parametrize(
    ("period", "ends"),
    [("month", APRIL_1), ("once", None), (1, MARCH_10 + DAY), (30, MARCH_10 + 30 * DAY)],
)
def test_a_period_ends_at_another_time(period: Period, ends: float | None) -> None:
    rig = Rig(BudgetPolicy(epsilon=1.0, period=period), now=MARCH_10 + 3600)
    assert rig.ledger.state().renews == ends
    if ends is not None:
        rig.at(ends - 1)
        assert rig.ledger.state().renews == ends
        rig.at(ends)
        assert rig.ledger.state().renews != ends


def test_periods_drift_or_are_made_up_while_nothing_happens() -> None:
    rig = Rig(BudgetPolicy(epsilon=1.0, period=30))
    rig.at(MARCH_10 + 95 * DAY + 7)
    rig.spend(WHOLE)
    assert rig.ledger.state().periods[-1] == Span(int(MARCH_10) + 90 * DAY, int(MARCH_10) + 120 * DAY)
    assert len(rig.reopened().state().periods) == 2


def test_leap_days_and_the_turn_of_the_year_are_forgotten() -> None:
    policy = BudgetPolicy(epsilon=1.0)
    february_29, december_31 = 1_709_164_800, 1_735_603_200
    assert policy.span_from(february_29).end == february_29 + DAY
    assert policy.span_from(december_31).end == december_31 + DAY


def test_changing_the_policy_to_and_fro_renews_the_period() -> None:
    rig = Rig(MONTHLY)
    rig.spend(WHOLE)
    periods: tuple[Period, ...] = ("once", 1, "month", 36_525, "month")
    for period in periods:
        rig.ledger.change(BudgetPolicy(epsilon=1.0, period=period), "to and fro")
        assert rig.reopened().state().spent > 0
        with pytest.raises(BudgetExceededError):
            rig.spend(WHOLE / 2)
    assert len(rig.ledger.state().periods) == 1


def test_leaving_a_period_that_never_ends_renews_at_once() -> None:
    rig = Rig(BudgetPolicy(epsilon=1.0, period="once"))
    rig.spend(WHOLE)
    rig.at(APRIL_1 + DAY)
    rig.ledger.change(MONTHLY, "monthly from now on")
    with pytest.raises(BudgetExceededError, match="2025-05-01"):
        rig.spend(WHOLE / 2)
    rig.at(MAY_1)
    rig.spend(WHOLE)


def test_a_ceiling_is_lowered_below_what_is_spent() -> None:
    rig = Rig(MONTHLY)
    spent = rig.spend(WHOLE / 2).rho
    open_one = rig.ledger.reserve([((), WHOLE / 4)], "made before")
    rig.ledger.change(BudgetPolicy(epsilon=0.1), "too much was promised")
    state = rig.reopened().state()
    assert state.spent == spent > ceiling(state.policy)
    assert state.left() == 0
    with pytest.raises(BudgetExceededError, match="only ρ = 0 "):
        rig.spend(Fraction(1, 10**9))
    with pytest.raises(BudgetExceededError, match=r"only ρ = 0 .*Nothing was read or released"):
        open_one.spend(spend_of(WHOLE / 4))
    open_one.close()
    rig.ledger.change(MONTHLY, "as before")
    rig.spend(WHOLE / 4)


def test_a_lower_lifetime_forgives() -> None:
    rig = Rig(BudgetPolicy(lifetime=2.0))
    rig.spend(WHOLE)
    rig.ledger.change(BudgetPolicy(lifetime=0.5), "less")
    assert rig.ledger.state().left() == 0
    rig.at(MAY_1)
    with pytest.raises(BudgetExceededError, match="for ever"):
        rig.spend(Fraction(1, 10**6))


def test_spending_without_a_ceiling_is_not_counted() -> None:
    rig = Rig(BudgetPolicy())
    spent = [rig.spend(Fraction(number)) for number in (1, 2, 3)]
    state = rig.reopened().state()
    assert state.left() is None
    assert state.lifetime_spent == cost(spent)
    rig.ledger.change(BudgetPolicy(lifetime=1.0), "now limited")
    with pytest.raises(BudgetExceededError):
        rig.spend(Fraction(1, 10**6))


def test_another_delta_makes_what_was_spent_cheaper_for_good() -> None:
    rig = Rig(MONTHLY)
    rig.spend(WHOLE)
    rig.ledger.change(BudgetPolicy(epsilon=1.0, delta=1e-3), "a larger δ")
    assert rig.ledger.state().left() == ceiling(BudgetPolicy(epsilon=1.0, delta=1e-3)) - rig.ledger.state().spent
    rig.ledger.change(MONTHLY, "as before")
    with pytest.raises(BudgetExceededError):
        rig.spend(WHOLE / 2)


def test_windows_exhaust_each_other_or_one_user_is_in_more_than_k() -> None:
    rig = Rig(MONTHLY)
    for number in range(4):
        rig.spend(WHOLE / 2, window(number))
    with pytest.raises(BudgetExceededError):
        rig.spend(WHOLE / 2, window(0))
    with pytest.raises(BudgetExceededError):
        rig.spend(WHOLE / 100)
    assert WHOLE * 99 / 100 < rig.ledger.state().spent <= WHOLE


def test_disjoint_cells_share_one_ceiling() -> None:
    rig = Rig(MONTHLY)
    for path in (TRAINING, HELD_OUT):
        rig.spend(WHOLE * 3 / 4, path)
    state = rig.ledger.state()
    assert state.spent <= WHOLE * 3 / 4
    for path in (TRAINING, HELD_OUT, (), window(0)):
        left = state.left(path)
        assert left == WHOLE - state.spent
        rig.ledger.reserve([(path, left)], "the rest").close()
        with pytest.raises(BudgetExceededError):
            rig.ledger.reserve([(path, left + Fraction(1, 10**12))], "more")


def test_what_is_left_of_a_cheap_cell_is_that_of_the_costliest() -> None:
    rig = Rig(MONTHLY)
    spent = rig.spend(WHOLE / 2, TRAINING).rho
    assert rig.ledger.state().left(HELD_OUT) == WHOLE
    assert rig.ledger.state().left(TRAINING) == rig.ledger.state().left() == WHOLE - spent
    rig.ledger.reserve([(HELD_OUT, WHOLE)], "all of the others'")
    assert rig.ledger.state().left() == 0
    assert rig.ledger.state().left(TRAINING) == WHOLE - spent


def test_a_ledger_is_opened_twice_or_spent_unopened() -> None:
    rig = Rig(MONTHLY)
    with pytest.raises(BudgetError, match="already"):
        rig.ledger.open(BudgetPolicy())
    assert rig.ledger.state().policy == MONTHLY
    other = BudgetLedger(rig.log, "nobody", rig.clock)
    for use in (
        other.state,
        lambda: other.reserve([((), WHOLE)], "fit"),
        lambda: other.change(MONTHLY, "why"),
        lambda: other.cancel(1, "why"),
        lambda: other.secret,
    ):
        with pytest.raises(LedgerError, match="'nobody'"):
            use()


def test_two_data_sets_share_a_budget_or_a_secret() -> None:
    rig = Rig(MONTHLY)
    other = BudgetLedger(rig.log, "others", rig.clock)
    other.open(MONTHLY)
    rig.spend(WHOLE)
    assert other.state().left() == WHOLE
    assert len(rig.ledger.secret) == 32
    assert rig.ledger.secret == rig.reopened().secret != other.secret


def test_a_secret_is_in_the_events() -> None:
    rig = Rig(MONTHLY)
    rig.spend(WHOLE)
    secret = rig.ledger.secret
    for event in rig.log.read("people"):
        assert secret not in event
        assert secret.hex().encode() not in event
    assert secret.hex() not in repr(rig.ledger.state())


@pytest.mark.parametrize("name", ["", "a b", "../people", ".people", "людї", "a" * 101, "a\n"])
def test_a_data_set_has_no_name(name: str) -> None:
    with pytest.raises(MisuseError, match="no name of a data set"):
        BudgetLedger(MemoryLog(), name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": 0.0},
        {"epsilon": math.inf},
        {"lifetime": -1.0},
        {"lifetime": math.nan},
        {"delta": 0.0},
        {"delta": 1.0},
        {"period": "week"},
        {"period": 0},
        {"period": -1},
        {"period": True},
        {"period": 36_526},
        {"period": 1.5},
        {"epsilon": 1e-9, "delta": 1e-300},
    ],
)
def test_a_policy_promises_nothing(wrong: dict[str, object]) -> None:
    with pytest.raises(PrivacyParameterError):
        BudgetPolicy(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["", "a\nb"])
def test_a_policy_is_changed_without_a_reason(reason: str) -> None:
    rig = Rig(MONTHLY)
    for change in (lambda: rig.ledger.change(MONTHLY, reason), lambda: rig.ledger.cancel(1, reason)):
        with pytest.raises(PrivacyParameterError, match="reason"):
            change()
    assert rig.ledger.state().sequence == 1
