"""The console's accounts: a name, a role, a password. They are made at the server, never through a page."""

import re
import secrets
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from homespun.errors import MisuseError
from homespun_server.console.passwords import check_password, kept, matches
from homespun_server.passphrase import SALT_BYTES, KeyCosts
from homespun_server.store import Actor, AuditLog, Role, Store
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema_console import accounts, sessions
from homespun_server.store.tokens import ROLES

_NAME = re.compile(r"[a-z][a-z0-9._-]{1,39}")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who may sign in.

    Attributes:
        name: By what they sign in, and what the record of changes calls them.
        role: What they may do.
        created: ISO 8601, UTC.
        changed: When the password was set last, ISO 8601, UTC.
        disabled: Since when they may not sign in; None: they may.
    """

    name: str
    role: Role
    created: str
    changed: str
    disabled: str | None


class Accounts:
    """The accounts in a store. Safe to use from several threads and processes at once."""

    def __init__(
        self,
        store: Store,
        now: Now = utc_now,
        *,
        costs: KeyCosts | None = None,
        randomness: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            now: Returns the time.
            costs: What trying a password is to cost; None: the second choice of RFC 9106.
            randomness: Returns so many unpredictable bytes.
        """
        self._store = store
        self._now = now
        self._costs = costs or KeyCosts()
        self._randomness = randomness
        self._audit = AuditLog(store, now)

    def create(self, name: str, role: Role, password: str, actor: Actor) -> Account:
        """Make an account.

        Args:
            name: 2 to 40 lower-case letters, digits, ``.``, ``_`` and ``-``; a letter first.
            role: What it may do.
            password: See ``check_password``.
            actor: Who makes it.

        Raises:
            MisuseError: If the name, role or password cannot be one, or the name is taken.
            StoreError: If the store cannot be written.
        """
        if not _NAME.fullmatch(name) or role not in ROLES:
            raise MisuseError(
                f"an account's name is 2 to 40 of a-z, 0-9, '.', '_' and '-', a letter first, and its role one of "
                f"{', '.join(ROLES)}; got {name!r}, {role!r}. Nothing was made."
            )
        moment = text_of(self._now())
        account = Account(name=name, role=role, created=moment, changed=moment, disabled=None)
        values = {**msgspec.structs.asdict(account), "password": self._kept(password)}
        try:
            with self._store.writing() as connection:
                connection.execute(insert(accounts).values(**values))
                self._audit.add_within(connection, actor, "create-account", name, {"role": role})
        except IntegrityError:
            raise MisuseError(
                f"there is an account {name!r} already; it was left alone. Set its password with console account "
                "password, or take another name: a name is not used twice, for the record of changes has it."
            ) from None
        return account

    def set_password(self, name: str, password: str, actor: Actor) -> None:
        """Give an account another password, let it in again if it was disabled, and end its sessions.

        Raises:
            MisuseError: If there is no such account, or it cannot be a password.
            StoreError: If the store cannot be written.
        """
        values = {"password": self._kept(password), "changed": text_of(self._now()), "disabled": None}
        self._change(name, values, actor, "set-password")

    def disable(self, name: str, actor: Actor) -> None:
        """Let an account in no more, and end its sessions.

        Raises:
            MisuseError: If there is no such account.
            StoreError: If the store cannot be written.
        """
        self._change(name, {"disabled": text_of(self._now())}, actor, "disable-account")

    def accounts(self) -> tuple[Account, ...]:
        """Return all accounts by name.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return tuple(map(account_of, connection.execute(select(accounts).order_by(accounts.c.name))))

    def matching(self, name: str, password: str) -> Account | None:
        """Return the account of a name and a password; None: there is none, or it is disabled.

        For a name that nobody has, the password is tried on another account and the outcome is thrown away: the same
        work whatever the name and however long the password, so that the time does not tell which names there are.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            row = connection.execute(_named(name)).one_or_none()
            decoy = connection.scalar(select(accounts.c.password).order_by(accounts.c.name).limit(1))
        tried = row.password if row is not None else decoy
        if tried is None:
            return None  # There is no account at all, which needs no hiding.
        fits = matches(password, tried)
        return account_of(row) if row is not None and fits and row.disabled is None else None

    def _kept(self, password: str) -> str:
        check_password(password)
        return kept(password, self._randomness(SALT_BYTES), self._costs)

    def _change(self, name: str, values: dict[str, str | None], actor: Actor, action: str) -> None:
        with self._store.writing() as connection:
            changed = connection.execute(update(accounts).where(accounts.c.name == name).values(**values))
            if changed.rowcount != 1:
                raise MisuseError(f"there is no account {name!r}; list the accounts to see their names.")
            end_sessions_within(connection, name)
            self._audit.add_within(connection, actor, action, name)


def kept_within(connection: Connection, name: str) -> str | None:
    """Return what is kept of an account's password; None: there is no such account."""
    row = connection.execute(_named(name)).one_or_none()
    return None if row is None else str(row.password)


def still_within(connection: Connection, account: Account) -> str | None:
    """Return what is kept of an account's password; None: it was changed or disabled since the account was read."""
    row = connection.execute(_named(account.name)).one_or_none()
    return str(row.password) if row is not None and account_of(row) == account else None


def end_sessions_within(connection: Connection, name: str) -> int:
    """End all sessions of an account in the caller's transaction, and return how many there were."""
    return connection.execute(delete(sessions).where(sessions.c.account == name)).rowcount


def _named(name: str) -> Select[Any]:
    """Return the query of an account; what cannot be a name is not asked for."""
    return select(accounts).where(accounts.c.name == (name if _NAME.fullmatch(name) else ""))


def account_of(row: Row[tuple[object, ...]]) -> Account:
    """Return a row as an account."""
    values = row._asdict()
    return Account(**{name: values[name] for name in Account.__struct_fields__})
