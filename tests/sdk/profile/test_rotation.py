"""Changing what opens a profile, and its keys: nothing is lost, and the old key opens nothing new."""

import itertools
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.errors import LostKeyError, MisuseError, ProfileBusyError, ProfileStorageError, WrongKeyError
from homespun.profile import Key, Place, ProfileStore, export_recovery, reseal, rotate, rotation
from homespun.profile.files import listed
from homespun.profile.keyfile import KeyFile, read_key_file
from homespun.protocol.controls import entry
from homespun.protocol.events import Event
from tests.sdk.profile.erasing import MemoryKeyStore
from tests.sdk.profile.support import (
    NOW,
    QUICK,
    FakeKeyring,
    consent,
    contents,
    created,
    items_of,
    opened,
    place_at,
    raw_key,
    record,
    vaults_of,
)
from tests.sdk.profile.test_store import decision_about

OTHER = Key.bytes(bytes(31) + b"x")
WORDS = Key.passphrase("correct horse battery staple")
RECORDS = ConsentLedger().grant(Purpose.DEVICE_STORAGE, notice=Notice("May we?"), now=7)


def fill(store: ProfileStore) -> None:
    consent(store, *RECORDS)
    record(store, Event("first", id="one"), Event("second"))
    record(store, Event("third"), now=NOW + 40 * 86_400)
    store.extend_controls(lambda _: (entry((), "hide_item", "hidden", value=True, now=NOW),))
    store.set_attribute("language", "nb")
    store.keep_if(lambda _: True, "cache", "a", b"b")
    store.add_decisions(lambda _: True, [decision_about("first")], NOW + 40 * 86_400)
    store.add_exposures(lambda _: True, ["first"], NOW + 40 * 86_400)
    store.extend_egress(lambda _: (), keep={1: b"payload"})
    store.extend_consent(lambda _: (), due=["cache"])
    store.tend(NOW + 40 * 86_400)


def everything(store: ProfileStore) -> list[object]:
    view = store.view()
    parts: list[object] = [store.events(), view.consent, view.controls, dict(view.attributes), store.kept("cache")]
    parts += [store.decisions(), store.exposures(0), store.egress_entries(), store.payload(1), store.due()]
    return [*parts, store.device_key.public_key, store.retention(), store.profile_id]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


@pytest.fixture
def before(folder: Path) -> list[object]:
    """What a profile shows that was just made."""
    with created(folder) as store:
        fill(store)
        return everything(store)


def after(folder: Path, key: Key | None = None, **options: Any) -> list[object]:
    with opened(folder, key, now=NOW + 40 * 86_400, **options) as store:
        store.check()
        shown = everything(store)
        assert record(store, Event("first again", id="one"), now=NOW + 40 * 86_400) == 0
        return shown


def names(folder: Path) -> set[str]:
    return {path.name for path in vaults_of(folder)}


def rotated(folder: Path, old: Key, new: Key, **options: Any) -> None:
    rotate(place_at(folder, old), place_at(folder, new, **options))


@pytest.mark.parametrize("new", [raw_key(), OTHER, WORDS], ids=["same", "other", "passphrase"])
def test_a_rotation_loses_something_or_keeps_an_old_file(folder: Path, before: list[object], new: Key) -> None:
    old = names(folder)
    rotated(folder, raw_key(), new)
    assert not names(folder) & old
    assert set(listed(folder)) - {"profile.lock"} == {"key.json", *names(folder)}
    assert len(names(folder)) == len(old)
    assert after(folder, new) == before


def test_the_old_key_opens_what_was_rotated(folder: Path, before: list[object]) -> None:
    rotated(folder, raw_key(), OTHER)
    for key in (raw_key(), WORDS):
        with pytest.raises(WrongKeyError):
            opened(folder, key)
    assert after(folder, OTHER) == before


def test_an_old_key_file_opens_the_rotated_profile(folder: Path, before: list[object], tmp_path: Path) -> None:
    """Unlike after a change of passphrase, which leaves the databases alone."""
    shutil.copytree(folder, tmp_path / "old")
    rotated(folder, raw_key(), raw_key())
    assert after(folder) == before
    (folder / "key.json").write_bytes((tmp_path / "old" / "key.json").read_bytes())
    with pytest.raises(Exception, match="missing"):
        opened(folder)
    # An old copy of the whole folder is as it was.
    assert after(tmp_path / "old") == before


