"""The stated privacy is never better than what was spent, and one exact sum spoils all."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.bundle import PrivacyStatement
from homespun.protocol.statistics import ITEM_COUNTS, ITEM_PAIRS
from homespun_server.privacy.accountant import Accountant, delta_of
from homespun_server.privacy.release import Release, release
from homespun_server.publishing.card import declarations, limitations
from homespun_server.publishing.statement import decimal, privacy_statement
from tests.server.support import exact, noisy, user_sum


def spend(accountant: Accountant, shares: list[Fraction]) -> list[Release]:
    return [
        release(user_sum([1, 2]), rho=(accountant.rho - accountant.spent) * share, accountant=accountant)
        for share in shares
    ]


@settings(max_examples=50)
@given(
    epsilon=st.floats(0.01, 50.0),
    exponent=st.floats(-12, -2),
    shares=st.lists(st.fractions(Fraction(1, 100), 1), min_size=1, max_size=3),
)
def test_less_is_stated_than_was_spent(epsilon: float, exponent: float, shares: list[Fraction]) -> None:
    accountant = Accountant(epsilon, 10.0**exponent)
    releases = []
    for share in shares:
        if accountant.spent < accountant.rho:
            releases += spend(accountant, [share])
    statement = privacy_statement(releases, accountant.delta)
    assert statement.epsilon is not None
    assert statement.rho is not None
    assert delta_of(float(accountant.spent), float(statement.epsilon)) <= accountant.delta
    if delta_of(float(accountant.spent), 0.0) > accountant.delta:  # otherwise any ε would be enough
        assert delta_of(float(accountant.spent), float(statement.epsilon) * 0.99) > accountant.delta
    assert accountant.spent <= Fraction(statement.rho) <= accountant.spent * Fraction(1001, 1000)
    entries = statement.releases
    for entry, made in zip(entries, releases, strict=True):
        assert entry.rho is not None
        assert made.rho is not None
        assert made.rho <= Fraction(entry.rho) <= made.rho * Fraction(1001, 1000)
        assert (int(entry.sigma), entry.l2_bound, entry.values) == (made.sigma, made.statistic.l2_bound, 2)


@pytest.mark.parametrize("epsilon", ["0.5", "1", "2", "4", "8"])
def test_spending_all_is_stated_as_more_than_was_asked_for(epsilon: str) -> None:
    accountant = Accountant(float(epsilon), 1e-6)
    statement = privacy_statement(spend(accountant, [Fraction(6, 100), Fraction(1)]), 1e-6)
    assert statement.epsilon is not None
    assert Decimal(epsilon) * Decimal("0.999") <= statement.epsilon <= Decimal(epsilon)
    assert f"ε = {statement.epsilon}" in statement.statement
    assert "δ = 1e-06" in statement.statement
    assert "2 sums" in statement.statement
    assert statement.delta == Decimal("0.000001")


def check_no_promise(statement: PrivacyStatement) -> None:
    assert (statement.unit, statement.neighbours) == (None, None)
    assert (statement.epsilon, statement.delta, statement.rho) == (None, None, None)


@pytest.mark.parametrize(
    "releases", [[exact([1])], [exact([1]), noisy([1])], [noisy([1]), exact([1])], [noisy([1])] * 3 + [exact([1])]]
)
def test_one_exact_sum_passes_among_private_ones(releases: list[Release]) -> None:
    statement = privacy_statement(releases, 1e-6)
    assert statement.kind == "non_private"
    assert statement.statement.startswith("NON-PRIVATE")
    check_no_promise(statement)
    for entry, made in zip(statement.releases, releases, strict=True):
        assert (entry.mechanism == "none") == (entry.rho is None) == (made.rho is None)


def test_a_catalogue_alone_is_said_to_have_cost_privacy() -> None:
    statement = privacy_statement([], None)
    assert statement.kind == "no_personal_data"
    assert statement.releases == ()
    check_no_promise(statement)


def test_private_releases_are_stated_without_delta() -> None:
    with pytest.raises(MisuseError, match="δ is needed"):
        privacy_statement([noisy([1])], None)


def test_the_card_declares_other_statistics_than_were_released() -> None:
    statement = privacy_statement([noisy([1]), noisy([1], ITEM_PAIRS)], 1e-6)
    assert declarations(statement) == (ITEM_COUNTS, ITEM_PAIRS)
    assert any("would need a release" in line for line in limitations(statement, ()))


def test_decimals_are_rounded_up_or_lose_zero() -> None:
    assert decimal(0.0) == 0
    assert decimal(0.25) == Decimal("0.25")
    assert decimal(1.99999999) < 2
