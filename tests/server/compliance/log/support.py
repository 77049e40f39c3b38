"""Logs to test with."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, text

from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.log import TransparencyLog
from homespun_server.store import Store

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
KEYS = ComplianceKeys.drawn(lambda size: sha256(b"keys").digest()[:size])
SOMEBODY, ANOTHER = "5e" * 32, "a0" * 32


def entropy(size: int) -> bytes:
    """Return bytes that are the same in every run."""
    return sha256(b"entropy").digest()[:size]


def log_of(store: Store, memory: Path | None = None) -> TransparencyLog:
    return TransparencyLog(store, KEYS, lambda: NOON, memory=memory)


def fill(log: TransparencyLog, count: int, subject: str | None = None) -> None:
    """Append so many entries."""
    begun = log.size()
    for number in range(begun, begun + count):
        log.append("consent", {"number": number}, reference=str(number), subject=subject)


@contextmanager
def rewriting(store: Store) -> Iterator[Connection]:
    """Let an operator change what the database refuses to change: they own it."""
    with store.writing() as connection:
        if connection.dialect.name == "sqlite":
            names = connection.scalars(text("SELECT name FROM sqlite_schema WHERE type = 'trigger'")).all()
            for name in names:
                if name.startswith("homespun_log"):
                    connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection
