"""A store of each kind, and a log in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from homespun_server.compliance.log import TransparencyLog
from homespun_server.store import Store, open_store
from tests.server.compliance.log.support import log_of
from tests.server.store.conftest import place, postgresql

__all__ = ["place", "postgresql"]


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    with open_store(place) as opened:
        yield opened


@pytest.fixture
def log(store: Store, tmp_path: Path) -> TransparencyLog:
    return log_of(store, tmp_path / "memory.txt")
