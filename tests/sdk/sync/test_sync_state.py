"""What is remembered between two runs: damaged, lost in part, or another version's."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import ProfileStorageError
from homespun.sync.state import DamagedStateError, Kept, State, encode_state, merged, parse_state
from homespun.sync.store import STATE, STATE_COPY, Store

KEPT = Kept(channel="films/production", number=3, bundle="a" * 64, folder="a" * 64)
FULL = State(channel="films/production", current=KEPT, highest={"films/production": 3}, latest=5.0, off="a fault")


def store(folder: Path) -> Store:
    found = Store(folder / "updates", lambda _: None)
    found.prepare()
    return found


def test_what_is_remembered_comes_back_otherwise(tmp_path: Path) -> None:
    found = store(tmp_path)
    assert found.read() == State()
    found.write(FULL)
    assert found.read() == FULL


@pytest.mark.parametrize("name", [STATE, STATE_COPY])
@pytest.mark.parametrize("raw", [None, b"", b"{}x", b"[" * 100_000, b'{"schema":2}', b"\xff", b" " * (1 << 21)])
def test_one_damaged_copy_loses_what_is_remembered(tmp_path: Path, name: str, raw: bytes | None) -> None:
    found = store(tmp_path)
    found.write(FULL)
    if raw is None:
        (found.folder / name).unlink()
    else:
        (found.folder / name).write_bytes(raw)
    assert found.read() == FULL


def test_an_older_copy_brings_an_older_release_back(tmp_path: Path) -> None:
    found = store(tmp_path)
    found.write(FULL.with_changes(highest={"films/production": 9, "films/canary": 1}, latest=9.0))
    (found.folder / STATE).write_bytes(encode_state(FULL))
    assert found.read() == FULL.with_changes(highest={"films/production": 9, "films/canary": 1}, latest=9.0)


def test_copies_that_say_nothing_are_merged_into_something() -> None:
    assert merged(()) == State()


def test_a_folder_that_cannot_be_read_passes_for_an_empty_one(tmp_path: Path) -> None:
    found = store(tmp_path)
    (found.folder / STATE).mkdir()
    with pytest.raises(ProfileStorageError, match="permissions"):
        found.read()


@pytest.mark.parametrize("folder", ["..", "a" * 63, "a" * 64 + "/x", "a" * 64 + ".", "A" * 64])
def test_a_state_names_a_folder_elsewhere(folder: str) -> None:
    raw = encode_state(FULL.with_changes(current=Kept(channel="c/d", number=1, bundle="a" * 64, folder=folder)))
    with pytest.raises(DamagedStateError):
        parse_state(raw)


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_a_state_that_is_none_raises_something_else(raw: bytes) -> None:
    with pytest.raises(DamagedStateError):
        parse_state(b"[" + raw)


@pytest.mark.parametrize("change", [{"failures": -1}, {"draw": 2.0}, {"highest": {"c": "x"}}, {"rejected": [1]}])
def test_an_impossible_state_is_believed(change: dict[str, Any]) -> None:
    with pytest.raises(DamagedStateError):
        parse_state(encode_state(FULL.with_changes(**change)))
