"""What an application may say about a choice; everything is checked before a record is made."""

import math

from homespun.consent.purposes import Purpose
from homespun.consent.signals import FORBIDS
from homespun.errors import MisuseError
from homespun.protocol.events import MAX_TIME

DAY = 86400.0
"""Seconds."""

MAX_WORDS = 200
"""Characters that say where or how a choice was made."""

MAX_BASIS = 2000
"""Characters of the reason why storage is strictly necessary."""

MAX_DAYS = 36_525.0
"""The longest term of a grant, a hundred years."""


def check_choice(purposes: tuple[Purpose, ...], surface: str, method: str, now: float) -> None:
    """Check what every choice needs.

    Raises:
        MisuseError: There is no purpose, or an argument is not what it should be.
    """
    if not purposes:
        raise MisuseError("name at least one purpose, for instance Purpose.PERSONALIZATION.")
    for purpose in purposes:
        if not isinstance(purpose, Purpose):
            raise MisuseError(f"{purpose!r} is not a purpose; choose from {', '.join(map(repr, Purpose))}.")
    check_circumstances(surface, method, now)


def check_circumstances(surface: str, method: str, now: float) -> None:
    """Check where, how and when.

    Raises:
        MisuseError: An argument is not what it should be.
    """
    for name, value in (("surface", surface), ("method", method)):
        if not isinstance(value, str) or not value.isprintable() or not value.strip() or len(value) > MAX_WORDS:
            raise MisuseError(f"{name} is {value!r}; say in a few words where and how the choice was made.")
    check_time("now", now)


def check_time(name: str, value: float) -> None:
    """Check a time.

    Raises:
        MisuseError: It is no time that a calendar has.
    """
    if not _finite(value) or not 0 <= value <= MAX_TIME:
        raise MisuseError(f"{name} is {value!r}; give seconds since 1970-01-01 UTC.")


def check_days(name: str, value: float) -> None:
    """Check a number of days.

    Raises:
        MisuseError: It is not more than 0, or more than a hundred years.
    """
    if not _finite(value) or not 0 < value <= MAX_DAYS:
        raise MisuseError(f"{name} is {value!r}; give days, more than 0 and at most {MAX_DAYS:.0f}.")


def check_exception(exception: str | None, purposes: tuple[Purpose, ...]) -> None:
    """Check that there is something to make an exception to.

    Raises:
        MisuseError: No signal of that name forbids these purposes.
    """
    if exception is None:
        return
    forbidden = FORBIDS.get(exception) if isinstance(exception, str) else None
    if forbidden is None:
        raise MisuseError(f"exception is {exception!r}; name the signal that it is made to: {', '.join(FORBIDS)}.")
    needless = [str(purpose) for purpose in purposes if purpose not in forbidden]
    if needless:
        raise MisuseError(f"{exception} does not forbid {', '.join(needless)}; grant that without an exception.")


def check_basis(reason: str | None) -> None:
    """Check why storage is declared strictly necessary.

    Raises:
        MisuseError: The reason is blank, too long or cannot be written down.
    """
    if reason is None:
        return
    if not isinstance(reason, str) or not reason.isprintable() or not reason.strip() or len(reason) > MAX_BASIS:
        raise MisuseError(
            f"the reason is {reason!r}; say in plain words why this application cannot do what was asked of it "
            "without storing, or give None to take the declaration back."
        )


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
