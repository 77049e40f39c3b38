"""A registry on each kind of store, and bundles to put into it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homespun_server.publishing.registry import Registry
from homespun_server.store import Store, open_store
from tests.server.api.support import Hands, bundle_of
from tests.server.store.conftest import place, postgresql

__all__ = ["place", "postgresql"]


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    with open_store(place) as opened:
        yield opened


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def registry(store: Store, clock: Hands, tmp_path: Path) -> Registry:
    return Registry(store, tmp_path / "bundles", clock)


@pytest.fixture
def made(tmp_path: Path) -> Callable[[int], Path]:
    """Return a bundle's folder by a number; the same number gives the same bundle."""

    def make(number: int) -> Path:
        folder = tmp_path / "made" / str(number)
        return folder if folder.exists() else bundle_of(folder, number)

    return make
