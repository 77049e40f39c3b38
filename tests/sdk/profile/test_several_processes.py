"""Several programs with the same profile: each sees what the others did, and waits no longer than it was told.

Two stores in one process stand for two processes where only SQLite's locks and files matter; where the operating
system's locks on files matter, there is a second process.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homespun.config import Retention
from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.errors import ProfileBusyError
from homespun.profile import ProfileStore, Selection, rotate
from homespun.profile.lock import FolderLock
from homespun.protocol.controls import entry
from homespun.protocol.events import Event
from tests.sdk.profile.support import (
    NOW,
    QUICK,
    connection_of,
    consent,
    created,
    items_of,
    opened,
    place_at,
    record,
    vaults_of,
)

RECORDS = ConsentLedger().grant(Purpose.DEVICE_STORAGE, notice=Notice("May we?"), now=7)
PAUSED = (entry((), "pause", None, value=True, now=NOW),)
PATIENT = replace(QUICK, busy_timeout_ms=10_000)
DAY = 86_400

OTHER = """
import json, sys
from pathlib import Path
from homespun.profile import Selection
from homespun.protocol.events import Event
from tests.sdk.profile.support import NOW, connection_of, items_of, opened, record
from tests.sdk.profile.test_several_processes import PATIENT
store = opened(Path(sys.argv[1]), settings=PATIENT)
for line in sys.stdin:
    name, *arguments = json.loads(line)
    answer = None
    if name == "record":
        for item in arguments:
            record(store, Event(item))
    elif name == "items":
        answer = items_of(store)
    elif name == "forget":
        answer = store.forget(Selection(items=frozenset(arguments))).rows
    elif name == "lock":
        connection_of(store, arguments[0]).execute("BEGIN IMMEDIATE")
    elif name == "unlock":
        connection_of(store, arguments[0]).execute("ROLLBACK")
    print(json.dumps(answer), flush=True)
