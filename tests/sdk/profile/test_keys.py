import sys
from types import ModuleType
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id as Derivation

from homespun.config import ARGON2_ITERATIONS, ARGON2_LANES, ARGON2_MEMORY_KIB, Settings
from homespun.errors import KeyringUnavailableError, MisuseError, WrongKeyError
from homespun.profile.key_sources import PassphraseSource
from homespun.profile.keyfile import Argon2id, KeyFile
from homespun.profile.keys import Key
from homespun.profile.recovery import new_recovery
from homespun.profile.secret import Secret
from homespun.profile.system_keyring import system_keyring, trusted
from tests.sdk.profile.sealing_support import (
    DATA_KEY,
    PROFILE,
    QUICK,
    RAW,
    FakeKeyring,
    counting,
    opens,
    sealed,
)

REMEMBERED = "correct horse \u00e9"


def test_a_passphrase_opens_what_it_made_and_no_other_does() -> None:
    file = sealed(Key.passphrase(REMEMBERED))
    assert opens(Key.passphrase(REMEMBERED), file)
    for wrong in (REMEMBERED + " ", REMEMBERED.upper(), "x"):
        with pytest.raises(WrongKeyError, match="does not open"):
            Key.passphrase(wrong).unseal(file)


def test_a_passphrase_typed_on_another_system_is_the_same_passphrase() -> None:
    assert opens(Key.passphrase("correct horse e\u0301"), sealed(Key.passphrase(REMEMBERED)))


def test_the_settings_of_whoever_made_a_profile_open_it_and_not_those_of_whoever_opens_it() -> None:
    file = sealed(Key.passphrase(REMEMBERED), settings=Settings(argon2_memory_kib=9000, argon2_iterations=2))
    kdf = file.slots[0].kdf
    assert isinstance(kdf, Argon2id)
    assert (kdf.memory_kib, kdf.iterations, kdf.lanes) == (9000, 2, 4)
    assert opens(Key.passphrase(REMEMBERED), file)


def test_settings_reach_beyond_what_a_key_file_may_ask_for() -> None:
    source = PassphraseSource(Secret(b"x"))
    for memory in ARGON2_MEMORY_KIB:
        for iterations in ARGON2_ITERATIONS:
            for lanes in ARGON2_LANES:
                most = Settings(argon2_memory_kib=memory, argon2_iterations=iterations, argon2_lanes=lanes)
                slot = source.new_slot(most, counting(), None)
                file = sealed(Key.bytes(RAW)).with_slot(slot, Secret(RAW), Secret(DATA_KEY), bytes(12))
                assert msgspec.json.decode(file.encode(), type=KeyFile) == file


def test_other_bytes_do_not_open_it() -> None:
    file = sealed(Key.bytes(RAW))
    assert opens(Key.bytes(RAW), file)
    with pytest.raises(WrongKeyError, match="does not open"):
        Key.bytes(RAW[::-1]).unseal(file)


@pytest.mark.parametrize("text", ["", "   ", "\t\n", None, b"bytes", "\ud800"])
def test_a_passphrase_that_is_none_is_refused(text: Any) -> None:
    with pytest.raises(MisuseError, match="passphrase"):
        Key.passphrase(text)


@pytest.mark.parametrize("raw", [b"", RAW[:31], RAW + b"x", "a" * 32, None])
def test_bytes_of_another_length_are_refused(raw: Any) -> None:
    with pytest.raises(MisuseError, match="exactly 32 bytes"):
        Key.bytes(raw)


def kinds() -> dict[str, Key]:
    return {
        "passphrase": Key.passphrase(REMEMBERED),
        "bytes": Key.bytes(RAW),
        "keyring": Key.keyring("app", backend=FakeKeyring()),
    }


@pytest.mark.parametrize("made", ["passphrase", "bytes", "keyring"])
@pytest.mark.parametrize("used", ["passphrase", "bytes", "keyring"])
def test_another_kind_of_key_is_told_which_kind_it_needs(made: str, used: str) -> None:
    keys = kinds()
    file = sealed(keys[made])
    if made == used:
        assert opens(keys[used], file)
        return
    with pytest.raises(WrongKeyError, match=f"made with Key.{made}"):
        keys[used].unseal(file)


def test_printing_a_key_shows_no_secret() -> None:
    shown = [repr(key) + str(key) + repr(key._source) for key in (*kinds().values(), Key.ephemeral())]
    assert not any(REMEMBERED in text or repr(RAW)[2:-1] in text or RAW.hex() in text for text in shown)
    assert repr(Key.keyring("app", backend=FakeKeyring())) == "Key.keyring(...)"
    assert repr(Key.ephemeral()) == "Key.ephemeral(...)"
    assert repr(Key.recovery(new_recovery(counting())[0])) == "Key.recovery(...)"


@pytest.mark.parametrize("kind", ["passphrase", "bytes", "keyring"])
def test_the_keys_of_a_profile_come_from_the_given_entropy_and_from_nowhere_else(kind: str) -> None:
    first, second = (sealed(kinds()[kind]) for _ in range(2))
    assert first == second
    later = counting()
    later(16)
    assert sealed(kinds()[kind], entropy=later).slots != first.slots


def test_an_ephemeral_key_wraps_nothing() -> None:
    with pytest.raises(MisuseError, match="ephemeral"):
        sealed(Key.ephemeral())
    with pytest.raises(MisuseError, match="ephemeral"):
        Key.ephemeral().unseal(sealed(Key.bytes(RAW)))
    assert Key.ephemeral().is_ephemeral
    assert not Key.bytes(RAW).is_ephemeral


