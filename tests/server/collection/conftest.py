"""Working directories of a leader and a helper, on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homespun_server.collection.messages import Role
from homespun_server.collection.settings import AggregatorSettings
from homespun_server.store import open_store
from tests.server.collection.support import Pair, make_pair, near_pair, settings_of
from tests.server.store.postgres import database, server

Settings = dict[Role, AggregatorSettings]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both directories, which are copied, because making keys takes its time."""
    folder = tmp_path_factory.mktemp("aggregators")
    make_pair(folder)
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with server() as uri:
        yield uri


@pytest.fixture
def on_sqlite(made: Path, tmp_path: Path) -> Settings:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return {"leader": settings_of(tmp_path, "leader"), "helper": settings_of(tmp_path, "helper")}


@pytest.fixture
def on_postgresql(on_sqlite: Settings, postgresql: str) -> Iterator[Settings]:
    with database(postgresql, "leader_store") as leader, database(postgresql, "helper_store") as helper:
        for url in (leader, helper):
            open_store(url).close()
        yield {
            "leader": replace(on_sqlite["leader"], store=leader),
            "helper": replace(on_sqlite["helper"], store=helper),
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.getfixturevalue(f"on_{request.param}")
    return found


@pytest.fixture
def pair(on_sqlite: Settings) -> Iterator[Pair]:
    """Both aggregators, on SQLite."""
    with near_pair(on_sqlite) as found:
        yield found


@pytest.fixture
def either(settings: Settings) -> Iterator[Pair]:
    """The same on SQLite and on PostgreSQL."""
    with near_pair(settings) as found:
        yield found