def test_a_wrong_key_rotates(folder: Path, before: list[object]) -> None:
    kept = contents(folder)
    with pytest.raises(WrongKeyError):
        rotated(folder, OTHER, OTHER)
    assert contents(folder) == kept
    assert after(folder) == before


@pytest.mark.parametrize("new", [Key.ephemeral(), None], ids=["ephemeral", "recovery"])
def test_a_key_that_does_not_last_becomes_the_only_one(folder: Path, before: list[object], new: Key | None) -> None:
    key = new or Key.recovery(export_recovery(place_at(folder)))
    with pytest.raises(MisuseError):
        rotated(folder, raw_key(), key)
    assert after(folder) == before


def test_a_profile_in_use_is_rotated(folder: Path, before: list[object]) -> None:
    with opened(folder) as store:
        old = names(folder)
        with pytest.raises(ProfileBusyError):
            rotated(folder, raw_key(), OTHER)
        record(store, Event("more"), now=NOW + 41 * 86_400)
    assert names(folder) == old


def test_a_change_of_passphrase_encrypts_anything_anew(folder: Path) -> None:
    with created(folder, WORDS) as store:
        fill(store)
        before = everything(store)
    kept = contents(folder)
    new = Key.passphrase("another one")
    assert reseal(place_at(folder, WORDS), new)
    changed = {name for name, data in contents(folder).items() if data != kept[name]}
    assert changed == {"key.json"}
    with pytest.raises(WrongKeyError):
        opened(folder, WORDS)
    assert after(folder, new) == before


def test_a_change_of_passphrase_disturbs_somebody_who_has_it_open(folder: Path) -> None:
    with created(folder, WORDS) as store:
        fill(store)
        new = Key.passphrase("another one")
        assert reseal(place_at(folder, WORDS), new)
        record(store, Event("more"), now=NOW + 41 * 86_400)
        store.set_attribute("language", None)
    with opened(folder, new, now=NOW + 41 * 86_400) as again:
        assert items_of(again) == ["first", "second", "third", "more"]


def test_a_wrong_passphrase_changes_the_passphrase(folder: Path, before: list[object]) -> None:
    with pytest.raises(WrongKeyError):
        reseal(place_at(folder, OTHER), OTHER)
    # A key of another kind takes a rotation.
    assert not reseal(place_at(folder), WORDS)
    assert after(folder) == before


@pytest.mark.parametrize("keep", [True, False])
def test_a_recovery_key_is_lost_or_stays_by_a_rotation(folder: Path, before: list[object], *, keep: bool) -> None:
    recovery = Key.recovery(export_recovery(place_at(folder)))
    assert after(folder, recovery) == before
    rotate(place_at(folder), place_at(folder, OTHER), keep_recovery=keep)
    if keep:
        assert after(folder, recovery) == before
    else:
        with pytest.raises(WrongKeyError):
            opened(folder, recovery)
    assert after(folder, OTHER) == before


def test_a_second_recovery_key_leaves_the_first(folder: Path, before: list[object]) -> None:
    first, second = (Key.recovery(export_recovery(place_at(folder))) for _ in range(2))
    with pytest.raises(WrongKeyError):
        opened(folder, first)
    assert after(folder, second) == before


def keyring_key(backend: FakeKeyring, service: str = "app") -> Key:
    return Key.keyring(service, backend=backend)


def test_keys_stay_in_a_keyring_that_was_left(folder: Path, before: list[object]) -> None:
    first, second = FakeKeyring(), FakeKeyring()
    rotated(folder, raw_key(), keyring_key(first))
    assert after(folder, keyring_key(first)) == before
    # What wraps the data key, and a key for the state and each epoch.
    assert len(first.entries) == 1 + 3
    rotated(folder, keyring_key(first), keyring_key(second))
    assert first.entries == {}
    assert len(second.entries) == 1 + 3
    assert after(folder, keyring_key(second)) == before
    rotated(folder, keyring_key(second), raw_key())
    assert second.entries == {}
    assert after(folder) == before


