import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import DamagedProfileError
from homespun.profile import ProfileStore, erase
from homespun.protocol.events import Event
from tests.sdk.profile.support import QUICK, connection_of, contents, raw_key

PAGE = 4096
SALT = 16
MANY = [Event(f"item-{number:04}", context={"note": "x" * 100}) for number in range(200)]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage") / "profile"
    with ProfileStore.create(folder, raw_key(), settings=QUICK) as store:
        store.add_events(MANY)
    assert (folder / "profile.db").stat().st_size >= 8 * PAGE
    return folder


@pytest.fixture(scope="module")
def copy(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose database the tests overwrite again and again."""
    folder = tmp_path_factory.mktemp("copy") / "profile"
    shutil.copytree(original, folder)
    return folder


def database(folder: Path) -> bytes:
    return (folder / "profile.db").read_bytes()


def assert_damaged(folder: Path, data: bytes) -> None:
    (folder / "profile.db").write_bytes(data)
    with pytest.raises(DamagedProfileError, match="Restore"):
        ProfileStore.open(folder, raw_key(), settings=QUICK)


@given(data=st.data())
def test_a_flipped_bit_in_any_page_is_found_on_opening(original: Path, copy: Path, data: st.DataObject) -> None:
    good = database(original)
    for page in range(len(good) // PAGE):
        # The first bytes are a salt that a raw key ignores.
        offset = data.draw(st.integers(SALT if page == 0 else 0, PAGE - 1))
        bad = bytearray(good)
        bad[page * PAGE + offset] ^= 1 << data.draw(st.integers(0, 7))
        assert_damaged(copy, bytes(bad))


def test_every_byte_of_the_layout_in_the_clear_is_checked(original: Path, copy: Path) -> None:
    good = database(original)
    for offset in range(SALT, 2 * SALT):
        bad = bytearray(good)
        bad[offset] ^= 0x40
        assert_damaged(copy, bytes(bad))


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_database_that_was_cut_short_is_found_on_opening(original: Path, copy: Path, share: float) -> None:
    good = database(original)
    assert_damaged(copy, good[: int(share * len(good))])


def test_pages_that_were_swapped_are_found_on_opening(original: Path, copy: Path) -> None:
    good = database(original)
    pages = [good[start : start + PAGE] for start in range(0, len(good), PAGE)]
    pages[-1], pages[-2] = pages[-2], pages[-1]
    assert_damaged(copy, b"".join(pages))


def test_damage_that_happens_while_it_is_open_is_found_on_reading(original: Path, tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    shutil.copytree(original, folder)
    with ProfileStore.open(folder, raw_key(), settings=QUICK) as store:
        connection_of(store).pragma("cache_size", 0)
        connection_of(store).execute("PRAGMA shrink_memory").fetchall()
        with (folder / "profile.db").open("r+b") as file:
            file.seek(5 * PAGE)
            file.write(b"\0" * PAGE * 3)
        with pytest.raises(DamagedProfileError):
            store.events()


def test_a_damaged_log_loses_its_end_and_invents_nothing(original: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(original, source)
    with ProfileStore.open(source, raw_key(), settings=QUICK) as store:
        for number in range(20):
            store.add_event(Event(f"later-{number}"))
        recorded = store.events()
        store.close(keep_log=True)
    log = (source / "profile.db-wal").read_bytes()
    for position in range(40, len(log), 3001):
        folder = tmp_path / f"at-{position}"
        shutil.copytree(source, folder)
        (folder / "profile.db-shm").unlink()
        bad = bytearray(log)
        bad[position] ^= 0x10
        (folder / "profile.db-wal").write_bytes(bad)
        try:
            with ProfileStore.open(folder, raw_key(), settings=QUICK) as store:
                events = store.events()
        except DamagedProfileError:
            continue
        assert events == recorded[: len(events)]
        assert len(events) >= len(MANY)


@pytest.mark.parametrize("lost", ["key.json", "profile.db"])
def test_a_lost_file_is_named_and_the_other_is_not_touched(original: Path, tmp_path: Path, lost: str) -> None:
    folder = tmp_path / "profile"
    shutil.copytree(original, folder)
    (folder / lost).unlink()
    before = contents(folder)
    assert ProfileStore.exists(folder)
    with pytest.raises(DamagedProfileError, match=rf"{lost}\b.*missing"):
        ProfileStore.open(folder, raw_key())
    assert contents(folder) == before
    # The way out that the message names.
    erase(folder, None)
    assert not folder.exists()


def test_the_database_of_another_profile_with_the_same_key_is_found_on_opening(
    original: Path, copy: Path, tmp_path: Path
) -> None:
    with ProfileStore.create(tmp_path / "other", raw_key()) as other:
        other.add_events(MANY)
    assert_damaged(copy, database(tmp_path / "other"))
