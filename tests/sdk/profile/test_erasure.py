"""An erasure leaves something, or claims more than it did."""

import base64
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.errors import MisuseError, ProfileBusyError, ProfileStorageError
from homespun.profile.device_key import DeviceKey
from homespun.profile.erasure import COMPLETED_LATER, erase, finish_interrupted_erasure
from homespun.profile.files import ERASING, KEY, Entropy, listed
from homespun.profile.keys import Key
from homespun.profile.lock import FolderLock
from homespun.profile.opening import Place, create
from homespun.profile.schema import SCHEMAS, VaultKind
from homespun.profile.secret import Secret
from homespun.profile.tombstones import KeyringTombstones, is_erased
from homespun.profile.vault import create_vault
from homespun.protocol.events import Event
from homespun.protocol.receipts import OUT_OF_SCOPE, Receipt, verify
from tests.sdk.profile.erasing import (
    EPOCHS,
    MAIN,
    PROFILE,
    QUIET,
    STATE,
    VAULTS,
    MemoryKeyStore,
    MemoryTombstones,
    OpenStore,
    entry,
    levels,
    make,
    noise,
    raw_key,
    vault_bytes,
)
from tests.sdk.profile.support import QUICK, FakeKeyring, contents

DATA = ("consent and ledger", "state", "events")
VECTOR = Path(__file__).parents[2] / "vectors" / "1" / "profile"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


# Keys and levels


def test_an_open_profile_stays_or_stays_open(folder: Path) -> None:
    make(folder)
    store = OpenStore(folder)
    receipt = erase(folder, store)
    assert levels(receipt) == {"profile key": "logical", **dict.fromkeys(DATA, "logical"), **QUIET}
    assert receipt.profile == PROFILE
    assert not folder.exists()
    assert store.calls == ["truncate", "close"]


@pytest.mark.parametrize(
    ("key", "owner"), [(Key.passphrase("x"), "the passphrase"), (raw_key(), "the application's key")]
)
def test_a_key_that_lay_in_the_folder_is_claimed_to_be_destroyed(folder: Path, key: Key, owner: str) -> None:
    make(folder, key)
    found = entry(erase(folder, None), "profile key")
    assert found.level == "logical"
    assert "copy of the folder made earlier can still be opened" in found.detail
    assert owner in found.detail


def test_a_key_in_the_keyring_stays_or_somebody_elses_goes(tmp_path: Path) -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", backend=backend)
    make(tmp_path / "a", key, keys="outside", store=key.key_store(PROFILE))
    other = "f" * 32
    make(tmp_path / "b", key, keys="outside", store=key.key_store(other), profile=other)
    receipt = erase(tmp_path / "a", OpenStore(tmp_path / "a", backend))
    claimed = dict.fromkeys(("profile key", "database keys", *DATA), "key_destroyed")
    assert levels(receipt) == {**claimed, **QUIET}
    assert len(backend.entries) == 4
    assert all(other in username for _, username in backend.entries)


def test_nobody_can_erase_what_the_keyring_keeps_without_opening_the_profile(folder: Path) -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", backend=backend)
    make(folder, key, keys="outside", store=key.key_store(PROFILE))
    assert set(levels(erase(folder, None, keyring=backend)).values()) >= {"key_destroyed"}
    assert backend.entries == {}


def test_keys_in_the_applications_store_stay(folder: Path) -> None:
    store = MemoryKeyStore()
    make(folder, keys="outside", store=store)
    store.put(f"{'f' * 32}/{STATE}", b"x" * 32)
    receipt = erase(folder, None, key_store=store)
    assert levels(receipt) == {
        "profile key": "logical",
        "database keys": "key_destroyed",
        "consent and ledger": "logical",
        "state": "key_destroyed",
        "events": "key_destroyed",
        **QUIET,
    }
    assert list(store.keys) == [f"{'f' * 32}/{STATE}"]


