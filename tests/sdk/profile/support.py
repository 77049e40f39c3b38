"""What the tests of the profile share."""

from pathlib import Path

import apsw

from homespun.config import Settings
from homespun.profile import Key, ProfileStore
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


def raw_key() -> Key:
    return Key.bytes(RAW)


def connection_of(store: ProfileStore) -> apsw.Connection:
    assert store._connection is not None
    return store._connection


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
