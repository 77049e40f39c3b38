"""A vault: an encrypted database under a key of its own, and the checks before anything in it is believed.

Every page is encrypted and authenticated (AEGIS-256 in SQLite3 Multiple Ciphers) with the vault's random
256-bit key itself; nothing is derived inside. A page that was changed, moved or comes from another vault
fails to decrypt when it is read. Non-goals: somebody who can write to the folder can put an older copy of all
its files back, or one of them that was not rewritten since, or cut off the newest entries of the write-ahead log;
encryption cannot tell.
"""

import contextlib
import stat
from pathlib import Path

import apsw

from homespun.config import Durability, Settings
from homespun.errors import ProfileStorageError
from homespun.profile.connections import connect, open_file
from homespun.profile.failures import damaged
from homespun.profile.files import Entropy, create_private
from homespun.profile.keyfile import check_version
from homespun.profile.schema import PROFILE_VERSION, Schema, VaultKind
from homespun.profile.secret import Secret

_CIPHER = "aegis"

_PAGE_SIZE = 2048
"""Bytes. Half of SQLite's own: recording writes whole pages, and encrypts them."""

_LAYOUTS = {1: bytes.fromhex("1000020240402020"), 2: bytes.fromhex("0800020240402020")}
"""Bytes 16..23 by version, the only ones of the first page that SQLite needs in the clear: the page size, a
write-ahead log, 64 bytes a page for nonce and tag. The 16 before them are a salt that a raw key ignores."""

_LOG_PAGES = 2000
"""Pages after which the log is merged: as many bytes as SQLite's own 1000 of twice the size."""

_SALT_SIZE = 16
_NAME_BYTES = 8


def new_name(kind: VaultKind, entropy: Entropy) -> str:
    """Return an unused name for a vault's file."""
    return f"{kind}-{entropy(_NAME_BYTES).hex()}.db"


def create_vault(path: Path, key: Secret, schema: Schema, settings: Settings) -> apsw.Connection:
    """Create an encrypted database with its tables and open it.

    Args:
        path: A file that does not exist.
        key: 32 bytes, used for nothing else.
        schema: Its tables.
        settings: Waits.
    """
    create_private(path)
    connection = connect_with_key(path, key, settings)
    try:
        connection.pragma("page_size", _PAGE_SIZE)
        connection.pragma("journal_mode", "wal")
        _configure(connection, schema, settings, path.parent)
        _create_tables(connection, schema)
        truncate_log(connection)
        check_header(path)
    except BaseException:
        connection.close()
        raise
    return connection


def memory_vault(schema: Schema, settings: Settings) -> apsw.Connection:
    """Return a vault that never touches the disk."""
    connection = connect(":memory:")
    _configure(connection, schema, settings, None)
    _create_tables(connection, schema)
    return connection


def open_vault(path: Path, key: Secret, schema: Schema, settings: Settings) -> apsw.Connection:
    """Open an existing vault; its first page is authenticated now, every other one when it is read.

    Raises:
        NewerProfileError: A newer homespun wrote it; its files are as they were.
        DamagedProfileError: It is not what homespun wrote with this key.
        apsw.Error: The same as SQLite says it, or the disk refused.
    """
    check_header(path)
    connection = connect_with_key(path, key, settings)
    try:
        check_mark(connection, path, schema.application_id, PROFILE_VERSION)
        _check_whole(connection, path)
        _configure(connection, schema, settings, path.parent)
        _check_tables(connection, path, schema)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_with_key(path: Path, key: Secret, settings: Settings) -> apsw.Connection:
    """Return a connection that encrypts, of which nothing was checked yet."""
    connection = connect(path, apsw.SQLITE_OPEN_READWRITE)
    try:
        _choose_cipher(connection)
        _set_key(connection, key)
        connection.set_busy_timeout(settings.busy_timeout_ms)
    except BaseException:
        connection.close()
        raise
    return connection


def check_mark(connection: apsw.Connection, path: Path, application_id: int, version: int) -> None:
    """Check whose database it is and in which version, and leave a newer one's files as they are.

    Raises:
        NewerProfileError: A newer homespun wrote it.
        DamagedProfileError: It is no vault of that kind.
    """
    # A newer homespun's log may mean something else than ours: on refusal it stays as it is.
    log = path.with_name(path.name + "-wal")
    keep_log(connection, keep=log.exists() and log.stat().st_size > 0)
    if connection.pragma("application_id") != application_id:
        raise damaged(path.parent, f"{path.name} is not the database that belongs there")
    check_version(int(connection.pragma("user_version")), version, path.parent)
    keep_log(connection, keep=False)


def set_durability(connection: apsw.Connection, durability: Durability) -> None:
    """Say what commits survive: the death of the process, or also a power cut. Not within a transaction."""
    connection.pragma("synchronous", "full" if durability == "power" else "normal")


