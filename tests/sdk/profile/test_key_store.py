from typing import Any

import pytest

from homespun.errors import KeyringUnavailableError, KeyStoreError, MisuseError
from homespun.profile.key_store import KeyringKeyStore, KeyStore, checked
from tests.sdk.profile.sealing_support import PROFILE, RAW, FakeKeyring, raised, report, spellings

NAME = f"{PROFILE}/epoch-0123456789abcdef.db"
OTHER = bytes(range(50, 82))


class FakeStore:
    """An application's store; ``broken`` names what it does wrong."""

    def __init__(self, broken: str = "", kept: object = None) -> None:
        self.keys: dict[str, object] = {} if kept is None else {NAME: kept}
        self.broken = broken
        self.calls: list[str] = []

    def get(self, name: str, /) -> Any:
        self.calls.append("get")
        if self.broken == "get":
            raise OSError("the server is away")
        return self.keys.get(name)

    def put(self, name: str, secret: bytes, /) -> None:
        self.calls.append("put")
        if self.broken == "put":
            raise ValueError(f"cannot keep {secret!r} or {secret.hex()}")
        if self.broken == "other":
            secret = OTHER
        if self.broken != "forgets":
            self.keys[name] = secret

    def delete(self, name: str, /) -> None:
        self.calls.append("delete")
        if self.broken == "delete":
            raise KeyError(name)
        if self.broken != "keeps":
            del self.keys[name]


def stores() -> list[KeyStore]:
    return [checked(FakeStore()), checked(KeyringKeyStore(FakeKeyring(), "app", "me"))]


@pytest.mark.parametrize("store", stores())
def test_a_key_is_not_returned_or_comes_back_after_it_was_destroyed(store: KeyStore) -> None:
    assert store.get(NAME) is None
    store.put(NAME, RAW)
    assert store.get(NAME) == RAW
    store.put(NAME, OTHER)
    assert store.get(NAME) == OTHER
    store.delete(NAME)
    assert store.get(NAME) is None
    store.delete(NAME)


@pytest.mark.parametrize("broken", ["put", "forgets", "other", "get"])
def test_a_store_that_did_not_keep_a_key_is_believed(broken: str) -> None:
    with pytest.raises(KeyStoreError):
        checked(FakeStore(broken)).put(NAME, RAW)


@pytest.mark.parametrize("broken", ["delete", "keeps", "get"])
def test_a_store_that_did_not_destroy_a_key_is_believed(broken: str) -> None:
    store = FakeStore(broken, RAW)
    with pytest.raises(KeyStoreError):
        checked(store).delete(NAME)
    assert store.keys == {NAME: RAW}


@pytest.mark.parametrize("kept", [b"", RAW[:31], RAW + b"x", RAW.hex(), bytearray(RAW), 5, False])
def test_something_else_than_a_key_is_returned(kept: object) -> None:
    store = FakeStore(kept=kept)
    with pytest.raises(KeyStoreError, match="32 bytes"):
        checked(store).get(NAME)
    # It can still be got rid of.
    checked(store).delete(NAME)
    assert store.keys == {}


@pytest.mark.parametrize("key", [b"", RAW[:31], RAW + b"x", RAW.hex(), None])
def test_something_else_than_a_key_is_kept(key: Any) -> None:
    store = FakeStore()
    with pytest.raises(MisuseError, match="32 bytes"):
        checked(store).put(NAME, key)
    assert store.calls == []


@pytest.mark.parametrize(
    "name", ["", PROFILE, "epoch-0123456789abcdef.db", f"{PROFILE}/../key.json", f"{NAME}\n", f"x/{NAME}", NAME.upper()]
)
def test_a_name_is_none_of_a_database(name: str) -> None:
    for store in (FakeStore(), KeyringKeyStore(FakeKeyring(), "app", "me", PROFILE)):
        for use in (checked(store).get, checked(store).delete, lambda name, to=store: checked(to).put(name, RAW)):
            with pytest.raises(MisuseError):
                use(name)


def test_a_profile_gets_at_the_keys_of_another() -> None:
    backend = FakeKeyring()
    foreign = NAME.replace(PROFILE, "f" * 32)
    KeyringKeyStore(backend, "app", "me").put(foreign, RAW)
    store = KeyringKeyStore(backend, "app", "me", PROFILE)
    for use in (store.get, store.delete, lambda name: store.put(name, OTHER)):
        with pytest.raises(MisuseError, match="no key of the profile"):
            use(foreign)
    assert backend.entries == {("app", f"me/{foreign}"): RAW.hex()}


def test_a_locked_keyring_is_taken_for_a_lost_key() -> None:
    backend = FakeKeyring()
    store = checked(KeyringKeyStore(backend, "app", "me"))
    store.put(NAME, RAW)
    backend.refuse = True
    for use in (store.get, store.delete, lambda name: store.put(name, OTHER)):
        with pytest.raises(KeyringUnavailableError, match="locked"):
            use(NAME)
    backend.refuse = False
    assert store.get(NAME) == RAW


@pytest.mark.parametrize("text", ["00", "no hexadecimal", RAW.hex().upper(), RAW.hex() + "\n"])
def test_an_entry_that_holds_no_key_is_taken_for_one_or_for_none(text: str) -> None:
    backend = FakeKeyring()
    backend.entries["app", f"me/{NAME}"] = text
    store = checked(KeyringKeyStore(backend, "app", "me"))
    with pytest.raises(KeyStoreError, match="instead of 32 bytes"):
        store.get(NAME)
    store.delete(NAME)
    assert backend.entries == {}


@pytest.mark.parametrize("fault", ["forgetful", "sticky"])
def test_a_keyring_that_keeps_nothing_or_everything_is_believed(fault: str) -> None:
    backend = FakeKeyring()
    store = KeyringKeyStore(backend, "app", "me")
    store.put(NAME, RAW)
    setattr(backend, fault, True)
    use = store.delete if fault == "sticky" else lambda name: store.put(name, OTHER)
    with pytest.raises(KeyringUnavailableError):
        use(NAME)


@pytest.mark.parametrize("broken", ["put", "forgets", "other"])
def test_the_key_travels_with_the_error_of_an_applications_store(broken: str) -> None:
    shown = report(raised(lambda: checked(FakeStore(broken)).put(NAME, RAW)), __file__)
    assert "KeyStoreError" in shown
    assert [text for text in spellings(RAW) if text in shown] == []


@pytest.mark.parametrize("fault", ["refuse", "forgetful"])
def test_the_key_travels_with_the_error_of_a_keyring(fault: str) -> None:
    backend = FakeKeyring()
    setattr(backend, fault, True)
    shown = report(raised(lambda: checked(KeyringKeyStore(backend, "app", "me")).put(NAME, RAW)), __file__)
    assert "KeyringUnavailableError" in shown
    assert [text for text in spellings(RAW) if text in shown] == []


def test_an_applications_own_failure_is_told_without_a_reason() -> None:
    with pytest.raises(KeyStoreError, match=r"OSError: the server is away.*repair the store"):
        checked(FakeStore("get")).get(NAME)
    with pytest.raises(KeyStoreError, match=r"ValueError: cannot keep b'\(key\)' or \(key\)"):
        checked(FakeStore("put")).put(NAME, RAW)


def test_an_interruption_by_the_person_is_taken_for_the_stores_failure() -> None:
    class Interrupted(FakeStore):
        def get(self, name: str, /) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checked(Interrupted()).get(NAME)
