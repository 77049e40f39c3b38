"""A ledger, on SQLite; on PostgreSQL too where a test says ``both``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from homespun_server.compliance.consent import ConsentLedger
from homespun_server.store import Store, open_store
from tests.server.compliance.consent.support import TEXT, Hands, ledger_of
from tests.server.store.conftest import postgresql
from tests.server.store.postgres import database

__all__ = ["postgresql"]


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """Which database."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def place(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Iterator[str]:
    """Path or URL of a store that is not there yet."""
    if kind == "sqlite":
        yield str(tmp_path / "store.db")
        return
    with database(request.getfixturevalue("postgresql"), "consents") as url:
        yield url


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    with open_store(place) as opened:
        yield opened


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def ledger(store: Store, clock: Hands) -> ConsentLedger:
    found = ledger_of(store, clock)
    found.notices.register(TEXT, language="en", version="7")
    return found