def test_a_key_of_which_a_copy_lay_inside_is_claimed_to_be_destroyed(folder: Path) -> None:
    store = MemoryKeyStore()
    make(folder, keys="outside", store=store)
    index = {**dict.fromkeys(VAULTS[1:], True), EPOCHS[0]: False}
    receipt = erase(folder, OpenStore(folder, outside=index), key_store=store)
    assert entry(receipt, f"events in {EPOCHS[0]}").level == "logical"
    assert "kept inside the folder, now or earlier" in entry(receipt, f"events in {EPOCHS[0]}").detail
    assert entry(receipt, f"events in {EPOCHS[1]}").level == "key_destroyed"
    assert store.keys == {}


def test_a_recovery_key_keeps_copies_and_destruction_is_claimed(folder: Path) -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", backend=backend)
    make(folder, key, keys="outside", store=key.key_store(PROFILE), recovery=bytes(32))
    receipt = erase(folder, None, keyring=backend)
    claimed = dict.fromkeys(("profile key", *DATA), "logical")
    assert levels(receipt) == {**claimed, "database keys": "key_destroyed", **QUIET}
    assert "the recovery key" in entry(receipt, "profile key").detail
    assert backend.entries == {}


def test_keys_inside_the_main_database_are_claimed_to_be_destroyed(folder: Path) -> None:
    backend = FakeKeyring()
    make(folder, Key.keyring("app", backend=backend), keys="inside")
    receipt = erase(folder, None, keyring=backend)
    assert levels(receipt) == {
        "profile key": "key_destroyed",
        "consent and ledger": "key_destroyed",
        "state": "logical",
        "events": "logical",
        **QUIET,
    }


@pytest.mark.parametrize("fault", ["refuse", "sticky"])
def test_a_keyring_that_keeps_the_key_is_believed(folder: Path, fault: str) -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", backend=backend)
    make(folder, key, keys="outside", store=key.key_store(PROFILE))
    setattr(backend, fault, True)
    receipt = erase(folder, None, keyring=backend)
    assert levels(receipt) == {
        "profile key": "unverified",
        "database keys": "unverified",
        **dict.fromkeys(DATA, "logical"),
        **QUIET,
    }
    assert "may remain" in entry(receipt, "events").detail
    assert not folder.exists()


@pytest.mark.parametrize("fault", ["refuse", "sticky"])
def test_a_key_store_that_keeps_the_keys_is_believed(folder: Path, fault: str) -> None:
    store = MemoryKeyStore()
    make(folder, keys="outside", store=store)
    setattr(store, fault, True)
    receipt = erase(folder, None, key_store=store)
    assert entry(receipt, "database keys").level == "unverified"
    assert entry(receipt, "events").level == "logical"
    assert not folder.exists()


def test_keys_that_were_not_where_they_are_looked_for_are_claimed_to_be_destroyed(folder: Path) -> None:
    make(folder, Key.keyring("app", backend=FakeKeyring()), keys="outside")
    receipt = erase(folder, None, keyring=FakeKeyring())
    assert entry(receipt, "profile key").level == "unverified"
    assert entry(receipt, "database keys").level == "unverified"
    assert entry(receipt, "events").level == "logical"


def test_without_the_key_store_its_keys_are_claimed_to_be_destroyed(folder: Path) -> None:
    make(folder, keys="outside", store=MemoryKeyStore())
    receipt = erase(folder, None)
    assert "no key store was given" in entry(receipt, "database keys").detail
    assert entry(receipt, "state").level == "logical"


def test_a_changed_key_file_makes_it_delete_somebody_elses_password(folder: Path) -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", backend=backend)
    make(folder, key)
    backend.entries["mail", "me"] = backend.entries["mail", f"me/{'f' * 32}"] = "password"
    data = json.loads((folder / "key.json").read_text())
    data["slots"][0]["keyring"] = {"service": "mail", "username": "me"}
    data["pending"] = [{"service": "mail", "username": f"me/{'f' * 32}"}]
    (folder / "key.json").write_text(json.dumps(data))
    receipt = erase(folder, None, keyring=backend)
    assert [name for name, _ in backend.entries].count("mail") == 2
    assert "key_destroyed" not in levels(receipt).values()


