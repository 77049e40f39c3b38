"""Folders that are full, read-only, moved or used by several, and clocks that are wrong: the device keeps a bundle."""

import errno
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from homespun.model.bundle import Bundle
from homespun.profile.files import make_folder
from homespun.protocol.bundle import WEIGHTS
from homespun.sync import Deferred, Rejected, Unreachable, Updated, UpToDate, fallback
from homespun.sync.lock import exclusive
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
CALLS = 120
"""More changes of the disk than an update makes; checked below."""


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
    return outcome, refusing.calls


def release_of(device: Device) -> int | None:
    installed = device.facts().installed
    return None if installed is None else installed[0]


# Disks that refuse


def test_there_are_more_changes_than_are_refused(world: World, device: Device) -> None:
    world.repository.release(world.bundle("two", seed=2))
    _, calls = sync_refused(copy_of(world, device), REFUSALS[2], 0)
    assert 60 < calls < CALLS


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_disk_that_refuses_costs_the_bundle_or_raises(
    world: World, device: Device, refusal: Refusal, runs: Runs
) -> None:
    world.repository.release(world.bundle("two", seed=2))
    for number in runs("disk that refuses", CALLS):
        refused = copy_of(world, device)
        outcome, calls = sync_refused(refused, refusal, number + 1)
        if isinstance(outcome, Deferred):
            assert f"Errno {refusal.code}" in outcome.reason, outcome
            assert release_of(refused) in (1, 2)
        else:
            # It refused nothing, or only what is tried again another time or done in another way.
            assert isinstance(outcome, Updated), outcome
            assert release_of(refused) == 2
            assert calls <= number or number > 0
        assert isinstance(refused.sync(), Updated | UpToDate)
        assert release_of(refused) == 2
        shutil.rmtree(refused.folder)


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_device_without_a_bundle_raises_on_a_disk_that_refuses(world: World, refusal: Refusal, runs: Runs) -> None:
    for number in runs("disk that refuses the first bundle", CALLS):
        first = world.device()
        outcome, _ = sync_refused(first, refusal, number + 1)
        assert isinstance(outcome, Deferred | Updated), outcome
        assert isinstance(outcome, Updated) or f"Errno {refusal.code}" in outcome.reason
        assert isinstance(first.sync(), Updated | UpToDate)
        assert release_of(first) == 1
        shutil.rmtree(first.folder)
