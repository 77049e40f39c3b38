"""Which version a database's tables have, and bringing them to this program's. There is no way back.

The version is kept in a table of homespun's own, so that a database may be shared with other programs.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from homespun_server.errors import StoreError
from homespun_server.store.sqlite import APPLICATION_ID

VERSION_TABLE = "homespun_version"

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x686F6D6573707573
"""The advisory lock under which PostgreSQL's tables are migrated: ``homespus`` in ASCII, for nobody else."""


def bring_up_to_date(connection: Connection, name: str, *, create: bool) -> None:
    """Make or migrate the tables inside the connection's transaction, one program at a time.

    Args:
        connection: In a transaction that holds SQLite's write lock.
        name: What errors call the store.
        create: Make the tables if there are none.

    Raises:
        StoreError: If a newer program migrated them, or there are none to use; they are left alone.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    config = Config()
    # Percent signs are the configuration's own.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    version = version_of(connection)
    if version == scripts.get_current_head():
        return
    if version is None and not create:
        raise StoreError(f"the store {name} has no tables of homespun-server's; name another one, or make it first.")
    if version is not None and version not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            f"the store {name} was written by a newer homespun-server (its version is {version!r}). It was left alone; "
            "use that program, or update this one."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")


def version_of(connection: Connection) -> str | None:
    """Return the version of the tables; None if there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
