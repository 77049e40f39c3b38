"""Bringing a profile of schema 1 to schema 2: one database becomes a main database, the state and an epoch.

The new vaults are complete before the key file is replaced, which is the decision; until then the first database is
as it was, and what an interrupted migration left is discarded. Afterwards it is overwritten and removed.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

from homespun.config import Settings
from homespun.errors import ProfileError
from homespun.profile.device_key import DeviceKey
from homespun.profile.failures import damaged
from homespun.profile.files import (
    DATABASE,
    DATABASE_FILES,
    DRAFT,
    DRAFT_FILES,
    KEY,
    Entropy,
    overwrite,
    present,
    sync_folder,
    write_atomically,
)
from homespun.profile.index import set_setting
from homespun.profile.keyfile import KEY_SIZE, KeyFile1, read_key_file
from homespun.profile.keys import Key
from homespun.profile.schema import MAIN, VaultKind
from homespun.profile.secret import Secret
from homespun.profile.shelf import DiskShelf
from homespun.profile.store import DEVICE_KEY
from homespun.profile.vault import (
    check_header,
    check_mark,
    check_pages,
    connect_with_key,
    create_vault,
    has_own_header,
    new_name,
    truncate_log,
)
from homespun.profile.vaults import Vaults

APPLICATION_ID: Final = 0x686D7370
"""Marked the only database of schema 1."""

_EVENTS = "SELECT item, kind, time, weight, context FROM event ORDER BY id"
_INSERT = "INSERT INTO event (recorded, item, kind, time, weight, context) VALUES (?, ?, ?, ?, ?, ?)"


def is_first_version(folder: Path) -> bool:
    """Return whether the folder holds a profile of schema 1.

    Raises:
        NewerProfileError, DamagedProfileError: See ``keyfile.read_key_file``.
    """
    return bool(present(folder, (KEY,))) and isinstance(read_key_file(folder), KeyFile1)


def migrate(
    folder: Path,
    key: Key,
    shelf_of: Callable[[str], DiskShelf],
    now: float,
    *,
    settings: Settings,
    entropy: Entropy,
) -> None:
    """Migrate the profile in a folder that is locked exclusively.

    Args:
        folder: Where it is.
        key: What opens it.
        shelf_of: Gives the place of the new vaults, by the profile's id.
        now: When its events count as recorded, because schema 1 did not say; seconds since 1970.
        settings: Waits and costs.
        entropy: Source of keys, names and nonces.

    Raises:
        WrongKeyError, DamagedProfileError, ProfileStorageError: It is as it was.
    """
    file = read_key_file(folder)
    if not isinstance(file, KeyFile1):
        return
    first_key, shelf = key.unseal(file), shelf_of(file.profile)
    data_key, name = Secret(entropy(KEY_SIZE)), new_name(VaultKind.PROFILE, entropy)
    first = _open_first(folder, first_key, settings)
    try:
        # Not before the first database is known to be whole: an old key file may have been put back by itself.
        shelf.destroy_others(())
        _copy(first, folder / name, data_key, shelf, now, settings, entropy)
        new = key.migrate(
            file,
            name,
            data_key,
            key_store="mixed" if shelf.outside else "inside",
            settings=settings,
            entropy=entropy,
        )
        write_atomically(folder / KEY, new.encode())
    except BaseException:
        _abandon(folder, shelf)
        raise
    finally:
        first.close()
    destroy_first_version(folder, entropy)


def _abandon(folder: Path, shelf: DiskShelf) -> None:
    with contextlib.suppress(ProfileError, OSError, apsw.Error):
        # Where the key file was replaced all the same, the new databases are the profile.
        if is_first_version(folder):
            shelf.destroy_others(())


def destroy_first_version(folder: Path, entropy: Entropy) -> None:
    """Overwrite and remove the database of schema 1, if a migration has left it."""
    left = present(folder, (*DATABASE_FILES, *DRAFT_FILES))
    if DATABASE in left and not has_own_header(folder / DATABASE):
        # Another program's.
        return
    names = {stem: new_name(VaultKind.PROFILE, entropy) for stem in (DATABASE, DRAFT)}
    for name in left:
        # One that is half overwritten looks like nobody's, so it is first given the name of a vault that is garbage.
        # Windows lets nobody rename or remove a file that somebody has open; the next opening tries again.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            stem = DRAFT if name in DRAFT_FILES else DATABASE
            garbage = (folder / name).rename(folder / (names[stem] + name.removeprefix(stem)))
            overwrite(garbage, entropy)
            garbage.unlink(missing_ok=True)
    if left:
        sync_folder(folder)


def _open_first(folder: Path, key: Secret, settings: Settings) -> apsw.Connection:
    if present(folder, (DATABASE, DRAFT)) == (DRAFT,):
        # Its creation was interrupted after the decision.
        (folder / DRAFT).replace(folder / DATABASE)
        sync_folder(folder)
    if not present(folder, (DATABASE,)):
        raise damaged(folder, f"{DATABASE} is missing")
    path = folder / DATABASE
    check_header(path, 1)
    first = connect_with_key(path, key, settings)
    try:
        check_mark(first, path, APPLICATION_ID, 1)
        check_pages(first, path)
    except BaseException:
        first.close()
        raise
    return first


def _copy(
    first: apsw.Connection,
    path: Path,
    data_key: Secret,
    shelf: DiskShelf,
    now: float,
    settings: Settings,
    entropy: Entropy,
) -> None:
    def fill(epoch: apsw.Connection) -> None:
        epoch.executemany(_INSERT, ((now, *row) for row in first.execute(_EVENTS))).fetchall()

    vaults = Vaults(create_vault(path, data_key, MAIN, settings), path.name, shelf, entropy)
    try:
        with vaults.writing_main() as main:
            vaults.make(VaultKind.STATE, 0, started=now, state="open", fill=lambda _: None)
            # A copy from before opens with what opened the first version.
            vaults.make(VaultKind.EPOCH, 1, started=now, state="open", fill=fill, outside=False)
            records = first.execute("SELECT record FROM consent ORDER BY id")
            main.executemany("INSERT INTO consent (record) VALUES (?)", records).fetchall()
            set_setting(main, DEVICE_KEY, DeviceKey.generate(entropy).secret.reveal())
        truncate_log(vaults.main)
    finally:
        vaults.close()
