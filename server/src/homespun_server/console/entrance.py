"""Signing in, and showing once more who one is before what cannot be taken back.

Every refusal is the same: a wrong name, a wrong password, an account that is disabled, a pause after failures.
"""

import threading

from homespun.errors import HomespunError
from homespun_server.console.accounts import Account, Accounts
from homespun_server.console.attempts import failures_within, forget, is_paused, note_failure
from homespun_server.console.sessions import Sessions, Visitor
from homespun_server.store import Actor, AuditLog, Store
from homespun_server.store.moments import Now, utc_now

AT_ONCE = 2
"""Passwords that are tried at once; each takes 64 MiB."""

MAX_NAME = 200
"""Longest name that is looked for, characters."""


class RefusedError(HomespunError):
    """Somebody was not let in; nothing is said of why."""


class Entrance:
    """Where passwords are tried. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, accounts: Accounts, sessions: Sessions, now: Now = utc_now) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            accounts: The accounts.
            sessions: The sessions.
            now: Returns the time.
        """
        self._store = store
        self._accounts = accounts
        self._sessions = sessions
        self._now = now
        self._audit = AuditLog(store, now)
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def enter(self, name: str, password: str) -> str:
        """Sign in, and return the secret of a session that nobody had before.

        Raises:
            RefusedError: If this is nobody's name and password, or too many failed before.
            StoreError: If the store cannot be used.
        """
        account = self._tried(name, password)
        with self._store.writing() as connection:
            failures = failures_within(connection, name)
            forget(connection, name)
            secret = self._sessions.begin_within(connection, account.name, failures)
            actor = Actor(f"account {account.name}", account.role)
            self._audit.add_within(connection, actor, "sign-in", account.name, {"failures": failures})
        return secret

    def confirm(self, visitor: Visitor, password: str) -> None:
        """Refuse whoever has a visitor's session and not their password.

        Raises:
            RefusedError: If it is not, or too many failed before.
            StoreError: If the store cannot be used.
        """
        self._tried(visitor.name, password)
        with self._store.writing() as connection:
            forget(connection, visitor.name)

    def _tried(self, name: str, password: str) -> Account:
        name = name[:MAX_NAME]
        with self._store.reading() as connection:
            paused = is_paused(connection, name, self._now())
        with self._turn:
            account = None if paused else self._accounts.matching(name, password)
        if account is not None:
            return account
        if not paused:
            with self._store.writing() as connection:
                note_failure(connection, name, self._now())
        raise RefusedError("the name or the password is wrong, or too many were tried; wait a minute before the next.")