store.close()
"""


class Other:
    """Another process that has the profile open."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=repository,
        )

    def ask(self, name: str, *arguments: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([name, *arguments]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


@pytest.fixture
def store(folder: Path) -> Iterator[ProfileStore]:
    with created(folder, settings=PATIENT) as made:
        record(made, Event("first"))
        yield made


@pytest.fixture
def other(store: ProfileStore, folder: Path, repository: Path) -> Iterator[Other]:
    process = Other(folder, repository)
    process.ask("items")
    yield process
    process.kill()


def test_another_process_that_closes_takes_the_log_away(store: ProfileStore, folder: Path, other: Other) -> None:
    record(store, Event("before"))
    other.ask("record", "theirs")
    other.end()
    for number in range(20):
        record(store, Event(f"after-{number}"))
    mine = items_of(store)
    assert mine == ["first", "before", "theirs", *(f"after-{number}" for number in range(20))]
    again = opened(folder, settings=PATIENT)
    assert items_of(again) == mine
    again.close()
    store.close()
    with opened(folder) as last:
        assert items_of(last) == mine


def test_another_process_that_is_killed_blocks_or_loses_something(
    store: ProfileStore, folder: Path, other: Other
) -> None:
    other.ask("record", "theirs")
    for kind in ("profile", "state", "epoch"):
        other.ask("lock", kind)
    other.kill()
    record(store, Event("after"))
    consent(store, *RECORDS)
    store.set_attribute("language", "nb")
    assert items_of(store) == ["first", "theirs", "after"]


def test_an_erasure_elsewhere_makes_recording_or_reading_fail(store: ProfileStore, other: Other) -> None:
    """The epoch is replaced and destroyed while it is open here, again and again."""
    for number in range(10):
        record(store, Event(f"kept-{number}"), Event(f"erased-{number}", id=f"id-{number}"))
        if number % 2:
            store.events()
        assert other.ask("forget", f"erased-{number}") == {"event": 1}
        if number % 3:
            assert record(store, Event(f"more-{number}")) == 1
        assert not any(item.startswith("erased") for item in items_of(store))
        assert record(store, Event("again", id=f"id-{number}")) == 1
    assert other.ask("items") == items_of(store)
    store.check()


def test_recording_beside_an_erasure_loses_an_event(store: ProfileStore, folder: Path, other: Other) -> None:
    """One thread records and one reads, while another process erases."""
    ended = threading.Event()

    def until_it_ends(act: Callable[[int], object]) -> int:
        number = 0
        while not ended.is_set():
            act(number)
            number += 1
        return number

    with opened(folder, settings=PATIENT) as reader, ThreadPoolExecutor(2) as pool:
        recording = pool.submit(until_it_ends, lambda number: record(store, Event(f"kept-{number}")))
        reading = pool.submit(until_it_ends, lambda _: check_order(items_of(reader)))
        try:
            for _ in range(8):
                other.ask("record", "erased")
                assert other.ask("forget", "erased") == {"event": 1}
        finally:
            ended.set()
        recorded = recording.result()
        assert reading.result() > 0
    assert items_of(store) == ["first", *(f"kept-{number}" for number in range(recorded))]
    assert other.ask("items") == items_of(store)
    assert len(vaults_of(folder)) == 3


def check_order(items: list[str]) -> None:
    kept = [item for item in items if item.startswith("kept-")]
    assert kept == [f"kept-{number}" for number in range(len(kept))]


def test_retention_elsewhere_makes_recording_or_reading_fail(folder: Path) -> None:
    settings = replace(PATIENT, epoch_days=1, retention=Retention(days=3, events=7))
    with created(folder, settings=settings) as one, opened(folder, settings=settings) as two:
        for day in range(12):
            for number in range(4):
                record((one, two)[number % 2], Event(f"item-{day}-{number}"), now=NOW + day * DAY + number)
            assert items_of(one) == items_of(two)
            assert items_of(one)[-1] == f"item-{day}-3"
        assert len(items_of(one)) == 7
        assert len(vaults_of(folder, "epoch")) <= 5


def test_a_new_epoch_elsewhere_is_not_noticed(store: ProfileStore, folder: Path) -> None:
    with opened(folder, settings=PATIENT) as other:
        record(other, Event("second"), now=NOW + 31 * DAY)
        # The clock here is behind: it is recorded in the epoch that is open now.
        record(store, Event("third"), now=NOW + 29 * DAY)
        record(other, Event("fourth"), now=NOW + 32 * DAY)
        assert items_of(store) == items_of(other) == ["first", "second", "third", "fourth"]
    assert len(vaults_of(folder, "epoch")) == 2


def test_two_that_begin_an_epoch_at_once_begin_two(folder: Path) -> None:
    for turn in range(5):
        where = folder / str(turn)
        with created(where, settings=PATIENT) as one, opened(where, settings=PATIENT) as two:
            barrier = threading.Barrier(2)

            def first(store: ProfileStore, barrier: threading.Barrier = barrier) -> int | None:
                barrier.wait()
                return record(store, Event("first"))

            with ThreadPoolExecutor(2) as pool:
                assert list(pool.map(first, (one, two))) == [1, 1]
            assert len(one.events()) == len(two.events()) == 2
        assert len(vaults_of(where, "epoch")) == 1


ACTS: dict[str, tuple[str, Callable[[ProfileStore], object]]] = {
    "record": ("epoch", lambda store: record(store, Event("a"))),
    "record many": ("epoch", lambda store: record(store, Event("a"), Event("b"))),
    "record by id": ("epoch", lambda store: record(store, Event("a", id="x"))),
    "exposures": ("epoch", lambda store: store.add_exposures(lambda _: True, ["a"], NOW)),
    "begin an epoch": ("profile", lambda store: record(store, Event("a"), now=NOW + 40 * DAY)),
    "consent": ("profile", lambda store: consent(store, *RECORDS)),
    "control": (
        "profile",
        lambda store: store.extend_controls(lambda _: (entry((), "pause", None, value=True, now=NOW),)),
    ),
    "attribute": ("state", lambda store: store.set_attribute("language", "nb")),
    "keep": ("state", lambda store: store.keep_if(lambda _: True, "cache", "a", b"b")),
    "erase a part": ("profile", lambda store: store.forget(Selection(items=frozenset({"first"})))),
    "erase beside a recording": ("epoch", lambda store: store.forget(Selection(items=frozenset({"first"})))),
    "egress": ("profile", lambda store: store.extend_egress(lambda _: (), keep={1: b"a"})),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("wait", [0, 300])
def test_somebody_who_writes_makes_others_wait_for_longer_than_they_were_told(
    folder: Path, act: str, wait: int
) -> None:
    kind, do = ACTS[act]
    with created(folder, settings=replace(QUICK, busy_timeout_ms=wait)) as store, opened(folder) as somebody:
        record(store, Event("first"))
        before = store.events(), store.view()
        connection_of(somebody, kind).execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(ProfileBusyError, match="busy_timeout_ms"):
            do(store)
        assert time.monotonic() - started < wait / 1000 + 1.5
        # Reading does not wait at all.
        assert (store.events(), store.view()) == before
        connection_of(somebody, kind).execute("ROLLBACK")
        do(store)
        assert (store.events(), store.view()) != before or act in ("keep", "exposures", "egress")


@pytest.mark.parametrize("batch", [1, 2])
def test_somebody_who_writes_again_and_again_makes_the_wait_begin_anew(folder: Path, batch: int) -> None:
    with created(folder, settings=replace(QUICK, busy_timeout_ms=200)) as store, opened(folder) as somebody:
        record(store, Event("first"))
        connection_of(somebody, "epoch").execute("BEGIN IMMEDIATE")
        main, ended = connection_of(somebody, "profile"), threading.Event()

        def change() -> None:
            number = 0
            while not ended.wait(0.02):
                number += 1
                main.execute("INSERT OR REPLACE INTO setting VALUES ('test', ?)", (number,)).fetchall()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(change)
            try:
                started = time.monotonic()
                with pytest.raises(ProfileBusyError):
                    record(store, *[Event("second")] * batch)
                assert time.monotonic() - started < 2
            finally:
                ended.set()
        connection_of(somebody, "epoch").execute("ROLLBACK")
        record(store, *[Event("second")] * batch)
        assert len(store.events()) == 1 + batch


def test_somebody_who_writes_keeps_others_from_opening_and_reading(folder: Path) -> None:
    with created(folder) as store:
        record(store, Event("first"))
    with opened(folder) as somebody:
        for kind in ("profile", "state", "epoch"):
            connection_of(somebody, kind).execute("BEGIN IMMEDIATE")
        # Also where an enforcement of the retention is due.
        with opened(folder, now=NOW + 2 * DAY) as reader:
            assert items_of(reader) == ["first"]
            with pytest.raises(ProfileBusyError):
                record(reader, Event("second"))
        for kind in ("profile", "state", "epoch"):
            connection_of(somebody, kind).execute("ROLLBACK")


def test_somebody_who_creates_or_erases_makes_others_wait_for_ever(folder: Path) -> None:
    with created(folder) as store:
        record(store, Event("first"))
    lock = FolderLock.exclusive(folder, 0)
    try:
        started = time.monotonic()
        with pytest.raises(ProfileBusyError):
            opened(folder)
        assert time.monotonic() - started < 2
    finally:
        lock.release()
    with opened(folder) as store:
        assert items_of(store) == ["first"]


def test_a_profile_that_was_rotated_since_its_key_file_was_read_is_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with created(folder) as store:
        record(store, Event("first"))
    acquire = FolderLock.shared

    def late(where: Path, wait: int) -> FolderLock:
        monkeypatch.undo()
        rotate(place_at(folder), place_at(folder))
        return acquire(where, wait)

    monkeypatch.setattr(FolderLock, "shared", late)
    with pytest.raises(ProfileBusyError):
        opened(folder)
    with opened(folder) as store:
        assert items_of(store) == ["first"]


def test_sizes_are_not_told_while_somebody_erases(store: ProfileStore, folder: Path) -> None:
    with opened(folder, settings=PATIENT) as other:
        for number in range(5):
            record(other, Event(f"item-{number}"))
            other.forget(Selection(items=frozenset({f"item-{number}"})))
            assert store.sizes().events == 1
            assert store.sizes().disk_bytes > 0
