"""Opening a store by path or URL.

SQLite: synchronous=FULL, so that what was committed survives a loss of power; every write takes the lock first
(BEGIN IMMEDIATE). PostgreSQL: through psycopg 3, an extra.
"""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError

from homespun.errors import MisuseError
from homespun_server.errors import StoreError
from homespun_server.store.sqlite import BUSY_SECONDS, prepare
from homespun_server.store.store import WRITING, Store
from homespun_server.store.versions import bring_up_to_date

LARGE_PAGE_BYTES = 1 << 14
"""SQLite's pages where values are large: a value of megabytes is a chain of them."""


def open_store(url_or_path: str | Path, *, create: bool = True, kept: int = 0, large: bool = False) -> Store:
    """Open a store and bring its tables up to date.

    Args:
        url_or_path: A path to a SQLite file, ``sqlite:///PATH`` or ``postgresql://USER@HOST/DATABASE``.
        create: Make what is not there yet; otherwise it is an error, so that a wrong name makes no empty store.
        kept: Connections that are kept open between transactions, for a service; it must not fork.
        large: Whether megabytes come and go in it that need not be overwritten when they are removed, because what
            opens them is (see ``homespun_server.collection.sealing``).

    Raises:
        MisuseError: If it is neither a path nor such a URL.
        StoreError: If it cannot be opened, is of another program, or a newer program wrote it.
    """
    url = _url_of(url_or_path)
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        prepare(path, create=create, page_bytes=LARGE_PAGE_BYTES if large else None)
        store = Store(_sqlite(url, kept, large=large), str(path))
    else:
        store = Store(_postgresql(url, kept), url.set(drivername="postgresql").render_as_string(hide_password=True))
    with store.writing() as connection:
        bring_up_to_date(connection, store.name, create=create)
    return store


def _url_of(url_or_path: str | Path) -> URL:
    text = os.fspath(url_or_path)
    if "://" not in text:
        return _file_url(text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The text may hold a password, and so may what the parser says of it.
        raise MisuseError("the store's URL is malformed; write postgresql://USER@HOST/DATABASE.") from None
    if url.get_backend_name() == "sqlite" and not url.query:
        return _file_url(url.database or "")
    if url.get_backend_name() != "postgresql":
        raise MisuseError(
            "a store is a SQLite file or a PostgreSQL database; give a path, sqlite:///PATH or "
            "postgresql://USER@HOST/DATABASE."
        )
    return url.set(drivername="postgresql+psycopg")


def _file_url(path: str) -> URL:
    if path in ("", ":memory:"):
        raise MisuseError("a store is kept in a file, so that it outlives this program; give the path of one.")
    return URL.create("sqlite", database=path)


def _pool(kept: int) -> dict[str, Any]:
    # Without a bound on those beyond, a thread would wait for another one's transaction and not for the database.
    return {"poolclass": QueuePool, "pool_size": kept, "max_overflow": -1} if kept else {"poolclass": NullPool}


def _sqlite(url: URL, kept: int, *, large: bool) -> Engine:
    # A connection that is kept goes from thread to thread, but is never used by two at once.
    connecting = {"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": not kept}
    engine = create_engine(url, hide_parameters=True, connect_args=connecting, **_pool(kept))

    @event.listens_for(engine, "connect")
    def _connected(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if large:
            # What is removed from a row is overwritten; pages of large values are only left free.
            cursor.execute("PRAGMA secure_delete=FAST")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITING, False):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # It takes no lock and cannot fail, and the way around SQLAlchemy is a tenth as long.
            connection.connection.cursor().execute("BEGIN")

    return engine


def _postgresql(url: URL, kept: int) -> Engine:
    try:
        import psycopg  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise StoreError("the package 'psycopg' is missing; install homespun-server[postgresql].") from error
    # Concurrent appends are told apart by row counts and keys; a server's stricter default would abort them.
    # A server that was started anew is noticed before a kept connection to it is used.
    return create_engine(
        url, hide_parameters=True, isolation_level="READ COMMITTED", pool_pre_ping=bool(kept), **_pool(kept)
    )