def keep_log(connection: apsw.Connection, *, keep: bool) -> None:
    """Say whether closing leaves the write-ahead log as it is, rather than merging and removing it."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(keep))


def merge_log(connection: apsw.Connection) -> bool:
    """Merge of the write-ahead log what can be merged without waiting for anybody; return whether that is all."""
    return _merged(connection, "PASSIVE")


def truncate_log(connection: apsw.Connection) -> bool:
    """Merge the write-ahead log and cut it to nothing; return whether SQLite says that it was done."""
    return _merged(connection, "TRUNCATE")


def _merged(connection: apsw.Connection, how: str) -> bool:
    rows = connection.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
    busy, frames, merged = rows[0]
    # In memory there is no log, and SQLite says -1.
    return busy == 0 and frames == merged


def check_pages(connection: apsw.Connection, path: Path) -> None:
    """Read, and so authenticate, every page in use.

    Raises:
        DamagedProfileError: SQLite finds the database inconsistent.
        apsw.Error: A page was changed.
    """
    finding = connection.pragma("quick_check", 1)
    if finding != "ok":
        raise damaged(path.parent, f"{path.name} is inconsistent ({finding})")


def check_header(path: Path, version: int = PROFILE_VERSION) -> None:
    """Check that the file is encrypted and laid out as homespun lays it out.

    Raises:
        DamagedProfileError: It is not.
    """
    header = _header(path)
    if header.startswith(b"SQLite format 3"):
        raise damaged(path.parent, f"{path.name} is not encrypted")
    if header[_SALT_SIZE:] != _LAYOUTS[version]:
        raise damaged(path.parent, f"{path.name} is not an encrypted profile")


def has_own_header(path: Path) -> bool:
    """Return whether the file is readable and laid out as some homespun lays it out."""
    try:
        return _header(path)[_SALT_SIZE:] in _LAYOUTS.values()
    except (apsw.Error, OSError):
        return False


def _header(path: Path) -> bytes:
    # A pipe would make the opening wait for somebody to write into it.
    if not stat.S_ISREG(path.stat().st_mode):
        return b""
    file = open_file(path)
    try:
        return file.xRead(_SALT_SIZE + len(_LAYOUTS[PROFILE_VERSION]), 0)
    finally:
        file.xClose()


def _choose_cipher(connection: apsw.Connection) -> None:
    if connection.pragma("cipher", _CIPHER) != _CIPHER:
        raise ProfileStorageError(
            "The installed apsw cannot encrypt, and nothing is ever written in the clear. Uninstall 'apsw' "
            "and install 'apsw-sqlite3mc'."
        )


def _set_key(connection: apsw.Connection, key: Secret) -> None:
    # The failure of this statement would carry the statement, so it is not passed on.
    with contextlib.suppress(apsw.Error):
        # With the prefix the bytes are the key itself rather than a passphrase to derive one from.
        connection.pragma("hexkey", (b"raw:" + key.reveal()).hex())
        return
    raise ProfileStorageError("The installed apsw refused the profile's key. Reinstall 'apsw-sqlite3mc'.")


def _create_tables(connection: apsw.Connection, schema: Schema) -> None:
    connection.execute(
        f"BEGIN IMMEDIATE; {schema.statements} PRAGMA application_id = {schema.application_id}; "
        f"PRAGMA user_version = {PROFILE_VERSION}; COMMIT;"
    ).fetchall()


def _check_whole(connection: apsw.Connection, path: Path) -> None:
    # Of a page that is there in part only, SQLite would take the bytes as they are, neither checked nor decrypted.
    if path.stat().st_size % _PAGE_SIZE and merge_log(connection) and path.stat().st_size % _PAGE_SIZE:
        raise damaged(path.parent, f"{path.name} was cut short")


def _check_tables(connection: apsw.Connection, path: Path, schema: Schema) -> None:
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if found != schema.columns.keys():
        raise damaged(path.parent, f"{path.name} does not have the tables that belong there")


def _configure(connection: apsw.Connection, schema: Schema, settings: Settings, folder: Path | None) -> None:
    set_durability(connection, settings.durability if schema.kind is VaultKind.EPOCH else "power")
    # On macOS an ordinary sync stops at the disk's own cache; elsewhere these change nothing.
    connection.pragma("fullfsync", 1)
    connection.pragma("checkpoint_fullfsync", 1)
    connection.pragma("wal_autocheckpoint", _LOG_PAGES)
    connection.pragma("trusted_schema", "off")
    connection.pragma("cell_size_check", "on")
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    for name, wanted, kept in (("temp_store", "memory", 2), ("secure_delete", "on", 1)):
        connection.pragma(name, wanted)
        if connection.pragma(name) != kept:
            raise ProfileStorageError(
                f"The installed apsw does not obey PRAGMA {name}, so deleted rows could stay on the disk of "
                f"'{folder or 'memory'}'. Nothing was used; reinstall 'apsw-sqlite3mc'."
            )
    if folder is not None and connection.pragma("journal_mode") != "wal":
        raise damaged(folder, "one of its databases has no write-ahead log")
