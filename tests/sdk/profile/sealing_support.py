"""What the tests of keys, key files and key stores share."""

import traceback
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from homespun.config import Settings
from homespun.errors import HomespunError
from homespun.profile.files import Entropy
from homespun.profile.keyfile import KeyFile
from homespun.profile.keys import Key
from homespun.profile.secret import Secret

PROFILE = "0123456789abcdef" * 2
DATABASE = "profile-0123456789abcdef.db"
OTHER_DATABASE = "profile-fedcba9876543210.db"
TOKEN = bytes(range(100, 132))
RAW = bytes(range(32))
DATA_KEY = bytes(range(200, 232))
QUICK = Settings(argon2_memory_kib=8 * 1024, argon2_iterations=1, argon2_lanes=1)


class FakeKeyring:
    """A keyring in memory; ``refuse`` makes it raise, as a locked one does, and tells what it was given."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.refuse = False
        self.forgetful = False
        self.sticky = False

    def get_password(self, service: str, username: str, /) -> str | None:
        self._check(username)
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str, /) -> None:
        self._check(password)
        if not self.forgetful:
            self.entries[service, username] = password

    def delete_password(self, service: str, username: str, /) -> None:
        self._check(username)
        if not self.sticky:
            del self.entries[service, username]

    def names(self) -> set[str]:
        return {username for _, username in self.entries}

    def _check(self, told: str) -> None:
        if self.refuse:
            raise RuntimeError(f"the keyring is locked, so nothing is done with {told}")


def counting(start: int = 1) -> Entropy:
    """Bytes that are never the same twice and always the same in the next test."""
    number = count(start)
    return lambda size: next(number).to_bytes(size, "big")


def sealed(key: Key, **changes: Any) -> KeyFile:
    values: dict[str, Any] = {"token": TOKEN, "key_store": "inside", "settings": QUICK, "entropy": counting()}
    return key.seal(PROFILE, DATABASE, Secret(DATA_KEY), **(values | changes))


def opens(key: Key, file: KeyFile) -> bool:
    """Whether the key gives the data key; raises if it gives none."""
    return key.unseal(file).reveal() == DATA_KEY


def report(error: BaseException, test: str) -> str:
    """What a crash reporter sends, without the lines of the file ``test``, which knows the secrets of course."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown: list[str] = []
    cause: traceback.TracebackException | None = told
    while cause is not None:
        frames = [frame for frame in cause.stack if frame.filename not in (test, __file__)]
        # Not the dictionary as such, which would write every backslash twice.
        shown += [f"{frame.name}: {name} = {value}" for frame in frames for name, value in (frame.locals or {}).items()]
        shown += cause.format_exception_only()
        cause = cause.__cause__ or cause.__context__
    return "\n".join(shown)


def raised(use: Callable[[], object]) -> HomespunError:
    with pytest.raises(HomespunError) as caught:
        use()
    return caught.value


def spellings(secret: bytes) -> list[str]:
    return [secret.hex(), repr(secret)[2:-1]]
