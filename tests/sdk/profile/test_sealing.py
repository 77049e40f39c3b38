"""Changing what opens a profile, and being interrupted at every step of it."""

from pathlib import Path

import msgspec
import pytest

from homespun.errors import KeyringUnavailableError, MisuseError, WrongKeyError
from homespun.profile.files import KEY
from homespun.profile.keyfile import MAX_PENDING, KeyFile, KeyFile1, KeyringEntry, read_key_file
from homespun.profile.keys import Key
from homespun.profile.recovery import new_recovery
from homespun.profile.sealing import with_recovery
from homespun.profile.secret import Secret
from tests.sdk.profile.sealing_support import (
    DATA_KEY,
    DATABASE,
    OTHER_DATABASE,
    PROFILE,
    QUICK,
    RAW,
    TOKEN,
    FakeKeyring,
    counting,
    opens,
    sealed,
)

DATA = Secret(DATA_KEY)
ROTATED = Secret(bytes(range(150, 182)))
TEXT, RECOVERY = new_recovery(lambda size: bytes(range(60, 60 + size)))
OLD = Key.passphrase("old")
NEW = Key.passphrase("new")


def ring(backend: FakeKeyring, service: str = "app") -> Key:
    return Key.keyring(service, backend=backend)


unlike_before = counting(1000)


def resealed(key: Key, file: KeyFile, recovery: Secret | None = None) -> KeyFile:
    prepared = key.prepare(file, entropy=unlike_before)
    return key.reseal(prepared, DATA, settings=QUICK, entropy=unlike_before, recovery=recovery)


def test_a_changed_passphrase_leaves_the_old_one_working() -> None:
    before = sealed(OLD)
    after = resealed(NEW, before)
    assert opens(NEW, after)
    assert after.slots[0].kdf.salt != before.slots[0].kdf.salt
    for key, file in ((OLD, after), (NEW, before)):
        with pytest.raises(WrongKeyError):
            key.unseal(file)
    assert (after.profile, after.token, after.database) == (before.profile, before.token, before.database)


def test_another_kind_of_key_leaves_the_old_one_working() -> None:
    after = resealed(Key.bytes(RAW), sealed(OLD))
    assert after.sources == ("bytes",)
    with pytest.raises(WrongKeyError, match=r"made with Key\.bytes"):
        OLD.unseal(after)


def test_a_rotated_data_key_is_opened_by_the_old_file_or_the_old_database_by_the_new() -> None:
    before = sealed(OLD)
    after = OLD.reseal(before, ROTATED, database=OTHER_DATABASE, settings=QUICK, entropy=unlike_before)
    assert (after.database, before.database) == (OTHER_DATABASE, DATABASE)
    assert OLD.unseal(after).reveal() == ROTATED.reveal()
    assert OLD.unseal(before).reveal() == DATA_KEY
    with pytest.raises(WrongKeyError):
        OLD.unseal(msgspec.structs.replace(after, database=DATABASE))


def test_the_place_of_keys_changes_without_the_slots_knowing() -> None:
    after = OLD.reseal(sealed(OLD), DATA, key_store="outside", settings=QUICK, entropy=unlike_before)
    assert after.key_store == "outside"
    assert opens(OLD, after)
    with pytest.raises(WrongKeyError):
        OLD.unseal(msgspec.structs.replace(after, key_store="inside"))


def test_a_recovery_key_does_not_open_what_the_keyring_lost() -> None:
    backend = FakeKeyring()
    file = with_recovery(sealed(ring(backend)), DATA, RECOVERY, entropy=unlike_before)
    backend.entries.clear()
    with pytest.raises(WrongKeyError, match=r"Key\.recovery"):
        ring(backend).unseal(file)
    assert opens(Key.recovery(TEXT), file)
    replacement = FakeKeyring()
    after = resealed(ring(replacement), file)
    assert opens(ring(replacement), after)
    assert opens(Key.recovery(TEXT), after)


