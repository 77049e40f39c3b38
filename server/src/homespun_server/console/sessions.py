"""Sessions of the console: 256 random bits each, kept as their SHA-256, which end by themselves.

A session is made at sign-in and never taken from a request, so that nobody can be given one that is known to others.
It holds for the host and port that it was made for: a cookie that another one was handed opens nothing there.
The token that forms carry is computed from the session's secret (HMAC-SHA-256) and is not stored.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from homespun_server.console.accounts import end_sessions_within
from homespun_server.store import Actor, AuditLog, Role, Store
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema_console import accounts, sessions

SECRET_BYTES = 32

IDLE = timedelta(minutes=30)
"""A session ends when nothing was asked with it for so long."""

ABSOLUTE = timedelta(hours=10)
"""A session ends so long after its beginning."""

SEEN_STEP = timedelta(minutes=1)
"""Of its use no finer time is kept."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Visitor:
    """Who is signed in.

    Attributes:
        name: The account's name.
        role: What it may do.
        session: What is kept of the session's secret; see ``digest``.
        form_token: What forms of this session carry.
        failures: How many sign-ins had failed before this one.
        since: When this session began, ISO 8601, UTC.
    """

    name: str
    role: Role
    session: str
    form_token: str
    failures: int
    since: str

    @property
    def actor(self) -> Actor:
        """Who they are in the record of changes."""
        return Actor(f"account {self.name}", self.role)


class Sessions:
    """The sessions in a store. Safe to use from several threads and processes at once."""

    def __init__(
        self, store: Store, now: Now = utc_now, randomness: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            now: Returns the time.
            randomness: Returns so many unpredictable bytes.
        """
        self._store = store
        self._now = now
        self._randomness = randomness
        self._audit = AuditLog(store, now)

    def begin_within(self, connection: Connection, account: str, failures: int, host: str) -> str:
        """Begin a session in the caller's transaction, remove those that have ended, and return its secret.

        Args:
            connection: The transaction's.
            account: Whose it is.
            failures: How many sign-ins had failed before.
            host: What the browser asked for, with its port.
        """
        now = self._now()
        secret = base64.urlsafe_b64encode(self._randomness(SECRET_BYTES)).rstrip(b"=").decode()
        ended = (sessions.c.created <= text_of(now - ABSOLUTE)) | (sessions.c.seen <= text_of(now - IDLE))
        connection.execute(delete(sessions).where(ended))
        moment = text_of(now)
        connection.execute(
            insert(sessions).values(
                digest=digest(secret, host), account=account, created=moment, seen=moment, failures=failures
            )
        )
        return secret

    def visitor(self, secret: str, host: str, *, used: bool = True) -> Visitor | None:
        """Return who a session's secret stands for; None: nobody, or it has ended.

        Args:
            secret: What the cookie holds.
            host: What the browser asked for, with its port.
            used: Whether somebody uses the session by this, so that it is not idle.

        Raises:
            StoreError: If the store cannot be used.
        """
        if not _SECRET.fullmatch(secret):
            return None
        now, key = self._now(), digest(secret, host)
        query = select(sessions, accounts.c.role, accounts.c.disabled).join(accounts).where(sessions.c.digest == key)
        with self._store.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or row.disabled is not None or has_ended(row.created, row.seen, now):
            return None
        if used and now - datetime.fromisoformat(row.seen) >= SEEN_STEP:
            with self._store.writing() as connection:
                connection.execute(update(sessions).where(sessions.c.digest == key).values(seen=text_of(now)))
        return _visitor(row, secret)

    def end(self, visitor: Visitor) -> None:
        """End a session.

        Raises:
            StoreError: If the store cannot be written.
        """
        with self._store.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == visitor.session))
            self._audit.add_within(connection, visitor.actor, "sign-out", visitor.name)

    def end_all(self, visitor: Visitor) -> int:
        """End every session of a visitor's account, and return how many there were.

        Raises:
            StoreError: If the store cannot be written.
        """
        with self._store.writing() as connection:
            ended = end_sessions_within(connection, visitor.name)
            self._audit.add_within(connection, visitor.actor, "sign-out-everywhere", visitor.name, {"sessions": ended})
        return ended

    def count(self, account: str) -> int:
        """Return how many sessions an account has that have not ended.

        Raises:
            StoreError: If the store cannot be read.
        """
        now = self._now()
        query = select(func.count()).where(
            sessions.c.account == account,
            sessions.c.created > text_of(now - ABSOLUTE),
            sessions.c.seen > text_of(now - IDLE),
        )
        with self._store.reading() as connection:
            return int(connection.scalar(query) or 0)


def has_ended(created: str, seen: str, now: datetime) -> bool:
    """Return whether a session has ended, by when it began and when it was used last."""
    return now >= datetime.fromisoformat(created) + ABSOLUTE or now >= datetime.fromisoformat(seen) + IDLE


def digest(secret: str, host: str) -> str:
    """Return what is kept of a session: SHA-256 of the host that it holds for and its secret, in hexadecimal."""
    return hashlib.sha256(f"{host}\n{secret}".encode()).hexdigest()


def form_token(secret: str) -> str:
    """Return what forms of a session carry: HMAC-SHA-256 (RFC 2104) under its secret, in hexadecimal."""
    return hmac.digest(secret.encode(), b"homespun console form 1", hashlib.sha256).hex()


def _visitor(row: Row[tuple[object, ...]], secret: str) -> Visitor:
    return Visitor(
        name=row.account,
        role=row.role,
        session=row.digest,
        form_token=form_token(secret),
        failures=row.failures,
        since=row.created,
    )
