"""Working directories with accounts and everything that pages show; copied, because making them takes its time."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from homespun_server.settings import ControllerSettings, ServerSettings
from homespun_server.store import open_store
from homespun_server.store.schema_console import accounts
from tests.server.api.support import NOON, Running, make_directory
from tests.server.console.support import console, fill_accounts, fill_compliance, made

CONTROLLER = ControllerSettings(name="Films Ltd", address="1 Example Street", contact="privacy@example.org")


@pytest.fixture(scope="session")
def _bare(tmp_path_factory: pytest.TempPathFactory) -> ServerSettings:
    settings = make_directory(tmp_path_factory.mktemp("console") / "bare")
    with open_store(settings.store, create=False) as store:
        fill_accounts(store)
    return settings


@pytest.fixture(scope="session")
def _full(_bare: ServerSettings, tmp_path_factory: pytest.TempPathFactory) -> ServerSettings:
    folder = tmp_path_factory.mktemp("full")
    settings = make_directory(folder / "wd")
    made(settings, folder)
    fill_compliance(settings, NOON)
    compliance = msgspec.structs.replace(settings.compliance, controller=CONTROLLER)
    return replace(settings, compliance=compliance)


@pytest.fixture
def bare(_bare: ServerSettings, tmp_path: Path) -> ServerSettings:
    """A working directory with accounts, and nothing else."""
    return replace(_bare, folder=shutil.copytree(_bare.folder, tmp_path / "wd"))


@pytest.fixture
def full(_full: ServerSettings, tmp_path: Path) -> ServerSettings:
    """A working directory with everything that pages show."""
    return replace(_full, folder=shutil.copytree(_full.folder, tmp_path / "wd"))


@pytest.fixture
def empty_service(bare: ServerSettings) -> Iterator[Running]:
    """The service of a working directory in which nothing happened yet."""
    with console(bare) as service:
        yield service


@pytest.fixture
def service(full: ServerSettings) -> Iterator[Running]:
    """The service of a working directory with everything that pages show."""
    with console(full) as service:
        yield service


@pytest.fixture
def directory(bare: ServerSettings) -> ServerSettings:
    """A working directory without accounts."""
    with open_store(bare.store, create=False) as store, store.writing() as connection:
        connection.execute(accounts.delete())
    return bare
