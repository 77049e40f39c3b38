"""Folders that are full, read-only, moved or used by several, and clocks that are wrong: the device keeps a bundle."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.bundle import WEIGHTS
from homespun.sync import Deferred, Rejected, Updated, UpToDate
from homespun.sync.state import Kept, encode_state
from homespun.sync.store import LOCK, STATE, STATE_COPY, Store
from tests.conftest import Runs
from tests.sdk.sync.faults.refusing import Refusal, Refusing
from tests.sdk.updating import DAY, NOW, Device, World

FULL = Refusal(errno.ENOSPC, lasting=True, removals=False)
REFUSALS = [
    FULL,
    Refusal(errno.ENOSPC, lasting=False, removals=False),
    Refusal(errno.EROFS, lasting=True, removals=True),
    Refusal(errno.EIO, lasting=False, removals=True),
    Refusal(errno.EACCES, lasting=True, removals=True),
]
PLACES = 60
"""Changes of the disk, of all that an update makes, at which it refuses."""

not_on_windows = pytest.mark.skipif(os.name == "nt", reason="what is open cannot be moved there, and links need rights")


def copy_of(world: World, device: Device) -> Device:
    """Return another device with what one has."""
    made = world.device()
    shutil.copytree(device.folder, made.folder)
    return made


def sync_refused(device: Device, refusal: Refusal, first: int) -> tuple[Any, int]:
    """Sync on a disk that refuses; return the outcome, and how many changes of the disk were tried."""
    refusing = Refusing(device.folder, refusal, first)
    with device.updater() as updater, refusing.at_work():
        outcome = updater.sync(Bundle.close, force=True)
    device.forget_requests()
    return outcome, refusing.calls


def release_of(device: Device) -> int | None:
    installed = device.facts().installed
    return None if installed is None else installed[0]


# Disks that refuse


def places(device: Device, refusal: Refusal, runs: Runs, kind: str) -> list[int]:
    """Return numbers of changes of the disk that a device makes, from the first to the last."""
    outcome, calls = sync_refused(device, refusal, 0)
    assert isinstance(outcome, Updated)
    assert calls > PLACES // 2
    return [1 + number * calls // PLACES for number in runs(kind, PLACES)]


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_disk_that_refuses_costs_the_bundle_or_raises(
    world: World, device: Device, refusal: Refusal, runs: Runs
) -> None:
    world.repository.release(world.bundle("two", seed=2))
    outcomes = []
    for first in places(copy_of(world, device), refusal, runs, "disk that refuses"):
        refused = copy_of(world, device)
        outcome = sync_refused(refused, refusal, first)[0]
        outcomes.append(type(outcome))
        if isinstance(outcome, Deferred):
            assert f"Errno {refusal.code}" in outcome.reason, outcome
            assert release_of(refused) in (1, 2)
        else:
            # It refused only what is done in another way, or at another time.
            assert isinstance(outcome, Updated), outcome
            assert release_of(refused) == 2
        assert isinstance(refused.sync(), Updated | UpToDate)
        assert release_of(refused) == 2
        shutil.rmtree(refused.folder)
    assert outcomes.count(Deferred) > len(outcomes) // 2


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_device_without_a_bundle_raises_on_a_disk_that_refuses(world: World, refusal: Refusal, runs: Runs) -> None:
    for number in places(world.device(), refusal, runs, "disk that refuses the first bundle"):
        first = world.device()
        outcome = sync_refused(first, refusal, number)[0]
        assert isinstance(outcome, Deferred | Updated), outcome
        assert isinstance(outcome, Updated) or f"Errno {refusal.code}" in outcome.reason
        assert isinstance(first.sync(), Updated | UpToDate)
        assert release_of(first) == 1
        shutil.rmtree(first.folder)


def test_a_run_that_the_disk_ended_leaves_less_room_than_there_was(world: World, device: Device) -> None:
    world.repository.release(world.bundle("two", seed=2))
    before = Store(device.folder, str).used_bytes()
    for first in range(20, 100, 20):
        sync_refused(device, FULL, first)
    size = world.repository.document().releases[-1].size
    assert Store(device.folder, str).used_bytes() <= before + 2 * size
    assert isinstance(device.sync(), Updated | UpToDate)
    assert Store(device.folder, str).used_bytes() <= before + size


# Folders that are somewhere else, something else, or gone


def test_a_folder_that_was_moved_loses_its_bundle_or_its_memory(world: World, device: Device) -> None:
    older = dict(world.files)
    world.repository.renew()
    assert device.sync() == UpToDate(release=1)
    device.folder = Path(shutil.move(device.folder, world.room / "elsewhere"))
    assert release_of(device) == 1
    before = len(world.requests)
    assert device.sync() == UpToDate(release=1)
    assert not [request for request in world.requests[before:] if request.path.startswith("targets/")]
    world.serve(older)
    device.refuses("version")


@not_on_windows
def test_a_folder_that_went_away_meanwhile_is_written_to(world: World, device: Device) -> None:
    world.repository.release(world.bundle("two", seed=2))
    elsewhere = world.room / "elsewhere"

    def adopt(bundle: Bundle) -> None:
        bundle.close()
        device.folder.rename(elsewhere)

    with device.updater() as updater:
        outcome = updater.sync(adopt, force=True)
    assert isinstance(outcome, Deferred)
    assert "No such file" in outcome.reason
    assert not device.folder.exists()
    device.folder = elsewhere
    device.forget_requests()
    assert device.takes() == 2


@pytest.mark.parametrize("what", ["the folder", LOCK, "metadata", "bundles", STATE, STATE_COPY])
def test_something_else_that_has_the_name_raises(world: World, device: Device, what: str) -> None:
    path = device.folder if what == "the folder" else device.folder / what
    if path.is_dir():
        shutil.rmtree(path)
        path.write_bytes(b"a file")
    else:
        path.unlink(missing_ok=True)
        path.mkdir()
    outcome = device.sync()
    assert isinstance(outcome, Deferred)
    assert outcome.reason
    assert len(world.requests) == len(device.requests.begun)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert isinstance(device.sync(), Updated | UpToDate)
    assert release_of(device) == 1


@not_on_windows
def test_what_another_run_placed_is_a_way_out_of_the_folder(world: World, device: Device) -> None:
    release = world.repository.release(world.bundle("two", seed=2))
    outside = world.room / "outside"
    outside.mkdir()
    (outside / WEIGHTS).write_bytes(b"somebody else's")
    staged = device.folder / "staging" / release.bundle
    staged.symlink_to(outside, target_is_directory=True)
    assert device.takes() == 2
    assert (outside / WEIGHTS).read_bytes() == b"somebody else's"
    staged.mkdir()
    (staged / WEIGHTS).symlink_to(outside / WEIGHTS)
    third = world.repository.release(world.bundle("three", seed=3))
    staged.rename(staged.with_name(third.bundle))
    assert device.takes() == 3
    assert (outside / WEIGHTS).read_bytes() == b"somebody else's"


@pytest.mark.parametrize("content", [b"", b"damaged"])
def test_what_another_run_placed_is_used_although_it_is_damaged(world: World, device: Device, content: bytes) -> None:
    release = world.repository.release(world.bundle("two", seed=2))
    staged = device.folder / "staging" / release.bundle
    staged.mkdir()
    (staged / WEIGHTS).write_bytes(content)
    (staged / "golden.json").write_bytes((world.room / "two" / "golden.json").read_bytes())
    before = len(world.requests)
    assert device.takes() == 2
    names = [request.path for request in world.requests[before:]]
    assert any(name.endswith(WEIGHTS) for name in names)
    assert not any(name.endswith("golden.json") for name in names)


# A memory of which one copy is newer


def test_a_device_that_ended_while_it_remembered_counts_as_attacked(world: World, device: Device) -> None:
    release = world.repository.release(world.bundle("two", seed=2))
    store = Store(device.folder, str)
    state = store.read()
    kept = Kept(channel=state.channel, number=2, bundle=release.bundle, folder=release.bundle)
    # As after the end of a process between the two copies.
    newer = state.with_changes(current=kept, previous=state.current, highest={state.channel: 2})
    (device.folder / STATE_COPY).write_bytes(encode_state(newer))
    world.repository.pause(2)
    assert device.sync() == UpToDate(release=1, note="release 2 is paused")
    world.repository.resume(2)
    assert device.takes() == 2


# Clocks


@pytest.mark.parametrize("wrong", [-1e15, 0.0, 1.0, 1e11, 1e12, 1e18])
def test_a_clock_that_was_wrong_for_a_while_stops_updates(world: World, device: Device, wrong: float) -> None:
    device.clock = type(world.clock)(wrong)
    outcome = device.sync()
    assert isinstance(outcome, UpToDate | Rejected)
    if isinstance(outcome, Rejected):
        assert "expired" in outcome.reason
    with device.updater() as updater:
        assert updater.due_in() >= 0
        assert updater.standing().personal
    device.clock = world.clock
    world.clock.advance(DAY)
    world.repository.release(world.bundle("two", seed=2))
    assert release_of(device) == 1
    with device.updater() as updater:
        assert updater.due_in() == 0
    assert isinstance(device.sync(force=False), Updated)
    with device.updater() as updater:
        assert not updater.standing().expired
        assert updater.due_in() <= 8 * 3600


@pytest.mark.parametrize("wrong", [-1e15, 0.0, 1e12, 1e18])
def test_a_clock_that_is_wrong_from_the_start_raises(world: World, wrong: float) -> None:
    device = world.device()
    device.clock = type(world.clock)(wrong)
    outcome = device.sync()
    if wrong > NOW:
        assert isinstance(outcome, Rejected)
        assert "expired" in outcome.reason
        assert release_of(device) is None
    else:
        assert isinstance(outcome, Updated)
    with device.updater() as updater:
        assert updater.standing(1e18).age_seconds is None or updater.standing(1e18).expired


# Memory


def test_a_device_without_memory_for_a_moment_rejects_a_bundle(
    world: World, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    world.repository.release(world.bundle("two", seed=2))
    with monkeypatch.context() as patch:
        patch.setattr("homespun.sync.opening.check_golden", refuse)
        outcome = device.sync()
    assert isinstance(outcome, Deferred)
    assert "memory" in outcome.reason.lower()
    assert device.takes() == 2
