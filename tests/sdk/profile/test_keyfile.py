import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.config import Settings
from homespun.errors import DamagedProfileError, MisuseError, NewerProfileError, ProfileError, WrongKeyError
from homespun.profile import Key, ProfileStore, profile_id
from homespun.profile.keyfile import read_key_file
from homespun.protocol.events import Event
from tests.sdk.profile.support import EVENTS, QUICK, FakeKeyring, contents, raw_key

PASSPHRASE = Key.passphrase("quick")
KEYRING = Key.keyring("app", backend=FakeKeyring())


Made = dict[str, tuple[Path, bytes]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A profile of each kind; tests put back the key file that they change."""
    folders = {}
    for name, key in (("passphrase", PASSPHRASE), ("bytes", raw_key()), ("keyring", KEYRING)):
        folders[name] = tmp_path_factory.mktemp(name) / "profile"
        with ProfileStore.create(folders[name], key, settings=QUICK) as store:
            store.add_events(EVENTS)
    return {name: (folder, (folder / "key.json").read_bytes()) for name, folder in folders.items()}


KEYS = {"passphrase": PASSPHRASE, "bytes": raw_key(), "keyring": KEYRING}


def opened_with(made: Made, kind: str, data: bytes) -> list[Event]:
    folder, original = made[kind]
    (folder / "key.json").write_bytes(data)
    try:
        before = contents(folder)
        with ProfileStore.open(folder, KEYS[kind], settings=QUICK) as store:
            return store.events()
    finally:
        assert contents(folder) == before
        (folder / "key.json").write_bytes(original)


def changed(made: Made, kind: str, path: list[str], value: Any) -> bytes:
    data = json.loads(made[kind][1])
    target = data
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value
    return json.dumps(data).encode()


OTHER_SALT = "AAAAAAAAAAAAAAAAAAAAAA=="

FIELDS = [
    ("bytes", ["schema"], 0, DamagedProfileError),
    ("bytes", ["schema"], -1, DamagedProfileError),
    ("bytes", ["schema"], 2, NewerProfileError),
    ("bytes", ["schema"], 10**30, NewerProfileError),
    ("bytes", ["schema"], "1", DamagedProfileError),
    ("bytes", ["profile"], "0" * 32, WrongKeyError),
    ("bytes", ["profile"], "../../etc", DamagedProfileError),
    ("bytes", ["profile"], "0" * 32 + "\n", DamagedProfileError),
    ("bytes", ["source"], "passphrase", WrongKeyError),
    ("bytes", ["source"], "keyring", WrongKeyError),
    ("bytes", ["source"], "plain", DamagedProfileError),
    ("bytes", ["cipher"], "none", DamagedProfileError),
    ("bytes", ["kdf", "name"], "md5", DamagedProfileError),
    ("bytes", ["kdf", "salt"], OTHER_SALT, WrongKeyError),
    ("bytes", ["kdf", "salt"], "", DamagedProfileError),
    ("bytes", ["kdf", "salt"], "%%", DamagedProfileError),
    ("bytes", ["kdf"], {"name": "argon2id", "salt": OTHER_SALT, "memory_kib": 8192, "iterations": 1, "lanes": 1},
     WrongKeyError),
    ("bytes", ["keyring"], {"service": "app", "username": "x"}, WrongKeyError),
    ("bytes", ["nonce"], "AAAAAAAAAAAAAAAA", WrongKeyError),
    ("bytes", ["nonce"], "AAAA", DamagedProfileError),
    ("bytes", ["wrapped"], "A" * 64, WrongKeyError),
    ("bytes", ["wrapped"], "AAAA", DamagedProfileError),
    ("bytes", ["note"], "unknown", DamagedProfileError),
    ("passphrase", ["kdf", "iterations"], 2, WrongKeyError),
    ("passphrase", ["kdf", "lanes"], 2, WrongKeyError),
    ("passphrase", ["kdf", "memory_kib"], 8193, WrongKeyError),
    ("passphrase", ["kdf"], {"name": "hkdf-sha256", "salt": OTHER_SALT}, WrongKeyError),
    ("keyring", ["keyring"], None, WrongKeyError),
    ("keyring", ["keyring", "service"], "other", WrongKeyError),
    ("keyring", ["keyring", "username"], "other", WrongKeyError),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path", "value", "error"), FIELDS)
def test_a_changed_field_is_noticed_and_nothing_is_written(
    made: Made, kind: str, path: list[str], value: Any, error: type[ProfileError]
) -> None:
    with pytest.raises(error):
        opened_with(made, kind, changed(made, kind, path, value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory_kib", 2**40),
        ("memory_kib", 256 * 1024 + 1),
        ("memory_kib", 1),
        ("iterations", 10**9),
        ("iterations", 9),
        ("iterations", 0),
        ("lanes", 10**6),
        ("lanes", 0),
    ],
)
def test_absurd_costs_are_refused_before_they_are_paid(made: Made, name: str, value: Any) -> None:
    started = time.perf_counter()
    with pytest.raises(DamagedProfileError):
        opened_with(made, "passphrase", changed(made, "passphrase", ["kdf", name], value))
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b"\xff\xfe", b"{}", b'"x"', b"[" * 10_000, b" " * 20_000])
def test_what_is_no_key_file_is_damage(made: Made, data: bytes) -> None:
    with pytest.raises(DamagedProfileError):
        opened_with(made, "bytes", data)


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_key_file_that_was_cut_short_is_damage(made: Made, share: float) -> None:
    original = made["bytes"][1].rstrip()
    with pytest.raises(DamagedProfileError):
        opened_with(made, "bytes", original[: int(share * len(original))])


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_flipped_bit_of_the_key_file_goes_unnoticed_and_still_opens_something_else(
    made: Made, position: int, bit: int
) -> None:
    data = bytearray(made["bytes"][1])
    data[position % len(data)] ^= 1 << bit
    try:
        events = opened_with(made, "bytes", bytes(data))
    except ProfileError:
        return
    # White space, and bits that base64 does not use, may change without changing what the file says.
    assert events == EVENTS
    assert json.loads(bytes(data)).keys() == json.loads(made["bytes"][1]).keys()


@given(st.binary(max_size=300))
def test_no_key_file_makes_anything_but_an_error(made: Made, data: bytes) -> None:
    with pytest.raises((DamagedProfileError, NewerProfileError)):
        opened_with(made, "bytes", data)


def test_the_key_file_of_another_profile_does_not_open_the_database(made: Made, tmp_path: Path) -> None:
    ProfileStore.create(tmp_path / "other", raw_key()).close()
    with pytest.raises(DamagedProfileError):
        opened_with(made, "bytes", (tmp_path / "other" / "key.json").read_bytes())


def test_the_profile_id_needs_no_key_and_no_profile(made: Made, tmp_path: Path) -> None:
    folder, data = made["passphrase"]
    assert profile_id(folder) == json.loads(data)["profile"] == read_key_file(folder).profile
    assert profile_id(tmp_path) is None
    (tmp_path / "key.json").write_bytes(b"{")
    assert profile_id(tmp_path) is None


@pytest.mark.parametrize(
    "settings", [Settings(argon2_memory_kib=256 * 1024), Settings(argon2_iterations=8, argon2_memory_kib=8 * 1024)]
)
def test_settings_make_a_key_file_that_asks_for_too_much(tmp_path: Path, settings: Settings) -> None:
    with ProfileStore.create(tmp_path / "profile", PASSPHRASE, settings=settings) as store:
        store.add_events(EVENTS)
    with ProfileStore.open(tmp_path / "profile", PASSPHRASE) as store:
        assert store.events() == EVENTS


@pytest.mark.parametrize("settings", [{"argon2_memory_kib": 256 * 1024 + 1}, {"argon2_iterations": 9}])
def test_settings_beyond_what_a_key_file_may_ask_for_make_a_profile_that_nobody_can_open(
    tmp_path: Path, settings: dict[str, int]
) -> None:
    with pytest.raises(MisuseError, match="at most"):
        ProfileStore.create(tmp_path / "profile", PASSPHRASE, settings=Settings(**settings))  # type: ignore[arg-type]
    assert not ProfileStore.exists(tmp_path / "profile")
