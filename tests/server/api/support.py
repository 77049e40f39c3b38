"""A working directory that costs little, its service in this process, and what it logged."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar
from litestar.testing import TestClient

from homespun.protocol import bundle
from homespun.protocol.bundle import FileEntry, Manifest
from homespun.protocol.golden import SCHEMA_VERSION as GOLDEN_VERSION
from homespun.protocol.golden import Golden, GoldenCase, encode_golden
from homespun_server.api.logs import open_log
from homespun_server.app import create_app
from homespun_server.publishing.repository import KeyCosts, KeyStore, SignedRepository
from homespun_server.settings import FILE, ServerSettings, ServiceSettings, settings_text
from homespun_server.store import Actor, Role, Store, Tokens, open_store
from tests.server.publishing.support import description_of, model_of, publish

CHEAP = KeyCosts(memory_kib=8 * 1024, iterations=1, lanes=1)
PASSPHRASE = "correct horse battery"  # noqa: S105 - opens nothing that matters
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
TESTER = Actor("a test", "command")
CANARY = "films/canary"
PRODUCTION = "films/production"


def bundle_of(folder: Path, seed: int, **arguments: Any) -> Path:
    """Write a bundle with golden scores, which are nobody's here."""
    publish(folder, model_of(12, seed=seed), description=description_of(name="tiny"), **arguments)
    case = GoldenCase(events=(), context={}, items=("item-1",), scores=("1.5",))
    golden = encode_golden(Golden(schema=GOLDEN_VERSION, cases=(case,)))
    (folder / bundle.GOLDEN).write_bytes(golden)
    manifest = msgspec.json.decode((folder / bundle.MANIFEST).read_bytes(), type=Manifest)
    entry = FileEntry(len(golden), hashlib.sha256(golden).hexdigest())
    changed = msgspec.structs.replace(manifest, files={**manifest.files, bundle.GOLDEN: entry})
    (folder / bundle.MANIFEST).write_bytes(msgspec.json.encode(changed))
    return folder


class Hands:
    """A clock that shows what it is set to; a number of seconds for what only measures."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **spans: float) -> None:
        self.now += timedelta(**spans)


def make_directory(folder: Path) -> ServerSettings:
    """Make what ``homespun-server init`` makes, with keys that cost little."""
    folder.mkdir()
    (folder / FILE).write_text(settings_text("films", ("canary", "production")), encoding="utf-8")
    settings = ServerSettings(folder, "films", passphrase=PASSPHRASE)
    keys = KeyStore(settings.keys, lambda _: PASSPHRASE.encode(), costs=CHEAP, clock=Hands())
    SignedRepository.create(settings.repository, keys, channels=settings.channels, clock=Hands())
    open_store(settings.store).close()
    return settings


@dataclass
class Running:
    """A service that runs in this process."""

    client: TestClient[Litestar]
    application: Litestar
    settings: ServerSettings
    clock: Hands
    log: StringIO
    secrets: dict[Role, str] = field(default_factory=dict)

    def bearer(self, role: Role) -> dict[str, str]:
        """Return the header of a token for a role, which is made when it is first asked for."""
        if role not in self.secrets:
            self.secrets[role] = token(self.settings, role, self.clock)
        return {"Authorization": f"Bearer {self.secrets[role]}"}

    def get(self, path: str, role: Role | None = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers={**(self.bearer(role) if role else {}), **named})

    def post(self, path: str, role: Role, content: object = None) -> Any:
        return self.client.post(path, headers=self.bearer(role), json=content)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was logged."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@contextmanager
def running(settings: ServerSettings, *, clock: Hands | None = None, **service: Any) -> Iterator[Running]:
    """Run a working directory's service in this process; ``service`` are settings of it."""
    clock = clock or Hands()
    log = StringIO()
    changed = replace(settings, service=msgspec.structs.replace(ServiceSettings(), **service))
    application = create_app(changed, now=clock, log=open_log(log))
    with TestClient(application, raise_server_exceptions=False) as client:
        yield Running(client, application, changed, clock, log)


@contextmanager
def store_of(settings: ServerSettings) -> Iterator[Store]:
    with open_store(settings.store, create=False) as store:
        yield store


def token(settings: ServerSettings, role: Role, clock: Hands, *, days: int = 30) -> str:
    with store_of(settings) as store:
        return Tokens(store, clock).create(role, days=days, note="", actor=TESTER)[0]
