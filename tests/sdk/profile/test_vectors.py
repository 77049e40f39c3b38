"""Profiles made by released versions are opened by this one, for ever.

``tests/vectors/1/profile`` was made once, with ``Key.bytes(bytes(range(32)))``, from the events and the
consent record below. It is never made again: a failure here means that people would lose their profiles.
"""

import shutil
from pathlib import Path

import pytest

from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.profile import Key, ProfileStore
from homespun.protocol.events import Event

VECTORS = Path(__file__).parents[2] / "vectors"

EVENTS = [
    Event("film-1", "view", 1_700_000_000.5, 3.5, {"device": "tv", "alone": True, "count": 2, "share": 0.25}),
    Event("映画-2", "rate", None, 0.0, {}),
    Event("film-1", "buy"),
]
RECORDS = ConsentLedger().grant(Purpose.DEVICE_STORAGE, notice=Notice("May we?", "en-GB", "7"), now=1_700_000_000.25)


def copy_of(version: str, folder: Path) -> Path:
    folder.mkdir()
    for name in ("key.json", "profile.db"):
        shutil.copy(VECTORS / version / "profile" / name, folder / name)
    return folder


@pytest.mark.parametrize("version", ["1"])
def test_a_profile_of_an_earlier_version_cannot_be_read(tmp_path: Path, version: str) -> None:
    folder = copy_of(version, tmp_path / "profile")
    with ProfileStore.open(folder, Key.bytes(bytes(range(32)))) as store:
        assert store.profile_id == "9edd5bb45e241b8b905b6efd6669d9ea"
        assert store.events() == EVENTS
        assert store.consent_records() == RECORDS
        assert store.add_event(EVENTS[0]) == 4
