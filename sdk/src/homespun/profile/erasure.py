"""Erasing a profile: the keys first, then the data, then a look at what is left.

The order: what is to be destroyed is written down in ``erasing.json``, the tombstone is left outside the folder, keys
outside it are destroyed, an open profile's logs are merged and emptied and the profile is closed, ``key.json`` and the
databases are overwritten and removed, and what is left is searched for copies. An erasure that was interrupted is
completed the next time the profile would be opened or created; each step can be done again. So is a backup's: a
profile with a tombstone erases itself. Files that homespun did not write are left alone and reported, whatever their
names. No key is needed: a person who forgot the passphrase can still erase. What is claimed is in
``erasure_outcome``.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from homespun.config import DEFAULTS, Settings
from homespun.errors import DamagedProfileError, NewerProfileError, ProfileError, ProfileStorageError
from homespun.profile.device_key import DeviceKey
from homespun.profile.erasure_keys import Outside, destroy_outside, with_seen
from homespun.profile.erasure_outcome import Outcome, strangers
from homespun.profile.erasure_plan import Plan, foreign_files, make_plan, own_files
from homespun.profile.failures import busy, translated
from homespun.profile.files import (
    ERASING,
    MARKER_FILES,
    Entropy,
    is_secret,
    listed,
    named,
    overwrite,
    present,
    secret_files,
    sync_folder,
)
from homespun.profile.given import FileGiven
from homespun.profile.key_store import KeyStore
from homespun.profile.keyfile import profile_id, read_key_file
from homespun.profile.lock import FolderLock
from homespun.profile.remains import find_remains
from homespun.profile.system_keyring import KeyringBackend
from homespun.profile.tombstones import Tombstones, is_erased
from homespun.protocol.receipts import EVERYTHING, Receipt, StoreErasure, decimal_time, limits, sign

Clock = Callable[[], float]
"""Seconds since 1970-01-01 UTC."""

COMPLETED_LATER = f"{EVERYTHING}, completing an erasure that was interrupted or undone by a backup,"
"""Scope of a receipt for what ``finish_interrupted_erasure`` did."""

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

    def vault_keys(self) -> Mapping[str, bool]:
        """Return the state and every epoch, by file name: whether its key was never kept inside the folder."""

    def release_folder(self) -> None:
        """Give up the lock on the folder, and keep the databases open."""

    def truncate_logs(self) -> tuple[str, ...]:
        """Merge every database's log and empty it; return the databases of which SQLite says that it was busy."""

    def close(self, *, keep_log: bool = False) -> None:
        """Close the profile; with ``keep_log`` the log's file stays, so that it can be overwritten."""


@dataclass(frozen=True, slots=True)
class _Erasure:
    """What the steps of one erasure share."""

    folder: Path
    store: Erasable | None
    outside: Outside
    settings: Settings
    entropy: Entropy
    profile: str | None
    force: bool


def erase(
    folder: Path | None,
    store: Erasable | None,
    *,
    settings: Settings = DEFAULTS,
    entropy: Entropy = os.urandom,
    clock: Clock = time.time,
    keyring: KeyringBackend | None = None,
    key_store: KeyStore | None = None,
    tombstones: Tombstones | None = None,
    device_key: DeviceKey | None = None,
    released: Iterable[tuple[str, str]] | None = None,
    besides: tuple[str, ...] = (),
    profile: str | None = None,
    force: bool = False,
    scope: str = EVERYTHING,
) -> Receipt:
    """Erase the profile in ``folder`` and close ``store``, which is this process's use of it.

    Args:
        folder: The profile's folder; None for a profile in memory. An open store is erased where it is.
        store: The open profile; None if it is not open in this process, or cannot be opened.
        settings: How long to wait for others that have the profile open.
        entropy: Source of the bytes that overwrite, and of the key that signs where there is no device key.
        clock: Where the receipt's time comes from.
        keyring: The keyring that keeps the key; by default the store's, or the operating system's.
        key_store: Where the vaults' keys are kept; by default the keyring that keeps the profile key.
        tombstones: Where the tombstone is left; None for nowhere.
        device_key: The profile's own key, which signs the receipt; by default a fresh one does.
        released: What left the profile before, each with its ε as decimal text; None if nobody knows.
        besides: What else the receipt does not speak for, in plain words.
        profile: The only profile that may be erased, by its id; by default the store's, else any.
        force: Also destroy what merely has the name of one of homespun's files, as a key file or a database
            that was damaged beyond recognition has.
        scope: The receipt's scope.

    Returns:
        The signed receipt; without stores if the folder holds nothing of homespun's.

    Raises:
        MisuseError: The folder has no name.
        ProfileBusyError: Somebody else has the profile open. ``store`` is closed, nothing was erased.
        ProfileStorageError: The disk refused, and what was begun is completed at the next opening; or the
            open profile is not in its folder any more, and nothing was closed or erased.
    """
    open_store = store if store is not None and store.is_open else None
    if store is not None:
        keyring = store.keyring_backend if keyring is None else keyring
    if open_store is not None:
        folder, profile = open_store.folder, open_store.profile_id
        _check_in_place(folder, profile)
    stores: tuple[StoreErasure, ...] = (_MEMORY,)
    known = profile or ""
    if folder is not None:
        outside = Outside(keyring, key_store, tombstones)
        erasure = _Erasure(named(folder), open_store, outside, settings, entropy, profile, force)
        known, stores = _erase(erasure)
    elif open_store is not None:
        open_store.close()
    receipt = Receipt(
        profile=known,
        time=decimal_time(clock()),
        scope=scope,
        stores=stores,
        out_of_scope=(*limits(released), *besides),
    )
    signing = device_key or DeviceKey.generate(entropy)
    return sign(receipt, signing.sign, signing.public_key, signer="fresh" if device_key is None else "device")


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
    clock: Clock = time.time,
    keyring: KeyringBackend | None = None,
    key_store: KeyStore | None = None,
    tombstones: Tombstones | None = None,
) -> Receipt | None:
    """Complete an erasure that was interrupted, or that restoring a backup has undone; else do nothing.

    Args:
        folder: The profile's folder.
        settings: See ``erase``.
        entropy: See ``erase``.
        clock: See ``erase``.
        keyring: See ``erase``.
        key_store: See ``erase``.
        tombstones: Where tombstones are; None if there are none.

    Returns:
        As ``erase``, signed by a fresh key; None if there was nothing to complete.

    Raises:
        ProfileBusyError: Somebody else is completing it.
        ProfileStorageError: The disk refused again.
        ProfileError: It cannot be told whether the profile has a tombstone; see ``Tombstones``.
    """
    profile = None
    if not present(folder, (ERASING,)):
        profile = _entombed(folder, tombstones)
        if profile is None:
            return None
    return erase(
        folder,
        None,
        settings=settings,
        entropy=entropy,
        clock=clock,
        keyring=keyring,
        key_store=key_store,
        tombstones=tombstones,
        profile=profile,
        scope=COMPLETED_LATER,
    )


