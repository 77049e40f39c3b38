"""Wrong passwords slow further ones down: two free ones in a row, then a pause that doubles up to a minute.

Rules:

- Each counts in a lane of its own: those of strangers under the name that they typed, those of a browser that signed
  in before under that browser, and those of a session under that session. Whoever fails in one lane holds up no other.
- An attempt is claimed, and counted as a failure, before its password is looked at, in one statement: those that come
  at once are counted one by one. What succeeds is forgotten.
- A name that nobody has is treated as one that somebody has.
- An attempt during the pause is refused whatever its password, and is not counted: it costs nothing and tells nothing.

No address is kept (see ADR 0037).
"""

import hashlib
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, case, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from homespun_server.store.moments import text_of
from homespun_server.store.schema_console import attempts

FREE = 2
"""Failures that cost no pause."""

MAX_PAUSE = 60
"""Longest pause, seconds."""

KEPT = timedelta(days=1)
"""After so long a failure is forgotten."""

_STEPS = range(FREE + 1, FREE + 7)
"""Numbers of failures of which each has a pause of its own; with more the pause does not grow any more."""

Kind = Literal["name", "browser", "session", "nobody"]


def lane(kind: Kind, *names: str) -> str:
    """Return where failures count together: SHA-256 of what tells the lane from others, in hexadecimal.

    Args:
        kind: What it belongs to.
        names: Which; without a line's end in any but the last.
    """
    return hashlib.sha256("\n".join((kind, *names)).encode()).hexdigest()


def pause_after(failures: int) -> int:
    """Return the pause after so many failures in a row, seconds."""
    return 0 if failures <= FREE else min(MAX_PAUSE, 1 << min(failures - FREE, 6))


def failures_within(connection: Connection, where: str) -> int:
    """Return how many failed in a lane since the last that did not."""
    found = connection.scalar(select(attempts.c.failures).where(attempts.c.name == where))
    return found or 0


def claim(connection: Connection, where: str, now: datetime) -> int | None:
    """Count an attempt before it is made, and return how many failed before it; None: it is paused, and not counted.

    Args:
        connection: The transaction's; whatever is at once waits for it, or comes after it.
        where: The lane.
        now: The time.
    """
    connection.execute(delete(attempts).where(attempts.c.last < text_of(now - KEPT)))
    steps = ((attempts.c.failures <= step, text_of(now - timedelta(seconds=pause_after(step)))) for step in _STEPS)
    over = attempts.c.last <= case(*steps, else_=text_of(now - timedelta(seconds=MAX_PAUSE)))
    free = or_(attempts.c.failures <= FREE, over)
    counted = _counting(connection, where, now, free)
    return None if counted is None else counted - 1


def count(connection: Connection, where: str, now: datetime) -> int:
    """Count something in a lane that knows no pause, and return how many there are now."""
    return _counting(connection, where, now, None) or 0


def forget(connection: Connection, where: str) -> None:
    """Forget a lane's failures, because one succeeded."""
    connection.execute(delete(attempts).where(attempts.c.name == where))


def _counting(connection: Connection, where: str, now: datetime, condition: object) -> int | None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    moment = text_of(now)
    adding = dialect.insert(attempts).values(name=where, failures=1, last=moment)
    counting = adding.on_conflict_do_update(
        index_elements=[attempts.c.name],
        set_={"failures": attempts.c.failures + 1, "last": moment},
        where=condition,
    )
    found: int | None = connection.execute(counting.returning(attempts.c.failures)).scalar_one_or_none()
    return found
