"""Tokens of the HTTP service: 256 random bits each, shown once, kept as their SHA-256.

A fast hash is right here. Slow ones, such as Argon2, make guessing dear where people choose what is hashed; nobody
guesses 256 random bits, at any speed, and a slow hash would let strangers keep the service busy with wrong tokens.
For the same reason finding a token by its hash gives nothing away in time that would help to guess one.

A token is for a role, expires, and can be revoked. Of its use the last day is kept, and no more.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Literal, get_args

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from homespun.errors import MisuseError
from homespun_server.errors import TokenError
from homespun_server.store.audit import Actor, AuditLog
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema import tokens
from homespun_server.store.store import Store

Role = Literal["publisher", "operator", "compliance", "auditor"]

ROLES: tuple[Role, ...] = get_args(Role)

TOKEN_BYTES = 32
ID_BYTES = 8
MAX_DAYS = 3_650
PREFIX = "hsp_"
"""How every token begins, so that scanners of source code recognise one that was left there."""

_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token; not the token.

    Attributes:
        id: Names it, and opens nothing.
        role: What it may do.
        note: What it is for.
        created: ISO 8601, UTC.
        expires: ISO 8601, UTC.
        revoked: Since when it is refused; None: it is not.
        last_used: The last day on which it was used, UTC; None: never.
    """

    id: str
    role: Role
    note: str
    created: str
    expires: str
    revoked: str | None
    last_used: str | None

    @property
    def actor(self) -> Actor:
        """Whoever uses it, for the record of changes."""
        return Actor(f"token {self.id}", self.role)


class Tokens:
    """The tokens in a store. Safe to use from several threads and processes at once."""

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

    def create(self, role: Role, *, days: int, note: str, actor: Actor) -> tuple[str, Token]:
        """Make a token and return it, once, with what is kept of it.

        Args:
            role: What it may do.
            days: In so many days it expires, 1 to ``MAX_DAYS``.
            note: What it is for.
            actor: Who makes it.

        Raises:
            MisuseError: If there is no such role, or it would be valid for too long.
            StoreError: If the store cannot be written.
        """
        if role not in ROLES or not 1 <= days <= MAX_DAYS:
            raise MisuseError(f"a token is for a role ({', '.join(ROLES)}) and for 1 to {MAX_DAYS} days.")
        secret = PREFIX + _text(self._randomness(TOKEN_BYTES))
        moment = self._now()
        token = Token(
            id=self._randomness(ID_BYTES).hex(),
            role=role,
            note=note,
            created=text_of(moment),
            expires=text_of(moment + timedelta(days=days)),
            revoked=None,
            last_used=None,
        )
        with self._store.writing() as connection:
            connection.execute(insert(tokens).values(**msgspec.structs.asdict(token), digest=digest(secret)))
            self._audit.add_within(connection, actor, "create-token", token.id, {"role": role, "days": days})
        return secret, token

    def check(self, secret: str) -> Token:
        """Return the token that this is, and keep the day.

        Raises:
            TokenError: If nobody made it, it expired or was revoked.
            StoreError: If the store cannot be used.
        """
        if not _TOKEN.fullmatch(secret):
            raise TokenError("this is no token of this service; ask its operator for one.")
        with self._store.reading() as connection:
            row = connection.execute(select(tokens).where(tokens.c.digest == digest(secret))).one_or_none()
        if row is None:
            raise TokenError("this is no token of this service; ask its operator for one.")
        token = _token(row)
        self.check_valid(token)
        today = text_of(self._now())[:10]
        if token.last_used != today:
            with self._store.writing() as connection:
                connection.execute(update(tokens).where(tokens.c.id == token.id).values(last_used=today))
        return token

    def check_valid(self, token: Token) -> None:
        """Check that a token that was found is neither revoked nor expired.

        Raises:
            TokenError: If it is.
        """
        if token.revoked is not None:
            raise TokenError("this token was revoked; ask the service's operator for another one.")
        if token.expires <= text_of(self._now()):
            raise TokenError("this token has expired; ask the service's operator for another one.")

    def tokens(self) -> tuple[Token, ...]:
        """Return all tokens, oldest first.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return tuple(map(_token, connection.execute(select(tokens).order_by(tokens.c.created, tokens.c.id))))

    def revoke(self, token_id: str, actor: Actor) -> Token:
        """Refuse a token from now on; one that was revoked before stays as it is.

        Raises:
            TokenError: If there is no such token.
            StoreError: If the store cannot be written.
        """
        with self._store.writing() as connection:
            token = _found(connection, token_id)
            if token.revoked is not None:
                return token
            moment = text_of(self._now())
            connection.execute(update(tokens).where(tokens.c.id == token_id).values(revoked=moment))
            self._audit.add_within(connection, actor, "revoke-token", token_id)
        return msgspec.structs.replace(token, revoked=moment)


def digest(secret: str) -> str:
    """Return what is kept of a token: SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _found(connection: Connection, token_id: str) -> Token:
    row = connection.execute(select(tokens).where(tokens.c.id == token_id)).one_or_none()
    if row is None:
        raise TokenError(f"there is no token {token_id!r}; list the tokens to see their names.")
    return _token(row)


def _token(row: Row[tuple[object, ...]]) -> Token:
    values = row._asdict()
    del values["digest"]
    return Token(**values)
