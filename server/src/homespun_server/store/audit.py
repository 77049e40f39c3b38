"""The record of changes: who changed what, when. Entries are added, never changed; the database refuses the rest.

It names tokens, commands and the console's accounts, never people whose data it is about: who holds a token is known to
whoever gave it.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, Row, insert, select

from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema import WHO_LENGTH, audit
from homespun_server.store.store import Store

MAX_ENTRIES = 1_000
"""Most entries that are read at once."""

COMMAND = "command"
"""The role of whoever works at the server itself, by the command line."""


class Actor(msgspec.Struct, frozen=True):
    """Who changes something.

    Attributes:
        who: For instance ``token 3f2a…``, ``account ada`` or ``command run``.
        role: The token's or account's role, or ``COMMAND``.
    """

    who: str
    role: str


class Entry(msgspec.Struct, frozen=True):
    """One change.

    Attributes:
        sequence: Its place, ascending; there may be gaps, where a change was undone before it was complete.
        moment: ISO 8601, UTC.
        who: See ``Actor``.
        role: See ``Actor``.
        action: What was done, for instance ``move-stage``.
        subject: To what.
        detail: What else belongs to it.
    """

    sequence: int
    moment: str
    who: str
    role: str
    action: str
    subject: str
    detail: dict[str, object]


class AuditLog:
    """The record of changes in a store. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, now: Now = utc_now) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            now: Returns the time.
        """
        self._store = store
        self._now = now

    def add(self, actor: Actor, action: str, subject: str, detail: Mapping[str, object] | None = None) -> None:
        """Record a change, durably, before returning.

        Raises:
            StoreError: If the store cannot be written.
        """
        with self._store.writing() as connection:
            self.add_within(connection, actor, action, subject, detail)

    def add_within(
        self,
        connection: Connection,
        actor: Actor,
        action: str,
        subject: str,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """Record a change in the transaction that makes it: both are kept, or neither."""
        values = {
            "moment": text_of(self._now()),
            "who": actor.who[:WHO_LENGTH],
            "role": actor.role,
            "action": action,
            "subject": subject,
            "detail": msgspec.json.encode(dict(detail or {})).decode(),
        }
        connection.execute(insert(audit).values(**values))

    def entries(self, *, after: int = 0, limit: int = MAX_ENTRIES) -> tuple[Entry, ...]:
        """Return entries in order.

        Args:
            after: Only those with a greater sequence.
            limit: At most so many, and never more than ``MAX_ENTRIES``.

        Raises:
            StoreError: If the store cannot be read.
        """
        query = select(audit).where(audit.c.sequence > after).order_by(audit.c.sequence)
        with self._store.reading() as connection:
            return tuple(map(_entry, connection.execute(query.limit(min(limit, MAX_ENTRIES)))))

    def latest(self, *, before: int | None = None, limit: int = MAX_ENTRIES) -> tuple[Entry, ...]:
        """Return entries, the latest first.

        Args:
            before: Only those with a smaller sequence; None: from the latest on.
            limit: At most so many, and never more than ``MAX_ENTRIES``.

        Raises:
            StoreError: If the store cannot be read.
        """
        query = select(audit).order_by(audit.c.sequence.desc()).limit(min(limit, MAX_ENTRIES))
        if before is not None:
            query = query.where(audit.c.sequence < before)
        with self._store.reading() as connection:
            return tuple(map(_entry, connection.execute(query)))


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    values = row._asdict()
    return Entry(**{**values, "detail": msgspec.json.decode(values["detail"], type=dict[str, object])})
