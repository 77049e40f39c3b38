"""Somebody who kept an old copy of the folder, and a receipt that says that nobody can read it any more."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import homespun as hs
from homespun.errors import DamagedProfileError
from homespun.protocol.receipts import Receipt
from tests.sdk.people import BOTH, Machine, items_of
from tests.sdk.profile.support import FakeKeyring, opened, raw_key, vaults_of

VECTOR_1 = Path(__file__).parents[2] / "vectors" / "1" / "profile"


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path / "machine", bundle)


class Cupboard:
    """A key store in memory."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.stuck = False

    def get(self, name: str, /) -> bytes | None:
        return self.keys.get(name)

    def put(self, name: str, secret: bytes, /) -> None:
        self.keys[name] = secret

    def delete(self, name: str, /) -> None:
        if self.stuck:
            raise RuntimeError("the cupboard is locked")
        del self.keys[name]


def level(receipt: Receipt, start: str) -> set[str]:
    return {store.level for store in receipt.stores if store.store.startswith(start)}


def with_events(machine: Machine, **options: object) -> hs.Personalizer:
    me = machine.allowed(*BOTH, **options)
    for item in ("item-1", "item-2", "item-3"):
        assert me.record(item)
    return me


def shown_by(copy: Path, machine: Machine, key: hs.Key) -> list[str]:
    other = Machine(machine.root, machine.bundle)
    other.folder = copy
    with other.open(key=key) as me:
        return items_of(me.events())


def _recovered(machine: Machine, copy: Path) -> tuple[hs.Personalizer, hs.Key]:
    me = with_events(machine, key=hs.Key.keyring("test", backend=FakeKeyring()))
    text = me.keys.export_recovery()
    shutil.copytree(machine.folder, copy)
    me.keys.revoke_recovery()
    return me, hs.Key.recovery(text)


def _moved_to_a_keyring(machine: Machine, copy: Path) -> tuple[hs.Personalizer, hs.Key]:
    me = with_events(machine)
    shutil.copytree(machine.folder, copy)
    me.keys.change(hs.Key.keyring("test", backend=FakeKeyring()))
    return me, raw_key()


def _store_handed_in_later(machine: Machine, copy: Path) -> tuple[hs.Personalizer, hs.Key]:
    with_events(machine).close()
    shutil.copytree(machine.folder, copy)
    me = machine.open(key_store=Cupboard())
    # From here on the epoch's key is outside.
    me.erase(item="item-3")
    return me, raw_key()


@pytest.mark.parametrize("history", [_recovered, _moved_to_a_keyring, _store_handed_in_later])
def test_a_key_that_was_inside_once_is_claimed_to_be_destroyed(
    machine: Machine, tmp_path: Path, history: Callable[[Machine, Path], tuple[hs.Personalizer, hs.Key]]
) -> None:
    me, old_key = history(machine, tmp_path / "copy")
    with me:
        assert level(me.erase(item="item-1"), "events") == {"logical"}
        # What was recorded since was never under such a key.
        machine.clock.advance(31 * 86_400)
        assert me.record("item-9")
        assert level(me.erase(item="item-9"), "events") == {"key_destroyed"}
        assert "logical" in level(me.erase(), "events")
    assert "item-1" in shown_by(tmp_path / "copy", machine, old_key)


def test_a_migrated_profiles_first_version_still_opens_and_its_erasure_is_key_destroyed(tmp_path: Path) -> None:
    folder = shutil.copytree(VECTOR_1, tmp_path / "profile")
    with opened(folder, key_store=Cupboard()) as store:
        assert [row.outside for row in store.vaults.epochs] == [False]
        assert all(row.key is None for row in store.vaults.epochs)


def test_an_old_key_file_that_is_put_back_by_itself_destroys_what_is_newer(tmp_path: Path) -> None:
    folder = shutil.copytree(VECTOR_1, tmp_path / "profile")
    cupboard = Cupboard()
    with opened(folder, key_store=cupboard) as store:
        events = store.events()
    key_file, vaults, keys = (folder / "key.json").read_bytes(), vaults_of(folder), dict(cupboard.keys)
    shutil.copy(VECTOR_1 / "key.json", folder / "key.json")
    with pytest.raises(DamagedProfileError):
        opened(folder, key_store=cupboard)
    assert (vaults_of(folder), cupboard.keys) == (vaults, keys)
    (folder / "key.json").write_bytes(key_file)
    with opened(folder, key_store=cupboard) as store:
        assert store.events() == events


def test_a_backup_that_is_restored_while_the_application_runs_opens(machine: Machine, tmp_path: Path) -> None:
    with with_events(machine) as me:
        shutil.copytree(machine.folder, tmp_path / "backup", ignore=shutil.ignore_patterns("profile.lock"))
        me.erase()
        shutil.copytree(tmp_path / "backup", machine.folder)
        assert me.events() == []
        assert me.completed_erasure is not None
    assert not machine.folder.exists()


def test_the_old_32_bytes_open_what_a_passphrase_was_given_to(machine: Machine) -> None:
    with with_events(machine) as me:
        before = (machine.folder / "key.json").read_bytes()
        me.keys.change(hs.Key.passphrase("other words"))
    (machine.folder / "key.json").write_bytes(before)
    with pytest.raises(DamagedProfileError):
        machine.open()


def test_a_key_store_that_refuses_to_delete_makes_a_rotated_profile_unusable(machine: Machine) -> None:
    cupboard = Cupboard()
    with with_events(machine, key_store=cupboard) as me:
        cupboard.stuck = True
        me.keys.rotate()
        assert len(me.events()) == 3
        cupboard.stuck = False
    with machine.open(key_store=cupboard) as me:
        assert len(me.events()) == 3
        # What could not be destroyed was destroyed at the opening.
        assert len(cupboard.keys) == 2


def test_a_keyring_that_refuses_to_delete_loses_the_key_that_was_changed(machine: Machine) -> None:
    keyring = FakeKeyring()
    with with_events(machine, key=hs.Key.keyring("test", backend=keyring)) as me:
        keyring.sticky = True
        me.keys.change(raw_key())
        assert len(me.events()) == 3


def test_a_withdrawal_says_that_a_copy_forgot_what_its_key_still_opens(machine: Machine) -> None:
    with machine.allowed(*hs.Purpose) as me:
        me.record("item-3", "rate", weight=5.0)
        me.recommend(3)
        assert "made earlier still show them" in str(me.consent.withdraw(hs.Purpose.EXPLANATION_LOG))
