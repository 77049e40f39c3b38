"""Changing what opens a profile: another passphrase, new keys for everything, a recovery key.

Changing a passphrase, or other 32 bytes, wraps the data key anew and leaves the databases alone: a copy of the
key file made before still opens with the old one. A rotation puts every database under a new key. It needs the
profile alone, and the key file that is replaced at its end is the decision: before it the old databases are the
profile, after it the new ones, and what is left of the others is destroyed at the next opening.
"""

from contextlib import suppress

import apsw

from homespun.errors import ProfileError
from homespun.profile.failures import translated
from homespun.profile.files import KEY, write_atomically
from homespun.profile.index import VaultRow, get_setting, set_setting
from homespun.profile.keyfile import KEY_SIZE, KeyFile, KeyStorePlace
from homespun.profile.keys import Key
from homespun.profile.lock import FolderLock
from homespun.profile.opening import Place, forget_pending, known_key_file, required
from homespun.profile.recovery import new_recovery
from homespun.profile.rewriting import copy_rows
from homespun.profile.schema import MAIN, SCHEMAS, Schema, VaultKind
from homespun.profile.sealing import with_recovery
from homespun.profile.secret import Secret
from homespun.profile.vault import create_vault, new_name, open_vault, truncate_log
from homespun.profile.vaults import RECOVERY, Vaults, transaction

_COPIED = Schema(
    MAIN.kind,
    MAIN.application_id,
    {table: columns for table, columns in MAIN.columns.items() if table != "vault"},
    MAIN.statements,
)
"""What of a main database is copied as it is; the index is written anew."""


def reseal(place: Place, new: Key) -> bool:
    """Let another key of the same kind open the profile from now on; nothing is encrypted anew.

    Args:
        place: Where the profile is, and what opens it until now. It may be open.
        new: What opens it from now on.

    Returns:
        Whether it was done; False if the keys are of different kinds, for which it takes a rotation.

    Raises:
        WrongKeyError, ProfileBusyError, ProfileStorageError: The old key still opens it.
    """
    folder = required(place.folder)
    with translated(folder):
        file = known_key_file(folder)
        # The keyring keeps other keys beside this one, which would have to move with it.
        if new.kind != place.key.kind or new.keyring_backend is not None or place.key.is_recovery:
            return False
        main = open_vault(folder / file.database, place.key.unseal(file), MAIN, place.settings)
        try:
            with transaction(main):
                file = known_key_file(folder)
                data_key = place.key.unseal(file)
                file = new.reseal(file, data_key, settings=place.settings, entropy=place.entropy)
                write_atomically(folder / KEY, file.encode())
        finally:
            main.close()
    return True


def rotate(place: Place, target: Place, *, keep_recovery: bool = True) -> None:
    """Put every database of a closed profile under a new key.

    Args:
        place: Where it is, and what opens it until now.
        target: The same folder, and what opens it from now on.
        keep_recovery: Whether a recovery key opens it from now on too, if one does until now.

    Raises:
        ProfileBusyError: Somebody else has it open.
        ProfileError: The old key still opens it.
    """
    folder = required(place.folder)
    with translated(folder), FolderLock.exclusive(folder, place.settings.busy_timeout_ms):
        file = known_key_file(folder)
        old_key = place.key.unseal(file)
        file = target.key.prepare(file, entropy=place.entropy)
        write_atomically(folder / KEY, file.encode())
        main = open_vault(folder / file.database, old_key, MAIN, place.settings)
        old = Vaults(main, file.database, place.shelf(file.profile), place.entropy)
        try:
            old.look()
            gone = {*old.names, *(row.name for row in old.garbage)}
            try:
                file = _renewed(old, target, file, keep_recovery=keep_recovery)
            except BaseException:
                _abandon(target, file.profile, gone, old.main_name)
                raise
        finally:
            old.close()
        # The new key opens it whatever happens now; what cannot be destroyed yet is left to the next opening.
        for name in sorted(gone):
            with suppress(ProfileError, OSError):
                place.shelf(file.profile).destroy(name)
        # What is pending now are entries of the keyring that was used until now.
        with suppress(OSError):
            forget_pending(folder, place.key, file)


def _abandon(target: Place, profile: str, kept: set[str], database: str) -> None:
    with suppress(ProfileError, OSError, apsw.Error):
        # Where the key file was replaced all the same, the new databases are the profile.
        if known_key_file(required(target.folder)).database == database:
            target.shelf(profile).destroy_others(kept)


def _renewed(old: Vaults, target: Place, file: KeyFile, *, keep_recovery: bool) -> KeyFile:
    """Make every database anew, and replace the key file."""
    folder, entropy = required(target.folder), target.entropy
    name, data_key = new_name(VaultKind.PROFILE, entropy), Secret(entropy(KEY_SIZE))
    shelf = target.shelf(file.profile)
    new = Vaults(create_vault(folder / name, data_key, MAIN, target.settings), name, shelf, entropy)
    try:
        with new.writing_main() as main:
            copy_rows(old.main, main, _COPIED)
            if not keep_recovery:
                set_setting(main, RECOVERY, None)
            for row in (old.state, *old.epochs):
                _copy(old, new, row)
        recovery = get_setting(new.main, RECOVERY)
        never_inside = all(row.outside for row in (new.state, *new.epochs))
        truncate_log(new.main)
    finally:
        new.close()
    if recovery is None:
        # The recovery key's slot would not open the new database.
        file = _without_recovery(file)
    file = target.key.reseal(
        file,
        data_key,
        database=name,
        key_store=_where(outside=shelf.outside, never_inside=never_inside),
        settings=target.settings,
        entropy=entropy,
        recovery=None if recovery is None else Secret(recovery),
    )
    write_atomically(folder / KEY, file.encode())
    return file


def _where(*, outside: bool, never_inside: bool) -> KeyStorePlace:
    if not outside:
        return "inside"
    return "outside" if never_inside else "mixed"


def _copy(old: Vaults, new: Vaults, row: VaultRow) -> None:
    def fill(connection: apsw.Connection) -> None:
        copy_rows(old.connection(row), connection, SCHEMAS[row.kind])

    new.make(row.kind, row.number, started=row.started, state=row.state, fill=fill, outside=row.outside)


def _without_recovery(file: KeyFile) -> KeyFile:
    if len(file.slots) == 1 or "recovery" not in file.sources:
        return file
    return file.without_slot("recovery")


def export_recovery(place: Place) -> str:
    """Return a new recovery key, and let it open the profile beside the other key; an earlier one does not any more.

    The keys of all databases are kept inside the folder as well from now on, since the recovery key must open
    them where the keyring is lost. So an erasure cannot claim any more that they were destroyed with the keyring.

    Args:
        place: Where the profile is, and what opens it. It may be open.

    Raises:
        WrongKeyError, ProfileBusyError, ProfileStorageError: The recovery key that is returned does not exist.
    """
    folder = required(place.folder)
    text, secret = new_recovery(place.entropy)
    with translated(folder):
        file = known_key_file(folder)
        data_key = place.key.unseal(file)
        main = open_vault(folder / file.database, data_key, MAIN, place.settings)
        vaults = Vaults(main, file.database, place.shelf(file.profile), place.entropy)
        try:
            with transaction(main):
                set_setting(main, RECOVERY, secret.reveal())
                vaults.keep_keys_inside()
            # Somebody else may be changing the passphrase.
            with transaction(main):
                file = with_recovery(known_key_file(folder), data_key, secret, entropy=place.entropy)
                write_atomically(folder / KEY, file.encode())
        finally:
            vaults.close()
    return text
