"""The stated privacy is never better than what was spent, and one exact sum spoils all."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.bundle import PrivacyStatement
from homespun_server.privacy.ledger import Reservation, one_off_budget
from homespun_server.privacy.provenance import Sourced, fixed, non_private, released, together
from homespun_server.privacy.release import Release, release
from homespun_server.privacy.zcdp import delta_of
from homespun_server.publishing.card import declarations
from homespun_server.publishing.limitations import limitations
from homespun_server.publishing.parts import parts
from homespun_server.publishing.statement import privacy_statement
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.raw import Raw
from tests.server.publishing.support import model_of
from tests.server.support import exact, noisy, paired, user_sum


def made_from(releases: Iterable[Release]) -> Sourced[object]:
    return together(*map(released, releases))


def spend(budget: Reservation, shares: list[Fraction]) -> list[Release]:
    return [release(user_sum([1, 2]), rho=(budget.rho - budget.spent) * share, budget=budget) for share in shares]


@settings(max_examples=50)
@given(
    epsilon=st.floats(0.01, 50.0),
    exponent=st.floats(-12, -2),
    shares=st.lists(st.fractions(Fraction(1, 100), 1), min_size=1, max_size=3),
)
def test_less_is_stated_than_was_spent(epsilon: float, exponent: float, shares: list[Fraction]) -> None:
    budget = one_off_budget(epsilon, 10.0**exponent)
    releases = []
    for share in shares:
        if budget.spent < budget.rho:
            releases += spend(budget, [share])
    statement = privacy_statement(made_from(releases), budget.delta)
    assert statement.epsilon is not None
    assert statement.rho is not None
    assert delta_of(float(budget.spent), float(statement.epsilon)) <= budget.delta
    if delta_of(float(budget.spent), 0.0) > budget.delta:  # otherwise any ε would be enough
        assert delta_of(float(budget.spent), float(statement.epsilon) * 0.99) > budget.delta
    assert budget.spent <= Fraction(statement.rho) <= budget.spent * Fraction(1001, 1000)
    entries = statement.releases
    for entry, made in zip(entries, releases, strict=True):
        assert entry.rho is not None
        assert made.rho is not None
        assert made.rho <= Fraction(entry.rho) <= made.rho * Fraction(1001, 1000)
        assert (int(entry.sigma), entry.l2_bound, entry.values) == (made.sigma, made.statistic.l2_bound, 2)


@pytest.mark.parametrize("epsilon", ["0.5", "1", "2", "4", "8"])
def test_spending_all_is_stated_as_more_than_was_asked_for(epsilon: str) -> None:
    budget = one_off_budget(float(epsilon), 1e-6)
    statement = privacy_statement(made_from(spend(budget, [Fraction(6, 100), Fraction(1)])), 1e-6)
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
    "releases",
    [
        [exact([1])],
        [exact([1]), noisy([1])],
        [noisy([1]), exact([1])],
        [noisy([1]), noisy([1]), noisy([1]), exact([1])],
    ],
)
def test_one_exact_sum_passes_among_private_ones(releases: list[Release]) -> None:
    statement = privacy_statement(made_from(releases), 1e-6)
    assert statement.kind == "non_private"
    assert statement.statement.startswith("NON-PRIVATE")
    check_no_promise(statement)
    for entry, made in zip(statement.releases, releases, strict=True):
        assert (entry.mechanism == "none") == (entry.rho is None) == (made.rho is None)


def test_a_catalogue_alone_is_said_to_have_cost_privacy() -> None:
    statement = privacy_statement(fixed(64), None)
    assert statement.kind == "no_personal_data"
    assert statement.releases == ()
    check_no_promise(statement)


def test_private_releases_are_stated_without_delta() -> None:
    with pytest.raises(MisuseError, match="δ is needed"):
        privacy_statement(released(noisy([1])), None)


def of(cohort: Cohort, rho: float, budget: Reservation | None = None) -> Release:
    return noisy([1], rho=rho, cohort=cohort, budget=budget)


TRAINING, HELD_OUT = Cohort.training(0.1), Cohort.held_out(0.1)


def test_people_who_are_in_one_of_two_sums_are_said_to_lose_by_both_or_by_the_lesser() -> None:
    budget = one_off_budget(10.0, 1e-6)
    lesser, larger = of(HELD_OUT, 0.02, budget), of(TRAINING, 0.05, budget)
    for releases in ([lesser, larger], [larger, lesser]):
        statement = privacy_statement(made_from(releases), 1e-6)
        assert statement.rho is not None
        assert larger.rho is not None
        assert larger.rho <= Fraction(statement.rho) <= larger.rho * Fraction(1001, 1000)
        assert "the user who loses most" in statement.statement
        assert len(statement.releases) == 2
    both = privacy_statement(made_from([larger, of(TRAINING, 0.02, budget)]), 1e-6)
    everybody = privacy_statement(made_from([larger, of(Cohort.everybody(), 0.02, budget)]), 1e-6)
    assert both.epsilon == everybody.epsilon
    assert "loses most" not in both.statement + everybody.statement
    assert float(both.rho or 0) > 0.069


def test_people_of_two_data_sets_are_said_to_be_on_one_side_in_both() -> None:
    parts = [of(HELD_OUT, 0.02), of(TRAINING, 0.05)]
    statement = privacy_statement(made_from(parts), 1e-6)
    assert sum(part.rho or 0 for part in parts) <= Fraction(statement.rho or 0)
    assert "loses most" not in statement.statement


def test_an_exact_figure_beside_private_releases_is_not_marked() -> None:
    users = non_private(Raw(300), "the number of users")
    statement = privacy_statement(together(released(noisy([1])), users), 1e-6)
    assert statement.kind == "non_private"
    assert "the number of users" in statement.statement
    check_no_promise(statement)


def test_the_card_declares_other_statistics_than_were_released() -> None:
    releases = made_from([noisy([1]), noisy([1], paired), noisy([2])]).releases
    declared = declarations(releases)
    assert [one.name for one in declared] == ["item-counts", "item-pairs"]
    assert len({one.digest for one in declared}) == 2


def test_a_private_card_does_not_say_why_it_has_no_quality() -> None:
    statement = privacy_statement(released(noisy([1])), 1e-6)
    assert any(
        "would need a release" in line
        for line in limitations(statement, parts(model_of(12, everything=False), {}), None)
    )
