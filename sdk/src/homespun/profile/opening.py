"""Creating and opening profiles, so that a crash at any point leaves either nothing or a working profile.

The key file is the decision. ``preparing.json`` stands while there is none yet: vaults beside it are discarded, since
nobody was ever told that they exist. Vaults without either mean that the key file was lost, and nothing is discarded.
With a keyring, an interrupted creation may leave an entry there that opens nothing.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import apsw
import msgspec

from homespun.config import DEFAULTS, Settings
from homespun.errors import KeyringUnavailableError, MisuseError, ProfileError, ProfileStorageError
from homespun.profile.device_key import DeviceKey
from homespun.profile.failures import busy, damaged, translated
from homespun.profile.files import (
    DATABASE,
    ERASING,
    KEY,
    PARTIAL,
    PREPARING,
    Entropy,
    make_folder,
    named,
    present,
    read_bounded,
    vault_files,
    write_atomically,
)
from homespun.profile.index import read_index, set_setting
from homespun.profile.key_store import KeyringKeyStore, KeyStore, checked
from homespun.profile.keyfile import KEY_SIZE, KeyFile, ProfileId, read_key_file
from homespun.profile.keys import Key
from homespun.profile.lock import FolderLock
from homespun.profile.migration import destroy_first_version, is_first_version, migrate
from homespun.profile.schema import MAIN, VaultKind
from homespun.profile.secret import Secret
from homespun.profile.shelf import DiskShelf, MemoryShelf
from homespun.profile.store import DEVICE_KEY, ProfileStore
from homespun.profile.system_keyring import system_keyring
from homespun.profile.vault import create_vault, memory_vault, new_name, open_vault, truncate_log
from homespun.profile.vaults import Vaults, transaction

_ID_SIZE = 16
_MAX_MARKER = 4096
_BEGUN_FILES = (PREPARING, PREPARING + PARTIAL)


class _Begun(msgspec.Struct):
    profile: ProfileId


@dataclass(frozen=True, slots=True)
class Place:
    """Where a profile is and what opens it.

    Attributes:
        folder: Where; None in memory.
        key: What opens it.
        settings: Limits and costs.
        entropy: Source of keys, names, salts and nonces.
        key_store: Where the application keeps the vaults' keys; None for the keyring, or else inside.
        guest: Whether somebody else than the application looks at its profile, whose settings they do not know: its
            retention is not enforced then, and its declaration of necessity stays.
    """

    folder: Path | None
    key: Key
    settings: Settings = DEFAULTS
    entropy: Entropy = os.urandom
    key_store: KeyStore | None = None
    guest: bool = False

    def store_of(self, profile: str) -> KeyStore | None:
        """Return where the keys of a profile's vaults are kept; None for inside."""
        return self.key.key_store(profile) if self.key_store is None else checked(self.key_store)

    def shelf(self, profile: str) -> DiskShelf:
        """Return the profile's folder as a place of vaults."""
        folder, store = required(self.folder), self.store_of(profile)
        return DiskShelf(folder, profile, store, settings=self.settings, entropy=self.entropy)


def exists(folder: Path | None) -> bool:
    """Return whether ``folder`` holds a profile, damaged or not; one that is being erased does not count."""
    if folder is None or present(folder, (ERASING,)):
        return False
    found = bool(present(folder, (DATABASE,)) or (folder.is_dir() and vault_files(folder)))
    return bool(present(folder, (KEY,))) or (found and not present(folder, (PREPARING,)))


def create(place: Place, now: float) -> ProfileStore:
    """Create a profile and open it.

    Args:
        place: Where, and what will open it. An ephemeral key makes a profile in memory.
        now: Seconds since 1970.

    Raises:
        MisuseError: There is a profile already, or there is no folder.
        KeyringUnavailableError, KeyStoreError: A key was not kept.
        ProfileBusyError: Somebody else is creating or erasing it.
        ProfileStorageError: The disk refused.
    """
    if place.key.is_ephemeral:
        return _in_memory(place, now)
    folder = required(place.folder)
    with translated(folder):
        _check_not_erasing(folder)
        make_folder(folder)
        lock = FolderLock.exclusive_while(folder, place.settings.busy_timeout_ms, lambda where: not exists(where))
        if lock is None:
            raise busy(folder)
        with lock:
            if exists(folder):
                raise MisuseError(f"There already is a profile in '{folder}'; open it, or erase it first.")
            file, data_key = _create_files(place, folder, now)
    return _opened(place, folder, file, data_key)


