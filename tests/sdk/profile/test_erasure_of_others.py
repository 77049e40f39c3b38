"""An erasure destroys what is homespun's and nothing else, and claims no more than it did."""

import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.cli import main
from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.errors import DamagedProfileError, MisuseError, ProfileStorageError
from homespun.profile.erasure import erasable, erase, finish_interrupted_erasure
from homespun.profile.erasure_plan import Plan
from homespun.profile.files import ERASING, Entropy, listed
from homespun.profile.keyfile import KeyringEntry
from homespun.profile.keys import Key
from homespun.profile.opening import Place, create, open_profile
from homespun.profile.remains import Bounds, Needles, find_remains, take_samples
from tests.sdk.profile.erasing import (
    EPOCHS,
    MAIN,
    PROFILE,
    RAW,
    STATE,
    VAULTS,
    MemoryKeyStore,
    OpenStore,
    entry,
    levels,
    make,
    noise,
    vault_bytes,
)
from tests.sdk.profile.support import QUICK, FakeKeyring, contents

FOREIGN_KEY = b'{"type": "service_account", "private_key": "..."}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


def write_foreign(folder: Path, name: str = "profile.db") -> dict[str, bytes]:
    """What another program may well keep under our names; its log is not merged yet."""
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / "source.db")) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("CREATE TABLE people (name)")
        for end in ("", "-wal", "-shm"):
            (folder / f"{name}{end}").write_bytes((folder / f"source.db{end}").read_bytes())
    (folder / "source.db").unlink()
    (folder / "key.json").write_bytes(FOREIGN_KEY)
    return contents(folder)


def command(folder: Path, *options: str) -> int:
    return main(["profile", "erase", "--profile", str(folder), *options])


@pytest.mark.parametrize("name", ["profile.db", MAIN, EPOCHS[0]])
def test_a_key_file_and_a_database_of_another_program_are_destroyed(folder: Path, name: str) -> None:
    before = write_foreign(folder, name)
    assert not erasable(folder)
    (left,) = erase(folder, None).stores
    assert left.level == "unverified"
    assert all(each in left.detail for each in ("key.json", name, f"{name}-wal"))
    assert "force" in left.detail
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["profile.db", STATE])
def test_a_database_of_another_program_is_destroyed_with_our_key_file(folder: Path, name: str) -> None:
    make(folder)
    ours = (folder / "key.json").read_bytes()
    foreign = {each: data for each, data in write_foreign(folder, name).items() if each.startswith(name)}
    (folder / "key.json").write_bytes(ours)
    receipt = erase(folder, None)
    assert entry(receipt, "profile key").level == "logical"
    assert f"{name}, {name}-shm, {name}-wal" in entry(receipt, "other files").detail
    if name == STATE:
        assert entry(receipt, "state").level == "unverified"
    assert contents(folder) == foreign


@pytest.mark.parametrize(
    "name",
    [
        "profile-0.db",
        f"{MAIN}.bak",
        f"x{MAIN}",
        f"{MAIN}\n",
        f"state-{'A' * 16}.db",
        f"cache-{'0' * 16}.db",
        "key.json2",
    ],
)
def test_a_file_with_nearly_the_name_of_a_vault_is_destroyed(folder: Path, name: str) -> None:
    make(folder)
    try:
        (folder / name).write_bytes(vault_bytes("somebody's"))
    except OSError:
        pytest.skip("no such names here")
    assert name in erase(folder, None, force=True).stores[-1].detail
    assert contents(folder) == {name: vault_bytes("somebody's")}


@pytest.mark.parametrize("data", [b"", b"x", noise(10_000, "half overwritten")])
def test_a_vault_that_was_cut_short_or_half_overwritten_stays(folder: Path, data: bytes) -> None:
    make(folder)
    (folder / EPOCHS[0]).write_bytes(data)
    erase(folder, None)
    assert not folder.exists()


def test_vaults_without_their_key_file_stay(folder: Path) -> None:
    make(folder)
    (folder / "key.json").unlink()
    assert entry(erase(folder, None), "profile key").level == "unverified"
    assert not folder.exists()


@pytest.mark.parametrize("name", ["profile.db", EPOCHS[1]])
def test_force_does_not_help_or_destroys_more_than_the_names(folder: Path, name: str) -> None:
    write_foreign(folder, name)
    (folder / "notes.txt").write_text("mine")
    assert erasable(folder, force=True)
    erase(folder, None, force=True)
    assert contents(folder) == {"notes.txt": b"mine"}


