"""An office on each kind of store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.compliance.requests.support import Office, office
from tests.server.store.conftest import on_postgresql, place, postgresql

__all__ = ["on_postgresql", "place", "postgresql"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    """An office on SQLite, in its working directory."""
    with office(tmp_path / "wd") as opened:
        yield opened
