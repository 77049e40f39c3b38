"""The event: one thing that a person did with one item."""

import math
import re
import sys
from collections.abc import Iterable, Mapping

import msgspec

from homespun.errors import InvalidEventError

MAX_ITEM_LENGTH = 512
"""Characters in an item id."""

MAX_CONTEXT_ENTRIES = 32
"""Keys in an event's context."""

MAX_CONTEXT_LENGTH = 256
"""Characters in a context key or text value."""

MAX_CONTEXT_NUMBER = 1 << 53
"""Largest magnitude of a number in a context: beyond it not every program keeps integers exact."""

MAX_TIME = 253_402_300_799.0
"""Seconds since 1970: the end of the year 9999, the last that calendars agree on."""

ContextValue = str | int | float | bool

_LONGEST_SHOWN = 80

_KIND = re.compile(r"[a-z][a-z0-9_.-]{0,63}", re.ASCII)


class Event(msgspec.Struct, frozen=True):
    """One thing that a person did with one item.

    Attributes:
        item: The item's id in the catalogue, 1 to 512 characters without control characters.
        kind: What was done: a lower-case word such as ``view``, ``rate`` or ``buy``.
        time: Seconds since 1970-01-01 UTC, or None where the order of events is all that is known.
        weight: How much, if the kind has a degree: a rating, a quantity, seconds. Finite, ≥ 0.
        context: Circumstances by name, for instance ``{"device": "tv"}``.

    Raises:
        InvalidEventError: On construction, if a value is outside these bounds.
    """

    item: str
    kind: str = "view"
    time: float | None = None
    weight: float | None = None
    context: Mapping[str, ContextValue] | None = None

    def __post_init__(self) -> None:
        """Check every bound, so that an Event that exists is valid."""
        _check_item(self.item)
        if not isinstance(self.kind, str) or not _KIND.fullmatch(self.kind):
            raise InvalidEventError(
                f"kind is {_shown(self.kind)}; use a lower-case word of up to 64 letters, digits, '_', '.' or '-', "
                "for instance 'view'."
            )
        _check_number("time", self.time, highest=MAX_TIME)
        _check_number("weight", self.weight, highest=sys.float_info.max)
        _check_context(self.context)


def latest_per_item(events: Iterable[Event]) -> list[Event]:
    """Return the last event of every item, in the order of those last events.

    The later of two events is the one with the later time; among equals, or without times, the one
    that stands later in ``events``.
    """
    ordered = sorted(events, key=lambda event: -math.inf if event.time is None else event.time)
    last: dict[str, Event] = {}
    for event in ordered:
        last.pop(event.item, None)
        last[event.item] = event
    return list(last.values())


def _check_item(item: str) -> None:
    if not isinstance(item, str) or not 1 <= len(item) <= MAX_ITEM_LENGTH or not item.isprintable():
        raise InvalidEventError(
            f"item is {_shown(item)}; an item id is text of 1 to {MAX_ITEM_LENGTH} printable characters."
        )


def _check_number(name: str, value: float | None, *, highest: float) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidEventError(f"{name} is {_shown(value)}; give a number, or None where it is unknown.")
    # Compared, not converted: an integer can be too large for a float. NaN fails every comparison.
    if not 0 <= value <= highest:
        raise InvalidEventError(f"{name} is {_shown(value)}; it must be finite, not negative, at most {highest:g}.")


def _check_context(context: Mapping[str, ContextValue] | None) -> None:
    if context is None:
        return
    if not isinstance(context, Mapping) or len(context) > MAX_CONTEXT_ENTRIES:
        raise InvalidEventError(f"context must be a mapping of at most {MAX_CONTEXT_ENTRIES} entries.")
    for key, value in context.items():
        if not isinstance(key, str) or not key:
            raise InvalidEventError(f"context has the key {_shown(key)}; use 1 to {MAX_CONTEXT_LENGTH} characters.")
        _check_context_text(f"the context key {_shown(key)}", key)
        _check_context_value(key, value)


def _check_context_value(key: str, value: ContextValue) -> None:
    where = f"context[{_shown(key)}]"
    if not isinstance(value, str | int | float):
        raise InvalidEventError(f"{where} is {_shown(value)}; use text, a number or a truth value.")
    if isinstance(value, str):
        _check_context_text(where, value)
    elif not abs(value) <= MAX_CONTEXT_NUMBER:  # also refuses NaN
        raise InvalidEventError(f"{where} must be finite and at most 2⁵³ in magnitude.")


def _check_context_text(where: str, text: str) -> None:
    if len(text) > MAX_CONTEXT_LENGTH:
        raise InvalidEventError(f"{where} is longer than {MAX_CONTEXT_LENGTH} characters.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidEventError(f"{where} contains half of a surrogate pair; give well-formed text.") from error


def _shown(value: object) -> str:
    """Return a short representation of anything: that of a long text or a huge integer would drown or fail."""
    if isinstance(value, str):
        return repr(value[:_LONGEST_SHOWN])
    if isinstance(value, float) or (isinstance(value, int) and abs(value) <= MAX_CONTEXT_NUMBER):
        return repr(value)
    return f"a value of type {type(value).__name__}"