@pytest.mark.parametrize("name", ["key.json", STATE])
def test_a_folder_with_the_name_of_our_file_stops_an_erasure(folder: Path, name: str) -> None:
    make(folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    receipt = erase(folder, None, force=True)
    assert entry(receipt, "profile key" if name == "key.json" else "state").level == "unverified"
    assert listed(folder) == (name,)


def test_the_key_file_of_a_newer_homespun_is_taken_for_somebody_elses(folder: Path) -> None:
    make(folder)
    data = json.loads((folder / "key.json").read_text())
    (folder / "key.json").write_text(json.dumps({**data, "schema": 99, "more": True}))
    receipt = erase(folder, None)
    assert "other files" not in levels(receipt)
    # What opened it is not known to this version.
    assert entry(receipt, "profile key").level == "unverified"
    assert not folder.exists()


@pytest.mark.parametrize("files", [[], ["key.json"], ["../victim", "notes.txt", "key.json", f"../{MAIN}"]])
def test_a_forged_marker_spares_the_profile_or_destroys_more(folder: Path, files: list[str]) -> None:
    make(folder)
    for victim in ("victim", MAIN):
        (folder.parent / victim).write_text("mine")
    (folder / "notes.txt").write_text("mine")
    (folder / "erasing.json").write_bytes(msgspec.json.encode({"schema": 2, "files": files}))
    finish_interrupted_erasure(folder)
    assert contents(folder) == {"notes.txt": b"mine"}
    assert (folder.parent / "victim").read_text() == (folder.parent / MAIN).read_text() == "mine"


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize("with_key_file", [True, False])
def test_a_forged_marker_makes_it_delete_somebody_elses_keys(folder: Path, schema: int, *, with_key_file: bool) -> None:
    backend, keys = FakeKeyring(), MemoryKeyStore()
    other = "f" * 32
    make(folder, keys="outside", store=keys)
    keys.put(f"{other}/{STATE}", bytes(32))
    backend.entries["mail", "me"] = backend.entries["mail", f"me/{other}/x"] = "password"
    strange = KeyringEntry("mail", "me"), KeyringEntry("mail", f"me/{other}/x"), KeyringEntry("mail", "/")
    marker = {
        "schema": schema,
        "profile": other if with_key_file else "me",
        "source": "keyring",
        "keyring": strange[0],
        "slots": [{"source": "keyring", "entry": each, "seen": True} for each in strange],
        "pending": strange,
        "vaults": [{"name": f"../{other}/{STATE}", "seen": True}, {"name": STATE, "seen": True}],
        "keys": "outside",
    }
    (folder / ERASING).write_bytes(msgspec.json.encode(marker))
    if not with_key_file:
        (folder / "key.json").write_bytes(b"overwritten")
    receipt = finish_interrupted_erasure(folder, keyring=backend, key_store=keys)
    assert len(backend.entries) == 2
    assert f"{other}/{STATE}" in keys.keys
    assert entry(receipt, "profile key").level != "key_destroyed"
    if not with_key_file:
        assert "key_destroyed" not in levels(receipt).values()


@pytest.mark.parametrize("name", [f"../{'f' * 32}/{STATE}", "", MAIN, f"{STATE}\n"])
def test_a_marker_with_a_strange_vault_stops_the_erasure_or_reaches_further(folder: Path, name: str) -> None:
    keys = MemoryKeyStore()
    make(folder, keys="outside", store=keys)
    keys.keys.update({f"{'f' * 32}/{STATE}": bytes(32), f"{PROFILE}/{MAIN}": bytes(32)})
    kept = {f"{'f' * 32}/{STATE}", f"{PROFILE}/{MAIN}"}
    (folder / "key.json").write_bytes(b"overwritten")
    (folder / ERASING).write_bytes(msgspec.json.encode({"schema": 2, "profile": PROFILE, "vaults": [{"name": name}]}))
    assert finish_interrupted_erasure(folder, key_store=keys)
    assert set(keys.keys) == kept
    assert listed(folder) == ("key.json",)


def test_a_file_that_was_overwritten_before_the_crash_is_taken_for_somebody_elses(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)

    def crash(path: Path, **_: Any) -> None:
        raise OSError("the process dies here")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", crash)
        patch.setattr("homespun.profile.erasure_plan.write_atomically", lambda path, data: path.write_bytes(data))
        with pytest.raises(ProfileStorageError, match="dies"):
            erase(folder, None)
    with pytest.raises(json.JSONDecodeError):
        json.loads((folder / "key.json").read_text(errors="replace"))
    receipt = finish_interrupted_erasure(folder)
    assert {entry(receipt, store).level for store in ("profile key", "state", "events")} == {"logical"}
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
    receipt = erase(folder, None)
    key = entry(receipt, "profile key")
    assert key.level == "unverified"
    assert "another name" in key.detail
    assert "copy has parts of key.json" in entry(receipt, "copies nearby").detail
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
        if path.name == MAIN:
            raise OSError("the process dies here")
        return False

    with monkeypatch.context() as patch:
        patch.setattr(Plan, "write", die_later)
        patch.setattr("homespun.profile.erasure.overwrite", overwrite)
        with pytest.raises(ProfileStorageError):
            erase(folder, None)
    # Its name sorts before all vaults but after the key file's.
    assert written[-1].plain[0] == "key.json"
    assert not (folder / "key.json").exists()
    (tmp_path / "copy").unlink()
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
        receipt = erase(folder, None)
    assert entry(receipt, "profile key").level == "unverified"
    assert "could not be removed" in entry(receipt, "profile key").detail
    assert entry(finish_interrupted_erasure(folder), "profile key").level == "logical"


@pytest.mark.parametrize(
    ("lost", "store"), [("key.json", "profile key"), (MAIN, "consent and ledger"), (STATE, "state")]
)
def test_a_file_that_was_not_there_is_claimed_to_be_overwritten(folder: Path, lost: str, store: str) -> None:
    make(folder)
    (folder / lost).unlink()
    (folder / f"{lost}-wal").unlink(missing_ok=True)
    found = entry(erase(folder, None), store)
    assert found.level == "unverified"
    assert "There was no" in found.detail
    assert not folder.exists()


def test_a_main_database_that_was_replaced_passes_for_the_one_that_is_used(folder: Path) -> None:
    make(folder)
    (folder / f"profile-{'a' * 16}.db").write_bytes((folder / MAIN).read_bytes())
    for lost in (MAIN, f"{MAIN}-wal"):
        (folder / lost).unlink()
    receipt = erase(folder, None)
    assert entry(receipt, f"consent and ledger in {MAIN}").level == "unverified"
    assert entry(receipt, f"consent and ledger in profile-{'a' * 16}.db").level == "logical"


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
    data["slots"][0]["keyring"] = {"service": "mail", "username": "me"}
    (folder / "key.json").write_text(json.dumps(data))
    assert entry(erase(folder, None, keyring=backend), "profile key").level == "unverified"


# What is looked into


def test_a_database_that_the_host_has_open_loses_its_locks(folder: Path, tmp_path: Path) -> None:
    make(folder)
    # Somebody else's SQLite in this process, holding a lock while we look for copies.
    with closing(sqlite3.connect(tmp_path / "app.db", isolation_level=None)) as host:
        host.execute("CREATE TABLE t (x)")
        host.execute("BEGIN EXCLUSIVE")
        receipt = erase(folder, None)
        if sys.platform != "win32":
            assert entry(receipt, "copies nearby").level == "unverified"
            assert "open in this program: 1." in entry(receipt, "copies nearby").detail
            assert _is_locked_for_others(tmp_path / "app.db")
        host.execute("COMMIT")


_ASK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    database.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError:
    print("locked")
finally:
    database.close()
"""


def _is_locked_for_others(path: Path) -> bool:
    asked = subprocess.run([sys.executable, "-c", _ASK, path], capture_output=True, text=True, check=True)
    return asked.stdout.strip() == "locked"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.timeout(20)
def test_what_is_no_file_makes_the_search_wait_or_leave_the_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)
    # A socket's path must be short.
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "loop").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path / "far" / "copy")
    (tmp_path / "far" / "copy").write_bytes((folder / STATE).read_bytes())
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind("socket")
        # Neither is the folder beside it searched for files with other names than ours.
        assert entry(erase(folder, None), "copies nearby").level == "logical"


@pytest.mark.parametrize("bounds", [Bounds(size=10_000), Bounds(files=3), Bounds(folders=0)])
def test_a_search_that_stopped_early_passes_for_a_whole_one(folder: Path, tmp_path: Path, bounds: Bounds) -> None:
    make(folder)
    samples = take_samples(folder, VAULTS)
    for number in range(5):
        (tmp_path / f"file {number}").write_bytes(bytes(3000))
    make(tmp_path / "other", profile="f" * 32)
    found = find_remains(folder, samples, listed(folder), bounds)
    assert found.bounded
    assert found.size <= bounds.size
    assert not find_remains(folder, samples, listed(folder)).bounded


def test_a_file_that_cannot_be_read_passes_for_one_without_a_copy(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)
    (tmp_path / "protected").write_bytes((folder / STATE).read_bytes())

    def refuse(path: Path) -> Any:
        raise PermissionError(str(path))

    monkeypatch.setattr("homespun.profile.remains.open_regular", refuse)
    found = entry(erase(folder, None), "copies nearby")
    assert found.level == "unverified"
    assert "Not looked into" in found.detail


def test_a_folder_above_that_cannot_be_listed_stops_the_erasure(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)

    def refuse(place: Path) -> tuple[str, ...]:
        if place == tmp_path:
            raise PermissionError(str(place))
        return listed(place)

    monkeypatch.setattr("homespun.profile.remains.listed", refuse)
    assert entry(erase(folder, None), "copies nearby").level == "unverified"
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="nothing there depends on it")
def test_where_nobody_can_tell_what_is_open_files_are_closed_all_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr("homespun.profile.remains._descriptors", lambda: iter(()))
    assert "Not looked into" in entry(erase(folder, None), "copies nearby").detail


def test_files_that_a_cloud_keeps_are_fetched(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(folder)
    (tmp_path / "in the cloud").write_bytes((folder / STATE).read_bytes())
    monkeypatch.setattr("homespun.profile.remains._is_elsewhere", lambda status: stat.S_ISREG(status.st_mode))
    found = entry(erase(folder, None), "copies nearby")
    assert "Not looked into" in found.detail
    assert "in the cloud" not in found.detail


def test_a_sample_across_two_bytes_is_missed() -> None:
    needle = noise(32, "needle")
    needles = Needles({"file": (needle,)})
    for before in range(5):
        for after in range(3):
            assert needles.found_in(bytes(before) + needle + bytes(after)) == {"file"}
    for short in (b"", b"x", needle[:-1]):
        assert needles.found_in(short) == set()


def test_a_sample_across_two_blocks_is_missed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    needle = noise(32, "needle")
    for before in ((1 << 20) - 31, (1 << 20) - 16, (1 << 20) - 1, 1 << 20):
        (tmp_path / f"before {before}").write_bytes(bytes(before) + needle)
    assert len(find_remains(folder, {STATE: (needle,)}, ()).copies) == 4


def test_bytes_that_any_file_may_have_are_taken_as_samples(folder: Path) -> None:
    folder.mkdir()
    (folder / STATE).write_bytes(bytes(100_000))
    (folder / MAIN).write_bytes(b"x" * 10)
    (folder / "key.json").write_bytes(b"{}")
    assert take_samples(folder, [STATE, MAIN, "key.json", "missing"]) == {}


# Names that are none of ours, and the command


def test_a_folder_without_a_name_is_erased(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(folder)
    before = contents(folder)
    monkeypatch.chdir(folder)
    with pytest.raises(MisuseError, match="no name"):
        erase(Path(), None)
    assert command(Path()) == 1
    assert contents(folder) == before


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
    with create(Place(folder, Key.passphrase("quick"), QUICK), 1.0) as store:
        store.extend_consent(lambda _: (*ledger.records, *ledger.withdraw(Purpose.DEVICE_STORAGE, now=2)))
        options = ["--profile", str(folder), "--passphrase-file", str(folder.parent / "phrase")]
        assert main(["profile", "show", "--bundle", str(bundle_folder), *options]) == 0
        assert "erased once no other program has it open" in capsys.readouterr().out


# Nobody writes into the pipe: what waits for it never returns, and the time limit tells.
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["key.json", MAIN, STATE, EPOCHS[0]])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_instead_of_a_file_makes_it_wait_for_ever(folder: Path, name: str) -> None:
    make(folder)
    (folder / name).unlink()
    (folder / f"{name}-wal").unlink(missing_ok=True)
    os.mkfifo(folder / name)
    erase(folder, OpenStore(folder))
    assert listed(folder) == (name,)
    erase(folder, None, force=True)
    assert not folder.exists()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["key.json", MAIN])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_instead_of_a_file_makes_opening_wait_for_ever(folder: Path, name: str) -> None:
    make(folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    key = Key.bytes(RAW)
    with pytest.raises(DamagedProfileError, match=name):
        open_profile(Place(folder, key, QUICK), 1.0)