def test_another_recovery_key_opens_the_profile() -> None:
    file = with_recovery(sealed(OLD), DATA, RECOVERY, entropy=unlike_before)
    with pytest.raises(WrongKeyError, match="does not open"):
        Key.recovery(new_recovery(counting())[0]).unseal(file)


def test_a_recovery_key_opens_a_profile_that_has_none_any_more() -> None:
    file = with_recovery(sealed(OLD), DATA, RECOVERY, entropy=unlike_before)
    for without in (sealed(OLD), file.without_slot("recovery")):
        with pytest.raises(WrongKeyError, match="no recovery key"):
            Key.recovery(TEXT).unseal(without)


def test_a_second_recovery_key_leaves_the_first_one_working() -> None:
    file = with_recovery(sealed(OLD), DATA, RECOVERY, entropy=unlike_before)
    text, recovery = new_recovery(counting())
    for after in (with_recovery(file, DATA, recovery, entropy=unlike_before), resealed(OLD, file, recovery=recovery)):
        assert opens(Key.recovery(text), after)
        assert opens(OLD, after)
        with pytest.raises(WrongKeyError):
            Key.recovery(TEXT).unseal(after)


def test_a_change_of_passphrase_loses_the_recovery_key() -> None:
    file = with_recovery(sealed(OLD), DATA, RECOVERY, entropy=unlike_before)
    assert opens(Key.recovery(TEXT), resealed(NEW, file))


@pytest.mark.parametrize("change", [{"database": OTHER_DATABASE}, {"key_store": "outside"}])
def test_a_rotation_loses_the_recovery_key_silently(change: dict[str, str]) -> None:
    file = with_recovery(sealed(OLD), DATA, RECOVERY, entropy=unlike_before)
    with pytest.raises(MisuseError, match="recovery key"):
        OLD.reseal(file, ROTATED, settings=QUICK, entropy=unlike_before, **change)  # type: ignore[arg-type]
    after = OLD.reseal(
        file,
        ROTATED,
        settings=QUICK,
        entropy=unlike_before,
        recovery=RECOVERY,
        **change,  # type: ignore[arg-type]
    )
    assert Key.recovery(TEXT).unseal(after).reveal() == OLD.unseal(after).reveal() == ROTATED.reveal()
    given_up = file.without_slot("recovery")
    after = OLD.reseal(given_up, ROTATED, settings=QUICK, entropy=unlike_before, **change)  # type: ignore[arg-type]
    assert after.sources == ("passphrase",)


def test_a_recovery_key_seals_a_profile() -> None:
    key = Key.recovery(TEXT)
    file = with_recovery(sealed(OLD), DATA, RECOVERY, entropy=unlike_before)
    assert key.is_recovery
    assert not OLD.is_recovery
    for use in (lambda: sealed(key), lambda: resealed(key, file), lambda: key.prepare(file, entropy=unlike_before)):
        with pytest.raises(MisuseError, match="give the profile another key"):
            use()


def test_resealing_with_the_keyring_overwrites_the_entry_that_still_opens_the_old_file() -> None:
    backend = FakeKeyring()
    before = sealed(ring(backend))
    after = resealed(ring(backend), before)
    assert len(backend.entries) == 2
    assert opens(ring(backend), before)
    assert opens(ring(backend), after)
    forgotten = ring(backend).forget(after)
    assert len(backend.entries) == 1
    assert backend.names() == {entry.username for entry in forgotten.entries}
    assert opens(ring(backend), forgotten)
    with pytest.raises(WrongKeyError):
        ring(backend).unseal(before)