def test_an_entry_that_was_pending_when_the_key_was_changed_stays(folder: Path) -> None:
    backend = FakeKeyring()
    file = make(folder, Key.keyring("app", backend=backend))
    pending = msgspec.structs.replace(file.entries[0], username=f"homespun/{PROFILE}/{'a' * 8}")
    backend.entries[pending.service, pending.username] = "00" * 32
    (folder / "key.json").write_bytes(msgspec.structs.replace(file, pending=(pending,)).encode())
    assert entry(erase(folder, None, keyring=backend), "profile key").level == "key_destroyed"
    assert backend.entries == {}


def test_keys_of_vaults_without_a_file_stay(folder: Path) -> None:
    store = MemoryKeyStore()
    make(folder, keys="outside", store=store)
    (folder / EPOCHS[0]).unlink()
    (folder / f"{EPOCHS[0]}-wal").unlink()
    # Of this one only the log is left, which names it all the same.
    (folder / EPOCHS[1]).unlink()
    receipt = erase(folder, OpenStore(folder), key_store=store)
    assert store.keys == {}
    assert entry(receipt, f"events in {EPOCHS[0]}").level == "key_destroyed"
    assert "may be kept elsewhere" in entry(receipt, f"events in {EPOCHS[0]}").detail


def test_a_profile_without_events_is_said_to_have_lost_them(folder: Path) -> None:
    make(folder)
    for name in (*EPOCHS, *(f"{name}-wal" for name in EPOCHS)):
        (folder / name).unlink()
    receipt = erase(folder, OpenStore(folder, outside={STATE: False}))
    assert entry(receipt, "events").level == "logical"
    assert "none" in entry(receipt, "events").detail


def test_what_vaults_there_were_is_claimed_to_be_known(folder: Path) -> None:
    make(folder)
    for name in EPOCHS:
        (folder / name).unlink()
        (folder / f"{name}-wal").unlink()
    assert entry(erase(folder, None), "events").level == "unverified"


# Who signs, and what is out of scope


def test_the_receipt_is_not_signed_by_the_device(folder: Path) -> None:
    make(folder)
    key = DeviceKey(Secret(bytes(range(32))))
    receipt = erase(folder, None, device_key=key, clock=lambda: 1.5, released=[("weekly counts", "0.5")])
    verify(receipt, public_key=key.public_key)
    assert (receipt.signer, receipt.time, receipt.scope) == ("device", "1.500000", "everything")
    assert "weekly counts (ε = 0.5)" in receipt.out_of_scope[-1]
    assert set(OUT_OF_SCOPE) < set(receipt.out_of_scope)


def test_a_profile_that_nobody_could_open_gets_no_signature(folder: Path) -> None:
    make(folder)
    first = erase(folder, None)
    make(folder)
    second = erase(folder, None)
    assert first.signer == second.signer == "fresh"
    assert first.public_key != second.public_key
    assert "unknown" in first.out_of_scope[-1]
    verify(first)


# Files


def test_files_of_others_are_destroyed_or_not_reported(folder: Path) -> None:
    make(folder)
    (folder / "notes.txt").write_text("mine")
    receipt = erase(folder, None)
    assert entry(receipt, "other files").level == "unverified"
    assert "notes.txt" in entry(receipt, "other files").detail
    assert contents(folder) == {"notes.txt": b"mine"}


@pytest.mark.parametrize("name", ["key.json", MAIN, STATE, f"{EPOCHS[0]}-wal"])
@pytest.mark.parametrize("kind", ["symlink_to", "hardlink_to"])
def test_a_link_in_the_folder_makes_it_overwrite_somebody_elses_file(
    folder: Path, tmp_path: Path, name: str, kind: str
) -> None:
    make(folder)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (folder / name).unlink()
    try:
        getattr(folder / name, kind)(victim)
    except OSError:
        pytest.skip("links are not allowed here")
    found = levels(erase(folder, None))
    assert victim.read_text() == "mine"
    store = {"key.json": "profile key", MAIN: "consent and ledger", STATE: "state"}.get(name, f"events in {EPOCHS[0]}")
    assert found[store] == "unverified"
    assert not folder.exists()


