"""Signing in, and showing once more who one is before what cannot be taken back.

Every refusal is the same: a wrong name, a wrong password, an account that is disabled, a pause after failures.

Strangers wait for each other: there are so many passwords a second for all of them, tried a few at once. A browser that
the account signed in from before, and a session, wait for none of them (see ``console.attempts``).
"""

import threading
from dataclasses import dataclass

from sqlalchemy import Connection

from homespun.errors import HomespunError
from homespun_server.api.limits import TokenBucket
from homespun_server.console.accounts import Account, Accounts, kept_within, still_within
from homespun_server.console.attempts import claim, count, failures_within, forget, lane
from homespun_server.console.known import Browsers
from homespun_server.console.sessions import Sessions, Visitor
from homespun_server.store import Actor, AuditLog, Store
from homespun_server.store.moments import Now, utc_now

STRANGERS_AT_ONCE = 2
"""Passwords of strangers that are tried at once; each takes 64 MiB."""

KNOWN_AT_ONCE = 2
"""Passwords of sessions and of browsers that signed in before that are tried at once."""

MAX_NAME = 200
"""Longest name that is looked for, characters."""

SOMEBODY = Actor("somebody", "none")
"""Who failed to sign in, in the record of changes: nobody knows who it was."""


class RefusedError(HomespunError):
    """Somebody was not let in; nothing is said of why."""


class CrowdedError(RefusedError):
    """Somebody was not let in because too many strangers try; their password was not looked at."""


@dataclass(frozen=True)
class Entered:
    """Somebody who signed in.

    Attributes:
        secret: The new session's.
        mark: By which their browser is known from now on.
    """

    secret: str
    mark: str


class Entrance:
    """Where passwords are tried. Safe to use from several threads and processes at once."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        sessions: Sessions,
        now: Now = utc_now,
        *,
        strangers: TokenBucket | None = None,
    ) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            accounts: The accounts.
            sessions: The sessions.
            now: Returns the time.
            strangers: How many passwords strangers may try, of all names together; None: no end of them.
        """
        self._store = store
        self._accounts = accounts
        self._sessions = sessions
        self._now = now
        self._strangers = strangers
        self._browsers = Browsers(store, now)
        self._audit = AuditLog(store, now)
        self._one = threading.Lock()
        self._crowd = threading.BoundedSemaphore(STRANGERS_AT_ONCE)
        self._known = threading.BoundedSemaphore(KNOWN_AT_ONCE)

    def enter(self, name: str, password: str, *, host: str = "", mark: str = "") -> Entered:
        """Sign in, and return the secret of a session that nobody had before.

        Args:
            name: The name that was typed.
            password: The password that was typed.
            host: What the browser asked for; the session holds there alone.
            mark: By which the browser says that the account signed in from it before; empty: it says nothing.

        Raises:
            CrowdedError: If too many strangers try, and this browser is one of them.
            RefusedError: If this is nobody's name and password, or too many failed before.
            StoreError: If the store cannot be used.
        """
        name = name[:MAX_NAME]
        typed, number = lane("name", name), self._browsers.recognised(name, host, mark)
        if number is None:
            self._wait()
            where, turn = typed, self._crowd
        else:
            where, turn = lane("browser", name, number), self._known
        account, failures = self._tried(where, turn, name, password, SOMEBODY)
        with self._store.writing() as connection:
            kept = still_within(connection, account)
            if kept is None:
                raise _refused()
            if number is not None:
                failures += failures_within(connection, typed)
                forget(connection, typed)
            forget(connection, where)
            secret = self._sessions.begin_within(connection, account.name, failures, host)
            actor = Actor(f"account {account.name}", account.role)
            self._audit.add_within(connection, actor, "sign-in", account.name, {"failures": failures})
        return Entered(secret, self._browsers.mark(kept, account.name, host, number))

    def confirm(self, visitor: Visitor, password: str) -> None:
        """Refuse whoever has a visitor's session and not their password. What fails counts against the session alone.

        Raises:
            RefusedError: If it is not, or too many failed before.
            StoreError: If the store cannot be used.
        """
        where = lane("session", visitor.session)
        self._tried(where, self._known, visitor.name, password, visitor.actor)
        with self._store.writing() as connection:
            forget(connection, where)

    def _wait(self) -> None:
        if self._strangers is None:
            return
        with self._one:
            wait = self._strangers.take()
        if wait:
            raise CrowdedError("too many people sign in at the moment; try again in a minute.")

    def _tried(
        self, where: str, turn: threading.BoundedSemaphore, name: str, password: str, actor: Actor
    ) -> tuple[Account, int]:
        """Return the account, and how many failed before in this lane."""
        with self._store.writing() as connection:
            failures = claim(connection, where, self._now())
        if failures is None:
            raise _refused()
        with turn:
            account = self._accounts.matching(name, password)
        if account is not None:
            return account, failures
        with self._store.writing() as connection:
            self._record_failure(connection, name, actor, failures + 1)
        raise _refused()

    def _record_failure(self, connection: Connection, name: str, actor: Actor, failures: int) -> None:
        """Record who was guessed at. A name that nobody has may be a password in the wrong field: it is not kept.

        Names that nobody has have no end, so of these the first, second, fourth, eighth and so on are recorded.
        """
        if actor is not SOMEBODY:
            self._audit.add_within(connection, actor, "confirm-failed", name, {"failures": failures})
        elif kept_within(connection, name) is not None:
            self._audit.add_within(connection, actor, "sign-in-failed", name, {"failures": failures})
        else:
            nobodys = count(connection, lane("nobody"), self._now())
            if nobodys & (nobodys - 1) == 0:
                self._audit.add_within(connection, actor, "sign-in-failed", "no account's name", {"failures": nobodys})


def _refused() -> RefusedError:
    return RefusedError("the name or the password is wrong, or too many were tried; wait a minute before the next.")
