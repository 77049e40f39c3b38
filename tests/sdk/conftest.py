"""Bundles that the client's tests share; a test that tampers takes a copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from homespun.model.bundle import Bundle
from tests.sdk import bundles


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of 40 items with both components; events below the weight 3 are dislikes."""
    return bundles.write(tmp_path_factory.mktemp("shared") / "bundle", bundles.random_model(40))


@pytest.fixture(scope="session")
def bundle(bundle_folder: Path) -> Iterator[Bundle]:
    opened = Bundle.open(bundle_folder)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def full_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of 40 items with everything that the contract has; every third place is for a new item."""
    return bundles.write(tmp_path_factory.mktemp("full") / "bundle", bundles.full_model(40, every=3, density=0.3))


@pytest.fixture
def full(full_folder: Path, tmp_path: Path) -> Path:
    """A copy of the bundle with everything, to tamper with."""
    return bundles.copy(full_folder, tmp_path)


@pytest.fixture
def tampered(bundle_folder: Path, tmp_path: Path) -> Path:
    """A bundle's copy to tamper with."""
    return bundles.copy(bundle_folder, tmp_path)
