"""What would open something else than a store, leave one that others can read, or make one by mistake."""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url, text

from homespun.errors import MisuseError
from homespun_server.errors import StoreError
from homespun_server.store import Store, open_store
from homespun_server.store.schema import metadata
from homespun_server.store.versions import VERSION_TABLE


def run(place: str, statement: str) -> None:
    """Change a database behind the store's back."""
    url = make_url(place).set(drivername="postgresql+psycopg") if "://" in place else make_url(f"sqlite:///{place}")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def setting(store: Store, name: str) -> str:
    with store.writing() as connection:
        return str(connection.execute(text(name)).scalar())


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_others_can_read_the_secrets(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(path) as store, store.writing():
        assert {file.name for file in tmp_path.iterdir()} > {"store.db"}
        for file in tmp_path.iterdir():
            assert file.stat().st_mode & 0o777 == 0o600


def test_what_was_committed_can_be_lost(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        assert setting(store, "PRAGMA journal_mode") == "wal"
        assert setting(store, "PRAGMA synchronous") == "2"
        assert setting(store, "PRAGMA foreign_keys") == "1"


def test_a_server_that_confirms_too_early_or_isolates_too_much_is_believed(on_postgresql: str) -> None:
    open_store(on_postgresql).close()
    run(on_postgresql, "ALTER DATABASE alone SET synchronous_commit = 'off'")
    run(on_postgresql, "ALTER DATABASE alone SET default_transaction_isolation = 'serializable'")
    with open_store(on_postgresql) as store:
        assert setting(store, "SHOW synchronous_commit") == "on"
        assert setting(store, "SHOW transaction_isolation") == "read committed"


def test_a_stricter_server_is_made_less_durable(on_postgresql: str) -> None:
    run(on_postgresql, "ALTER DATABASE alone SET synchronous_commit = 'remote_apply'")
    with open_store(on_postgresql) as store:
        assert setting(store, "SHOW synchronous_commit") == "remote_apply"


def test_a_wrong_name_makes_an_empty_store(place: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no store at|no tables of homespun-server's"):
        open_store(place, create=False)
    assert list(tmp_path.iterdir()) == []
    open_store(place).close()
    open_store(place, create=False).close()


@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\0 and then something else", b"something else entirely" * 50]
)
def test_another_file_is_taken_for_a_store(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot be opened|no tables of homespun-server's"):
        open_store(path, create=False)
    if content:
        with pytest.raises(StoreError, match="cannot be opened"):
            open_store(path)
        assert path.read_bytes() == content


def test_another_programs_database_is_written_to(tmp_path: Path) -> None:
    for number, statement in enumerate(("CREATE TABLE notes (note)", "PRAGMA application_id=7")):
        path = tmp_path / f"{number}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)
            connection.commit()
        before = path.read_bytes()
        with pytest.raises(StoreError, match="another program's"):
            open_store(path)
        assert path.read_bytes() == before


def test_a_postgresql_that_others_use_too_is_refused_or_changed(on_postgresql: str) -> None:
    run(on_postgresql, "CREATE TABLE alembic_version (version_num text)")
    run(on_postgresql, "INSERT INTO alembic_version VALUES ('theirs')")
    with open_store(on_postgresql) as store:
        assert setting(store, "SELECT version_num FROM alembic_version") == "theirs"


def test_a_newer_store_is_opened(place: str) -> None:
    open_store(place).close()
    run(place, "UPDATE homespun_version SET version_num = '0999'")
    for create in (True, False):
        with pytest.raises(StoreError, match=r"newer homespun-server \(its version is '0999'\)"):
            open_store(place, create=create)


def test_the_migrations_make_other_tables_than_the_code_knows(place: str) -> None:
    with open_store(place) as store, store.writing() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_a_path_with_odd_characters_leads_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "100% größe ? #1"
    try:
        folder.mkdir()
    except OSError:
        folder = tmp_path / "100% größe #1"
        folder.mkdir()
    open_store(folder / "a b%20c.db").close()
    assert (folder / "a b%20c.db").is_file()
    open_store(f"sqlite:///{(tmp_path / 'plain.db').as_posix()}").close()
    assert (tmp_path / "plain.db").is_file()


@pytest.mark.parametrize(
    "url", ["mysql://u:geheim@h/d", "sqlite://", "sqlite:///:memory:", ":memory:", "", "a://b:c@d:e"]
)
def test_a_store_that_is_none_is_opened(url: str) -> None:
    with pytest.raises(MisuseError) as refused:
        open_store(url)
    assert "geheim" not in str(refused.value)


def test_a_password_is_in_the_error() -> None:
    with pytest.raises(StoreError, match="cannot be used") as refused:
        open_store("postgresql://somebody:geheim@127.0.0.1:1/nothing")
    told = str(refused.value)
    assert "somebody:***@127.0.0.1:1/nothing" in told
    assert "geheim" not in told


def test_a_missing_driver_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"install homespun-server\[postgresql\]"):
        open_store("postgresql://somebody@127.0.0.1:1/nothing")


def test_a_folder_that_is_none_is_made(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "store.db", tmp_path):
        with pytest.raises(StoreError, match="cannot be opened"):
            open_store(path)
    assert list(tmp_path.iterdir()) == []