def test_what_is_removed_was_not_overwritten_before_or_the_keys_go_last(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = MemoryKeyStore()
    make(folder, keys="outside", store=keys)
    before = contents(folder)
    removed = {}
    unlink = Path.unlink

    def watched(path: Path, **options: Any) -> None:
        assert path.suffix == ".partial" or not keys.keys
        if path.exists() and path.name not in ("profile.lock", ERASING):
            removed[path.name] = path.read_bytes()
        unlink(path, **options)

    class Watched(OpenStore):
        def truncate_logs(self) -> tuple[str, ...]:
            assert not keys.keys
            assert contents(folder).keys() == {*before, ERASING}
            return super().truncate_logs()

    monkeypatch.setattr(Path, "unlink", watched)
    store = Watched(folder)
    erase(folder, store, key_store=keys)
    assert store.calls == ["truncate", "close"]
    assert next(iter(removed)) == "key.json"
    assert removed.keys() == before.keys()
    for name, data in before.items():
        assert len(removed[name]) == len(data)
        assert not any(data[at : at + 16] in removed[name] for at in range(0, len(data) - 16, 16))


def test_a_busy_log_passes_for_an_empty_one(folder: Path) -> None:
    make(folder)
    receipt = erase(folder, OpenStore(folder, busy=(STATE,)))
    assert levels(receipt)["state"] == "unverified"
    assert "still using the log" in entry(receipt, "state").detail
    assert levels(receipt)["events"] == "logical"


def test_a_profile_that_fails_while_its_logs_are_emptied_stays(folder: Path) -> None:
    keys = MemoryKeyStore()
    make(folder, keys="outside", store=keys)
    receipt = erase(folder, OpenStore(folder, fault=True), key_store=keys)
    assert entry(receipt, "consent and ledger").level == "unverified"
    assert entry(receipt, "state").level == "key_destroyed"
    assert "still using the log" in entry(receipt, "state").detail
    assert not folder.exists()


def test_a_profile_that_somebody_else_has_open_is_half_erased(folder: Path) -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", backend=backend)
    make(folder, key, keys="outside", store=key.key_store(PROFILE))
    before, entries, tombstones = contents(folder), dict(backend.entries), MemoryTombstones()
    with FolderLock.shared(folder, 50):
        mine = OpenStore(folder, backend)
        with pytest.raises(ProfileBusyError, match="Nothing was changed"):
            erase(folder, mine, settings=QUICK, tombstones=tombstones)
    assert not mine.is_open
    assert contents(folder) == before
    assert backend.entries == entries
    assert tombstones.macs == {}


def test_a_profile_that_was_exchanged_is_erased_in_place_of_the_open_one(folder: Path, tmp_path: Path) -> None:
    make(folder)
    store = OpenStore(folder)
    shutil.rmtree(folder)
    make(folder, profile="f" * 32)
    before = contents(folder)
    with pytest.raises(ProfileStorageError, match="not in"):
        erase(folder, store)
    assert store.is_open
    assert contents(folder) == before
    with pytest.raises(ProfileBusyError):
        erase(folder, None, profile=PROFILE)
    assert contents(folder) == before
    store.close()


@pytest.mark.parametrize("data", [b"", b"{", b'{"schema": 99}'])
def test_a_person_whose_key_file_is_useless_cannot_erase(folder: Path, data: bytes) -> None:
    make(folder)
    (folder / "key.json").write_bytes(data)
    receipt = erase(folder, None)
    assert levels(receipt) == {
        "profile key": "unverified",
        **dict.fromkeys(DATA, "logical"),
        "other files": "unverified",
        **QUIET,
    }
    assert "key.json" in entry(receipt, "other files").detail
    assert contents(folder) == {"key.json": data}
    erase(folder, None, force=True)
    assert not folder.exists()


def test_a_folder_without_a_profile_is_touched(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert erase(tmp_path, None).stores == ()
    assert erase(tmp_path / "missing", None).stores == ()
    assert finish_interrupted_erasure(tmp_path) is None
    assert finish_interrupted_erasure(tmp_path / "missing", tombstones=MemoryTombstones()) is None
    assert listed(tmp_path) == ("file",)


def test_erasing_twice_finds_something_the_second_time(folder: Path) -> None:
    make(folder)
    store = OpenStore(folder)
    assert erase(folder, store).stores
    again = erase(folder, store)
    assert again.stores == ()
    assert "nothing to erase" in str(again)


def test_a_profile_in_memory_stays_open(folder: Path) -> None:
    folder.mkdir()
    store = OpenStore(folder)
    store.place = None  # type: ignore[assignment] # as an ephemeral profile has it
    receipt = erase(None, store)
    assert levels(receipt) == {"profile": "logical"}
    assert (store.is_open, receipt.profile) == (False, PROFILE)


def test_real_vaults_are_taken_for_somebody_elses(folder: Path) -> None:
    folder.mkdir()
    for kind, name in zip(VaultKind, VAULTS, strict=False):
        create_vault(folder / name, Secret(noise(32, name)), SCHEMAS[kind], QUICK).close()
    assert set(listed(folder)) >= {MAIN, STATE, EPOCHS[0]}
    assert levels(erase(folder, None))["events"] == "logical"
    assert not folder.exists()


def test_a_profile_of_version_1_stays(folder: Path) -> None:
    shutil.copytree(VECTOR, folder)
    tombstones = MemoryTombstones()
    receipt = erase(folder, None, tombstones=tombstones)
    assert levels(receipt) == {
        "profile key": "logical",
        "events and consent records": "logical",
        "tombstone": "logical",
        "copies nearby": "logical",
    }
    assert not folder.exists()
    shutil.copytree(VECTOR, folder)
    assert finish_interrupted_erasure(folder, tombstones=tombstones)
    assert not folder.exists()


def test_keys_of_a_profile_whose_creation_was_interrupted_stay(folder: Path) -> None:
    keys = MemoryKeyStore()
    make(folder, keys="outside", store=keys)
    (folder / "key.json").unlink()
    (folder / "preparing.json").write_bytes(msgspec.json.encode({"profile": PROFILE}))
    receipt = erase(folder, None, key_store=keys)
    assert keys.keys == {}
    assert not folder.exists()
    # No key file says that they were nowhere else.
    assert entry(receipt, "state").level == "logical"


@pytest.mark.parametrize("kind", ["keyring", "store", "inside"])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_real_profile_is_claimed_to_be_more_or_less_erased(folder: Path, kind: str, *, is_open: bool) -> None:
    backend, keys = FakeKeyring(), MemoryKeyStore()
    key = Key.keyring("app", backend=backend) if kind == "keyring" else raw_key()
    key_store = keys if kind == "store" else None
    store = create(Place(folder, key, QUICK, key_store=key_store), 1.0)
    store.add_events_if(lambda _: True, [Event("film")], 2.0)
    assert any(name.startswith("epoch") for name in listed(folder))
    device_key, profile = store.device_key, store.profile_id
    if not is_open:
        store.close()
    receipt = erase(
        folder,
        store,
        keyring=key.keyring_backend,
        key_store=key_store,
        tombstones=key.tombstones(),
        device_key=device_key,
    )
    verify(receipt, public_key=device_key.public_key)
    found = levels(receipt)
    assert (receipt.profile, store.is_open, folder.exists()) == (profile, False, False)
    main = "key_destroyed" if kind == "keyring" else "logical"
    assert found["profile key"] == found["consent and ledger"] == main
    assert found["state"] == found["events"] == ("logical" if kind == "inside" else "key_destroyed")
    assert found["copies nearby"] == "logical"
    assert keys.keys == {}
    assert [username for _, username in backend.entries] == [f"homespun/{profile}/erased"] * (kind == "keyring")


# Tombstones


def test_a_restored_backup_opens_again_or_takes_a_fresh_profile_with_it(folder: Path, tmp_path: Path) -> None:
    backend, keys = FakeKeyring(), MemoryKeyStore()
    tombstones = KeyringTombstones(backend, "app", "homespun")
    file = make(folder, keys="outside", store=keys)
    shutil.copytree(folder, tmp_path / "elsewhere" / "backup")
    receipt = erase(folder, OpenStore(folder), tombstones=tombstones, key_store=keys)
    assert entry(receipt, "tombstone").level == "logical"
    assert "the keyring" in entry(receipt, "tombstone").detail
    assert list(backend.entries) == [("app", f"homespun/{PROFILE}/erased")]
    shutil.copytree(tmp_path / "elsewhere" / "backup", folder)
    assert is_erased(tombstones, file)
    later = finish_interrupted_erasure(folder, tombstones=tombstones, key_store=keys)
    assert levels(later)["profile key"] == "logical"
    assert later is not None
    assert (later.scope, later.signer, later.profile) == (COMPLETED_LATER, "fresh", PROFILE)
    assert not folder.exists()
    make(folder, profile="f" * 32)
    before = contents(folder)
    assert finish_interrupted_erasure(folder, tombstones=tombstones) is None
    assert contents(folder) == before


def test_a_forged_tombstone_erases_a_profile(folder: Path) -> None:
    make(folder)
    tombstones = MemoryTombstones()
    tombstones.add(PROFILE, bytes(32))
    assert finish_interrupted_erasure(folder, tombstones=tombstones) is None
    assert folder.exists()


def test_a_tombstone_that_was_not_kept_is_claimed(folder: Path) -> None:
    make(folder)
    tombstones = MemoryTombstones()
    tombstones.forgetful = True
    found = entry(erase(folder, None, tombstones=tombstones), "tombstone")
    assert found.level == "unverified"
    assert "not remembered" in found.detail
    assert not folder.exists()


def test_the_tombstone_names_more_than_the_random_id(folder: Path) -> None:
    file = make(folder)
    tombstones = MemoryTombstones()
    erase(folder, None, tombstones=tombstones)
    ((profile, check),) = tombstones.macs.items()
    assert profile == PROFILE
    assert len(check) == 32
    assert check not in (file.token, file.encode())


# Interruptions


@pytest.mark.parametrize("marker", [b"{}", b"", b"not json", b"[" * 100_000, None])
def test_an_interrupted_erasure_is_forgotten(folder: Path, marker: bytes | None) -> None:
    backend = FakeKeyring()
    make(folder, Key.keyring("app", backend=backend))
    plan = {"schema": 1, "profile": PROFILE, "source": "keyring"}
    (folder / ERASING).write_bytes(msgspec.json.encode(plan) if marker is None else marker)
    receipt = finish_interrupted_erasure(folder, keyring=backend)
    # The key file is still there, so no marker can hide what it says.
    assert entry(receipt, "profile key").level == "key_destroyed"
    assert not folder.exists()


def test_keys_are_not_proven_destroyed_because_the_erasure_was_interrupted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, tombstones = FakeKeyring(), MemoryTombstones()
    key = Key.keyring("app", backend=backend)
    make(folder, key, keys="outside", store=key.key_store(PROFILE))

    def fail(path: Path, entropy: Entropy) -> None:
        raise OSError("the disk fails")

    with monkeypatch.context() as patch:
        patch.setattr("homespun.profile.erasure.overwrite", fail)
        store = OpenStore(folder, backend)
        with pytest.raises(ProfileStorageError, match="disk fails"):
            erase(folder, store, tombstones=tombstones)
    assert not store.is_open
    assert backend.entries == {}
    (folder / "key.json").write_bytes(b"overwritten")
    receipt = finish_interrupted_erasure(folder, keyring=backend, tombstones=tombstones)
    claimed = dict.fromkeys(("profile key", "database keys", *DATA), "key_destroyed")
    assert levels(receipt) == {**claimed, "tombstone": "logical", "copies nearby": "logical"}
    assert not folder.exists()


def test_files_that_cannot_be_removed_are_not_reported_or_not_removed_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)
    unlink = Path.unlink

    def stubborn(path: Path, **options: Any) -> None:
        if path.name == STATE:
            raise PermissionError("open elsewhere")
        unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stubborn)
        receipt = erase(folder, None)
    assert levels(receipt)["state"] == "unverified"
    assert STATE in entry(receipt, "state").detail
    assert set(contents(folder)) == {STATE, ERASING}
    assert levels(finish_interrupted_erasure(folder))["state"] == "logical"
    assert not folder.exists()


