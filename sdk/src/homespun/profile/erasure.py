"""Erasing a profile: the key first, then the data, then a look at what is left.

An erasure that was interrupted is completed the next time the profile would be opened or created, from the
marker ``erasing.json`` that is written before anything is destroyed. Files that homespun did not write are
left alone and reported. No key is needed: a person who forgot the passphrase can still erase.

What is claimed follows the rules of ``protocol.receipts``. ``key_destroyed`` needs a key that lay outside
the folder, was seen there and is not returned any more: the keyring's. With a passphrase or bytes the
wrapped data key lay in the folder, so a copy of the folder made earlier can still be opened by whoever has
the passphrase or the bytes, and the level is ``logical``.
"""

import contextlib
import os
from pathlib import Path
from typing import Protocol

import msgspec

from homespun.config import DEFAULTS, Settings
from homespun.profile.erasure_plan import destroy_outer_key, make_plan
from homespun.profile.failures import translated
from homespun.profile.files import (
    ERASING,
    MARKER_FILES,
    OWN_FILES,
    SECRET_FILES,
    Entropy,
    overwrite,
    present,
    sync_folder,
    write_atomically,
)
from homespun.profile.lock import FolderLock
from homespun.profile.system_keyring import KeyringBackend
from homespun.protocol.receipts import StoreErasure

_MEMORY = StoreErasure(
    "profile", "logical", "The profile was in memory only, and the memory was given back; nothing was on disk."
)


class Erasable(Protocol):
    """An open profile, as far as its erasure needs to know."""

    @property
    def keyring_backend(self) -> KeyringBackend | None:
        """The keyring that keeps the profile's key, if one does."""

    def close(self, *, keep_log: bool = False) -> None:
        """Close the profile; with ``keep_log`` the log's file stays, so that it can be overwritten."""


def erase(
    folder: Path | None,
    store: Erasable | None,
    *,
    settings: Settings = DEFAULTS,
    entropy: Entropy = os.urandom,
    keyring: KeyringBackend | None = None,
) -> tuple[StoreErasure, ...]:
    """Erase the profile in ``folder`` and close ``store``, which is this process's use of it.

    Args:
        folder: The profile's folder; None for a profile in memory.
        store: The open profile; None if it is not open in this process, or cannot be opened.
        settings: How long to wait for others that have the profile open.
        entropy: Source of the bytes that overwrite.
        keyring: The keyring that keeps the key; by default the store's, or the operating system's.

    Returns:
        What happened to each store; empty if the folder holds nothing of homespun's.

    Raises:
        ProfileBusyError: Somebody else has the profile open. ``store`` is closed, nothing was erased.
        ProfileStorageError: The disk refused. What was begun is completed at the next opening.
    """
    if store is not None:
        keyring = store.keyring_backend if keyring is None else keyring
        store.close(keep_log=True)
    if folder is None:
        return (_MEMORY,)
    if not present(folder, SECRET_FILES + MARKER_FILES):
        return ()
    with translated(folder):
        lock = FolderLock.exclusive(folder, settings.busy_timeout_ms)
        finished = False
        try:
            outcome = _erase_locked(folder, keyring, entropy)
            finished = not present(folder, SECRET_FILES + MARKER_FILES)
        finally:
            lock.release(remove=finished)
        # Somebody's files may be in it, and that is fine.
        with contextlib.suppress(OSError):
            folder.rmdir()
    return outcome


def finish_interrupted_erasure(
    folder: Path,
    *,
    settings: Settings = DEFAULTS,
    entropy: Entropy = os.urandom,
    keyring: KeyringBackend | None = None,
) -> tuple[StoreErasure, ...]:
    """Complete an erasure that was interrupted; do nothing if there was none.

    Returns:
        As ``erase``; empty if no erasure was interrupted.

    Raises:
        ProfileBusyError: Somebody else is completing it.
        ProfileStorageError: The disk refused again.
    """
    if not present(folder, (ERASING,)):
        return ()
    return erase(folder, None, settings=settings, entropy=entropy, keyring=keyring)


def _erase_locked(folder: Path, keyring: KeyringBackend | None, entropy: Entropy) -> tuple[StoreErasure, ...]:
    plan = make_plan(folder, keyring)
    write_atomically(folder / ERASING, msgspec.json.encode(plan))
    key = destroy_outer_key(plan, keyring)
    plain = [name for name in present(folder, SECRET_FILES) if not _destroy(folder / name, entropy)]
    sync_folder(folder)
    data = _data_outcome(key, plain, present(folder, SECRET_FILES))
    if not present(folder, SECRET_FILES):
        for name in MARKER_FILES:
            (folder / name).unlink(missing_ok=True)
        sync_folder(folder)
    return (key, data, *_strangers(folder))


def _destroy(path: Path, entropy: Entropy) -> bool:
    # Windows lets nobody remove a file that somebody has open; the caller reports what is left.
    overwritten = False
    with contextlib.suppress(PermissionError):
        overwritten = overwrite(path, entropy)
    with contextlib.suppress(PermissionError):
        path.unlink()
    return overwritten


def _strangers(folder: Path) -> tuple[StoreErasure, ...]:
    names = sorted(path.name for path in folder.iterdir() if path.name not in OWN_FILES)
    if not names:
        return ()
    detail = f"Not written by homespun and left alone: {', '.join(names)}."
    return (StoreErasure("other files", "unverified", detail),)


def _data_outcome(key: StoreErasure, plain: list[str], left: tuple[str, ...]) -> StoreErasure:
    name = "events and consent records"
    if left:
        return StoreErasure(
            name, "unverified", f"Could not be removed: {', '.join(left)}. The next opening tries again."
        )
    if plain:
        because = "they were links or protected"
        return StoreErasure(
            name, "unverified", f"Removed without being overwritten, because {because}: {', '.join(plain)}."
        )
    return StoreErasure(
        name,
        "key_destroyed" if key.level == "key_destroyed" else "logical",
        "The encrypted database and its log were overwritten and removed; the folder does not list them any more.",
    )
