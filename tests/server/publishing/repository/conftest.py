"""A repository with two channels, and bundles to publish."""

from collections.abc import Callable
from pathlib import Path

import pytest

from homespun_server.publishing.repository import SignedRepository
from tests.server.publishing.repository.support import Hands, bundle_of, create


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def signed(tmp_path: Path, clock: Hands) -> SignedRepository:
    return create(tmp_path, clock)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Write the bundle of a seed."""

    def made(seed: int, **arguments: object) -> Path:
        folder = tmp_path / "bundles" / "-".join([str(seed), *arguments])
        return folder if folder.exists() else bundle_of(folder, seed, **arguments)  # type: ignore[arg-type]

    return made
