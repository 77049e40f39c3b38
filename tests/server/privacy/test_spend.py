"""What would make several releases look cheaper than they are for the user who loses most."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun_server.errors import PrivacyParameterError
from homespun_server.privacy.spend import Amount, check_path, check_spend, cost, total
from homespun_server.statistics.cohort import Cohort, Membership, Path, Window
from tests.server.privacy.ledger.support import HELD_OUT, TRAINING, spend_of, window

TENTH = Fraction(1, 10)

LIMITS = {"split": 1, "windows": 2, "region": 1}
CELLS = {"split": ("a", "b"), "windows": ("0", "1", "2"), "region": ("n", "s")}


@st.composite
def paths(draw: st.DrawFn) -> Path:
    groups = draw(st.lists(st.sampled_from(sorted(LIMITS)), max_size=3, unique=True))
    return tuple(Membership(group, draw(st.sampled_from(CELLS[group])), LIMITS[group]) for group in groups)


amounts = st.lists(st.tuples(paths(), st.fractions(Fraction(1, 1000), 2)), max_size=8)


def users() -> Iterable[dict[str, tuple[str, ...]]]:
    """Yield every user there can be: in which cells of each group they are."""
    cells = [list(itertools.combinations(CELLS[group], LIMITS[group])) for group in sorted(LIMITS)]
    for chosen in itertools.product(*cells):
        yield dict(zip(sorted(LIMITS), chosen, strict=True))


def loss(user: dict[str, tuple[str, ...]], spent: Iterable[Amount]) -> Fraction:
    return sum((rho for path, rho in spent if all(each.cell in user[each.group] for each in path)), Fraction(0))


@given(amounts)
def test_somebody_loses_more_than_was_charged(spent: list[Amount]) -> None:
    assert cost(spent) >= max(loss(user, spent) for user in users())


@given(st.lists(st.tuples(st.sampled_from(CELLS["windows"]), st.fractions(Fraction(1, 1000), 2)), max_size=8))
def test_windows_are_charged_more_than_their_worst_user_loses(spent: list[tuple[str, Fraction]]) -> None:
    charged = [((Membership("windows", cell, 2),), rho) for cell, rho in spent]
    assert cost(charged) == max(loss(user, charged) for user in users())


@given(amounts, amounts)
def test_spending_more_costs_less_or_together_more_than_apart(spent: list[Amount], more: list[Amount]) -> None:
    assert cost(spent) <= cost([*spent, *more]) <= cost(spent) + cost(more)


@given(amounts, st.randoms())
def test_another_order_costs_another_amount(spent: list[Amount], dice: object) -> None:
    shuffled = spent[:]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert cost(shuffled) == cost(spent)


def test_both_sides_of_a_split_are_charged_as_if_somebody_were_in_both() -> None:
    assert cost([(TRAINING, TENTH), (HELD_OUT, TENTH)]) == TENTH
    assert cost([(TRAINING, TENTH), (TRAINING, TENTH), (HELD_OUT, TENTH)]) == 2 * TENTH
    assert cost([(TRAINING, TENTH), (HELD_OUT, TENTH), ((), TENTH)]) == 2 * TENTH


def test_a_user_of_two_of_four_windows_is_charged_once_or_four_times() -> None:
    four = [(window(number), TENTH * (number + 1)) for number in range(4)]
    assert cost(four) == TENTH * 7
    assert cost([*four, (window(3), TENTH)]) == TENTH * 8


def test_a_split_inside_windows_is_charged_as_if_it_were_beside_them() -> None:
    inside = [((*window(number), *side), TENTH) for number in range(4) for side in (TRAINING, HELD_OUT)]
    assert cost(inside) == 2 * TENTH
    beside = [*((window(number), TENTH) for number in range(4)), (TRAINING, TENTH), (HELD_OUT, TENTH)]
    assert cost(beside) == 3 * TENTH


def test_the_cohorts_own_paths_are_charged_otherwise() -> None:
    windows = [Window("2025-03", number, 4, number * 10, number * 10 + 10, at_most=3) for number in range(4)]
    spent = [spend_of(TENTH, Cohort.training(0.1).within(each).path) for each in windows]
    spent.append(spend_of(TENTH, Cohort.held_out(0.1).path))
    assert cost(spent) == 3 * spent[0].rho
    assert cost([*spent, spend_of(TENTH, Cohort.training(0.2).path)]) == 4 * spent[0].rho


@pytest.mark.parametrize("more", [window(1, 3), (*TRAINING, *window(0, 1))])
def test_a_group_gets_a_second_limit_that_halves_its_cost(more: Path) -> None:
    with pytest.raises(PrivacyParameterError, match="A group has one limit"):
        cost([(window(0), TENTH), (more, TENTH)])


@pytest.mark.parametrize(
    "path",
    [
        (Membership("", "a", 1),),
        (Membership("g", "", 1),),
        (Membership("g", "a", 0),),
        (Membership("g", "a", -1),),
        (Membership("g\n", "a", 1),),
        (Membership("g", "\x1b[31m", 1),),
        (Membership("g", "a" * 201, 1),),
        (Membership("g", "a", 2), Membership("g", "b", 2)),
    ],
)
def test_a_path_names_nobody_or_breaks_the_page(path: Path) -> None:
    with pytest.raises(PrivacyParameterError):
        check_path(path)
    with pytest.raises(PrivacyParameterError):
        check_spend(spend_of(TENTH, path))


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian", "none", ""])
def test_a_mechanism_without_an_accounted_cost_is_charged(mechanism: str) -> None:
    with pytest.raises(PrivacyParameterError, match="refused"):
        check_spend(replace(spend_of(TENTH), mechanism=mechanism))


@pytest.mark.parametrize(
    "lie",
    [
        {"rho": Fraction(0)},
        {"rho": Fraction(1, 10**9)},
        {"rho": Fraction(-1)},
        {"sigma": 10**9},
        {"sigma": 0},
        {"sigma": -1000},
        {"sigma": 1 << 53, "rho": Fraction(8192**2, 2 << 106)},
        {"l2_bound": 1},
        {"l2_bound": 0, "rho": Fraction(0)},
        {"l2_bound": -8192},
    ],
)
def test_a_charge_lies_about_its_cost(lie: dict[str, Fraction | int]) -> None:
    with pytest.raises(PrivacyParameterError, match="is not what σ"):
        check_spend(replace(spend_of(TENTH), **lie))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "lie", [{"declaration": ""}, {"declaration": "AB" * 32}, {"statistic": ""}, {"statistic": "\n"}]
)
def test_a_charge_does_not_say_what_for(lie: dict[str, str]) -> None:
    with pytest.raises(PrivacyParameterError):
        check_spend(replace(spend_of(TENTH), **lie))  # type: ignore[arg-type]


@given(st.lists(st.fractions(0, 1000), max_size=50))
def test_a_long_sum_is_rounded(values: list[Fraction]) -> None:
    assert total(values) == sum(values, Fraction(0))


def test_thousands_of_different_spends_take_minutes_to_add_up() -> None:
    spent = [spend_of(Fraction(1, 10**6 + 17 * number)) for number in range(5000)]
    assert isclose(cost(spent), sum(float(spend.rho) for spend in spent), rel_tol=1e-9)