def test_a_keyring_opens_what_it_keeps_and_every_sealing_has_its_own_entry() -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", backend=backend)
    entropy = counting()
    files = [sealed(key, entropy=entropy) for _ in range(2)]
    usernames = [file.slots[0].keyring.username for file in files if file.slots[0].keyring]
    assert set(usernames) == backend.names()
    assert len(set(backend.entries.values())) == len(backend.entries) == 2
    assert all(name.startswith(f"homespun/{PROFILE}/") and len(name.split("/")[-1]) == 8 for name in usernames)
    assert all(opens(Key.keyring("app", backend=backend), file) for file in files)


@pytest.mark.parametrize("text", [None, "", "no hexadecimal", "00" * 31, "00" * 32])
def test_a_keyring_that_lost_or_changed_the_key_does_not_open_it(text: Any) -> None:
    backend = FakeKeyring()
    file = sealed(Key.keyring("app", backend=backend))
    (name,) = backend.entries
    backend.entries = {} if text is None else {name: text}
    with pytest.raises(WrongKeyError):
        Key.keyring("app", backend=backend).unseal(file)


def test_another_service_or_user_name_is_told_so() -> None:
    backend = FakeKeyring()
    file = sealed(Key.keyring("app", backend=backend))
    for key in (
        Key.keyring("other", backend=backend),
        Key.keyring("app", "other", backend=backend),
        Key.keyring("app", "homespun/x", backend=backend),
    ):
        with pytest.raises(WrongKeyError, match="another name"):
            key.unseal(file)


@pytest.mark.parametrize("fault", ["refuse", "forgetful"])
def test_a_keyring_that_does_not_keep_the_key_makes_no_key_file(fault: str) -> None:
    backend = FakeKeyring()
    setattr(backend, fault, True)
    with pytest.raises(KeyringUnavailableError, match=r"Key\.passphrase"):
        sealed(Key.keyring("app", backend=backend))


def test_a_locked_keyring_is_not_a_wrong_key() -> None:
    backend = FakeKeyring()
    file = sealed(Key.keyring("app", backend=backend))
    backend.refuse = True
    with pytest.raises(KeyringUnavailableError, match="locked"):
        Key.keyring("app", backend=backend).unseal(file)


@pytest.mark.parametrize("names", [("", "x"), ("x", ""), ("a\nb", "x"), (None, "x")])
def test_a_keyring_entry_without_a_name_is_refused(names: Any) -> None:
    with pytest.raises(MisuseError, match="keyring"):
        Key.keyring(*names, backend=FakeKeyring())


def test_only_a_key_of_the_keyring_keeps_other_keys_and_tombstones_there() -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", "me", backend=backend)
    store, tombstones = key.key_store(PROFILE), key.tombstones()
    assert store is not None
    assert tombstones is not None
    store.put(f"{PROFILE}/epoch-0123456789abcdef.db", RAW)
    tombstones.add(PROFILE, DATA_KEY)
    assert backend.entries == {
        ("app", f"me/{PROFILE}/epoch-0123456789abcdef.db"): RAW.hex(),
        ("app", f"me/{PROFILE}/erased"): DATA_KEY.hex(),
    }
    assert key.keyring_backend is backend
    for other in (Key.bytes(RAW), Key.passphrase("x"), Key.ephemeral()):
        assert (other.key_store(PROFILE), other.tombstones(), other.keyring_backend) == (None, None, None)


def backend_of(module: str, **attributes: Any) -> Any:
    return type("Keyring", (), {"__module__": module, **attributes})()


@pytest.mark.parametrize(
    "module",
    [
        "keyring.backends.fail",
        "keyring.backends.null",
        "keyrings.alt.file",
        "keyrings.cryptfile.cryptfile",
        "keyring.backends.macOSlookalike",
        "somebodys.own",
    ],
)
def test_what_merely_looks_like_a_keyring_is_never_used(module: str) -> None:
    with pytest.raises(KeyringUnavailableError, match=r"Key\.ephemeral"):
        trusted(backend_of(module))


@pytest.mark.parametrize("chained", [[], ["keyring.backends.null", "keyrings.alt.file"]])
def test_a_chain_without_a_real_keyring_is_never_used(chained: list[str]) -> None:
    chain = backend_of("keyring.backends.chainer", backends=[backend_of(module) for module in chained])
    with pytest.raises(KeyringUnavailableError):
        trusted(chain)


def test_a_chain_is_shortened_to_its_real_keyring() -> None:
    real = backend_of("keyring.backends.SecretService")
    chain = backend_of("keyring.backends.chainer", backends=[backend_of("keyrings.alt.file"), real])
    assert trusted(chain) is real
    assert trusted(real) is real


def test_without_the_extra_the_error_names_it_and_the_alternatives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(KeyringUnavailableError, match=r"homespun\[keyring\].*Key\.passphrase.*Key\.bytes"):
        Key.keyring("app")


def test_the_installed_package_is_asked_for_its_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    real = backend_of("keyring.backends.Windows")
    package = ModuleType("keyring")
    vars(package)["get_keyring"] = lambda: real
    monkeypatch.setitem(sys.modules, "keyring", package)
    assert system_keyring() is real


def test_a_passphrase_costs_less_than_its_settings_say() -> None:
    file = sealed(Key.passphrase("x"))
    slot = file.slots[0]
    assert isinstance(slot.kdf, Argon2id)
    derived = Derivation(salt=slot.kdf.salt, length=32, iterations=1, lanes=1, memory_cost=QUICK.argon2_memory_kib)
    associated = file._associated_data(slot)
    assert AESGCM(derived.derive(b"x")).decrypt(slot.nonce, slot.wrapped, associated) == DATA_KEY
