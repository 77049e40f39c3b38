"""The event: one thing that a person did with one item."""

import math
import re
import sys
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from homespun.errors import InvalidEventError, MisuseError
from homespun.protocol.read_only import ReadOnlyDict

MAX_ITEM_LENGTH = 512
"""Characters in an item id."""

MAX_ID_LENGTH = 128
"""Characters in the application's own name for an event."""

MAX_CONTEXT_ENTRIES = 32
"""Keys in an event's context."""

MAX_CONTEXT_LENGTH = 256
"""Characters in a context key or text value."""

MAX_CONTEXT_NUMBER = 1 << 53
"""Largest magnitude of a number in a context: beyond it not every program keeps integers exact."""

MAX_TIME = 253_402_300_799.0
"""Seconds since 1970: the end of the year 9999, the last that calendars agree on."""

ContextValue = str | int | float | bool

KIND = re.compile(r"[a-z][a-z0-9_.-]{0,63}", re.ASCII)
"""What a kind looks like."""

_LONGEST_SHOWN = 80


class Event(msgspec.Struct, frozen=True):
    """One thing that a person did with one item. Immutable and hashable.

    NumPy's scalars and subclasses of text and numbers are taken, and kept as the plain value that they are.

    Attributes:
        item: The item's id in the catalogue, 1 to 512 characters without control characters.
        kind: What was done: a lower-case word such as ``view``, ``rate`` or ``buy``.
        time: Seconds since 1970-01-01 UTC, or None where the order of events is all that is known. Where
            both occur, events without a time count as earlier than all others.
        weight: How much, if the kind has a degree: a rating, a quantity, seconds. Finite, ≥ 0.
        context: Circumstances by name, for instance ``{"device": "tv"}``; kept as a read-only copy.
        id: The application's own name for the event, 1 to 128 printable characters. A profile keeps one event
            of each id, so that what was recorded twice counts once.

    Raises:
        InvalidEventError: On construction, if a value is outside these bounds.
    """

    item: str
    kind: str = "view"
    time: float | None = None
    weight: float | None = None
    context: Mapping[str, ContextValue] | None = None
    id: str | None = None

    def __post_init__(self) -> None:
        """Check every bound, so that an Event that exists is valid."""
        self._keep("item", self.item, check_item(self.item))
        self._keep("kind", self.kind, _kind(self.kind))
        self._keep("time", self.time, _number("time", self.time, MAX_TIME))
        self._keep("weight", self.weight, _number("weight", self.weight, sys.float_info.max))
        self._keep("context", self.context, _context(self.context))
        self._keep("id", self.id, _id(self.id))

    def _keep(self, name: str, given: object, plain: object) -> None:
        if plain is not given:
            msgspec.structs.force_setattr(self, name, plain)

    def __hash__(self) -> int:
        # Without the context, which may be long: equal events still have equal hashes.
        return hash((self.item, self.kind, self.time, self.weight))


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return the events, earliest first.

    Events without a time come before those with one; among equals, and among those without, the order of
    ``events`` decides.

    Raises:
        MisuseError: If something else than an Event is among them.
    """
    return sorted(events, key=_moment)


def check_item(item: str) -> str:
    """Return an item's id as plain text.

    Raises:
        InvalidEventError: If no item can have it.
    """
    if not isinstance(item, str) or not 1 <= len(item) <= MAX_ITEM_LENGTH or not item.isprintable():
        raise InvalidEventError(
            f"item is {_shown(item)}; an item id is text of 1 to {MAX_ITEM_LENGTH} printable characters."
        )
    return str.__str__(item)


def _moment(event: Event) -> float:
    if not isinstance(event, Event):
        raise MisuseError(f"a value of type {type(event).__name__} stands among the events; make it an Event first.")
    return -math.inf if event.time is None else event.time


def _kind(kind: str) -> str:
    if not isinstance(kind, str) or not KIND.fullmatch(kind):
        raise InvalidEventError(
            f"kind is {_shown(kind)}; use a lower-case word of up to 64 letters, digits, '_', '.' or '-', "
            "for instance 'view'."
        )
    return str.__str__(kind)


def _id(identity: str | None) -> str | None:
    if identity is None:
        return None
    if not isinstance(identity, str) or not 1 <= len(identity) <= MAX_ID_LENGTH or not identity.isprintable():
        raise InvalidEventError(
            f"id is {_shown(identity)}; an event's id is text of 1 to {MAX_ID_LENGTH} printable characters, or None."
        )
    return str.__str__(identity)


def _plain(value: object) -> object:
    """Return a subclass's or NumPy's value as Python's own; anything else as it is."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float | np.floating):
        return float(value)
    # A span of time is an integer to NumPy, but of nobody knows which unit.
    if isinstance(value, int | np.integer) and not isinstance(value, np.timedelta64):
        return int(value)
    return value


def _number(name: str, value: float | None, highest: float) -> float | None:
    # First what nearly every event has: a profile is read event by event.
    if value is None or (type(value) is float and 0 <= value <= highest):
        return value
    number = _plain(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidEventError(f"{name} is {_shown(value)}; give a number, or None where it is unknown.")
    # Compared before it is converted: an integer can be too large for a float. NaN fails every comparison.
    if not 0 <= number <= highest:
        raise InvalidEventError(f"{name} is {_shown(value)}; it must be finite, not negative, at most {highest:g}.")
    return float(number)


def _context(context: Mapping[str, ContextValue] | None) -> ReadOnlyDict[str, ContextValue] | None:
    if context is None:
        return None
    if not isinstance(context, Mapping) or len(context) > MAX_CONTEXT_ENTRIES:
        raise InvalidEventError(f"context must be a mapping of at most {MAX_CONTEXT_ENTRIES} entries.")
    return ReadOnlyDict([(_context_key(key), _context_value(key, value)) for key, value in context.items()])


def _context_key(key: str) -> str:
    if not isinstance(key, str) or not key:
        raise InvalidEventError(f"context has the key {_shown(key)}; use 1 to {MAX_CONTEXT_LENGTH} characters.")
    _check_context_text(f"the context key {_shown(key)}", key)
    return str.__str__(key)


def _context_value(key: str, value: ContextValue) -> ContextValue:
    where, plain = f"context[{_shown(key)}]", _plain(value)
    if not isinstance(plain, str | int | float):
        raise InvalidEventError(f"{where} is {_shown(value)}; use text, a number or a truth value.")
    if isinstance(plain, str):
        _check_context_text(where, plain)
    elif not abs(plain) <= MAX_CONTEXT_NUMBER:  # also refuses NaN
        raise InvalidEventError(f"{where} must be finite and at most 2⁵³ in magnitude.")
    return plain


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
