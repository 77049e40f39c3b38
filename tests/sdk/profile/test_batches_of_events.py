"""Events that are held in memory for a moment: at most as many are lost as the settings say, and none is doubled."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from homespun.consent import Notice, Purpose
from homespun.errors import InvalidEventError, ProfileStorageError
from homespun.home import Home
from homespun.profile.epochs import Epochs
from homespun.protocol.events import Event
from homespun.testing import FakeClock
from tests.conftest import Runs
from tests.sdk.profile.support import QUICK, items_of, opened, place_at

BATCH = 10
SETTINGS = replace(QUICK, batch_events=BATCH, batch_seconds=3600.0, busy_timeout_ms=2000)

RECORDING = """
import sys
from itertools import count
from pathlib import Path
from homespun.protocol.events import Event
from tests.sdk.profile.test_batches_of_events import home_in
home = home_in(Path(sys.argv[1]))
for number in count():
    assert home.add(Event(f"item-{number}"))
    print(number, flush=True)
"""


def home_in(folder: Path, **changes: Any) -> Home:
    home = Home(place_at(folder, settings=replace(SETTINGS, **changes)), clock=FakeClock())
    home.grant((Purpose.DEVICE_STORAGE, Purpose.PERSONALIZATION), Notice("May we?"), "test", "explicit")
    return home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


@pytest.fixture
def home(folder: Path) -> Iterator[Home]:
    made = home_in(folder)
    yield made
    made.close()


def written(folder: Path) -> list[str]:
    """What another program finds in the profile."""
    with opened(folder) as store:
        return items_of(store)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are not killed in this way here")
def test_more_than_a_batch_is_lost_when_the_process_is_killed(tmp_path: Path, repository: Path, runs: Runs) -> None:
    for number in runs("killed with a batch", 40):
        folder = tmp_path / str(number)
        with subprocess.Popen(
            [sys.executable, "-c", RECORDING, str(folder)], stdout=subprocess.PIPE, text=True, cwd=repository
        ) as process:
            assert process.stdout is not None
            last = -1
            for line in process.stdout:
                last = int(line)
                if last >= 3 * number + 1:
                    break
            os.kill(process.pid, signal.SIGKILL)
            last = max([last, *map(int, process.stdout.read().split())])
        kept = written(folder)
        assert kept == [f"item-{each}" for each in range(len(kept))]
        assert len(kept) >= last + 1 - BATCH
        assert len(kept) % BATCH == 0


def test_what_is_held_is_held_for_longer_than_it_may_be(folder: Path) -> None:
    home = home_in(folder, batch_seconds=0.05)
    try:
        home.add(Event("held"))
        end = time.monotonic() + 10
        while not written(folder):
            assert time.monotonic() < end
            time.sleep(0.01)
        assert written(folder) == ["held"]
    finally:
        home.close()


def test_an_event_that_cannot_be_written_keeps_others_from_being_written(home: Home, folder: Path) -> None:
    home.add(Event("before"))
    with pytest.raises(InvalidEventError, match="context"):
        home.add(Event("bad", context={"a": "\ud800"}))
    home.add(Event("after"))
    home.flush()
    assert written(folder) == ["before", "after"]


def refuse(*_: object, **__: object) -> None:
    raise apsw.FullError("database or disk is full")


def test_what_was_refused_is_recorded_twice_when_it_is_tried_again(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that were acknowledged are held on; the one that was refused is not, however often it is tried."""
    for number in range(BATCH - 1):
        assert home.add(Event(f"item-{number}"))
    with monkeypatch.context() as patch:
        patch.setattr(Epochs, "add", refuse)
        for _ in range(50):
            with pytest.raises(ProfileStorageError, match="full"):
                home.add(Event("last"))
        with pytest.raises(ProfileStorageError, match="full"):
            home.flush()
    assert written(folder) == []
    assert home.add(Event("last"))
    assert written(folder) == [*(f"item-{number}" for number in range(BATCH - 1)), "last"]


def test_what_is_asked_to_survive_more_is_written_before_what_came_first(home: Home, folder: Path) -> None:
    home.add(Event("first"))
    assert written(folder) == []
    home.add(Event("second"), "power")
    assert written(folder) == ["first", "second"]
    home.add(Event("third"))
    home.add_all([Event("fourth"), Event("fifth")])
    assert written(folder) == ["first", "second", "third", "fourth", "fifth"]


def test_an_id_in_one_batch_counts_twice(home: Home, folder: Path) -> None:
    for item in ("first", "second"):
        assert home.add(Event(item, id="once"))
    home.flush()
    home.add(Event("third", id="once"))
    home.flush()
    assert written(folder) == ["first"]


def test_closing_loses_what_is_held(folder: Path) -> None:
    home = home_in(folder)
    home.add(Event("held"))
    home.close()
    assert written(folder) == ["held"]
