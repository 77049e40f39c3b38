"""Moments as the store keeps them: ISO 8601, UTC, whole seconds, so that text sorts as time does."""

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""Returns the current time, aware of its time zone."""


def utc_now() -> datetime:
    """Return the current time, UTC."""
    return datetime.now(UTC)


def text_of(moment: datetime) -> str:
    """Return a moment as text."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")
