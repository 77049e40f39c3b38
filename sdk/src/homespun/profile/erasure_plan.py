"""What an erasure will destroy, written down before anything is destroyed.

Only what is recognizably homespun's is destroyed: names alone are not enough, since other programs write a
``key.json`` or a ``profile.db`` too. Once begun the plan knows its files by name, because a file that was
overwritten looks like nothing any more. A damaged plan or key file never stops an erasure; it only lowers what
is claimed.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from homespun.errors import DamagedProfileError, KeyringUnavailableError, NewerProfileError
from homespun.profile.database import has_own_header
from homespun.profile.files import (
    DATABASE,
    DATABASE_FILES,
    ERASING,
    KEY,
    OWN_FILES,
    SECRET_FILES,
    is_link,
    present,
    read_bounded,
    write_atomically,
)
from homespun.profile.keyfile import MAX_FILE_SIZE, KeyFile, KeyringEntry, KeySource, is_key_file, read_key_file
from homespun.profile.system_keyring import KeyringBackend, read_entry, system_keyring

_VERSION = 1


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of ``erasing.json``.

    Attributes:
        schema: Version of the writer.
        profile: The profile's id; empty if it could not be read.
        source: What the wrapping key was made from; None if it could not be read.
        keyring: The keyring's entry, if the key is kept there.
        entry_seen: Whether the entry was there before the erasure.
        files: The files to destroy.
        plain: Those of them that are removed without being overwritten.
    """

    schema: int = _VERSION
    profile: str = ""
    source: KeySource | None = None
    keyring: KeyringEntry | None = None
    entry_seen: bool = False
    files: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write it down."""
        write_atomically(folder / ERASING, msgspec.json.encode(self))

    def with_plain(self, name: str) -> "Plan":
        """Return the plan that knows of one more file that was not overwritten."""
        return msgspec.structs.replace(self, plain=tuple(dict.fromkeys((*self.plain, name))))


def make_plan(folder: Path, keyring: KeyringBackend | None, *, force: bool) -> Plan:
    """Return the plan of the erasure that was interrupted, or else a new one."""
    plan = _resumed(folder) or _planned(folder)
    known = {*plan.files, *own_files(folder, force=force)}
    plan = msgspec.structs.replace(plan, files=tuple(name for name in SECRET_FILES if name in known))
    if plan.keyring is None or plan.entry_seen:
        return plan
    return msgspec.structs.replace(plan, entry_seen=_sees_entry(plan.keyring, keyring))


def own_files(folder: Path, *, force: bool = False) -> tuple[str, ...]:
    """Return the files that an erasure destroys: homespun's, and links, whose removal destroys nothing.

    Args:
        folder: The profile's folder.
        force: Take a file's name for proof.
    """
    found = tuple(name for name in present(folder, SECRET_FILES) if not _is_folder(folder / name))
    if force:
        return found
    foreign = set()
    if not _is_own(folder / KEY, is_key_file):
        foreign.add(KEY)
    if not _is_own(folder / DATABASE, has_own_header) and (KEY in foreign or DATABASE in found):
        # A log belongs to its database; one that is alone belongs to whom the key file belongs.
        foreign.update(DATABASE_FILES)
    return tuple(name for name in found if name not in foreign)


def foreign_files(folder: Path, own: tuple[str, ...]) -> tuple[str, ...]:
    """Return, sorted, the names in the folder that are not ``own`` and not the marker's or the lock's."""
    ours = ({*OWN_FILES} - {*SECRET_FILES}) | {*own}
    return tuple(sorted(path.name for path in folder.iterdir() if path.name not in ours))


def _is_own(path: Path, recognize: Callable[[Path], bool]) -> bool:
    with contextlib.suppress(OSError):
        return is_link(path) or recognize(path)
    return False


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _resumed(folder: Path) -> Plan | None:
    if not present(folder, (ERASING,)):
        return None
    with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.decode(read_bounded(folder / ERASING, MAX_FILE_SIZE), type=Plan)
    return None


def _planned(folder: Path) -> Plan:
    try:
        file = read_key_file(folder)
    except (OSError, DamagedProfileError, NewerProfileError):
        return Plan()
    return Plan(profile=file.profile, source=file.source, keyring=_own_entry(file))


def _own_entry(file: KeyFile) -> KeyringEntry | None:
    # A changed key file must not make us delete an entry that is not this profile's.
    entry = file.keyring
    return entry if entry is not None and entry.username.endswith(f"/{file.profile}") else None


def _sees_entry(entry: KeyringEntry, keyring: KeyringBackend | None) -> bool:
    try:
        return read_entry(keyring or system_keyring(), entry) is not None
    except KeyringUnavailableError:
        return False