@pytest.mark.parametrize("interrupted_after", range(5))
@pytest.mark.parametrize("to", ["keyring", "other service", "passphrase"])
@pytest.mark.parametrize("made", ["keyring", "passphrase"])
def test_an_interruption_leaves_an_entry_in_the_keyring_for_ever(made: str, to: str, interrupted_after: int) -> None:
    backend = FakeKeyring()
    keys = {"keyring": ring(backend), "other service": ring(backend, "other"), "passphrase": OLD}
    old, new = keys[made], keys[to]
    on_disk, key = sealed(old), old
    if interrupted_after >= 1:
        on_disk = new.prepare(on_disk, entropy=unlike_before)
    if interrupted_after >= 2:
        written = new.reseal(on_disk, DATA, settings=QUICK, entropy=unlike_before)
    if interrupted_after >= 3:
        on_disk, key = written, new
    if interrupted_after >= 4:
        old.forget(on_disk, keyring=backend)
    assert opens(key, on_disk)
    settled = key.forget(on_disk, keyring=backend)
    assert opens(key, settled)
    assert settled.pending == ()
    assert backend.entries.keys() == {(entry.service, entry.username) for entry in settled.entries}


def test_a_change_that_is_interrupted_again_and_again_makes_ever_more_entries() -> None:
    backend = FakeKeyring()
    file = sealed(OLD)
    for _ in range(3):
        file = ring(backend).prepare(file, entropy=unlike_before)
        ring(backend).reseal(file, DATA, settings=QUICK, entropy=unlike_before)
    assert len(backend.entries) == len(file.pending) == 1
    assert ring(backend).prepare(file, entropy=unlike_before) is file


def test_resealing_makes_an_entry_that_key_json_does_not_name() -> None:
    backend = FakeKeyring()
    for file in (sealed(OLD), sealed(ring(backend))):
        before = dict(backend.entries)
        with pytest.raises(MisuseError, match=r"Key\.prepare"):
            ring(backend).reseal(file, DATA, settings=QUICK, entropy=unlike_before)
        assert backend.entries == before


def test_a_keyring_that_refuses_the_new_entry_loses_the_profile() -> None:
    backend = FakeKeyring()
    file = ring(backend).prepare(sealed(OLD), entropy=unlike_before)
    backend.forgetful = True
    with pytest.raises(KeyringUnavailableError):
        ring(backend).reseal(file, DATA, settings=QUICK, entropy=unlike_before)
    assert opens(OLD, file)


@pytest.mark.parametrize("fault", ["refuse", "sticky"])
def test_an_entry_that_the_keyring_keeps_is_said_to_be_forgotten(fault: str) -> None:
    backend = FakeKeyring()
    file = resealed(OLD, sealed(ring(backend)))
    setattr(backend, fault, True)
    with pytest.raises(KeyringUnavailableError):
        ring(backend).forget(file)
    setattr(backend, fault, False)
    assert ring(backend).forget(file).pending == ()
    assert backend.entries == {}


def test_a_changed_key_file_has_entries_of_others_or_its_own_deleted() -> None:
    backend = FakeKeyring()
    file = sealed(ring(backend))
    own = file.slots[0].keyring
    assert own is not None
    others = [
        KeyringEntry("app", "password"),
        KeyringEntry("app", f"homespun/{'f' * 32}/89abcdef"),
        KeyringEntry("app", f"homespun/{PROFILE}/erased"),
        KeyringEntry("app", f"homespun/{PROFILE}/epoch-0123456789abcdef.db"),
    ]
    backend.entries |= {(entry.service, entry.username): "theirs" for entry in others}
    before = dict(backend.entries)
    forgotten = ring(backend).forget(msgspec.structs.replace(file, pending=(own, *others)))
    assert backend.entries == before
    assert forgotten == file


def test_pending_entries_grow_beyond_what_a_key_file_may_hold() -> None:
    file = sealed(OLD)
    for number in range(MAX_PENDING):
        file = ring(FakeKeyring(), f"app {number}").prepare(file, entropy=unlike_before)
    assert len(file.pending) == MAX_PENDING
    assert msgspec.json.decode(file.encode(), type=KeyFile) == file
    with pytest.raises(MisuseError, match="forget"):
        ring(FakeKeyring(), "one more").prepare(file, entropy=unlike_before)


