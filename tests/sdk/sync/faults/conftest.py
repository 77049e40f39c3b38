"""A repository in five states, and devices that have release 1."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from homespun.consent import Notice, Purpose
from homespun.sync import Updated
from homespun.testing import FakeClock, MemoryRepository
from tests.sdk.sync.faults.driver import NOW, TIMESTAMP, Stage, home_of, sync, written
from tests.sdk.sync.faults.looking import Installation
from tests.sdk.updating import good_bundle


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository: state 0 is older than what devices have, 1 is what they have, and the others are the stages'."""
    room = tmp_path_factory.mktemp("signed")
    made = MemoryRepository(now=FakeClock(NOW), entropy=random.Random("signed").randbytes)
    made.release(good_bundle(room / "one", seed=1))
    timestamps = [made.files[TIMESTAMP]]
    changes: tuple[Callable[[], object], ...] = (
        made.renew,
        lambda: made.release(good_bundle(room / "two", seed=2)),
        lambda: made.rollback(1),
        lambda: made.release(good_bundle(room / "four", seed=4)),
    )
    for change in changes:
        change()
        timestamps.append(made.files[TIMESTAMP])
    written(room / "repository", made.files, timestamps)
    return room / "repository"


def installation(signed: Path, folder: Path, *, profile: bool) -> Installation:
    folder.mkdir()
    if profile:
        home = home_of(folder)
        home.grant((Purpose.DEVICE_STORAGE,), Notice("May we keep something?"), "a test", "explicit")
        home.close()
    first = Stage("release 1", 1, before=0, after=1)
    assert isinstance(sync(signed, folder, first, lambda _: None), Updated)
    releases = {1: "one", 2: "two", 3: "one", 4: "four"}
    return Installation(signed, folder, {number: signed.parent / name for number, name in releases.items()})


@pytest.fixture(scope="session")
def with_profile(signed: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A device that has release 1, and a profile whose ledger says so."""
    return installation(signed, tmp_path_factory.mktemp("with a profile") / "device", profile=True)


@pytest.fixture(scope="session")
def without_profile(signed: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A device that has release 1 and no profile."""
    return installation(signed, tmp_path_factory.mktemp("without a profile") / "device", profile=False)