def open_profile(place: Place, now: float) -> ProfileStore:
    """Open an existing profile; with an ephemeral key, a new one in memory.

    Args:
        place: Where it is, and what opens it.
        now: Seconds since 1970.

    Raises:
        MisuseError: There is no profile.
        WrongKeyError: The key does not open it.
        DamagedProfileError: It was changed or cut short outside homespun.
        NewerProfileError: A newer homespun wrote it.
        KeyringUnavailableError, KeyStoreError, LostKeyError: A key cannot be had.
        ProfileBusyError: Somebody else holds it.
        ProfileStorageError: The disk refused.
    """
    if place.key.is_ephemeral:
        return _in_memory(place, now)
    folder = required(place.folder)
    with translated(folder):
        _check_not_erasing(folder)
        _check_there(folder)
        if is_first_version(folder):
            lock = FolderLock.exclusive_while(folder, place.settings.busy_timeout_ms, is_first_version)
            if lock is not None:
                with lock:
                    migrate(folder, place.key, place.shelf, now, settings=place.settings, entropy=place.entropy)
        file = known_key_file(folder)
    return _opened(place, folder, file, place.key.unseal(file))


def discard_interrupted_creation(place: Place) -> None:
    """Discard what a creation that was interrupted before its decision has left, unless one is going on.

    Where that is not possible now, the next opening or creation does it.
    """
    if place.folder is None or not _is_begun(place.folder):
        return
    folder = required(place.folder)
    with contextlib.suppress(ProfileError), translated(folder):
        lock = FolderLock.exclusive(folder, 0)
        discarded = False
        try:
            if _is_begun(folder):
                _discard_begun(place, folder)
                for name in (KEY + PARTIAL, *_BEGUN_FILES):
                    (folder / name).unlink(missing_ok=True)
                discarded = True
        finally:
            lock.release(remove=discarded)
        # Somebody's files may be in it, and that is fine.
        with contextlib.suppress(OSError):
            folder.rmdir()


def known_key_file(folder: Path) -> KeyFile:
    """Return the folder's key file.

    Raises:
        NewerProfileError, DamagedProfileError: See ``keyfile.read_key_file``.
    """
    file = read_key_file(folder)
    if not isinstance(file, KeyFile):
        raise busy(folder)
    return file


def forget_pending(folder: Path, key: Key, file: KeyFile) -> None:
    """Delete the keyring's entries that a change of key has left, as far as the keyring lets us."""
    # They stay named in the key file, and the next opening tries again.
    with contextlib.suppress(KeyringUnavailableError):
        done = key.forget(file)
        if done is not file:
            write_atomically(folder / KEY, done.encode())


def required(folder: Path | None) -> Path:
    """Return the folder of a profile on disk.

    Raises:
        MisuseError: There is none, or it has no name.
    """
    if folder is None:
        raise MisuseError("This key is for a profile on disk; give its folder, or use Key.ephemeral().")
    return named(folder)


def _create_files(place: Place, folder: Path, now: float) -> tuple[KeyFile, Secret]:
    profile = _begun(place, folder)
    shelf, name, data_key = place.shelf(profile), new_name(VaultKind.PROFILE, place.entropy), _key(place)
    main = create_vault(folder / name, data_key, MAIN, place.settings)
    vaults = Vaults(main, name, shelf, place.entropy)
    try:
        _fill(vaults, place, now)
        truncate_log(main)
    finally:
        vaults.close()
    file = place.key.seal(
        profile,
        name,
        data_key,
        token=place.entropy(KEY_SIZE),
        key_store="outside" if shelf.outside else "inside",
        settings=place.settings,
        entropy=place.entropy,
    )
    write_atomically(folder / KEY, file.encode())
    (folder / PREPARING).unlink()
    return file, data_key


def _begun(place: Place, folder: Path) -> str:
    """Discard what an interrupted creation left, and say that another one has begun; return its profile's id."""
    _discard_begun(place, folder)
    profile = place.entropy(_ID_SIZE).hex()
    write_atomically(folder / PREPARING, msgspec.json.encode({"profile": profile}))
    return profile


def _discard_begun(place: Place, folder: Path) -> None:
    if present(folder, (PREPARING,)):
        with contextlib.suppress(msgspec.MsgspecError):
            before = msgspec.json.decode(read_bounded(folder / PREPARING, _MAX_MARKER), type=_Begun)
            for name in vault_files(folder):
                place.shelf(before.profile).destroy(name)


