import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.errors import ClosedError, MisuseError, ProfileBusyError, ProfileStorageError
from homespun.profile import Key, ProfileStore, erase, finish_interrupted_erasure, profile_id
from homespun.profile.files import Entropy
from homespun.protocol.receipts import OUT_OF_SCOPE, Receipt, StoreErasure
from tests.sdk.profile.support import EVENTS, QUICK, FakeKeyring, contents, raw_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


def make(folder: Path, key: Key | None = None, *, close: bool = True) -> ProfileStore:
    store = ProfileStore.create(folder, key or raw_key(), settings=QUICK)
    store.add_events(EVENTS)
    if close:
        store.close()
    return store


def levels(outcome: tuple[StoreErasure, ...]) -> dict[str, str]:
    return {entry.store: entry.level for entry in outcome}


def test_an_open_profile_is_gone_and_closed(folder: Path) -> None:
    store = make(folder, close=False)
    outcome = erase(folder, store)
    assert levels(outcome) == {"profile key": "logical", "events and consent records": "logical"}
    assert not folder.exists()
    with pytest.raises(ClosedError):
        store.events()


@pytest.mark.parametrize(
    ("key", "owner"), [(Key.passphrase("x"), "the passphrase"), (raw_key(), "the application's key")]
)
def test_a_key_that_lay_in_the_folder_is_never_claimed_to_be_destroyed(
    folder: Path, key: Key | None, owner: str
) -> None:
    make(folder, key)
    entry, _ = erase(folder, None)
    assert entry.level == "logical"
    assert "copy of the folder made earlier can still be opened" in entry.detail
    assert owner in entry.detail


def test_a_key_in_the_keyring_is_destroyed_and_nobody_elses_is(tmp_path: Path) -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", backend=backend)
    store = make(tmp_path / "a", key, close=False)
    make(tmp_path / "b", key)
    assert set(levels(erase(tmp_path / "a", store)).values()) == {"key_destroyed"}
    assert set(backend.entries) == {("app", f"homespun/{profile_id(tmp_path / 'b')}")}
    ProfileStore.open(tmp_path / "b", key).close()


@pytest.mark.parametrize("fault", ["refuse", "sticky"])
def test_a_keyring_that_keeps_the_key_is_not_believed(folder: Path, fault: str) -> None:
    backend = FakeKeyring()
    make(folder, Key.keyring("app", backend=backend))
    setattr(backend, fault, True)
    outcome = erase(folder, None, keyring=backend)
    assert levels(outcome) == {"profile key": "unverified", "events and consent records": "logical"}
    assert not folder.exists()


def test_a_key_that_was_not_in_the_keyring_is_not_claimed_to_be_destroyed(folder: Path) -> None:
    make(folder, Key.keyring("app", backend=FakeKeyring()))
    outcome = erase(folder, None, keyring=FakeKeyring())
    assert levels(outcome)["profile key"] == "unverified"


def test_a_changed_key_file_does_not_make_it_delete_somebody_elses_password(folder: Path) -> None:
    backend = FakeKeyring()
    make(folder, Key.keyring("app", backend=backend))
    backend.entries["mail", "me"] = "password"
    data = json.loads((folder / "key.json").read_text())
    data["keyring"] = {"service": "mail", "username": "me"}
    (folder / "key.json").write_text(json.dumps(data))
    outcome = erase(folder, None, keyring=backend)
    assert ("mail", "me") in backend.entries
    assert "key_destroyed" not in levels(outcome).values()


def test_files_of_others_are_left_alone_and_reported(folder: Path) -> None:
    make(folder)
    (folder / "notes.txt").write_text("mine")
    outcome = erase(folder, None)
    assert outcome[2] == StoreErasure("other files", "unverified", outcome[2].detail)
    assert "notes.txt" in outcome[2].detail
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["key.json", "profile.db", "profile.db-wal"])
@pytest.mark.parametrize("kind", ["symlink_to", "hardlink_to"])
def test_a_link_in_the_folder_does_not_make_it_overwrite_somebody_elses_file(
    folder: Path, tmp_path: Path, name: str, kind: str
) -> None:
    make(folder)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (folder / name).unlink(missing_ok=True)
    try:
        getattr(folder / name, kind)(victim)
    except OSError:
        pytest.skip("links are not allowed here")
    outcome = erase(folder, None)
    assert victim.read_text() == "mine"
    store = "profile key" if name == "key.json" else "events and consent records"
    assert levels(outcome)[store] == "unverified"
    assert not folder.exists()


def test_what_is_removed_was_overwritten_before_and_the_key_goes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(folder, close=False)
    before = contents(folder)
    removed = {}
    unlink = Path.unlink

    def watched(path: Path, **options: Any) -> None:
        if path.exists():
            removed[path.name] = path.read_bytes()
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", watched)
    erase(folder, store)
    assert next(iter(removed)) == "key.json"
    for name in ("key.json", "profile.db", "profile.db-wal"):
        assert before[name]
        assert len(removed[name]) == len(before[name])
        assert not any(before[name][at : at + 16] in removed[name] for at in range(0, len(before[name]) - 16, 16))


