"""Tables of a small fleet that the server's tests share; nobody writes to them."""

from pathlib import Path

import pytest

from homespun_server.statistics.items import Items
from tests.server.support import catalogue, rows_of, two_groups, write_items, write_table

FLEET = 300
ITEMS = 24


@pytest.fixture(scope="session")
def fleet_items() -> Items:
    """The catalogue: 24 items whose titles share words within each half."""
    plain = catalogue(ITEMS)
    titles = [f"{'red' if number < ITEMS // 2 else 'blue'} thing {number}" for number in range(ITEMS)]
    return Items(plain.ids, titles, plain.tags, plain.texts)


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory, fleet_items: Items) -> Path:
    """Interactions of 300 users, each with five items of one half of the catalogue."""
    folder = tmp_path_factory.mktemp("fleet")
    return write_table(folder / "interactions.csv", rows_of(two_groups(FLEET, ITEMS), fleet_items))


@pytest.fixture(scope="session")
def fleet_catalogue(tmp_path_factory: pytest.TempPathFactory, fleet_items: Items) -> Path:
    """The catalogue as a file."""
    return write_items(tmp_path_factory.mktemp("catalogue") / "items.csv", fleet_items)
