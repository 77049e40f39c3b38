"""ε as exact decimals: whole numbers of steps of 10⁻¹² for arithmetic, plain decimal text for records.

Neither binary fractions nor the ambient decimal context take part, so that sums are exact and every program that
reads a record gets the same number.
"""

import re
from decimal import Decimal

from homespun.errors import MisuseError

STEPS = 10**12
"""Steps in an ε of 1."""

MAX_EPSILON = 10**6
"""Largest ε that a record may hold; far beyond any meaning."""

_PLACES = 12
_TEXT = re.compile(r"(0|[1-9][0-9]{0,6})(?:\.([0-9]{0,11}[1-9]))?", re.ASCII)


def epsilon_steps(epsilon: Decimal | int) -> int:
    """Return ε in steps of 10⁻¹².

    Raises:
        MisuseError: If it is a float or another type, negative, not finite, above ``MAX_EPSILON``, or finer
            than a step.
    """
    if isinstance(epsilon, bool) or not isinstance(epsilon, Decimal | int):
        raise MisuseError(f"ε is of type {type(epsilon).__name__}; use Decimal('0.5'), because 0.1 is no exact float.")
    number = Decimal(epsilon)
    if not number.is_finite() or not 0 <= number <= MAX_EPSILON:
        raise MisuseError(f"an ε must be finite, not negative and at most {MAX_EPSILON}.")
    if not number:
        return 0
    _, digits, exponent = number.as_tuple()
    surplus = -int(exponent) - _PLACES
    if surplus <= 0:
        return _whole(digits) * int(10**-surplus)
    if any(digits[-surplus:]):
        raise MisuseError(f"an ε has at most {_PLACES} decimal places.")
    return _whole(digits[:-surplus])


def epsilon_text(steps: int) -> str:
    """Return steps as decimal text without an exponent or trailing zeros, for instance ``0.5``."""
    whole, fraction = divmod(steps, STEPS)
    return f"{whole}.{fraction:0{_PLACES}d}".rstrip("0").rstrip(".")


def steps_of(text: str) -> int:
    """Return the steps of an ε as ``epsilon_text`` writes it.

    Raises:
        ValueError: If it is written otherwise, or above ``MAX_EPSILON``.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError("an ε is not plain decimal text")
    steps = int(match[1]) * STEPS + int((match[2] or "").ljust(_PLACES, "0"))
    if steps > MAX_EPSILON * STEPS:
        raise ValueError("an ε is beyond any meaning")
    return steps


def _whole(digits: tuple[int, ...]) -> int:
    return int("".join(map(str, digits)))
