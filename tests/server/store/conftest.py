"""A store of each kind, empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.store.postgres import database, server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with server() as uri:
        yield uri


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Path or URL of a store that is not there yet."""
    if request.param == "sqlite":
        yield str(tmp_path / "store.db")
        return
    with database(request.getfixturevalue("postgresql"), "fresh") as url:
        yield url


@pytest.fixture
def on_postgresql(postgresql: str) -> Iterator[str]:
    """URL of an empty database."""
    with database(postgresql, "alone") as url:
        yield url