def _is_begun(folder: Path) -> bool:
    return bool(present(folder, _BEGUN_FILES)) and not present(folder, (KEY, ERASING))


def _fill(vaults: Vaults, place: Place, now: float) -> None:
    with vaults.writing_main() as main:
        vaults.make(VaultKind.STATE, 0, started=now, state="open", fill=lambda _: None)
        set_setting(main, DEVICE_KEY, DeviceKey.generate(place.entropy).secret.reveal())


def _key(place: Place) -> Secret:
    return Secret(place.entropy(KEY_SIZE))


def _in_memory(place: Place, now: float) -> ProfileStore:
    main = memory_vault(MAIN, place.settings)
    vaults = Vaults(main, new_name(VaultKind.PROFILE, place.entropy), MemoryShelf(place.settings), place.entropy)
    _fill(vaults, place, now)
    return ProfileStore(vaults, profile_id=place.entropy(_ID_SIZE).hex(), settings=place.settings)


def _opened(place: Place, folder: Path, file: KeyFile, data_key: Secret) -> ProfileStore:
    if file.key_store != "inside" and place.store_of(file.profile) is None and not place.key.is_recovery:
        raise MisuseError(
            f"The profile in '{folder}' keeps the keys of its events in a key store of the application's; open it "
            "with that: key_store=..."
        )
    with translated(folder):
        lock = FolderLock.shared(folder, place.settings.busy_timeout_ms)
        try:
            _check_same(folder, file)
            main = _open_main(folder, file, data_key, place.settings)
            _tidy(folder, place, main)
        except BaseException:
            lock.release()
            raise
    return ProfileStore(
        Vaults(main, file.database, place.shelf(file.profile), place.entropy),
        profile_id=file.profile,
        settings=place.settings,
        keyring_backend=place.key.keyring_backend,
        folder=folder,
        folder_lock=lock,
    )


def _check_same(folder: Path, file: KeyFile) -> None:
    # Before the lock was held somebody else can have erased or rotated the profile.
    current = known_key_file(folder)
    if (current.profile, current.database) != (file.profile, file.database):
        raise busy(folder)


def _tidy(folder: Path, place: Place, main: apsw.Connection) -> None:
    """Remove what an interrupted creation, migration or change of key has left."""
    destroy_first_version(folder, place.entropy)
    (folder / PREPARING).unlink(missing_ok=True)
    # The first is written by whoever has the folder alone, as nobody has now; the second needs the main database.
    (folder / (ERASING + PARTIAL)).unlink(missing_ok=True)
    if known_key_file(folder).pending or present(folder, (KEY + PARTIAL,)):
        with transaction(main):
            file = known_key_file(folder)
            (folder / (KEY + PARTIAL)).unlink(missing_ok=True)
            _delete_stray_keys(folder, place.key, file, main)
            forget_pending(folder, place.key, file)


def _delete_stray_keys(folder: Path, key: Key, file: KeyFile, main: apsw.Connection) -> None:
    """Delete from keyrings that are not used any more, or not yet, the keys of vaults that are to be discarded."""
    strays = frozenset(vault_files(folder)) - {row.name for row in read_index(main)} - {file.database}
    # The next opening does not know their names any more; without their files the keys open nothing.
    with contextlib.suppress(KeyringUnavailableError):
        for entry in file.pending:
            username = entry.username_for(file.profile)
            if username is not None:
                backend = key.keyring_backend or system_keyring()
                store = KeyringKeyStore(backend, entry.service, username, file.profile)
                for name in sorted(strays):
                    store.delete(f"{file.profile}/{name}")


def _open_main(folder: Path, file: KeyFile, data_key: Secret, settings: Settings) -> apsw.Connection:
    if not present(folder, (file.database,)):
        raise damaged(folder, f"{file.database} is missing")
    return open_vault(folder / file.database, data_key, MAIN, settings)


def _check_there(folder: Path) -> None:
    if not exists(folder):
        raise MisuseError(f"There is no profile in '{folder}'; create one first.")
    if not present(folder, (KEY,)):
        raise damaged(folder, f"{KEY}, without which nothing can be decrypted, is missing")


def _check_not_erasing(folder: Path) -> None:
    if present(folder, (ERASING,)):
        raise ProfileStorageError(
            f"The profile in '{folder}' is being erased, and some of its files cannot be removed. Close other "
            "programs that use them, or remove the folder by hand."
        )
