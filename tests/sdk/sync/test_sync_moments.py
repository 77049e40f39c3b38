"""A process that ends at any moment of an update: the device has a verified bundle, and the next run gets on."""

import random
from collections.abc import Callable

import pytest

from homespun.model.bundle import Bundle
from homespun.sync import Outcome, Updated, Updater, UpToDate
from tests.conftest import Runs
from tests.sdk.updating import Device, World


class Killed(BaseException):
    """The end of a process, as far as one can be had inside another."""


def run(device: Device, step: Callable[[str], object], adopt: Callable[[Bundle], object] = Bundle.close) -> Outcome:
    made = Updater(
        device.updates(),
        requests=device.requests,
        clock=device.clock,
        entropy=random.Random(1).randbytes,
        seed=lambda: device.seed,
        client_version=device.client,
        http=device.world.http,
        monotonic=device.world.clock,
        step=step,
    )
    try:
        return made.sync(adopt, force=True)
    finally:
        made.close()


def moments(world: World) -> list[str]:
    """The moments of an update of a device that has release 1."""
    device = world.device()
    run(device, lambda _: None)
    world.repository.release(world.bundle("two", seed=2))
    found: list[str] = []
    assert isinstance(run(device, found.append), Updated)
    return found


def test_an_update_has_few_moments_or_they_have_no_names(world: World) -> None:
    found = moments(world)
    assert len(set(found)) >= 40, sorted(set(found))
    expected = {"timestamp.json: renamed", "weights.bin: verified", "bundles: renamed", "bundle: adopted"}
    assert expected <= set(found)


def released(device: Device) -> int | None:
    installed = device.facts().installed
    return None if installed is None else installed[0]


@pytest.mark.parametrize("before", [None, 1])
def test_a_process_that_ends_at_any_moment_leaves_no_bundle(world: World, before: int | None, runs: Runs) -> None:
    for number in runs("moments of an update", len(moments(world))):
        device = world.device()
        if before is not None:
            world.repository.pause(2)
            run(device, lambda _: None)
            world.repository.resume(2)
        assert released(device) == before
        end(device, number)
        assert released(device) in (before, 2)
        outcome = run(device, lambda _: None)
        assert isinstance(outcome, Updated | UpToDate), (number, outcome)
        assert released(device) == 2
        left = [*(device.folder / "incoming").iterdir(), *(device.folder / "staging").iterdir()]
        assert [*left, *device.folder.rglob("*.partial")] == []


def end(device: Device, number: int) -> None:
    """End an update at the moment with a number, from 0."""
    left = [number]

    def step(name: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed(name)

    with pytest.raises(Killed):
        run(device, step)
