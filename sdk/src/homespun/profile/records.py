"""Events as rows of the database: numbers as 64-bit floats, a context as JSON text."""

from typing import Any

import msgspec

from homespun.errors import InvalidEventError
from homespun.protocol.events import ContextValue, Event

EventRow = tuple[str | None, str, str, float | None, float | None, str | None]
"""id, item, kind, time, weight, context."""


def event_to_row(event: Event) -> EventRow:
    """Return the event's columns.

    Raises:
        InvalidEventError: Its context cannot be written as JSON.
    """
    return event.id, event.item, event.kind, _real(event.time), _real(event.weight), _context(event)


def event_from_row(row: tuple[Any, ...]) -> Event:
    """Return the event of the columns.

    Raises:
        InvalidEventError: No event has these values.
        msgspec.MsgspecError: The context is not JSON, or not a context.
    """
    identity, item, kind, time, weight, context = row
    decoded = None if context is None else msgspec.json.decode(context, type=dict[str, ContextValue])
    return Event(item, kind, time, weight, decoded, identity)


def _real(value: float | None) -> float | None:
    return None if value is None else float(value)


def _context(event: Event) -> str | None:
    if event.context is None:
        return None
    plain = {str.__str__(key): _plain(value) for key, value in event.context.items()}
    try:
        return msgspec.json.encode(plain).decode()
    except (ValueError, OverflowError) as error:
        raise InvalidEventError(
            f"The event's context cannot be written as JSON ({error}); use well-formed text and numbers of "
            "ordinary size."
        ) from error


def _plain(value: ContextValue) -> ContextValue:
    # Subclasses, such as enumerations and NumPy's scalars, are stored as the value that they are.
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) else float(value)
