"""A DuckDB database that holds one reading and can reach nothing else.

Tables live in memory and spill, unencrypted, into a folder of their own that only this user can read and
that goes away with the database. The database may read the one file that it was opened for; it loads and
installs no extension, opens no connection and writes nowhere else, and these settings are locked.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import msgspec

from homespun.errors import MisuseError
from homespun_server.statistics.sql import literal


class ReadLimits(msgspec.Struct, frozen=True):
    """What a reading may use.

    Attributes:
        memory: Memory for tables and queries before they spill to disk, as DuckDB writes it: ``2GB``.
        threads: Threads of the database.
        folder: Where the private folder is made; None for the system's temporary folder.
    """

    memory: str = "2GB"
    threads: int = 2
    folder: Path | None = None


class Database:
    """The database and its private folder; close it to remove both.

    Attributes:
        connection: The connection.
    """

    def __init__(self, path: Path, limits: ReadLimits) -> None:
        """Open a database that may read ``path``.

        Raises:
            MisuseError: If a limit means nothing to DuckDB or the private folder cannot be made.
        """
        try:
            self._folder = TemporaryDirectory(prefix="homespun-", dir=limits.folder)
        except OSError as error:
            raise MisuseError(
                f"no private folder can be made in {limits.folder}: {error}. Choose another one."
            ) from error
        folder = Path(self._folder.name).absolute()
        try:
            self.connection = _connect(path, folder, limits)
        except BaseException:
            self._folder.cleanup()
            raise

    def close(self) -> None:
        """Close the database and remove its folder. Closing twice is fine."""
        self.connection.close()
        self._folder.cleanup()


@contextmanager
def limits_told(path: Path) -> Iterator[None]:
    """Turn DuckDB's running out of memory while reading ``path`` into MisuseError."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise MisuseError(
            f"reading {path} needs more than the memory limit, and spilling to disk did not help: "
            f"{str(error).splitlines()[0]}. Raise ReadLimits.memory, or make room in the temporary folder."
        ) from error


def database_path(path: Path) -> str:
    """Return a path as DuckDB takes it for exactly one file: absolute, with the wildcards escaped."""
    return re.sub(r"[\[*?]", r"[\g<0>]", path.absolute().as_posix())


def _connect(readable: Path, folder: Path, limits: ReadLimits) -> duckdb.DuckDBPyConnection:
    inside = str(folder)
    try:
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": limits.memory,
                "threads": limits.threads,
                "temp_directory": inside,
                "extension_directory": inside,
                "secret_directory": inside,
                "custom_extension_repository": inside,
                "autoinstall_extension_repository": inside,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "allow_persistent_secrets": False,
            },
        )
    except duckdb.Error as error:
        raise MisuseError(
            f"DuckDB does not accept memory={limits.memory!r} and threads={limits.threads!r}: {error}. "
            "Give sizes such as '2GB' and at least one thread."
        ) from error
    try:
        _lock(connection, readable, folder)
    except BaseException:
        connection.close()
        raise
    return connection


def _lock(connection: duckdb.DuckDBPyConnection, readable: Path, folder: Path) -> None:
    # A path is checked as it is written in the query, and again as the file that it was expanded to.
    allowed = {readable.absolute().as_posix(), database_path(readable)}
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET home_directory = {literal(str(folder))}")
    connection.execute(f"SET allowed_paths = [{', '.join(map(literal, sorted(allowed)))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
