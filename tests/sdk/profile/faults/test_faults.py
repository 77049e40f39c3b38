"""A process dies at a write, a sync or a rename: nothing acknowledged is lost, nothing is half done or in the clear."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from homespun.errors import WrongKeyError
from homespun.home import Home
from homespun.profile.files import KEY, LOCK, listed, side_files
from homespun.profile.keyfile import KeyFile, read_key_file
from homespun.testing import FakeClock
from tests.sdk.profile.faults.interposing import HOWS, How, is_possible
from tests.sdk.profile.faults.keeping import FileKeyring, FileKeyStore
from tests.sdk.profile.faults.phases import (
    KEPT_EVENTS,
    PHASES,
    WORDS,
    Model,
    Phase,
    Stage,
    grant,
    record,
    secret_event,
    seen,
    use_keyring,
)
from tests.sdk.profile.support import traces

pytestmark = pytest.mark.skipif(
    not is_possible(), reason="no SIGKILL here, or another file layer than SQLite's for Unix"
)

POINTS = 40
"""Points of each phase, half of them with the keys inside the folder and half with the keys outside."""

Runs = Callable[[str, int], Sequence[int]]


@dataclass(frozen=True)
class Died:
    """How a process ended."""

    status: int
    done: int
    kinds: list[str] | None


class Zygote:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(
        self,
        phase: Phase,
        root: Path,
        *,
        outside: bool,
        fatal: int | None = None,
        how: How = "before",
        opening: bool = False,
        key: str = "first",
    ) -> Died:
        assert self._process.stdin
        assert self._process.stdout
        request = {
            "phase": phase.name,
            "root": str(root),
            "outside": outside,
            "fatal": fatal,
            "how": how,
            "opening": opening,
            "key": key,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Died(**json.loads(self._process.stdout.readline()))


@pytest.fixture(scope="session")
def zygote(repository: Path) -> Iterator[Zygote]:
    command = [sys.executable, "-m", "tests.sdk.profile.faults.zygote"]
    # A library with threads of its own must not be forked.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=repository, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Zygote(process)
        assert process.stdin
        process.stdin.close()


class Sets:
    """Every phase's profile as it is before, and the calls that the phase makes."""

    def __init__(self, folder: Path, zygote: Zygote) -> None:
        self._folder = folder
        self._zygote = zygote
        self._kinds: dict[tuple[str, bool], list[str]] = {}

    def before(self, phase: Phase, root: Path, *, outside: bool) -> None:
        made = self._folder / f"{phase.name} {outside}"
        if not made.exists():
            made.mkdir()
            stage = Stage(made, outside, random.Random(f"before {phase.name}").randbytes, FakeClock(phase.start))
            with pytest.MonkeyPatch.context() as patch:
                use_keyring(stage.keyring, patch.setattr)
                phase.prepare(stage)
        shutil.copytree(made, root)

    def kinds(self, phase: Phase, *, outside: bool) -> list[str]:
        """Return the kind of every call, in order."""
        known = (phase.name, outside)
        if known not in self._kinds:
            root = self._folder / f"counting {phase.name} {outside}"
            shutil.rmtree(root, ignore_errors=True)
            self.before(phase, root, outside=outside)
            counted = self._zygote.run(phase, root, outside=outside)
            assert (counted.status, counted.done) == (0, len(phase.steps))
            assert counted.kinds
            self._kinds[known] = counted.kinds
        return self._kinds[known]

    def points(self, phase: Phase) -> list[tuple[bool, int, How]]:
        """Return points that are spread over the whole phase: where the keys are, which call, and how."""
        found: list[tuple[bool, int, How]] = []
        for outside in (False, True):
            calls = len(self.kinds(phase, outside=outside))
            number = min(POINTS // 2, calls)
            found += [(outside, 1 + index * calls // number, HOWS[index % len(HOWS)]) for index in range(number)]
        return found


@pytest.fixture(scope="session")
def sets(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> Sets:
    return Sets(tmp_path_factory.mktemp("sets"), zygote)


@pytest.mark.parametrize("name", PHASES)
def test_killed_at_a_write_a_sync_or_a_rename(
    runs: Runs, tmp_path: Path, zygote: Zygote, sets: Sets, hit: Callable[[str, bool, int, str], None], name: str
) -> None:
    phase = PHASES[name]
    points = sets.points(phase)
    for number in runs(f"fault point while {name}", len(points)):
        outside, fatal, how = points[number]
        root = tmp_path / str(number)
        sets.before(phase, root, outside=outside)
        died = zygote.run(phase, root, outside=outside, fatal=fatal, how=how)
        assert died.status == -signal.SIGKILL
        hit(name, outside, fatal, sets.kinds(phase, outside=outside)[fatal - 1])
        if number % 3 == 2:
            kill_the_next_opening(zygote, phase, root, number, outside=outside)
        with pytest.MonkeyPatch.context() as patch:
            use_keyring(FileKeyring(root / "keyring.json"), patch.setattr)
            assert_nothing_is_lost(phase, root, died.done, outside=outside)
        shutil.rmtree(root)


def test_there_are_at_least_two_hundred_fault_points(sets: Sets) -> None:
    points = {(name, outside, fatal) for name, phase in PHASES.items() for outside, fatal, _ in sets.points(phase)}
    assert len(points) >= 200
    kinds = {kind for name, outside, fatal in points for kind in [sets.kinds(PHASES[name], outside=outside)[fatal - 1]]}
    assert kinds == {"create", "write", "sync", "truncate", "rename", "remove"}


def kill_the_next_opening(zygote: Zygote, phase: Phase, root: Path, number: int, *, outside: bool) -> None:
    for key in dict.fromkeys(model.key for model in phase.models()):
        zygote.run(phase, root, outside=outside, fatal=1 + number % 17, how=HOWS[number % 3], opening=True, key=key)


def assert_nothing_is_lost(phase: Phase, root: Path, done: int, *, outside: bool) -> None:
    assert traces(root, WORDS) == []
    possible = phase.models()[done : done + 2]
    stage = Stage(root, outside, os.urandom, FakeClock(possible[-1].now))
    for _ in range(2):
        with reopened(stage, possible) as (key, home):
            found = seen(home)
            possible = [model for model in possible if model.key == key and fits(model, found)]
            assert possible, f"after {done} of {len(phase.steps)} steps there is: {found}"
            assert_nothing_else_is_kept(stage, home, key)
        assert traces(root, WORDS) == []
    assert_it_can_be_used(stage, possible)


@contextmanager
def reopened(stage: Stage, possible: Sequence[Model]) -> Iterator[tuple[str, Home]]:
    """Open with whichever key opens it; no other may."""
    opened = []
    for key in dict.fromkeys(model.key for model in possible):
        try:
            opened.append((key, stage.home(key)))
        except WrongKeyError:
            continue
    try:
        ((key, home),) = opened if stage.folder.exists() else opened[:1]
        store = home.store()
        if store is not None:
            store.check()
        yield key, home
    finally:
        for _, each in opened:
            each.close()


def fits(model: Model, found: tuple[Any, ...]) -> bool:
    wanted = model.seen()
    events, kept = found[1], wanted[1]
    if len(kept) <= KEPT_EVENTS and len(kept) == len(events):
        return found == wanted
    # Of too many a few more go than necessary; and what is too much may go with the next event only.
    few = KEPT_EVENTS - KEPT_EVENTS // 16
    return len(events) >= few and events == kept[-len(events) :] and (found[0], *found[2:]) == (wanted[0], *wanted[2:])


def assert_nothing_else_is_kept(stage: Stage, home: Home, key: str) -> None:
    """No file in the folder and no key outside it but those of the profile that there is."""
    store, keyring = home.store(), set(stage.keyring.entries())
    tombstones = {entry for entry in keyring if entry.endswith("/erased")}
    kept = FileKeyStore(stage.root / "keys").names()
    if store is None:
        assert not stage.folder.exists() or set(listed(stage.folder)) <= {LOCK}
        assert kept == set()
        assert keyring == tombstones
        return
    file = read_key_file(stage.folder)
    assert isinstance(file, KeyFile)
    assert file.pending == ()
    vaults = store.vault_keys()
    databases = {name for vault in (file.database, *vaults) for name in side_files(vault)}
    found = set(listed(stage.folder))
    assert found - databases == {KEY, LOCK}
    assert {file.database, *vaults} <= found
    names = {f"{file.profile}/{name}" for name in vaults}
    assert kept == (names if stage.outside else set())
    entries = {f"{each.service} {each.username}" for each in file.entries}
    in_keyring = {f"tests person/{name}" for name in names} if key == "keyring" and not stage.outside else set()
    assert keyring - tombstones == entries | in_keyring


def assert_it_can_be_used(stage: Stage, possible: Sequence[Model]) -> None:
    with reopened(stage, possible) as (_, home):
        for step in (grant(), record(secret_event(1000))):
            step.make(stage, home)
        number = len(home.events())
    with reopened(stage, possible) as (_, home):
        assert len(home.events()) == number
        assert home.events()[-1] == secret_event(1000)