class _Death:
    """Ends the process, as far as the code under test can see, at one of its changes to the world."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps = 0

    def before(self, call: Any) -> Any:
        def dying(*arguments: Any, **options: Any) -> Any:
            self.steps += 1
            if self.steps == self.at:
                raise KeyboardInterrupt
            return call(*arguments, **options)

        return dying


def _erase_and_die(
    folder: Path, death: _Death, keys: MemoryKeyStore, tombstones: MemoryTombstones, backend: FakeKeyring
) -> None:
    changes = (
        (Path, "unlink"),
        (Path, "replace"),
        (MemoryKeyStore, "delete"),
        (MemoryTombstones, "add"),
        (FakeKeyring, "delete_password"),
        (OpenStore, "truncate_logs"),
    )
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in changes:
            patch.setattr(owner, name, death.before(getattr(owner, name)))
        patch.setattr("homespun.profile.files._sync", death.before(os.fsync))
        store = OpenStore(folder, backend)
        with suppress(KeyboardInterrupt):
            erase(folder, store, key_store=keys, tombstones=tombstones)
        assert not store.is_open


def test_a_later_run_leaves_something_after_a_death_at_any_step(folder: Path) -> None:
    for at in range(1, 400):
        keys, tombstones, backend, death = MemoryKeyStore(), MemoryTombstones(), FakeKeyring(), _Death(at)
        make(folder, Key.keyring("app", backend=backend), keys="outside", store=keys)
        _erase_and_die(folder, death, keys, tombstones, backend)
        if ERASING in listed(folder):
            receipt = finish_interrupted_erasure(folder, keyring=backend, key_store=keys, tombstones=tombstones)
            assert "unverified" not in levels(receipt).values()
            assert not folder.exists()
        if KEY in listed(folder):
            # It died before the plan was there: nothing was destroyed.
            assert (len(keys.keys), len(backend.entries), tombstones.macs) == (3, 1, {})
        else:
            # At most the lock is left of it.
            assert set(listed(folder)) <= {"profile.lock"}
            assert (keys.keys, backend.entries, list(tombstones.macs)) == ({}, {}, [PROFILE])
        shutil.rmtree(folder, ignore_errors=True)
        if death.steps < at:
            break
    assert death.steps > 25


# Copies


@pytest.mark.parametrize("place", ["profile/old.bin", "beside.bin", "beside folder/key.json", "profile/deep/er/x"])
@pytest.mark.parametrize("shift", [0, 1, 511])
def test_a_copy_under_another_name_is_missed(folder: Path, tmp_path: Path, place: str, shift: int) -> None:
    make(folder)
    copy = tmp_path / place
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(bytes(shift) + (folder / EPOCHS[0]).read_bytes() + b"more")
    kept = copy.read_bytes()
    receipt = erase(folder, None)
    found = entry(receipt, "copies nearby")
    assert found.level == "unverified"
    assert f"{place} has parts of {EPOCHS[0]}" in found.detail
    assert entry(receipt, f"events in {EPOCHS[0]}").level == "unverified"
    assert entry(receipt, f"events in {EPOCHS[1]}").level == "logical"
    assert copy.read_bytes() == kept


def test_a_copy_hides_that_the_key_is_destroyed(folder: Path, tmp_path: Path) -> None:
    keys = MemoryKeyStore()
    make(folder, keys="outside", store=keys)
    shutil.copy(folder / EPOCHS[0], tmp_path / "copy")
    receipt = erase(folder, None, key_store=keys)
    # It cannot be read any more, which is what the level says; and still it is named.
    assert entry(receipt, f"events in {EPOCHS[0]}").level == "key_destroyed"
    assert "copy" in entry(receipt, f"events in {EPOCHS[0]}").detail
    assert entry(receipt, "copies nearby").level == "unverified"


def test_a_copy_of_the_key_file_from_before_a_change_of_passphrase_is_missed(folder: Path, tmp_path: Path) -> None:
    file = make(folder, Key.passphrase("old"))
    (tmp_path / "key.json.bak").write_bytes((folder / "key.json").read_bytes())
    changed = Key.passphrase("new").reseal(file, Secret(bytes(32)), settings=QUICK, entropy=os.urandom)
    (folder / "key.json").write_bytes(changed.encode())
    receipt = erase(folder, None)
    assert entry(receipt, "profile key").level == "unverified"
    assert "key.json.bak" in entry(receipt, "profile key").detail


def test_another_profile_nearby_passes_for_a_copy(folder: Path, tmp_path: Path) -> None:
    make(folder)
    make(tmp_path / "other", profile="f" * 32)
    (tmp_path / "zeros").write_bytes(bytes(100_000))
    (tmp_path / "text").write_text("the quick brown fox\n" * 1000)
    assert entry(erase(folder, None), "copies nearby").level == "logical"


def test_a_marker_keeps_the_whole_wrapped_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(folder)
    written = []
    write = Path.replace

    def watched(path: Path, target: Path) -> Path:
        written.append(path.read_bytes())
        return write(path, target)

    monkeypatch.setattr(Path, "replace", watched)
    erase(folder, None)
    plan = msgspec.json.decode(written[0])
    assert plan["samples"].keys() >= {"key.json", *VAULTS}
    samples = b"".join(base64.b64decode(sample) for sample in plan["samples"]["key.json"])
    for secret in (file.slots[0].wrapped, file.token):
        parts = [base64.b64encode(secret[at : at + 3]) for at in range(0, len(secret) - 2, 3)]
        assert 1 < sum(part in samples for part in parts) < len(parts)


def test_a_copy_is_not_seen_after_an_interruption(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)
    shutil.copy(folder / STATE, tmp_path / "copy")

    def crash(*_: Any) -> None:
        raise OSError("the process dies here")

    with monkeypatch.context() as patch:
        patch.setattr("homespun.profile.erasure.find_remains", crash)
        with pytest.raises(ProfileStorageError):
            erase(folder, None)
    assert "copy" in entry(finish_interrupted_erasure(folder), "copies nearby").detail


def test_a_vault_that_is_only_part_of_a_file_is_missed(folder: Path, tmp_path: Path) -> None:
    make(folder)
    big = vault_bytes("big", pages=3000)
    (folder / EPOCHS[0]).write_bytes(big)
    # Half of it, across the blocks that are read at once.
    (tmp_path / "half").write_bytes(noise((1 << 20) - 100_000, "before") + big[: len(big) // 2])
    assert "half" in entry(erase(folder, None), "copies nearby").detail


def test_an_empty_folder_name_is_erased() -> None:
    with pytest.raises(MisuseError, match="no name"):
        erase(Path(), None)


def test_a_receipt_for_the_person_does_not_survive_writing(folder: Path) -> None:
    make(folder)
    receipt = erase(folder, None)
    again = msgspec.json.decode(msgspec.json.encode(receipt), type=Receipt)
    assert again == receipt
    verify(again)
