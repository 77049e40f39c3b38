"""Failed sign-ins slow further ones down, for one name: two free ones, then a pause that doubles up to a minute.

Rules:

- A name that nobody has is treated as one that somebody has.
- An attempt during the pause is refused whatever its password, and is not counted: it costs nothing and tells nothing.
- The pause is short enough that a stranger who keeps failing does not shut somebody out, and long enough that a
  password of twelve characters is not guessed.

No address is kept (see ADR 0037).
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from homespun_server.store.moments import text_of
from homespun_server.store.schema_console import attempts

FREE = 2
"""Failures that cost no pause."""

MAX_PAUSE = 60
"""Longest pause, seconds."""

KEPT = timedelta(days=1)
"""After so long a failure is forgotten."""


def pause_after(failures: int) -> int:
    """Return the pause after so many failures in a row, seconds."""
    return 0 if failures <= FREE else min(MAX_PAUSE, 1 << min(failures - FREE, 6))


def failures_within(connection: Connection, name: str) -> int:
    """Return how often signing in failed since it last did not."""
    found = connection.scalar(select(attempts.c.failures).where(attempts.c.name == _key(name)))
    return found or 0


def is_paused(connection: Connection, name: str, now: datetime) -> bool:
    """Return whether signing in is refused for the moment."""
    row = connection.execute(select(attempts).where(attempts.c.name == _key(name))).one_or_none()
    if row is None:
        return False
    return now < datetime.fromisoformat(row.last) + timedelta(seconds=pause_after(row.failures))


def note_failure(connection: Connection, name: str, now: datetime) -> None:
    """Count a failure, and forget those that are old."""
    key, moment = _key(name), text_of(now)
    connection.execute(delete(attempts).where(attempts.c.last < text_of(now - KEPT)))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    counting = dialect.insert(attempts).values(name=key, failures=1, last=moment)
    counted = {"failures": attempts.c.failures + 1, "last": moment}
    connection.execute(counting.on_conflict_do_update(index_elements=[attempts.c.name], set_=counted))


def forget(connection: Connection, name: str) -> None:
    """Forget failures, because signing in succeeded."""
    connection.execute(delete(attempts).where(attempts.c.name == _key(name)))


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
