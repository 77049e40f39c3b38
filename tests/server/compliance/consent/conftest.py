"""A ledger on each kind of store."""

from collections.abc import Iterator

import pytest

from homespun_server.compliance.consent import ConsentLedger
from homespun_server.store import Store, open_store
from tests.server.compliance.consent.support import Hands, ledger_of
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
def ledger(store: Store, clock: Hands) -> ConsentLedger:
    return ledger_of(store, clock)