@pytest.mark.parametrize("key", [OLD, Key.bytes(RAW)])
def test_a_key_that_has_nothing_to_prepare_or_to_forget_makes_the_file_be_written(key: Key) -> None:
    file = sealed(key)
    assert key.prepare(file, entropy=unlike_before) is file
    # Nothing is pending, so no keyring is looked for either.
    assert key.forget(file) is file


def old_file(key: Key, entry: KeyringEntry | None = None) -> KeyFile1:
    """A key file as schema 1 had it, made with the one slot of a new one."""
    slot = sealed(key).slots[0]
    assert slot.source != "recovery"
    return KeyFile1(
        profile=PROFILE, source=slot.source, kdf=slot.kdf, keyring=entry, nonce=slot.nonce, wrapped=slot.wrapped
    )


def test_a_migrated_key_file_is_not_opened_by_the_same_key(repository: Path) -> None:
    old = read_key_file(repository / "tests" / "vectors" / "1" / "profile")
    assert isinstance(old, KeyFile1)
    for key, file in ((Key.bytes(RAW), old), (OLD, old_file(OLD))):
        new = key.migrate(file, DATABASE, DATA, key_store="inside", settings=QUICK, entropy=unlike_before)
        assert opens(key, new)
        assert (new.profile, new.database, new.token) == (file.profile, DATABASE, file.token)


def test_a_migration_leaves_an_entry_in_the_keyring_or_makes_another() -> None:
    backend = FakeKeyring()
    entry = KeyringEntry("app", f"homespun/{PROFILE}")
    file = old_file(ring(FakeKeyring()), entry)
    backend.set_password("app", entry.username, RAW.hex())
    new = ring(backend).migrate(file, DATABASE, DATA, key_store="outside", settings=QUICK, entropy=unlike_before)
    assert opens(ring(backend), new)
    assert backend.entries == {("app", entry.username): RAW.hex()}
    after = ring(backend).forget(resealed(ring(backend), new))
    assert opens(ring(backend), after)
    assert len(backend.entries) == 1
    assert ("app", entry.username) not in backend.entries


def test_a_migration_takes_another_kind_of_key_or_another_ones_entry() -> None:
    with pytest.raises(WrongKeyError, match=r"made with Key\.passphrase"):
        Key.bytes(RAW).migrate(old_file(OLD), DATABASE, DATA, key_store="inside", settings=QUICK, entropy=unlike_before)
    file = old_file(ring(FakeKeyring()), KeyringEntry("app", f"homespun/{'f' * 32}"))
    with pytest.raises(WrongKeyError, match="another name"):
        ring(FakeKeyring()).migrate(file, DATABASE, DATA, key_store="inside", settings=QUICK, entropy=unlike_before)


def test_the_token_of_a_migrated_profile_is_that_of_any_other(repository: Path) -> None:
    data = (repository / "tests" / "vectors" / "1" / "profile" / KEY).read_bytes()
    old = msgspec.json.decode(data, type=KeyFile1)
    assert old.token != msgspec.structs.replace(old, nonce=bytes(12)).token
    assert old.token == msgspec.json.decode(data.replace(b"  ", b""), type=KeyFile1).token
    assert len(old.token) == len(TOKEN)


def test_a_new_entry_that_happens_to_have_the_old_ones_name_overwrites_it() -> None:
    backend = FakeKeyring()
    file = sealed(ring(backend), entropy=bytes)
    before = dict(backend.entries)
    same = ring(backend).prepare(file, entropy=bytes)
    with pytest.raises(MisuseError):
        ring(backend).reseal(same, DATA, settings=QUICK, entropy=unlike_before)
    assert backend.entries == before
    assert opens(ring(backend), resealed(ring(backend), same))
