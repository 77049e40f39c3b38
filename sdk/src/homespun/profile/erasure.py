"""Erasing a profile: the key first, then the data, then a look at what is left.

An erasure that was interrupted is completed the next time the profile would be opened or created, from the
marker ``erasing.json`` that is written before anything is destroyed. Files that homespun did not write are
left alone and reported, whatever their names. No key is needed: a person who forgot the passphrase can still
erase. What is claimed is in ``erasure_outcome``.
"""

import contextlib
import os
from pathlib import Path
from typing import Protocol

from homespun.config import DEFAULTS, Settings
from homespun.errors import KeyringUnavailableError, ProfileStorageError
from homespun.profile.erasure_outcome import Outcome, OuterKey, strangers
from homespun.profile.erasure_plan import Plan, foreign_files, make_plan, own_files
from homespun.profile.failures import busy, translated
from homespun.profile.files import (
    DATABASE,
    ERASING,
    KEY,
    MARKER_FILES,
    SECRET_FILES,
    Entropy,
    named,
    overwrite,
    present,
    sync_folder,
)
from homespun.profile.keyfile import profile_id
from homespun.profile.lock import FolderLock
from homespun.profile.system_keyring import KeyringBackend, delete_entry, system_keyring
from homespun.protocol.receipts import StoreErasure

_MEMORY = StoreErasure(
    "profile", "logical", "The profile was in memory only, and the memory was given back; nothing was on disk."
)


class Erasable(Protocol):
    """A profile that was opened, as far as its erasure needs to know."""

    @property
    def is_open(self) -> bool:
        """Whether it was not closed yet."""

    @property
    def folder(self) -> Path | None:
        """Where it is; None for a profile in memory."""

    @property
    def profile_id(self) -> str:
        """Its id, 32 hexadecimal digits."""

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
    profile: str | None = None,
    force: bool = False,
) -> tuple[StoreErasure, ...]:
    """Erase the profile in ``folder`` and close ``store``, which is this process's use of it.

    Args:
        folder: The profile's folder; None for a profile in memory. An open store is erased where it is.
        store: The open profile; None if it is not open in this process, or cannot be opened.
        settings: How long to wait for others that have the profile open.
        entropy: Source of the bytes that overwrite.
        keyring: The keyring that keeps the key; by default the store's, or the operating system's.
        profile: The only profile that may be erased, by its id; by default the store's, else any.
        force: Also destroy what merely has the name of one of homespun's files, as a key file or a database
            that was damaged beyond recognition has.

    Returns:
        What happened to each store; empty if the folder holds nothing of homespun's.

    Raises:
        MisuseError: The folder has no name.
        ProfileBusyError: Somebody else has the profile open. ``store`` is closed, nothing was erased.
        ProfileStorageError: The disk refused, and what was begun is completed at the next opening; or the
            open profile is not in its folder any more, and nothing was closed or erased.
    """
    if store is not None:
        keyring = store.keyring_backend if keyring is None else keyring
        if store.is_open:
            folder, profile = store.folder, store.profile_id
            _check_in_place(folder, profile)
            store.close(keep_log=True)
    if folder is None:
        return (_MEMORY,)
    folder = named(folder)
    with translated(folder):
        if not erasable(folder, force=force):
            return strangers(present(folder, SECRET_FILES))
        return _erase(folder, keyring, settings=settings, entropy=entropy, profile=profile, force=force)


def erasable(folder: Path, *, force: bool = False) -> bool:
    """Return whether there is something of homespun's in the folder, or an erasure that was interrupted.

    Args:
        folder: The profile's folder.
        force: Take a file's name for proof.
    """
    return bool(present(folder, (ERASING,)) or own_files(folder, force=force))


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


def _check_in_place(folder: Path | None, profile: str) -> None:
    if folder is None or (present(folder, (KEY, DATABASE)) and profile_id(folder) in (profile, None)):
        return
    raise ProfileStorageError(
        f"The profile that is open is not in '{folder}' any more: the folder was moved, emptied or exchanged "
        "outside homespun. Nothing was erased. Close the profile, find its folder, and erase it there."
    )


def _erase(
    folder: Path,
    keyring: KeyringBackend | None,
    *,
    settings: Settings,
    entropy: Entropy,
    profile: str | None,
    force: bool,
) -> tuple[StoreErasure, ...]:
    lock = FolderLock.exclusive(folder, settings.busy_timeout_ms)
    finished = False
    try:
        if not erasable(folder, force=force):
            # Somebody else erased it while we waited.
            finished = True
            return ()
        plan = make_plan(folder, keyring, force=force)
        if profile is not None and plan.profile not in (profile, ""):
            # While nobody held the lock, somebody else erased that profile and created another.
            raise busy(folder)
        outcome = _carry_out(folder, plan, keyring, entropy)
        finished = not present(folder, MARKER_FILES)
    finally:
        lock.release(remove=finished)
    # Somebody's files may be in it, and that is fine.
    with contextlib.suppress(OSError):
        folder.rmdir()
    return outcome.stores()


def _carry_out(folder: Path, plan: Plan, keyring: KeyringBackend | None, entropy: Entropy) -> Outcome:
    plan.write(folder)
    outer, because = _destroy_outer_key(plan, keyring)
    for name in present(folder, plan.files):
        plan = _destroy(folder, name, plan, entropy)
    sync_folder(folder)
    left = present(folder, plan.files)
    if not left:
        for name in MARKER_FILES:
            (folder / name).unlink(missing_ok=True)
        sync_folder(folder)
    return Outcome(plan, outer, because, left, foreign_files(folder, plan.files))


def _destroy(folder: Path, name: str, plan: Plan, entropy: Entropy) -> Plan:
    # Windows lets nobody remove a file that somebody has open; the outcome reports what is left.
    path = folder / name
    overwritten = False
    with contextlib.suppress(PermissionError):
        overwritten = overwrite(path, entropy)
    if not overwritten:
        # Written down before the file goes: whoever completes the erasure could not tell any more.
        plan = plan.with_plain(name)
        plan.write(folder)
    with contextlib.suppress(PermissionError):
        path.unlink()
    return plan


def _destroy_outer_key(plan: Plan, keyring: KeyringBackend | None) -> tuple[OuterKey, str]:
    """Destroy the part of the key that lies outside the folder; return what became of it, and why."""
    if plan.keyring is None:
        if plan.source == "keyring":
            return "kept", "the key file names an entry that is not this profile's, so none was deleted."
        return "none", ""
    try:
        delete_entry(keyring or system_keyring(), plan.keyring)
    except KeyringUnavailableError as error:
        return "kept", str(error)
    return ("deleted" if plan.entry_seen else "unseen"), ""
