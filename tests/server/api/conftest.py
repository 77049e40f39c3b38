"""Working directories that are copied, because making keys takes its time."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homespun_server.publishing.directory import open_registry, open_repository
from homespun_server.settings import ServerSettings
from homespun_server.store import open_store
from tests.server.api.support import CANARY, PRODUCTION, Hands, Running, bundle_of, make_directory, running


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> ServerSettings:
    return make_directory(tmp_path_factory.mktemp("service") / "empty")


@pytest.fixture(scope="session")
def _published(_empty: ServerSettings, tmp_path_factory: pytest.TempPathFactory) -> ServerSettings:
    """Two bundles in the registry; the first one is released on both channels."""
    folder = tmp_path_factory.mktemp("service")
    settings = replace(_empty, folder=shutil.copytree(_empty.folder, folder / "published"))
    repository = open_repository(settings, now=Hands())
    with open_store(settings.store) as store:
        registry = open_registry(settings, store, Hands())
        ids = [
            registry.add(bundle_of(folder / str(seed), seed), lineage={"seed": seed}, gates={"passed": True}).id
            for seed in (1, 2)
        ]
        for channel in (CANARY, PRODUCTION):
            repository.publish(registry.folder(ids[0]), channel, note="the first")
            registry.move(ids[0], channel.partition("/")[2], "a test", "the first")  # type: ignore[arg-type]
    return settings


@pytest.fixture
def directory(_empty: ServerSettings, tmp_path: Path) -> ServerSettings:
    """A working directory as init makes it."""
    return replace(_empty, folder=shutil.copytree(_empty.folder, tmp_path / "wd"))


@pytest.fixture
def published(_published: ServerSettings, tmp_path: Path) -> ServerSettings:
    """A working directory with two bundles, of which the first one is released."""
    return replace(_published, folder=shutil.copytree(_published.folder, tmp_path / "wd"))


@pytest.fixture
def service(published: ServerSettings) -> Iterator[Running]:
    """The service of a working directory with two bundles."""
    with running(published) as found:
        yield found
