"""Weights come onto a manifest as decimals that every device accepts."""

from decimal import Decimal

import pytest

from homespun_server.publishing.parts import decimals


@pytest.mark.parametrize(
    ("weight", "stated"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (-1 / 3, "-0.333333"),
        (1e-5, "0.00001"),
        (-1e-300, "0"),
        (86400.0, "86400"),
        (1234567.8, "1234570"),
    ],
)
def test_a_weight_is_stated_as_something_else(weight: float, stated: str) -> None:
    (found,) = decimals((weight,))
    assert str(found) == stated
    assert found == Decimal(stated)
