import os
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import (
    KeyringUnavailableError,
    KeyStoreError,
    ProfileBusyError,
    ProfileStorageError,
)
from homespun.profile import tombstones as module
from homespun.profile.connections import connect
from homespun.profile.keyfile import KeyFile1, read_key_file
from homespun.profile.keys import Key
from homespun.profile.secret import Secret
from homespun.profile.tombstones import FileTombstones, KeyringTombstones, Tombstones, is_erased, mac, mark_erased
from tests.sdk.profile.sealing_support import DATABASE, PROFILE, QUICK, RAW, TOKEN, FakeKeyring, counting, sealed

OTHER = "f" * 32
FILE = sealed(Key.bytes(RAW))
CHECK = mac(TOKEN, PROFILE)


def fresh(profile: str = OTHER, token: bytes = RAW) -> object:
    return Key.bytes(RAW).seal(
        profile, DATABASE, Secret(RAW), token=token, key_store="inside", settings=QUICK, entropy=counting()
    )


@pytest.fixture(params=["file", "keyring"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Tombstones:
    if request.param == "file":
        return FileTombstones(tmp_path / "far" / "away" / "erased.jsonl")
    return KeyringTombstones(FakeKeyring(), "app", "me")


def test_a_restored_backup_opens_or_a_fresh_profile_does_not(places: Tombstones) -> None:
    assert not is_erased(places, FILE)
    mark_erased(places, PROFILE, CHECK)
    assert is_erased(places, FILE)
    later = Key.passphrase("x").reseal(FILE, Secret(RAW), settings=QUICK, entropy=counting())
    assert is_erased(places, later)
    assert not is_erased(places, fresh())  # type: ignore[arg-type]


def test_a_backup_from_before_the_migration_opens(places: Tombstones, repository: Path) -> None:
    old = read_key_file(repository / "tests" / "vectors" / "1" / "profile")
    assert isinstance(old, KeyFile1)
    new = Key.bytes(RAW).migrate(old, DATABASE, Secret(RAW), key_store="inside", settings=QUICK, entropy=counting())
    assert not is_erased(places, old)
    mark_erased(places, new.profile, mac(new.token, new.profile))
    assert is_erased(places, old)


@pytest.mark.parametrize("forged", [b"", bytes(32), CHECK[:31], CHECK + b"x", mac(RAW, PROFILE), mac(TOKEN, OTHER)])
def test_a_tombstone_made_without_the_key_file_erases_the_profile(forged: bytes) -> None:
    class Forged:
        place = "nowhere"

        def add(self, profile: str, mac: bytes, /) -> None:
            raise NotImplementedError

        def find(self, profile: str, /) -> bytes | None:
            return forged

    assert not is_erased(Forged(), FILE)


def test_a_check_is_another_one_than_years_ago() -> None:
    assert mac(bytes(32), "0" * 32).hex() == "61a312443fd34dd4a4c7626ffec8d5407af291c321bfa7a8da0997055ba6f602"


def test_a_place_that_forgets_is_believed() -> None:
    class Forgetful:
        place = "nowhere"

        def add(self, profile: str, mac: bytes, /) -> None:
            pass

        def find(self, profile: str, /) -> bytes | None:
            return None

    with pytest.raises(KeyStoreError, match="not remembered"):
        mark_erased(Forgetful(), PROFILE, CHECK)


def test_adding_twice_or_another_check_leaves_the_first(places: Tombstones) -> None:
    mark_erased(places, PROFILE, RAW)
    mark_erased(places, OTHER, RAW)
    mark_erased(places, PROFILE, CHECK)
    mark_erased(places, PROFILE, CHECK)
    assert places.find(PROFILE) == CHECK
    assert places.find(OTHER) == RAW
    assert places.find("0" * 32) is None


def test_the_keyring_keeps_more_than_id_and_check_or_confuses_profiles() -> None:
    backend = FakeKeyring()
    places = KeyringTombstones(backend, "app", "me")
    mark_erased(places, PROFILE, CHECK)
    assert backend.entries == {("app", f"me/{PROFILE}/erased"): CHECK.hex()}
    assert places.place == "the keyring, under 'app'"
    backend.entries["app", f"me/{PROFILE}/erased"] = "something else"
    assert places.find(PROFILE) is None
    backend.refuse = True
    with pytest.raises(KeyringUnavailableError):
        places.find(PROFILE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "erased.jsonl"


def test_the_file_keeps_more_than_id_and_check(path: Path) -> None:
    places = FileTombstones(path)
    places.add(PROFILE, CHECK)
    places.add(PROFILE, CHECK)
    assert [msgspec.json.decode(line) for line in path.read_bytes().splitlines()] == [
        {"schema": 1, "profile": PROFILE, "mac": CHECK.hex()}
    ]
    assert sorted(each.name for each in path.parent.iterdir()) == ["erased.jsonl", "erased.jsonl.lock"]
    assert str(path) in places.place


@pytest.mark.skipif(os.name == "nt", reason="there every file is as its folder is")
def test_others_can_read_who_was_erased(path: Path) -> None:
    FileTombstones(path).add(PROFILE, CHECK)
    FileTombstones(path).add(OTHER, CHECK)
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}


def test_looking_makes_a_file(path: Path) -> None:
    assert FileTombstones(path / "further").find(PROFILE) is None
    assert list(path.parent.iterdir()) == []


def test_a_relative_path_follows_the_process_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    places = FileTombstones(Path("erased.jsonl"))
    places.add(PROFILE, CHECK)
    monkeypatch.chdir(tmp_path / "b")
    assert places.find(PROFILE) == CHECK


DAMAGED = [b"{", b"\xff\xfe\x00", b"[1]", b'{"schema":9,"profile":"x","mac":"y"}', b"[" * 9999]


@pytest.mark.parametrize("line", DAMAGED)
def test_damage_elsewhere_in_the_file_keeps_a_profile_from_opening_or_hides_one(path: Path, line: bytes) -> None:
    places = FileTombstones(path)
    places.add(PROFILE, CHECK)
    path.write_bytes(line + b"\n" + path.read_bytes() + b"\n\n" + line)
    assert places.find(PROFILE) == CHECK
    assert places.find(OTHER) is None
    places.add(OTHER, RAW)
    assert (places.find(PROFILE), places.find(OTHER)) == (CHECK, RAW)
    # What could not be read may be of somebody who can.
    assert path.read_bytes().splitlines().count(line) == 2


def test_a_damaged_line_lets_the_profile_that_it_names_open(path: Path) -> None:
    places = FileTombstones(path)
    places.add(PROFILE, CHECK)
    places.add(OTHER, CHECK)
    first, second = path.read_bytes().splitlines()
    path.write_bytes(first[:-5] + b"\n" + second + b"\n")
    with pytest.raises(ProfileStorageError, match=f"names the profile {PROFILE} is damaged"):
        places.find(PROFILE)
    assert places.find(OTHER) == CHECK
    places.add(PROFILE, CHECK)
    assert places.find(PROFILE) == CHECK


@pytest.mark.parametrize("data", [b"\x00" * 200, b"my shopping list\nmilk\n", b'{"profile":"x"}\n'])
def test_somebody_elses_file_is_taken_for_a_list_that_names_nobody(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    for use in (FileTombstones(path).find, lambda profile: FileTombstones(path).add(profile, CHECK)):
        with pytest.raises(ProfileStorageError, match="no line of it is a tombstone"):
            use(PROFILE)
    assert path.read_bytes() == data


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_an_empty_file_names_somebody(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert FileTombstones(path).find(PROFILE) is None
    mark_erased(FileTombstones(path), PROFILE, CHECK)


def test_a_file_without_end_is_read(path: Path) -> None:
    FileTombstones(path).add(PROFILE, CHECK)
    with path.open("ab") as file:
        file.truncate(module.MAX_SIZE + 1)
    with pytest.raises(ProfileStorageError, match="longer than"):
        FileTombstones(path).find(OTHER)


def test_a_full_file_grows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FileTombstones(path).add(PROFILE, CHECK)
    monkeypatch.setattr(module, "MAX_SIZE", path.stat().st_size + 10)
    with pytest.raises(ProfileStorageError, match="would be longer"):
        FileTombstones(path).add(OTHER, CHECK)
    assert FileTombstones(path).find(PROFILE) == CHECK


def test_a_folder_is_read_as_a_file(path: Path) -> None:
    path.mkdir()
    with pytest.raises(ProfileStorageError, match="a link, a folder"):
        FileTombstones(path).find(PROFILE)


def test_somebody_who_holds_the_lock_is_waited_for_for_ever(path: Path) -> None:
    places = FileTombstones(path, wait_ms=20)
    places.add(PROFILE, CHECK)
    holder = connect(path.with_name(path.name + ".lock"))
    try:
        holder.execute("BEGIN EXCLUSIVE").fetchall()
        with pytest.raises(ProfileBusyError, match="20 ms"):
            places.add(OTHER, CHECK)
        # Reading waits for nobody.
        assert places.find(PROFILE) == CHECK
    finally:
        holder.close()
    mark_erased(places, OTHER, CHECK)


@given(data=st.binary(max_size=400), cut=st.integers(0, 400))
def test_bytes_make_anything_but_an_answer_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cut: int
) -> None:
    path = tmp_path_factory.mktemp("erased") / "erased.jsonl"
    FileTombstones(path).add(PROFILE, CHECK)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] + data + whole[cut:])
    with suppress(ProfileStorageError):
        assert FileTombstones(path).find(PROFILE) in (CHECK, None)


ADDER = """
import sys
from pathlib import Path
from homespun.profile.tombstones import FileTombstones
places = FileTombstones(Path(sys.argv[1]), wait_ms=60_000)
for number in range(10):
    places.add(f"{int(sys.argv[2]):016x}{number:016x}", bytes(32))
"""


def test_one_of_several_who_add_at_once_is_lost(path: Path) -> None:
    adders = [subprocess.Popen([sys.executable, "-c", ADDER, str(path), str(each)]) for each in range(4)]
    assert [adder.wait(timeout=120) for adder in adders] == [0] * 4
    places = FileTombstones(path)
    names = [f"{each:016x}{number:016x}" for each in range(4) for number in range(10)]
    assert [places.find(name) for name in names] == [bytes(32)] * 40
