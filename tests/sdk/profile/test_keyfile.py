import json
import shutil
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import DamagedProfileError, MisuseError, NewerProfileError, ProfileError, WrongKeyError
from homespun.profile.files import KEY, write_atomically
from homespun.profile.keyfile import (
    MAX_FILE_SIZE,
    KeyFile,
    KeyFile1,
    KeyringEntry,
    is_key_file,
    profile_id,
    read_key_file,
)
from homespun.profile.keys import Key
from homespun.profile.recovery import new_recovery
from homespun.profile.sealing import with_recovery
from homespun.profile.secret import Secret
from tests.sdk.profile.sealing_support import (
    DATA_KEY,
    DATABASE,
    PROFILE,
    QUICK,
    RAW,
    TOKEN,
    FakeKeyring,
    counting,
    sealed,
)

VECTOR = Path(__file__).parents[2] / "vectors" / "1" / "profile"
RECOVERY_TEXT, RECOVERY = new_recovery(counting())
KEYS = {
    "passphrase": Key.passphrase("quick"),
    "bytes": Key.bytes(RAW),
    "keyring": Key.keyring("app", backend=FakeKeyring()),
    "recovery": Key.recovery(RECOVERY_TEXT),
}
LASTING = ("passphrase", "bytes", "keyring")
MADE = {
    kind: with_recovery(sealed(KEYS[kind]), Secret(DATA_KEY), RECOVERY, entropy=counting()).encode() for kind in LASTING
}
MADE["recovery"] = MADE["bytes"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hypothesis uses one folder for all its examples."""
    return tmp_path_factory.mktemp("profile")


def opened_with(folder: Path, kind: str, data: bytes) -> bytes:
    (folder / KEY).write_bytes(data)
    file = read_key_file(folder)
    assert isinstance(file, KeyFile)
    return KEYS[kind].unseal(file).reveal()


def changed(kind: str, path: list[Any], value: Any) -> bytes:
    data = json.loads(MADE[kind])
    target = data
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value
    return json.dumps(data).encode()


OTHER_SALT = "AAAAAAAAAAAAAAAAAAAAAA=="
OTHER_TOKEN = "A" * 43 + "="
QUICK_KDF = {"name": "argon2id", "salt": OTHER_SALT, "memory_kib": 8192, "iterations": 1, "lanes": 1}

FIELDS = [
    ("bytes", ["schema"], 0, DamagedProfileError),
    ("bytes", ["schema"], 1, DamagedProfileError),
    ("bytes", ["schema"], -1, DamagedProfileError),
    ("bytes", ["schema"], 3, NewerProfileError),
    ("bytes", ["schema"], 10**30, NewerProfileError),
    ("bytes", ["schema"], "2", DamagedProfileError),
    ("bytes", ["profile"], "0" * 32, WrongKeyError),
    ("bytes", ["profile"], "../../etc", DamagedProfileError),
    ("bytes", ["profile"], "0" * 32 + "\n", DamagedProfileError),
    ("bytes", ["database"], "profile-0000000000000000.db", WrongKeyError),
    ("bytes", ["database"], "profile-0000000000000000.db\n", DamagedProfileError),
    ("bytes", ["database"], "state-0000000000000000.db", DamagedProfileError),
    ("bytes", ["database"], "../profile-0000000000000000.db", DamagedProfileError),
    ("bytes", ["database"], "", DamagedProfileError),
    ("bytes", ["token"], OTHER_TOKEN, WrongKeyError),
    ("bytes", ["token"], "AAAA", DamagedProfileError),
    ("bytes", ["key_store"], "outside", WrongKeyError),
    ("bytes", ["key_store"], "elsewhere", DamagedProfileError),
    ("bytes", ["slots"], [], DamagedProfileError),
    ("bytes", ["slots"], None, DamagedProfileError),
    ("bytes", ["pending"], None, DamagedProfileError),
    ("bytes", ["pending"], [{"service": "app", "username": "x"}] * 9, DamagedProfileError),
    ("bytes", ["note"], "unknown", DamagedProfileError),
    ("bytes", ["slots", 0, "source"], "passphrase", WrongKeyError),
    ("bytes", ["slots", 0, "source"], "keyring", WrongKeyError),
    ("bytes", ["slots", 0, "source"], "recovery", DamagedProfileError),
    ("bytes", ["slots", 0, "source"], "plain", DamagedProfileError),
    ("bytes", ["slots", 0, "cipher"], "none", DamagedProfileError),
    ("bytes", ["slots", 0, "note"], "unknown", DamagedProfileError),
    ("bytes", ["slots", 0, "kdf", "name"], "md5", DamagedProfileError),
    ("bytes", ["slots", 0, "kdf", "salt"], OTHER_SALT, WrongKeyError),
    ("bytes", ["slots", 0, "kdf", "salt"], "", DamagedProfileError),
    ("bytes", ["slots", 0, "kdf", "salt"], "%%", DamagedProfileError),
    ("bytes", ["slots", 0, "kdf"], QUICK_KDF, WrongKeyError),
    ("bytes", ["slots", 0, "keyring"], {"service": "app", "username": "x"}, WrongKeyError),
    ("bytes", ["slots", 0, "nonce"], "AAAAAAAAAAAAAAAA", WrongKeyError),
    ("bytes", ["slots", 0, "nonce"], "AAAA", DamagedProfileError),
    ("bytes", ["slots", 0, "wrapped"], "A" * 64, WrongKeyError),
    ("bytes", ["slots", 0, "wrapped"], "AAAA", DamagedProfileError),
    ("passphrase", ["slots", 0, "kdf", "iterations"], 2, WrongKeyError),
    ("passphrase", ["slots", 0, "kdf", "lanes"], 2, WrongKeyError),
    ("passphrase", ["slots", 0, "kdf", "memory_kib"], 8193, WrongKeyError),
    ("passphrase", ["slots", 0, "kdf"], {"name": "hkdf-sha256", "salt": OTHER_SALT}, WrongKeyError),
    ("keyring", ["slots", 0, "keyring"], None, WrongKeyError),
    ("keyring", ["slots", 0, "keyring", "service"], "other", WrongKeyError),
    ("keyring", ["slots", 0, "keyring", "username"], "other", WrongKeyError),
    ("keyring", ["slots", 0, "keyring", "username"], f"homespun/{PROFILE}", WrongKeyError),
    ("recovery", ["database"], "profile-0000000000000000.db", WrongKeyError),
    ("recovery", ["slots", 1, "kdf", "salt"], OTHER_SALT, WrongKeyError),
    ("recovery", ["slots", 1, "kdf"], QUICK_KDF, WrongKeyError),
    ("recovery", ["slots", 1, "source"], "keyring", WrongKeyError),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path", "value", "error"), FIELDS)
def test_a_changed_field_is_believed(
    folder: Path, kind: str, path: list[Any], value: Any, error: type[ProfileError]
) -> None:
    with pytest.raises(error):
        opened_with(folder, kind, changed(kind, path, value))


@pytest.mark.parametrize("kind", KEYS)
def test_what_was_written_is_what_is_read(folder: Path, kind: str) -> None:
    assert opened_with(folder, kind, MADE[kind]) == DATA_KEY
    file = read_key_file(folder)
    assert isinstance(file, KeyFile)
    assert file.encode() == MADE[kind]
    assert (file.profile, file.database, file.token, file.key_store) == (PROFILE, DATABASE, TOKEN, "inside")


@pytest.mark.parametrize("kind", LASTING)
def test_changing_one_slot_keeps_another_kind_of_key_from_opening(folder: Path, kind: str) -> None:
    data = changed(kind, ["slots", 0, "wrapped"], "A" * 64)
    assert opened_with(folder, "recovery", data) == DATA_KEY
    with pytest.raises(WrongKeyError):
        opened_with(folder, kind, data)


def test_a_slot_is_taken_from_another_profile(folder: Path) -> None:
    other = KEYS["bytes"].seal(
        "f" * 32, DATABASE, Secret(RAW), token=TOKEN, key_store="inside", settings=QUICK, entropy=counting()
    )
    slot = json.loads(other.encode())["slots"][0]
    with pytest.raises(WrongKeyError):
        opened_with(folder, "bytes", changed("bytes", ["slots", 0], slot))


def test_a_slot_stands_twice_or_under_another_name(folder: Path) -> None:
    slots = json.loads(MADE["bytes"])["slots"]
    with pytest.raises(DamagedProfileError, match="same kind"):
        opened_with(folder, "bytes", changed("bytes", ["slots"], [slots[0], slots[0]]))
    renamed = [slots[0] | {"source": "recovery"}]
    with pytest.raises(WrongKeyError):
        opened_with(folder, "recovery", changed("bytes", ["slots"], renamed))


def test_the_key_of_one_kind_opens_the_slot_of_another(folder: Path) -> None:
    # The same 32 bytes as a recovery key and as Key.bytes wrap with different keys.
    recovery = with_recovery(sealed(KEYS["bytes"]), Secret(DATA_KEY), Secret(RAW), entropy=counting())
    slot = recovery.slot("recovery")
    assert slot is not None
    with pytest.raises(WrongKeyError):
        recovery.unwrap(slot, KEYS["bytes"]._source.wrapping_key(recovery, recovery.slots[0]))  # type: ignore[union-attr]


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
def test_absurd_costs_are_refused_before_they_are_paid(folder: Path, name: str, value: Any) -> None:
    started = time.perf_counter()
    with pytest.raises(DamagedProfileError):
        opened_with(folder, "passphrase", changed("passphrase", ["slots", 0, "kdf", name], value))
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "data", [b"", b"{", b"null", b"[]", b"\xff\xfe", b"{}", b'"x"', b"[" * 10_000, b" " * (MAX_FILE_SIZE + 1)]
)
def test_what_is_no_key_file_is_taken_for_one(folder: Path, data: bytes) -> None:
    with pytest.raises(DamagedProfileError):
        opened_with(folder, "bytes", data)


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_key_file_that_was_cut_short_is_read(folder: Path, share: float) -> None:
    original = MADE["bytes"].rstrip()
    with pytest.raises(DamagedProfileError):
        opened_with(folder, "bytes", original[: int(share * len(original))])


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_goes_unnoticed_and_opens_something_else(folder: Path, position: int, bit: int) -> None:
    data = bytearray(MADE["bytes"])
    data[position % len(data)] ^= 1 << bit
    try:
        data_key = opened_with(folder, "bytes", bytes(data))
    except ProfileError:
        return
    # White space, bits that base64 does not use, and the other slot may change; what this one gives may not.
    assert data_key == DATA_KEY
    assert json.loads(bytes(data)).keys() == json.loads(MADE["bytes"]).keys()


@given(st.binary(max_size=300))
def test_bytes_make_anything_but_an_error(folder: Path, data: bytes) -> None:
    with pytest.raises((DamagedProfileError, NewerProfileError)):
        opened_with(folder, "bytes", data)


def test_a_file_without_the_optional_fields_is_another_file(folder: Path) -> None:
    data = json.loads(MADE["bytes"])
    del data["pending"]
    assert opened_with(folder, "bytes", json.dumps(data).encode()) == DATA_KEY
    for name in ("profile", "database", "token", "key_store"):
        with pytest.raises(DamagedProfileError):
            opened_with(folder, "bytes", json.dumps({key: data[key] for key in data if key != name}).encode())


def test_the_profile_id_needs_a_key_or_a_profile(tmp_path: Path) -> None:
    assert profile_id(tmp_path) is None
    for data, expected in ((MADE["passphrase"], PROFILE), (b"{", None)):
        write_atomically(tmp_path / KEY, data)
        assert profile_id(tmp_path) == expected
        assert is_key_file(tmp_path / KEY) is (expected is not None)
    shutil.copy(VECTOR / KEY, tmp_path / KEY)
    assert profile_id(tmp_path) == "9edd5bb45e241b8b905b6efd6669d9ea"
    assert is_key_file(tmp_path / KEY)


@pytest.mark.parametrize("data", [{"schema": 2}, {"schema": 2, "profile": PROFILE}, {"slots": [{}]}, {"key": "x"}])
def test_another_programs_key_json_is_taken_for_ours(tmp_path: Path, data: dict[str, Any]) -> None:
    (tmp_path / KEY).write_bytes(json.dumps(data).encode())
    assert not is_key_file(tmp_path / KEY)


def test_a_newer_key_file_is_not_recognized_as_a_key_file(tmp_path: Path) -> None:
    newer = json.loads(MADE["bytes"]) | {"schema": 3, "more": [1]}
    (tmp_path / KEY).write_bytes(json.dumps(newer).encode())
    assert is_key_file(tmp_path / KEY)
    with pytest.raises(NewerProfileError, match="Update homespun"):
        read_key_file(tmp_path)


def test_the_last_slot_is_taken_away() -> None:
    file = msgspec.json.decode(MADE["bytes"], type=KeyFile)
    assert file.without_slot("recovery").sources == ("bytes",)
    assert file.without_slot("bytes").sources == ("recovery",)
    with pytest.raises(MisuseError, match="only key"):
        file.without_slot("bytes").without_slot("recovery")


def test_entries_of_another_profile_are_taken_for_this_ones() -> None:
    file = msgspec.json.decode(MADE["keyring"], type=KeyFile)
    own, foreign = KeyringEntry("app", f"me/{PROFILE}/89abcdef"), KeyringEntry("app", f"me/{'f' * 32}/89abcdef")
    file = msgspec.structs.replace(file, pending=(foreign, own))
    assert file.entries == (file.slots[0].keyring, own)


@pytest.mark.parametrize(
    "username",
    ["", PROFILE, f"/{PROFILE}", f"me/{PROFILE}/", f"me/{PROFILE}/erased", f"me/{PROFILE}/89abcdef0",
     f"me/{PROFILE}/89ABCDEF", f"me/{PROFILE}/epoch-0123456789abcdef.db", f"me/{PROFILE}x", f"me/{PROFILE}\n"],
)  # fmt: skip
def test_a_name_that_merely_contains_the_profile_is_an_entry_of_its_key(username: str) -> None:
    assert KeyringEntry("app", username).username_for(PROFILE) is None


@pytest.mark.parametrize("username", ["me", "me/too", "it's me"])
def test_a_username_is_not_found_in_the_entrys_name(username: str) -> None:
    assert KeyringEntry("app", f"{username}/{PROFILE}").username_for(PROFILE) == username
    assert KeyringEntry("app", f"{username}/{PROFILE}/89abcdef").username_for(PROFILE) == username


# Frozen: a failure of the following tests means that people would lose their profiles.

VECTOR_2 = b"""
{
 "schema": 2,
 "profile": "0123456789abcdef0123456789abcdef",
 "database": "profile-0123456789abcdef.db",
 "token": "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=",
 "key_store": "inside",
 "slots": [
  {
   "source": "bytes",
   "kdf": {
    "name": "hkdf-sha256",
    "salt": "AAAAAAAAAAAAAAAAAAAAAQ=="
   },
   "keyring": null,
   "cipher": "aes-256-gcm",
   "nonce": "AAAAAAAAAAAAAAAC",
   "wrapped": "qALSplGcwCkXm9PhgFTpiKn/bBPcoRHWIJ4ar66eNxhWTtJUDGG+BwHBmVFZ85Pe"
  },
  {
   "source": "recovery",
   "kdf": {
    "name": "hkdf-sha256",
    "salt": "AAAAAAAAAAAAAAAAAAAAAQ=="
   },
   "keyring": null,
   "cipher": "aes-256-gcm",
   "nonce": "AAAAAAAAAAAAAAAC",
   "wrapped": "1u9ukPOO0p4/n+BOT3cgx8Qsqun2nWSudaCQhPzuzcz+d9UZ/IXCGzZpM4OfqbR0"
  },
  {
   "source": "passphrase",
   "kdf": {
    "name": "argon2id",
    "salt": "AAAAAAAAAAAAAAAAAAAAAQ==",
    "memory_kib": 8192,
    "iterations": 1,
    "lanes": 1
   },
   "keyring": null,
   "cipher": "aes-256-gcm",
   "nonce": "AAECAwQFBgcICQoL",
   "wrapped": "SGI9fCwXFd9LoVH2yZWTFn7uAjP2uGoBle4Q9KB0zw+I6iGOGIrsZA/+n7aqGN6z"
  }
 ],
 "pending": []
}
"""


def test_a_key_file_of_schema_2_cannot_be_read_any_more(folder: Path) -> None:
    assert opened_with(folder, "bytes", VECTOR_2) == DATA_KEY
    assert opened_with(folder, "recovery", VECTOR_2) == DATA_KEY
    assert opened_with(folder, "passphrase", VECTOR_2) == DATA_KEY


def test_a_key_file_of_schema_1_cannot_be_read_any_more() -> None:
    file = read_key_file(VECTOR)
    assert isinstance(file, KeyFile1)
    assert (file.profile, file.sources, file.entries) == ("9edd5bb45e241b8b905b6efd6669d9ea", ("bytes",), ())
    digest = sha256(KEYS["bytes"].unseal(file).reveal()).hexdigest()
    assert digest == "b435799aaf5c15e2715a0bad15cd79907b1f18dd6275b3925cff826587c54ad0"
    assert file.token.hex() == "62abb29f264dbd6a22e9aa70b6e0cfdd2e4aaa5230813085d7afa84c85406b3e"
    with pytest.raises(WrongKeyError, match="does not open"):
        Key.bytes(RAW[::-1]).unseal(file)
    with pytest.raises(WrongKeyError, match=r"made with Key\.bytes"):
        KEYS["passphrase"].unseal(file)


@pytest.mark.parametrize("path", [["profile"], ["kdf", "salt"], ["nonce"], ["wrapped"], ["cipher"], ["slots"]])
def test_a_changed_key_file_of_schema_1_is_believed(tmp_path: Path, path: list[str]) -> None:
    data = json.loads((VECTOR / KEY).read_bytes())
    other: dict[str, Any] = {"profile": "0" * 32, "salt": OTHER_SALT, "nonce": "A" * 16, "wrapped": "A" * 64}
    target = data["kdf"] if path == ["kdf", "salt"] else data
    target[path[-1]] = other.get(path[-1], "x")
    (tmp_path / KEY).write_bytes(json.dumps(data).encode())
    with pytest.raises((WrongKeyError, DamagedProfileError)):
        KEYS["bytes"].unseal(read_key_file(tmp_path))
