from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.epsilon import MAX_EPSILON, STEPS, epsilon_steps, epsilon_text, steps_of

AMOUNTS = st.integers(0, MAX_EPSILON * STEPS)


@given(AMOUNTS)
def test_an_amount_changes_on_its_way_through_text(steps: int) -> None:
    text = epsilon_text(steps)
    assert steps_of(text) == steps == epsilon_steps(Decimal(text))
    assert Decimal(text) == Decimal(steps) / STEPS


@pytest.mark.parametrize(
    ("epsilon", "text"),
    [
        (0, "0"),
        (7, "7"),
        (Decimal("0E+999999"), "0"),
        (Decimal("-0"), "0"),
        (Decimal("0.10"), "0.1"),
        (Decimal("1E+6"), "1000000"),
        (Decimal("1E-12"), "0.000000000001"),
        (Decimal("0.5" + "0" * 5000), "0.5"),
        (Decimal("123.456"), "123.456"),
    ],
)
def test_one_amount_has_two_texts(epsilon: Decimal | int, text: str) -> None:
    assert epsilon_text(epsilon_steps(epsilon)) == text


@pytest.mark.parametrize(
    "epsilon",
    [
        Decimal("1E-13"),
        Decimal("1E-999999"),
        Decimal("0." + "1" * 5000),
        Decimal("1000000.000000000001"),
        10**30,
        Decimal("sNaN"),
        Decimal("-Infinity"),
        -1,
        0.5,
        True,
        "1",
        None,
    ],
)
def test_an_amount_is_rounded_or_guessed(epsilon: Any) -> None:
    with pytest.raises(MisuseError, match="ε"):
        epsilon_steps(epsilon)


@pytest.mark.parametrize(
    "text", ["", "1.", ".5", "00", "01", "1.0", "-1", "+1", "1e3", "1000000.1", "9" * 8, "١", "1\n"]
)
def test_another_spelling_is_taken(text: str) -> None:
    with pytest.raises(ValueError, match="an ε is"):
        steps_of(text)


def test_an_application_that_counts_in_few_digits_changes_the_sums() -> None:
    with localcontext() as context:
        context.prec = 2
        assert epsilon_text(epsilon_steps(Decimal("1.23456")) + epsilon_steps(Decimal("2.00001"))) == "3.23457"
