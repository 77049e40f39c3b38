"""A repository in memory with one release, and a device that has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.updating import Device, World, world_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of("memory", tmp_path / "room") as made:
        made.repository.release(made.bundle("one", seed=1))
        yield made


@pytest.fixture
def device(world: World) -> Device:
    found = world.device()
    assert found.takes() == 1
    return found
