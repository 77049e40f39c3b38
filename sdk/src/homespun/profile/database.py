"""The encrypted database: opening it, its schema, and the checks before anything in it is believed.

Every page is encrypted and authenticated (AEGIS-256 in SQLite3 Multiple Ciphers) with the profile's random
256-bit data key itself; nothing is derived inside. A page that was changed, moved or comes from another
profile fails to decrypt. Non-goals: somebody who can write to the folder can put an older copy of all its
files back, or cut off the newest entries of the write-ahead log; encryption cannot tell.
"""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

import apsw

from homespun.config import Settings
from homespun.errors import ProfileStorageError
from homespun.profile.connections import connect
from homespun.profile.failures import damaged
from homespun.profile.files import DATABASE, DATABASE_LOG
from homespun.profile.keyfile import check_version
from homespun.profile.secret import Secret

SCHEMA_VERSION: Final = 1
"""Version of the tables, kept as ``user_version``."""

APPLICATION_ID: Final = 0x686D7370
"""Marks the database as a homespun profile ("hmsp")."""

_CIPHER = "aegis"

_LAYOUT = bytes.fromhex("1000020240402020")
"""Bytes 16..23, the only ones of the first page that SQLite needs in the clear: 4096-byte pages, a
write-ahead log, 64 bytes a page for nonce and tag. The 16 before them are a salt that a raw key ignores."""

_SALT_SIZE = 16

TABLES: Final = frozenset({"event", "consent"})
"""The tables of this version."""

_TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item TEXT NOT NULL,
    kind TEXT NOT NULL,
    time REAL,
    weight REAL,
    context TEXT
) STRICT;
CREATE TABLE consent (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record TEXT NOT NULL
) STRICT;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


def create_database(path: Path, data_key: Secret, settings: Settings) -> None:
    """Make the empty file at ``path`` an encrypted profile with its tables, and close it."""
    connection = _connect(path, data_key, settings)
    try:
        connection.pragma("journal_mode", "wal")
        _configure(connection, settings)
        connection.execute(_TABLES).fetchall()
    finally:
        connection.close()
    check_header(path)


def memory_database(settings: Settings) -> apsw.Connection:
    """Return a profile that never touches the disk."""
    connection = connect(":memory:")
    _configure(connection, settings)
    connection.execute(_TABLES).fetchall()
    return connection


def open_database(folder: Path, data_key: Secret, settings: Settings) -> apsw.Connection:
    """Return a connection to the folder's profile, checked page by page.

    Raises:
        NewerProfileError: A newer homespun wrote it; its files are as they were.
        DamagedProfileError: It is not what homespun wrote with this key.
        apsw.Error: The same as SQLite says it, or the disk refused.
    """
    path = folder / DATABASE
    check_header(path)
    connection = _connect(path, data_key, settings)
    try:
        _check_version(connection, folder)
        _configure(connection, settings)
        _check_contents(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection


def keep_log(connection: apsw.Connection, *, keep: bool) -> None:
    """Say whether closing leaves the write-ahead log as it is, rather than merging and removing it."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(keep))


def check_header(path: Path) -> None:
    """Check that the file is encrypted and laid out as homespun lays it out.

    Raises:
        DamagedProfileError: It is not.
    """
    header = _header(path)
    if header.startswith(b"SQLite format 3"):
        raise damaged(path.parent, f"{path.name} is not encrypted")
    if header[_SALT_SIZE:] != _LAYOUT:
        raise damaged(path.parent, f"{path.name} is not an encrypted profile")


def has_own_header(path: Path) -> bool:
    """Return whether the file is readable and laid out as homespun lays it out."""
    try:
        return _header(path)[_SALT_SIZE:] == _LAYOUT
    except (apsw.Error, OSError):
        return False


def _header(path: Path) -> bytes:
    # A pipe would make the opening wait for somebody to write into it.
    if not stat.S_ISREG(path.stat().st_mode):
        return b""
    # Through SQLite's own file layer: closing a file that we opened ourselves would drop the locks that
    # other connections of this process hold on it (POSIX).
    file = apsw.VFSFile("", os.fspath(path), [apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_MAIN_DB, 0])
    try:
        return file.xRead(_SALT_SIZE + len(_LAYOUT), 0)
    finally:
        file.xClose()


def _connect(path: Path, data_key: Secret, settings: Settings) -> apsw.Connection:
    connection = connect(path, apsw.SQLITE_OPEN_READWRITE)
    try:
        _choose_cipher(connection)
        _set_key(connection, data_key)
        connection.set_busy_timeout(settings.busy_timeout_ms)
    except BaseException:
        connection.close()
        raise
    return connection


def _choose_cipher(connection: apsw.Connection) -> None:
    if connection.pragma("cipher", _CIPHER) != _CIPHER:
        raise ProfileStorageError(
            "The installed apsw cannot encrypt, and nothing is ever written in the clear. Uninstall 'apsw' "
            "and install 'apsw-sqlite3mc'."
        )


def _set_key(connection: apsw.Connection, data_key: Secret) -> None:
    # The failure of this statement would carry the statement, so it is not passed on.
    with contextlib.suppress(apsw.Error):
        # With the prefix the bytes are the key itself rather than a passphrase to derive one from.
        connection.pragma("hexkey", (b"raw:" + data_key.reveal()).hex())
        return
    raise ProfileStorageError("The installed apsw refused the profile's key. Reinstall 'apsw-sqlite3mc'.")


def _check_version(connection: apsw.Connection, folder: Path) -> None:
    # A newer homespun's log may mean something else than ours: on refusal it stays as it is.
    log = folder / DATABASE_LOG
    keep_log(connection, keep=log.exists() and log.stat().st_size > 0)
    if connection.pragma("application_id") != APPLICATION_ID:
        raise damaged(folder, "its database is not a homespun profile")
    check_version(int(connection.pragma("user_version")), SCHEMA_VERSION, folder)
    keep_log(connection, keep=False)


def _check_contents(connection: apsw.Connection, folder: Path) -> None:
    # Reads every page in use, and so decrypts and authenticates it.
    finding = connection.pragma("quick_check", 1)
    if finding != "ok":
        raise damaged(folder, f"its database is inconsistent ({finding})")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables >= TABLES:
        raise damaged(folder, "tables are missing from its database")


def _configure(connection: apsw.Connection, settings: Settings) -> None:
    connection.pragma("synchronous", settings.synchronous)
    if settings.synchronous == "full":
        # On macOS an ordinary sync stops at the disk's own cache; elsewhere these change nothing.
        connection.pragma("fullfsync", 1)
        connection.pragma("checkpoint_fullfsync", 1)
    connection.pragma("temp_store", "memory")
    connection.pragma("secure_delete", "on")
    connection.pragma("trusted_schema", "off")
    connection.pragma("cell_size_check", "on")
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
