import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from homespun.errors import KeyringUnavailableError, MisuseError, WrongKeyError
from homespun.profile import Key, ProfileStore, profile_id
from homespun.profile.files import Entropy
from homespun.profile.secret import Secret
from homespun.profile.system_keyring import system_keyring, trusted
from tests.sdk.profile.support import EVENTS, QUICK, RAW, FakeKeyring, contents, raw_key

REMEMBERED = "correct horse \u00e9"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


def make(folder: Path, key: Key) -> None:
    with ProfileStore.create(folder, key, settings=QUICK) as store:
        store.add_events(EVENTS)


def test_a_passphrase_opens_what_it_made_and_no_other_does(folder: Path) -> None:
    make(folder, Key.passphrase(REMEMBERED))
    before = contents(folder)
    with ProfileStore.open(folder, Key.passphrase(REMEMBERED)) as store:
        assert store.events() == EVENTS
    for wrong in (REMEMBERED + " ", REMEMBERED.upper(), "x"):
        with pytest.raises(WrongKeyError, match="does not open"):
            ProfileStore.open(folder, Key.passphrase(wrong))
    assert contents(folder) == before


def test_a_passphrase_typed_on_another_system_is_the_same_passphrase(folder: Path) -> None:
    make(folder, Key.passphrase(REMEMBERED))
    with ProfileStore.open(folder, Key.passphrase("correct horse e\u0301")) as store:
        assert store.events() == EVENTS


def test_other_bytes_do_not_open_it(folder: Path) -> None:
    make(folder, raw_key())
    with pytest.raises(WrongKeyError, match="does not open"):
        ProfileStore.open(folder, Key.bytes(RAW[::-1]))


@pytest.mark.parametrize("text", ["", "   ", "\t\n", None, b"bytes", "\ud800"])
def test_a_passphrase_that_is_none_is_refused(text: Any) -> None:
    with pytest.raises(MisuseError, match="passphrase"):
        Key.passphrase(text)


@pytest.mark.parametrize("raw", [b"", RAW[:31], RAW + b"x", "a" * 32, None])
def test_bytes_of_another_length_are_refused(raw: Any) -> None:
    with pytest.raises(MisuseError, match="exactly 32 bytes"):
        Key.bytes(raw)


def kinds() -> dict[str, Key]:
    backend = FakeKeyring()
    return {
        "passphrase": Key.passphrase(REMEMBERED),
        "bytes": raw_key(),
        "keyring": Key.keyring("app", backend=backend),
    }


@pytest.mark.parametrize("made", ["passphrase", "bytes", "keyring"])
@pytest.mark.parametrize("used", ["passphrase", "bytes", "keyring"])
def test_another_kind_of_key_is_told_which_kind_it_needs(folder: Path, made: str, used: str) -> None:
    keys = kinds()
    make(folder, keys[made])
    if made == used:
        ProfileStore.open(folder, keys[used]).close()
        return
    with pytest.raises(WrongKeyError, match=f"made with Key.{made}"):
        ProfileStore.open(folder, keys[used])


def test_printing_a_key_shows_no_secret() -> None:
    secret = FakeKeyring()
    shown = [repr(key) + str(key) + repr(key._source) for key in (*kinds().values(), Key.ephemeral())]
    assert not any(REMEMBERED in text or repr(RAW)[2:-1] in text or RAW.hex() in text for text in shown)
    assert repr(Key.keyring("app", backend=secret)) == "Key.keyring(...)"
    assert repr(Key.ephemeral()) == "Key.ephemeral(...)"


def test_the_keys_of_a_profile_come_from_the_given_entropy_and_from_nowhere_else(tmp_path: Path) -> None:
    def counting() -> Entropy:
        number = iter(range(10**6))
        return lambda size: next(number).to_bytes(size, "big")

    for name in ("a", "b"):
        ProfileStore.create(tmp_path / name, raw_key(), entropy=counting()).close()
    assert (tmp_path / "a" / "key.json").read_bytes() == (tmp_path / "b" / "key.json").read_bytes()
    ProfileStore.create(tmp_path / "c", raw_key(), entropy=os.urandom).close()
    assert profile_id(tmp_path / "c") != profile_id(tmp_path / "a")


def test_an_ephemeral_key_wraps_nothing() -> None:
    with pytest.raises(MisuseError, match="ephemeral"):
        Key.ephemeral().seal("0" * 32, Secret(RAW), settings=QUICK, entropy=os.urandom)


def test_a_keyring_opens_what_it_keeps_and_every_profile_has_its_own_entry(tmp_path: Path) -> None:
    backend = FakeKeyring()
    key = Key.keyring("app", backend=backend)
    for name in ("a", "b"):
        make(tmp_path / name, key)
    assert {user for _, user in backend.entries} == {f"homespun/{profile_id(tmp_path / name)}" for name in ("a", "b")}
    assert len(set(backend.entries.values())) == 2
    with ProfileStore.open(tmp_path / "a", Key.keyring("app", backend=backend)) as store:
        assert store.events() == EVENTS


@pytest.mark.parametrize("text", [None, "", "no hexadecimal", "00" * 31, "00" * 32])
def test_a_keyring_that_lost_or_changed_the_key_does_not_open_it(folder: Path, text: Any) -> None:
    backend = FakeKeyring()
    make(folder, Key.keyring("app", backend=backend))
    (name,) = backend.entries
    backend.entries = {} if text is None else {name: text}
    with pytest.raises(WrongKeyError):
        ProfileStore.open(folder, Key.keyring("app", backend=backend))


def test_another_service_or_user_name_is_told_so(folder: Path) -> None:
    backend = FakeKeyring()
    make(folder, Key.keyring("app", backend=backend))
    for key in (Key.keyring("other", backend=backend), Key.keyring("app", "other", backend=backend)):
        with pytest.raises(WrongKeyError, match="another name"):
            ProfileStore.open(folder, key)


@pytest.mark.parametrize("fault", ["refuse", "forgetful"])
def test_a_keyring_that_does_not_keep_the_key_makes_no_profile(folder: Path, fault: str) -> None:
    backend = FakeKeyring()
    setattr(backend, fault, True)
    with pytest.raises(KeyringUnavailableError, match=r"Key\.passphrase"):
        make(folder, Key.keyring("app", backend=backend))
    assert not ProfileStore.exists(folder)


def test_a_locked_keyring_is_not_a_wrong_key(folder: Path) -> None:
    backend = FakeKeyring()
    make(folder, Key.keyring("app", backend=backend))
    backend.refuse = True
    with pytest.raises(KeyringUnavailableError, match="locked"):
        ProfileStore.open(folder, Key.keyring("app", backend=backend))


@pytest.mark.parametrize("names", [("", "x"), ("x", ""), ("a\nb", "x"), (None, "x")])
def test_a_keyring_entry_without_a_name_is_refused(names: Any) -> None:
    with pytest.raises(MisuseError, match="keyring"):
        Key.keyring(*names, backend=FakeKeyring())


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