def _entombed(folder: Path, tombstones: Tombstones | None) -> str | None:
    """Return the id of the folder's profile if a tombstone names it."""
    if tombstones is None:
        return None
    try:
        file = read_key_file(folder)
    except (OSError, DamagedProfileError, NewerProfileError):
        return None
    return file.profile if is_erased(tombstones, file) else None


def _check_in_place(folder: Path | None, profile: str) -> None:
    if folder is None or (secret_files(folder) and profile_id(folder) in (profile, None)):
        return
    raise ProfileStorageError(
        f"The profile that is open is not in '{folder}' any more: the folder was moved, emptied or exchanged "
        "outside homespun. Nothing was erased. Close the profile, find its folder, and erase it there."
    )


def _erase(erasure: _Erasure) -> tuple[str, tuple[StoreErasure, ...]]:
    """Return the profile's id and what happened to each store."""
    try:
        with translated(erasure.folder):
            if erasure.store is not None:
                # Nobody else may use it now, and we could not have it alone while we share it.
                erasure.store.release_folder()
            if not erasable(erasure.folder, force=erasure.force):
                return erasure.profile or "", strangers(tuple(filter(is_secret, listed(erasure.folder))))
            return _erase_alone(erasure)
    finally:
        if erasure.store is not None:
            erasure.store.close(keep_log=True)


def _erase_alone(erasure: _Erasure) -> tuple[str, tuple[StoreErasure, ...]]:
    folder = erasure.folder
    lock = FolderLock.exclusive(folder, erasure.settings.busy_timeout_ms)
    finished = False
    try:
        if not erasable(folder, force=erasure.force):
            # Somebody else erased it while we waited.
            finished = True
            return erasure.profile or "", ()
        plan = make_plan(folder, index=_index(erasure.store), force=erasure.force)
        if erasure.profile is not None and plan.profile not in (erasure.profile, ""):
            # While nobody held the lock, somebody else erased that profile and created another.
            raise busy(folder)
        outcome = _carry_out(erasure, with_seen(plan, erasure.outside))
        finished = not present(folder, MARKER_FILES)
    finally:
        lock.release(remove=finished)
    # Somebody's files may be in it, and that is fine.
    with contextlib.suppress(OSError):
        folder.rmdir()
    return outcome.plan.profile or erasure.profile or "", outcome.stores()


def _carry_out(erasure: _Erasure, plan: Plan) -> Outcome:
    folder = erasure.folder
    plan.write(folder)
    destroyed = destroy_outside(plan, erasure.outside)
    busy_logs = _close(erasure.store, plan)
    for name in present(folder, plan.files):
        plan = _destroy(folder, name, plan, erasure.entropy)
    sync_folder(folder)
    left = present(folder, plan.files)
    remains = find_remains(folder, plan.samples, plan.files)
    if not left:
        for name in MARKER_FILES:
            (folder / name).unlink(missing_ok=True)
        sync_folder(folder)
    given = FileGiven.beside(folder)
    return Outcome(
        plan=plan,
        destroyed=destroyed,
        busy=busy_logs,
        left=left,
        foreign=foreign_files(folder, plan.files),
        remains=remains,
        given=given.place if given.exists else None,
    )


def _index(store: Erasable | None) -> Mapping[str, bool] | None:
    if store is not None:
        # A damaged profile is erased by what its folder shows.
        with contextlib.suppress(ProfileError):
            return store.vault_keys()
    return None


def _close(store: Erasable | None, plan: Plan) -> tuple[str, ...]:
    """Merge and empty the logs and close the profile; return the files of which that may not be so."""
    if store is None:
        return ()
    # Its keys are gone: whatever fails now must not keep the files from being destroyed.
    try:
        busy_logs = store.truncate_logs()
    except ProfileError:
        busy_logs = plan.files
    with contextlib.suppress(ProfileError):
        store.close(keep_log=True)
    return busy_logs


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
