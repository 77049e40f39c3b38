"""Worlds for attacks on updates; every such attack is made in memory and over loopback HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.updating import Device, World, world_of


@pytest.fixture(params=["memory", "loopback"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A repository without releases, and somebody between it and its devices."""
    # Nobody pulls the plug here, and waiting for the disk would be most of the time.
    monkeypatch.setattr("os.fsync", lambda _: None)
    with world_of(request.param, tmp_path / "room") as made:
        yield made


@pytest.fixture
def published(world: World) -> World:
    """A world where release 1 is there for everybody."""
    world.repository.release(world.bundle("one", seed=1))
    return world


@pytest.fixture
def device(published: World) -> Device:
    """A device that has release 1."""
    found = published.device()
    assert found.takes() == 1
    return found
