"""Profiles made of plain files, as far as an erasure needs to know, and what lies outside their folders."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homespun.errors import ProfileStorageError
from homespun.profile.files import KEY, write_atomically
from homespun.profile.key_store import KeyStore
from homespun.profile.keyfile import KeyFile, KeyStorePlace
from homespun.profile.keys import Key
from homespun.profile.lock import FolderLock
from homespun.profile.secret import Secret
from homespun.profile.system_keyring import KeyringBackend
from homespun.profile.vault import _LAYOUTS
from homespun.protocol.receipts import Level, Receipt, StoreErasure, verify
from tests.sdk.profile.support import QUICK

MAIN = f"profile-{'0' * 16}.db"
STATE = f"state-{'1' * 16}.db"
EPOCHS = (f"epoch-{'2' * 16}.db", f"epoch-{'3' * 16}.db")
VAULTS = (MAIN, STATE, *EPOCHS)
PROFILE = "0123456789abcdef" * 2
RAW = bytes(range(32))

QUIET = {"tombstone": "unverified", "copies nearby": "logical"}
"""What a receipt says besides, where there is no place for tombstones and no copy."""


class MemoryKeyStore:
    """A key store in memory that can refuse, and can keep what it should delete."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.refuse = self.sticky = False

    def get(self, name: str, /) -> bytes | None:
        self._check()
        return self.keys.get(name)

    def put(self, name: str, secret: bytes, /) -> None:
        self._check()
        self.keys[name] = secret

    def delete(self, name: str, /) -> None:
        self._check()
        if not self.sticky:
            self.keys.pop(name, None)

    def _check(self) -> None:
        if self.refuse:
            raise RuntimeError("the vault of the application is closed")


class MemoryTombstones:
    """Tombstones in memory."""

    place = "the tests"

    def __init__(self) -> None:
        self.macs: dict[str, bytes] = {}
        self.forgetful = False

    def add(self, profile: str, mac: bytes, /) -> None:
        if not self.forgetful:
            self.macs[profile] = mac

    def find(self, profile: str, /) -> bytes | None:
        return self.macs.get(profile)


def raw_key() -> Key:
    return Key.bytes(RAW)


def noise(size: int, seed: str) -> bytes:
    return random.Random(seed).randbytes(size)


def vault_bytes(seed: str, pages: int = 4) -> bytes:
    """What a vault's file looks like from outside."""
    return noise(16, seed) + _LAYOUTS[2] + noise(2048 * pages - 24, seed + "rest")


def make(
    folder: Path,
    key: Key | None = None,
    *,
    keys: KeyStorePlace = "inside",
    recovery: bytes | None = None,
    profile: str = PROFILE,
    store: KeyStore | None = None,
) -> KeyFile:
    """Write a profile of version 2; its vaults' keys into ``store``."""
    folder.mkdir()
    key, data_key = key or raw_key(), Secret(noise(32, f"data key {profile}"))
    entropy = random.Random(profile).randbytes
    file = key.seal(
        profile,
        MAIN,
        data_key,
        token=noise(32, f"token {profile}"),
        key_store=keys,
        settings=QUICK,
        entropy=entropy,
    )
    if recovery is not None:
        file = key.prepare(file, entropy=entropy)
        file = key.reseal(file, data_key, settings=QUICK, entropy=entropy, recovery=Secret(recovery))
        file = key.forget(file)
    write_atomically(folder / KEY, file.encode())
    for name in VAULTS:
        (folder / name).write_bytes(vault_bytes(profile + name))
        (folder / f"{name}-wal").write_bytes(noise(4096, f"{profile}{name} log"))
    for name in VAULTS[1:]:
        if store is not None:
            store.put(f"{profile}/{name}", noise(32, f"{profile}{name} key"))
    return file


@dataclass
class OpenStore:
    """A profile that this process has open, as its erasure sees it."""

    place: Path
    keyring_backend: KeyringBackend | None = None
    profile_id: str = PROFILE
    outside: Mapping[str, bool] = field(default_factory=lambda: dict.fromkeys(VAULTS[1:], True))
    busy: tuple[str, ...] = ()
    fault: bool = False
    calls: list[Any] = field(default_factory=list)
    is_open: bool = True
    lock: FolderLock | None = None

    def __post_init__(self) -> None:
        self.lock = FolderLock.shared(self.place, 50)

    @property
    def folder(self) -> Path:
        return self.place

    def vault_keys(self) -> Mapping[str, bool]:
        if self.fault:
            raise ProfileStorageError("the disk fails")
        return self.outside

    def release_folder(self) -> None:
        assert self.lock is not None
        self.lock.release()

    def truncate_logs(self) -> tuple[str, ...]:
        self.calls.append("truncate")
        if self.fault:
            raise ProfileStorageError("the disk fails")
        return self.busy

    def close(self, *, keep_log: bool = False) -> None:
        if self.is_open:
            self.calls.append("close")
            self.release_folder()
        self.is_open = False


def levels(receipt: Receipt | None) -> dict[str, Level]:
    """The level of each store, after a look at the signature."""
    assert receipt is not None
    verify(receipt)
    found = {entry.store: entry.level for entry in receipt.stores}
    assert len(found) == len(receipt.stores)
    return found


def entry(receipt: Receipt | None, store: str) -> StoreErasure:
    assert receipt is not None
    (found,) = (each for each in receipt.stores if each.store == store)
    return found
