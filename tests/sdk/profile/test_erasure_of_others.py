"""An erasure destroys what is homespun's and nothing else, and claims no more than it did."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.cli import main
from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.errors import DamagedProfileError, MisuseError, ProfileStorageError
from homespun.profile import Key, ProfileStore, erasable, erase, finish_interrupted_erasure
from homespun.profile.erasure_plan import Plan
from homespun.profile.files import Entropy
from homespun.protocol.receipts import StoreErasure
from tests.sdk.profile.support import EVENTS, QUICK, FakeKeyring, contents, raw_key

FOREIGN_KEY = b'{"type": "service_account", "private_key": "..."}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


def make(folder: Path, key: Key | None = None) -> None:
    with ProfileStore.create(folder, key or raw_key(), settings=QUICK) as store:
        store.add_events(EVENTS)


def write_foreign(folder: Path) -> dict[str, bytes]:
    """What another program may well keep under our names; its log is not merged yet."""
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / "source.db")) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("CREATE TABLE people (name)")
        for end in ("", "-wal", "-shm"):
            (folder / f"profile.db{end}").write_bytes((folder / f"source.db{end}").read_bytes())
    (folder / "source.db").unlink()
    (folder / "key.json").write_bytes(FOREIGN_KEY)
    return contents(folder)


def entry(outcome: tuple[StoreErasure, ...], store: str) -> StoreErasure:
    (found,) = (each for each in outcome if each.store == store)
    return found


def command(folder: Path, *options: str) -> int:
    return main(["profile", "erase", "--profile", str(folder), *options])


def test_a_key_file_and_a_database_of_another_program_are_destroyed(folder: Path) -> None:
    before = write_foreign(folder)
    assert not erasable(folder)
    (left,) = erase(folder, None)
    assert left.level == "unverified"
    assert "key.json, profile.db" in left.detail
    assert contents(folder) == before


def test_a_database_of_another_program_is_destroyed_with_our_key_file(folder: Path) -> None:
    make(folder)
    ours = (folder / "key.json").read_bytes()
    foreign = write_foreign(folder)
    (folder / "key.json").write_bytes(ours)
    outcome = erase(folder, None)
    assert entry(outcome, "profile key").level == "logical"
    assert entry(outcome, "events and consent records").level == "unverified"
    assert "profile.db, profile.db-shm, profile.db-wal" in entry(outcome, "other files").detail
    assert contents(folder) == {name: data for name, data in foreign.items() if name != "key.json"}


def test_force_does_not_help_or_destroys_more_than_the_names(folder: Path) -> None:
    write_foreign(folder)
    (folder / "notes.txt").write_text("mine")
    assert erasable(folder, force=True)
    erase(folder, None, force=True)
    assert contents(folder) == {"notes.txt": b"mine"}


def test_a_folder_with_the_name_of_our_file_stops_an_erasure(folder: Path) -> None:
    make(folder)
    (folder / "key.json").unlink()
    (folder / "key.json").mkdir()
    outcome = erase(folder, None, force=True)
    assert entry(outcome, "profile key").level == "unverified"
    assert [path.name for path in folder.iterdir()] == ["key.json"]


def test_the_key_file_of_a_newer_homespun_is_taken_for_somebody_elses(folder: Path) -> None:
    make(folder)
    data = json.loads((folder / "key.json").read_text())
    (folder / "key.json").write_text(json.dumps({**data, "schema": 2, "more": True}))
    assert [each.store for each in erase(folder, None)] == ["profile key", "events and consent records"]
    assert not folder.exists()


@pytest.mark.parametrize("files", [[], ["key.json"], ["../victim", "notes.txt", "key.json"]])
def test_a_forged_marker_spares_the_profile_or_destroys_more(folder: Path, files: list[str]) -> None:
    make(folder)
    (folder.parent / "victim").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    (folder / "erasing.json").write_bytes(msgspec.json.encode({"files": files}))
    finish_interrupted_erasure(folder)
    assert contents(folder) == {"notes.txt": b"mine"}
    assert (folder.parent / "victim").read_text() == "mine"


def test_a_file_that_was_overwritten_before_the_crash_is_taken_for_somebody_elses(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)

    def crash(path: Path, **_: Any) -> None:
        raise OSError("the process dies here")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", crash)
        patch.setattr("homespun.profile.files.write_atomically", lambda path, data: path.write_bytes(data))
        patch.setattr("homespun.profile.erasure_plan.write_atomically", lambda path, data: path.write_bytes(data))
        with pytest.raises(ProfileStorageError, match="dies"):
            erase(folder, None)
    with pytest.raises(json.JSONDecodeError):
        json.loads((folder / "key.json").read_text(errors="replace"))
    outcome = finish_interrupted_erasure(folder)
    assert [each.level for each in outcome] == ["logical", "logical"]
    assert not folder.exists()


# What a receipt may say


def linked(folder: Path, copy: Path) -> None:
    try:
        os.link(folder / "key.json", copy)
    except OSError:
        pytest.skip("hard links are not allowed here")


def test_a_key_file_with_another_name_elsewhere_is_claimed_to_be_gone(folder: Path, tmp_path: Path) -> None:
    make(folder)
    linked(folder, tmp_path / "copy")
    before = (tmp_path / "copy").read_bytes()
    key = entry(erase(folder, None), "profile key")
    assert key.level == "unverified"
    assert "another name" in key.detail
    assert (tmp_path / "copy").read_bytes() == before


def test_an_erasure_that_was_interrupted_forgets_what_it_did_not_overwrite(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)
    linked(folder, tmp_path / "copy")
    written: list[Plan] = []
    write = Plan.write

    def die_later(plan: Plan, place: Path) -> None:
        write(plan, place)
        written.append(plan)

    def overwrite(path: Path, entropy: Entropy) -> bool:
        if path.name == "profile.db":
            raise OSError("the process dies here")
        return False

    with monkeypatch.context() as patch:
        patch.setattr(Plan, "write", die_later)
        patch.setattr("homespun.profile.erasure.overwrite", overwrite)
        with pytest.raises(ProfileStorageError):
            erase(folder, None)
    assert written[-1].plain == ("key.json",)
    assert not (folder / "key.json").exists()
    assert entry(finish_interrupted_erasure(folder), "profile key").level == "unverified"


def test_a_key_file_that_cannot_be_removed_is_claimed_to_be_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(folder)
    unlink = Path.unlink

    def stubborn(path: Path, **options: Any) -> None:
        if path.name == "key.json":
            raise PermissionError("protected")
        unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stubborn)
        outcome = erase(folder, None)
    assert entry(outcome, "profile key").level == "unverified"
    assert "could not be removed" in entry(outcome, "profile key").detail
    assert [each.level for each in finish_interrupted_erasure(folder)] == ["logical", "logical"]


@pytest.mark.parametrize(("lost", "store"), [("key.json", "profile key"), ("profile.db", "events and consent records")])
def test_a_file_that_was_not_there_is_claimed_to_be_overwritten(folder: Path, lost: str, store: str) -> None:
    make(folder)
    (folder / lost).unlink()
    found = entry(erase(folder, None), store)
    assert found.level == "unverified"
    assert "There was no" in found.detail
    assert not folder.exists()


def test_a_destroyed_keyring_key_hides_that_the_wrapped_one_was_linked(folder: Path, tmp_path: Path) -> None:
    backend = FakeKeyring()
    make(folder, Key.keyring("app", backend=backend))
    linked(folder, tmp_path / "copy")
    key = entry(erase(folder, None, keyring=backend), "profile key")
    # What the link holds cannot be unwrapped any more, and still it is not called overwritten.
    assert key.level == "key_destroyed"
    assert "without being overwritten" in key.detail


def test_a_key_file_that_names_a_strangers_entry_is_claimed_to_be_all_of_the_key(folder: Path) -> None:
    backend = FakeKeyring()
    make(folder, Key.keyring("app", backend=backend))
    data = json.loads((folder / "key.json").read_text())
    data["keyring"] = {"service": "mail", "username": "me"}
    (folder / "key.json").write_text(json.dumps(data))
    assert entry(erase(folder, None, keyring=backend), "profile key").level == "unverified"


# Names that are none of ours, and the command


def test_a_folder_without_a_name_is_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "profile")
    monkeypatch.chdir(tmp_path / "profile")
    with pytest.raises(MisuseError, match="no name"):
        erase(Path(), None)
    assert command(Path()) == 1
    assert ProfileStore.exists(tmp_path / "profile")


def never(prompt: str) -> str:
    raise AssertionError(prompt)


def test_somebody_is_asked_about_a_profile_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", never)
    assert command(tmp_path / "nowhere") == 1
    assert "no profile" in capsys.readouterr().err


def test_the_command_destroys_files_of_another_program(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = write_foreign(folder)
    monkeypatch.setattr("builtins.input", never)
    assert command(folder, "--yes") == 1
    assert "--force" in capsys.readouterr().err
    assert contents(folder) == before
    assert command(folder, "--yes", "--force") == 0
    assert not folder.exists()


def test_the_command_does_not_see_an_erasure_that_was_interrupted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(folder)
    (folder / "key.json").unlink()
    (folder / "erasing.json").write_bytes(b"{}")
    assert command(folder, "--yes") == 0
    assert "There was no key.json" in capsys.readouterr().out
    assert not folder.exists()


def test_the_command_says_nothing_about_a_pending_erasure(
    folder: Path, bundle_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent / "phrase").write_text("quick", encoding="utf-8")
    ledger = ConsentLedger(ConsentLedger().grant(*Purpose, notice=Notice("May we?"), now=1))
    with ProfileStore.create(folder, Key.passphrase("quick"), settings=QUICK) as store:
        store.add_consent(*ledger.records, *ledger.withdraw(Purpose.DEVICE_STORAGE, now=2))
        options = ["--profile", str(folder), "--passphrase-file", str(folder.parent / "phrase")]
        assert main(["profile", "show", "--bundle", str(bundle_folder), *options]) == 0
        assert "erased once no other program has it open" in capsys.readouterr().out


# Nobody writes into the pipe: what waits for it never returns, and the time limit tells.
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["key.json", "profile.db"])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_instead_of_a_file_makes_it_wait_for_ever(folder: Path, name: str) -> None:
    make(folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(DamagedProfileError, match=name):
        ProfileStore.open(folder, raw_key())
    erase(folder, None)
    assert [path.name for path in folder.iterdir()] == [name]
    erase(folder, None, force=True)
    assert not folder.exists()
