"""One encrypted database: nothing in it is believed, and nothing written, before it was checked."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from homespun.errors import DamagedProfileError, NewerProfileError, ProfileStorageError
from homespun.profile.schema import EPOCH, MAIN, SCHEMAS, STATE, VaultKind
from homespun.profile.secret import Secret
from homespun.profile.vault import (
    check_pages,
    create_vault,
    has_own_header,
    memory_vault,
    merge_log,
    new_name,
    open_vault,
    truncate_log,
)
from tests.sdk.profile.support import QUICK, log_of

KEY = Secret(bytes(range(32)))
OTHER = Secret(bytes(range(1, 33)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "epoch-0123456789abcdef.db"


@pytest.fixture
def vault(path: Path) -> Iterator[apsw.Connection]:
    connection = create_vault(path, KEY, EPOCH, QUICK)
    yield connection
    connection.close()


def disobeying(name: str, answer: Any) -> type[apsw.Connection]:
    """A connection on which a pragma answers otherwise."""

    class Disobeying(apsw.Connection):
        def pragma(self, asked: str, *values: Any, **options: Any) -> Any:  # type: ignore[override]
            found = super().pragma(asked, *values, **options)
            return answer if asked == name else found

    return Disobeying


@pytest.mark.parametrize(
    ("name", "answer"),
    [("cipher", None), ("cipher", "chacha20"), ("secure_delete", 0), ("secure_delete", 2), ("temp_store", 0)],
)
@pytest.mark.parametrize("when", ["creating", "opening"])
def test_an_sqlite_that_leaves_traces_is_used_nevertheless(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, answer: Any, when: str
) -> None:
    act: Callable[..., apsw.Connection] = create_vault
    if when == "opening":
        create_vault(path, KEY, EPOCH, QUICK).close()
        act = open_vault
    monkeypatch.setattr(apsw, "Connection", disobeying(name, answer))
    with pytest.raises(ProfileStorageError, match="apsw-sqlite3mc"):
        act(path, KEY, EPOCH, QUICK)
    if when == "creating":
        assert b"event" not in path.read_bytes()


def test_temporary_files_are_written_beside_the_database(vault: apsw.Connection, path: Path) -> None:
    """Sorting more than the cache holds is done in memory, not in a file in the clear."""
    vault.executemany(
        "INSERT INTO event (recorded, item, kind) VALUES (0, ?, 'view')", [("x" * 500,) for _ in range(5000)]
    ).fetchall()
    before = opened_files()
    cursor = vault.execute("SELECT item, id % 7 AS part FROM event ORDER BY part, item DESC")
    next(cursor)
    assert opened_files() == before
    cursor.close()


def opened_files() -> set[str]:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return set()
    return {str(each.readlink()) for each in folder.iterdir() if each.is_symlink() and "deleted" not in each.name}


@pytest.mark.parametrize("schema", [MAIN, STATE, EPOCH], ids=lambda schema: str(schema.kind))
def test_a_vault_has_other_tables_or_settings_than_its_schema_says(tmp_path: Path, schema: Any) -> None:
    for connection in (
        create_vault(tmp_path / new_name(schema.kind, os.urandom), KEY, schema, QUICK),
        memory_vault(schema, QUICK),
    ):
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert names == set(schema.columns)
        for table, columns in schema.columns.items():
            assert [row[1] for row in connection.execute(f"PRAGMA table_info({table})")] == list(columns)
        assert connection.pragma("application_id") == schema.application_id
        assert connection.pragma("secure_delete") == 1
        assert connection.pragma("temp_store") == 2
        assert connection.pragma("trusted_schema") == 0
        connection.close()
    assert SCHEMAS[schema.kind] is schema
    assert len({each.application_id for each in SCHEMAS.values()}) == len(VaultKind)


def test_another_key_opens_it(vault: apsw.Connection, path: Path) -> None:
    vault.close()
    with pytest.raises(apsw.NotADBError):
        open_vault(path, OTHER, EPOCH, QUICK)
    open_vault(path, KEY, EPOCH, QUICK).close()


@pytest.mark.parametrize("schema", [MAIN, STATE], ids=lambda schema: str(schema.kind))
def test_a_vault_of_another_kind_is_opened(vault: apsw.Connection, path: Path, schema: Any) -> None:
    vault.close()
    with pytest.raises(DamagedProfileError, match="not the database that belongs there"):
        open_vault(path, KEY, schema, QUICK)


def test_a_table_too_many_is_accepted(vault: apsw.Connection, path: Path) -> None:
    vault.execute("CREATE TABLE more (a)")
    vault.close()
    with pytest.raises(DamagedProfileError, match="tables"):
        open_vault(path, KEY, EPOCH, QUICK)


def test_another_journal_mode_is_accepted(vault: apsw.Connection, path: Path) -> None:
    vault.pragma("journal_mode", "delete")
    vault.close()
    with pytest.raises(DamagedProfileError):
        open_vault(path, KEY, EPOCH, QUICK)


def test_a_newer_version_is_opened(vault: apsw.Connection, path: Path) -> None:
    vault.execute("PRAGMA user_version = 3")
    vault.close()
    before = path.read_bytes()
    with pytest.raises(NewerProfileError):
        open_vault(path, KEY, EPOCH, QUICK)
    assert path.read_bytes() == before


def test_creating_overwrites_a_file(path: Path) -> None:
    path.write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        create_vault(path, KEY, EPOCH, QUICK)
    assert path.read_bytes() == b"somebody's"


def test_a_creation_that_fails_leaves_a_connection_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    class Failing(apsw.Connection):
        def execute(self, statements: str, *arguments: Any, **options: Any) -> apsw.Cursor:
            if "CREATE TABLE" in statements:
                raise apsw.FullError("database or disk is full")
            return super().execute(statements, *arguments, **options)

        def close(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - apsw's own
            closed.append(True)
            super().close(force)

    monkeypatch.setattr(apsw, "Connection", Failing)
    with pytest.raises(apsw.FullError):
        create_vault(path, KEY, EPOCH, QUICK)
    assert closed


@pytest.mark.parametrize("data", [b"", b"S", b"SQLite format 3\0" + bytes(84), bytes(100), b"\xff" * 5000])
def test_a_file_of_another_program_is_taken_for_a_vault(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(DamagedProfileError):
        open_vault(path, KEY, EPOCH, QUICK)
    assert not has_own_header(path)
    assert path.read_bytes() == data


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_makes_the_opening_wait_for_ever(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(DamagedProfileError):
        open_vault(path, KEY, EPOCH, QUICK)


def test_a_log_that_somebody_reads_is_said_to_be_cut(vault: apsw.Connection, path: Path) -> None:
    insert = "INSERT INTO event (recorded, item, kind) VALUES (0, 'a', 'view')"
    vault.execute(insert)
    other = open_vault(path, KEY, EPOCH, QUICK)
    cursor = other.execute("SELECT item FROM event UNION ALL SELECT 'b'")
    next(cursor)
    vault.execute(insert)
    assert not truncate_log(vault)
    assert not merge_log(vault)
    cursor.close()
    assert merge_log(vault)
    assert log_of(path).stat().st_size > 0
    assert truncate_log(vault)
    assert log_of(path).stat().st_size == 0
    other.close()
    assert truncate_log(memory_vault(EPOCH, QUICK))


def test_damage_in_a_page_is_not_found_by_a_check(vault: apsw.Connection, path: Path) -> None:
    vault.executemany("INSERT INTO event (recorded, item, kind) VALUES (0, ?, 'view')", [("x" * 400,)] * 100).fetchall()
    vault.close()
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)
    connection = open_vault(path, KEY, EPOCH, QUICK)
    with pytest.raises((apsw.Error, DamagedProfileError)):
        check_pages(connection, path)
    connection.close()


def test_an_inconsistent_database_is_not_found_by_a_check(vault: apsw.Connection, path: Path) -> None:
    vault.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    vault.pragma("writable_schema", 1)
    vault.execute("UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'exposure'")
    vault.close()
    connection = open_vault(path, KEY, EPOCH, QUICK)
    with pytest.raises((apsw.CorruptError, DamagedProfileError)):
        check_pages(connection, path)
    connection.close()


def test_names_repeat() -> None:
    names = {new_name(VaultKind.EPOCH, os.urandom) for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith("epoch-") and len(name) == len("epoch-.db") + 16 for name in names)