def test_a_profile_that_somebody_else_has_open_is_not_half_erased(folder: Path) -> None:
    make(folder)
    with ProfileStore.open(folder, raw_key()) as other:
        mine = ProfileStore.open(folder, raw_key())
        with pytest.raises(ProfileBusyError, match="Nothing was changed"):
            erase(folder, mine, settings=QUICK)
        assert other.events() == EVENTS
        other.add_event(EVENTS[0])
    with ProfileStore.open(folder, raw_key()) as again:
        assert len(again.events()) == len(EVENTS) + 1


@pytest.mark.parametrize("data", [b"", b"{", b'{"schema": 99}'])
def test_a_person_whose_key_file_is_useless_can_still_erase(folder: Path, data: bytes) -> None:
    make(folder)
    (folder / "key.json").write_bytes(data)
    outcome = erase(folder, None)
    assert levels(outcome) == {
        "profile key": "unverified",
        "events and consent records": "logical",
        "other files": "unverified",
    }
    assert "key.json" in outcome[2].detail
    assert contents(folder) == {"key.json": data}
    erase(folder, None, force=True)
    assert not folder.exists()


def test_a_folder_without_a_profile_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert erase(tmp_path, None) == ()
    assert erase(tmp_path / "missing", None) == ()
    assert finish_interrupted_erasure(tmp_path) == ()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_erasing_twice_finds_nothing_the_second_time(folder: Path) -> None:
    store = make(folder, close=False)
    assert erase(folder, store)
    assert erase(folder, store) == ()


def test_a_profile_in_memory_is_closed() -> None:
    store = ProfileStore.create(None, Key.ephemeral())
    (entry,) = erase(None, store)
    assert entry.level == "logical"
    with pytest.raises(ClosedError):
        store.events()


@pytest.mark.parametrize("marker", [b"{}", b"", b"not json", None])
def test_an_interrupted_erasure_is_completed_before_anything_else(folder: Path, marker: bytes | None) -> None:
    make(folder)
    plan = {"schema": 1, "profile": profile_id(folder), "source": "bytes"}
    (folder / "erasing.json").write_bytes(msgspec.json.encode(plan) if marker is None else marker)
    assert not ProfileStore.exists(folder)
    with pytest.raises(MisuseError, match="no profile"):
        ProfileStore.open(folder, raw_key())
    assert not folder.exists()


def test_creating_after_an_interrupted_erasure_starts_empty(folder: Path) -> None:
    make(folder)
    (folder / "erasing.json").write_bytes(b"{}")
    with ProfileStore.create(folder, raw_key()) as store:
        assert store.events() == []
    assert sorted(contents(folder)) == ["key.json", "profile.db"]


def test_a_keyring_key_is_still_proven_destroyed_when_the_erasure_was_interrupted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FakeKeyring()
    make(folder, Key.keyring("app", backend=backend))

    def fail(path: Path, entropy: Entropy) -> None:
        raise OSError("the disk fails")

    with monkeypatch.context() as patch:
        patch.setattr("homespun.profile.erasure.overwrite", fail)
        with pytest.raises(ProfileStorageError, match="disk fails"):
            erase(folder, None, keyring=backend)
    assert backend.entries == {}
    outcome = finish_interrupted_erasure(folder, keyring=backend)
    assert set(levels(outcome).values()) == {"key_destroyed"}
    assert not folder.exists()


def test_files_that_cannot_be_removed_are_reported_and_removed_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)
    unlink = Path.unlink

    def stubborn(path: Path, **options: Any) -> None:
        if path.name == "profile.db":
            raise PermissionError("open elsewhere")
        unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stubborn)
        outcome = erase(folder, None)
        assert levels(outcome)["events and consent records"] == "unverified"
        assert "profile.db" in outcome[1].detail
        for use in (ProfileStore.create, ProfileStore.open):
            with pytest.raises(ProfileStorageError, match="being erased"):
                use(folder, raw_key())
    assert finish_interrupted_erasure(folder)
    assert not folder.exists()


def test_a_receipt_cannot_hide_what_nobody_can_know() -> None:
    receipt = Receipt(profile="0" * 32, time=1.5, stores=())
    assert receipt.out_of_scope == OUT_OF_SCOPE
    assert msgspec.json.decode(msgspec.json.encode(receipt), type=Receipt) == receipt
    assert Receipt(profile="", time=0, stores=(), out_of_scope=(*OUT_OF_SCOPE, "more")).out_of_scope[-1] == "more"
    told = " ".join(OUT_OF_SCOPE)
    assert all(word in told for word in ("APFS", "btrfs", "ZFS", "swap", "hibernation", "core dumps", "Snapshots"))
    with pytest.raises(MisuseError, match="wear levelling"):
        Receipt(profile="", time=0, stores=(), out_of_scope=OUT_OF_SCOPE[1:])
