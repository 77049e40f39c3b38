"""A process dies at any moment: what it acknowledged stays, nobody is locked out, nothing is in the clear."""

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from homespun.profile import discard_interrupted_creation, exists, finish_interrupted_erasure
from tests.sdk.profile.support import (
    DRIVER,
    EVENTS,
    contents,
    created,
    items_of,
    opened,
    place_at,
    record,
    traces,
    vaults_of,
)

WORDS = ["item-1", "secretly-viewed", "secret-place", *(event.item for event in EVENTS[:3])]
OPERATIONS = 40
"""More file operations than creating or erasing makes; checked below."""


@dataclass(frozen=True)
class Driver:
    process: subprocess.Popen[str]
    lines: IO[str]


@contextmanager
def driver(folder: Path, *arguments: object) -> Iterator[Driver]:
    command = [sys.executable, str(DRIVER), str(folder), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "start\n"
            yield Driver(process, process.stdout)
        finally:
            process.kill()


def died(folder: Path, *arguments: object) -> bool:
    """Run until the process ends; return whether it died on the way."""
    with driver(folder, *arguments) as run:
        rest = run.lines.read()
        run.process.wait()
    return not rest


def killed(folder: Path, action: str, after: float) -> None:
    """Let the process run for so many seconds and kill it."""
    with driver(folder, action):
        time.sleep(after)


def killed_while_recording(folder: Path, acknowledgements: int) -> int:
    """Kill a recording process after so many acknowledgements; return the last one that it gave."""
    with driver(folder, "record") as run:
        assert run.lines.readline() == "ready\n"
        lines = [run.lines.readline() for _ in range(acknowledgements)]
        run.process.kill()
        # A line that was being written when the process died is no acknowledgement.
        lines += [line for line in run.lines.readlines() if line.endswith("\n")]
    return len(lines)


def assert_every_acknowledged_event_is_there(folder: Path, acknowledged: int) -> None:
    assert traces(folder, WORDS) == []
    with opened(folder) as store:
        store.check()
        items = items_of(store)
    assert items == [f"item-{number}" for number in range(len(items))]
    assert len(items) >= acknowledged
    assert traces(folder, WORDS) == []


def assert_nobody_is_locked_out(folder: Path) -> None:
    """The profile, whatever became of it, can be opened or created, and used."""
    discard_interrupted_creation(place_at(folder))
    use = opened if exists(folder) else created
    with use(folder) as store:
        assert store.events() == []
        assert record(store, *EVENTS) == len(EVENTS)
    with opened(folder) as store:
        assert store.events() == EVENTS
    assert set(contents(folder)) == {"key.json", *(path.name for path in vaults_of(folder))}
    assert [path.name.partition("-")[0] for path in vaults_of(folder)] == ["epoch", "profile", "state"]


def assert_whole_or_gone(folder: Path) -> None:
    """An erasure that was cut off has not begun, or can be completed; nothing is in between."""
    assert traces(folder.parent, WORDS) == []
    if exists(folder):
        with opened(folder) as store:
            assert store.events() == EVENTS
        return
    finish_interrupted_erasure(folder)
    assert not folder.exists() or set(contents(folder)) == set()
    assert_nobody_is_locked_out(folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "profile"
    with created(folder) as store:
        record(store, *EVENTS)
    return folder


def test_killed_at_any_moment(runs: Callable[[str, int], Sequence[int]], tmp_path: Path, made: Path) -> None:
    for number in runs("crash", 100):
        chance = random.Random(number)
        folder = tmp_path / str(number) / "profile"
        phase = chance.choice(["create", "record", "record", "erase"])
        if phase == "record":
            acknowledged = killed_while_recording(folder, chance.randrange(80))
            assert_every_acknowledged_event_is_there(folder, acknowledged)
        elif phase == "create":
            killed(folder, "create", chance.uniform(0, 0.03))
            assert_nobody_is_locked_out(folder)
        else:
            shutil.copytree(made, folder)
            killed(folder, "erase", chance.uniform(0, 0.03))
            assert_whole_or_gone(folder)


def test_killed_at_a_file_operation_while_creating(runs: Callable[[str, int], Sequence[int]], tmp_path: Path) -> None:
    for number in runs("crash while creating", OPERATIONS):
        folder = tmp_path / str(number) / "profile"
        died(folder, "create", number + 1)
        assert_nobody_is_locked_out(folder)


def test_killed_at_a_file_operation_while_erasing(
    runs: Callable[[str, int], Sequence[int]], tmp_path: Path, made: Path
) -> None:
    for number in runs("crash while erasing", OPERATIONS):
        folder = tmp_path / str(number) / "profile"
        shutil.copytree(made, folder)
        died(folder, "erase", number + 1)
        assert_whole_or_gone(folder)


@pytest.mark.parametrize("action", ["create", "erase"])
def test_the_runs_above_reach_from_the_first_file_operation_to_the_last(
    tmp_path: Path, made: Path, action: str
) -> None:
    for operation, dies in ((1, True), (OPERATIONS, False)):
        folder = tmp_path / str(operation) / "profile"
        if action == "erase":
            shutil.copytree(made, folder)
        assert died(folder, action, operation) is dies


def test_killed_recording_processes_that_share_a_profile_lose_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    created(folder).close()
    with driver(folder, "record") as one, driver(folder, "record") as two:
        acknowledged = [line for run in (one, two) for line in (run.lines.readline() for _ in range(30))]
    numbers = [int(line) for line in acknowledged if line != "ready\n"]
    assert len(numbers) == 58
    with opened(folder) as store:
        items = items_of(store)
    for number in set(numbers):
        assert items.count(f"item-{number}") >= numbers.count(number)
