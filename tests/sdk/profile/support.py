"""What the tests of the profile share."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

from homespun.config import Durability, Settings
from homespun.profile import Key, Place, ProfileStore, create, open_profile
from homespun.profile.files import VAULT
from homespun.profile.index import read_index
from homespun.profile.keyfile import KeyFile, read_key_file
from homespun.profile.schema import MAIN, SCHEMAS, VaultKind
from homespun.profile.vault import open_vault
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.events import Event

RAW = bytes(range(32))
QUICK = Settings(busy_timeout_ms=50, argon2_memory_kib=8 * 1024, argon2_iterations=1, argon2_lanes=1)
DRIVER = Path(__file__).with_name("driver.py")

EVENTS = [
    Event("film-of-secrets", "watched-wholly", 1_700_000_000.25, 4.5, {"device": "kitchen-tv", "alone": True}),
    Event("film-of-secrets"),
    Event("Ängström-øre-映画", "rated", None, 0.0, {"count": 3, "share": 0.5}),
    Event("plain", "view", 0.0, None, {}),
]


NOW = 1_700_000_000.0
"""When tests happen unless they say otherwise, seconds since 1970."""


def raw_key() -> Key:
    return Key.bytes(RAW)


def place_at(folder: Path | None, key: Key | None = None, settings: Settings = QUICK, **options: Any) -> Place:
    return Place(folder, key or raw_key(), settings, **options)


def created(folder: Path | None, key: Key | None = None, settings: Settings = QUICK, **options: Any) -> ProfileStore:
    """Create a profile and open it."""
    return create(place_at(folder, key, settings, **options), NOW)


def opened(
    folder: Path | None, key: Key | None = None, settings: Settings = QUICK, now: float = NOW, **options: Any
) -> ProfileStore:
    """Open a profile and do what is due at an opening."""
    store = open_profile(place_at(folder, key, settings, **options), now)
    try:
        store.tend(now)
    except BaseException:
        store.close()
        raise
    return store


def record(store: ProfileStore, *events: Event, now: float = NOW, durability: Durability | None = None) -> int | None:
    """Record events that the person allows."""
    return store.add_events_if(lambda _: True, events, now, durability)


def consent(store: ProfileStore, *records: ConsentRecord) -> None:
    store.extend_consent(lambda _: records)


def items_of(store: ProfileStore) -> list[str]:
    return [event.item for event in store.events()]


def connection_of(store: ProfileStore, kind: str = "profile") -> apsw.Connection:
    """The store's connection to its main database, its state or its open epoch."""
    vaults = store.vaults
    vaults.look()
    if kind == VaultKind.PROFILE:
        return vaults.main
    row = vaults.state if kind == VaultKind.STATE else vaults.epoch
    assert row is not None
    return vaults.connection(row)


def vaults_of(folder: Path, kind: str = "") -> list[Path]:
    """The databases in the folder, or those of a kind."""
    return sorted(path for path in folder.iterdir() if VAULT.fullmatch(path.name) and path.name.startswith(kind))


def vault_of(folder: Path, kind: str) -> Path:
    """The only database of its kind."""
    (path,) = vaults_of(folder, kind)
    return path


def look(folder: Path, *, now: float = NOW) -> None:
    """Open a profile and read whatever there is."""
    with opened(folder, now=now) as store:
        store.view()
        store.events()
        store.decisions()
        store.exposures(0)
        store.kept("cache")
        store.egress_entries()


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


@contextlib.contextmanager
def inside(folder: Path, kind: str = "profile") -> Iterator[apsw.Connection]:
    """A database of a closed profile, opened as a program with the key could open it; the only one of its kind."""
    path, file = vault_of(folder, kind), read_key_file(folder)
    assert isinstance(file, KeyFile)
    main = open_vault(folder / file.database, raw_key().unseal(file), MAIN, QUICK)
    keys = {row.name: row.key for row in read_index(main)}
    if kind == VaultKind.PROFILE:
        connection = main
    else:
        main.close()
        key = keys[path.name]
        assert key is not None
        connection = open_vault(path, key, SCHEMAS[VaultKind(kind)], QUICK)
    try:
        yield connection
    finally:
        connection.close()


def change_inside(folder: Path, statement: str, kind: str = "profile", values: Sequence[Any] = ()) -> None:
    """Change an encrypted database as a program with the key could."""
    with inside(folder, kind) as connection:
        connection.execute(statement, tuple(values)).fetchall()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file's bytes, except for the lock's, which is always empty."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "profile.lock"}


def traces(folder: Path, words: list[str]) -> list[tuple[str, str]]:
    """Where one of the words stands in the clear, anywhere under the folder."""
    spellings = [(word, word.encode(code)) for word in words for code in ("utf-8", "utf-16-le", "utf-16-be")]
    return [
        (path.name, word)
        for path in folder.rglob("*")
        if path.is_file()
        for word, spelling in spellings
        if spelling in path.read_bytes()
    ]


class FakeKeyring:
    """A keyring in memory; ``refuse`` makes it raise, as a locked one does."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.refuse = False
        self.forgetful = False
        self.sticky = False

    def get_password(self, service: str, username: str, /) -> str | None:
        self._check()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str, /) -> None:
        self._check()
        if not self.forgetful:
            self.entries[service, username] = password

    def delete_password(self, service: str, username: str, /) -> None:
        self._check()
        if not self.sticky:
            del self.entries[service, username]

    def _check(self) -> None:
        if self.refuse:
            raise RuntimeError("the keyring is locked")