def test_a_keyring_that_was_lost_takes_the_profile_with_it(folder: Path, tmp_path: Path) -> None:
    """With the recovery key it opens, and gets another key."""
    backend = FakeKeyring()
    with created(folder, keyring_key(backend)) as store:
        fill(store)
        before = everything(store)
    recovery = Key.recovery(export_recovery(place_at(folder, keyring_key(backend))))
    backend.entries.clear()
    with pytest.raises(WrongKeyError, match="recovery"):
        opened(folder, keyring_key(backend))
    assert after(folder, recovery) == before
    rotated(folder, recovery, WORDS)
    assert after(folder, WORDS) == before


def test_another_backend_of_the_keyring_takes_the_profile_with_it(folder: Path) -> None:
    backend, other = FakeKeyring(), FakeKeyring()
    with created(folder, keyring_key(backend)) as store:
        fill(store)
        before = everything(store)
    recovery = Key.recovery(export_recovery(place_at(folder, keyring_key(backend))))
    with pytest.raises(WrongKeyError):
        opened(folder, keyring_key(other))
    rotated(folder, recovery, keyring_key(other))
    assert after(folder, keyring_key(other)) == before


def test_a_keyring_that_lost_one_epochs_key_takes_the_others_with_it(folder: Path) -> None:
    keys = MemoryKeyStore()
    with created(folder, key_store=keys) as store:
        fill(store)
        profile, (first, _) = store.profile_id, store.vaults.epochs
    del keys.keys[f"{profile}/{first.name}"]
    with opened(folder, now=NOW + 40 * 86_400, key_store=keys) as store:
        assert store.view().consent == RECORDS
        with pytest.raises(LostKeyError, match="recovery key"):
            store.events()


def test_a_profile_whose_keys_are_kept_by_the_application_opens_without_it(folder: Path) -> None:
    keys = MemoryKeyStore()
    with created(folder, key_store=keys) as store:
        fill(store)
        before = everything(store)
    with pytest.raises(MisuseError, match="key_store"):
        opened(folder)
    rotate(place_at(folder, key_store=keys), place_at(folder, key_store=keys))
    assert len(keys.keys) == 3
    assert after(folder, key_store=keys) == before
    # And back inside.
    rotate(place_at(folder, key_store=keys), place_at(folder))
    assert keys.keys == {}
    assert after(folder) == before


@pytest.mark.parametrize("point", ["first copy", "last copy", "key file"])
def test_a_rotation_that_fails_leaves_a_profile_that_nobody_can_open(
    folder: Path, before: list[object], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    keys = MemoryKeyStore()
    old = names(folder)
    with monkeypatch.context() as patch:
        name = "write_atomically" if point == "key file" else "copy_rows"
        patch.setattr(rotation, name, failing(point, getattr(rotation, name)))
        with pytest.raises(ProfileStorageError, match="full"):
            rotate(place_at(folder), place_at(folder, OTHER, key_store=keys))
    assert after(folder) == before
    # Nothing is left of what it had begun, so that there is room again.
    assert names(folder) == old
    assert keys.keys == {}
    rotate(place_at(folder), place_at(folder, OTHER, key_store=keys))
    assert after(folder, OTHER, key_store=keys) == before


def failing(point: str, right: Callable[..., None]) -> Callable[..., None]:
    """Do what is right, but for the call that a point means."""
    place = {"first copy": 0, "last copy": 3, "key file": 1}[point]
    made = itertools.count()

    def fail(*arguments: Any) -> None:
        if next(made) == place:
            raise OSError(28, "the disk is full") if point == "key file" else apsw.FullError("the disk is full")
        right(*arguments)

    return fail


def test_a_change_of_settings_or_durability_is_needed(folder: Path, before: list[object]) -> None:
    place = place_at(folder, settings=replace(QUICK, durability="power"))
    rotate(place, replace(place, key=WORDS))
    assert isinstance(place, Place)
    assert after(folder, WORDS) == before
    file = read_key_file(folder)
    assert isinstance(file, KeyFile)
    assert file.sources == ("passphrase",)
