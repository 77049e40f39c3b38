"""What an erasure will destroy, written down before anything is destroyed.

Only what is recognizably homespun's is destroyed: names alone are not enough, since other programs write a
``key.json`` or a ``profile.db`` too. Once begun the plan knows its files by name, because a file that was
overwritten looks like nothing any more, and outside the folder it knows entries and keys by name. A damaged plan or
key file never stops an erasure; it only lowers what is claimed. Nothing outside the folder is destroyed that does
not have the profile's random id in its name, whatever a plan or a key file says.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from homespun.errors import DamagedProfileError, NewerProfileError
from homespun.profile.files import (
    DATABASE,
    DATABASE_FILES,
    ERASING,
    KEY,
    LOCK,
    MARKER_FILES,
    PREPARING,
    VAULT,
    database_of,
    is_link,
    is_secret,
    keys_first,
    listed,
    present,
    read_bounded,
    secret_files,
    side_files,
    write_atomically,
)
from homespun.profile.keyfile import (
    MAX_FILE_SIZE,
    KeyFile,
    KeyFile1,
    KeyringEntry,
    KeySource,
    KeyStorePlace,
    ProfileId,
    is_key_file,
    read_key_file,
)
from homespun.profile.remains import take_samples
from homespun.profile.tombstones import mac
from homespun.profile.vault import has_own_header

_VERSION = 2
_MAX_SIZE = 4 << 20
_ID = re.compile("[0-9a-f]{32}")
_PLAIN_DATABASE = b"SQLite format 3\x00"


class SlotPlan(msgspec.Struct, frozen=True):
    """One way to open the profile.

    Attributes:
        source: What the wrapping key was made from.
        entry: The keyring's entry, if the key is kept there and the entry is this profile's.
        seen: Whether the entry was there before the erasure.
    """

    source: KeySource
    entry: KeyringEntry | None = None
    seen: bool = False


class VaultPlan(msgspec.Struct, frozen=True):
    """A vault other than the main database.

    Attributes:
        name: Its file's name.
        seen: Whether its key was in the key store before the erasure.
        inside: Whether its key, or a copy of it, was kept inside the folder at some time.
    """

    name: str
    seen: bool = False
    inside: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of ``erasing.json``.

    Attributes:
        schema: Version of the writer.
        profile: The profile's id; empty if it could not be read.
        slots: What could open the profile; empty if that could not be read.
        pending: Entries of the keyring that opened it, or would have.
        main: The main database's name; empty if it could not be read.
        keys: Where the vaults' keys were kept, by the key file; None if it does not say.
        vaults: Every vault that is known, by the index or by its files.
        indexed: Whether the index of vaults was read.
        tombstone: What the tombstone holds; None if there can be none.
        files: The files to destroy.
        plain: Those of them that are removed without being overwritten.
        samples: What copies are recognized by.
    """

    schema: int = _VERSION
    profile: str = ""
    slots: tuple[SlotPlan, ...] = ()
    pending: tuple[KeyringEntry, ...] = ()
    main: str = ""
    keys: KeyStorePlace | None = None
    vaults: tuple[VaultPlan, ...] = ()
    indexed: bool = False
    tombstone: bytes | None = None
    files: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    samples: dict[str, tuple[bytes, ...]] = {}

    def write(self, folder: Path) -> None:
        """Write it down."""
        write_atomically(folder / ERASING, msgspec.json.encode(self))

    def with_plain(self, name: str) -> "Plan":
        """Return the plan that knows of one more file that was not overwritten."""
        return msgspec.structs.replace(self, plain=tuple(dict.fromkeys((*self.plain, name))))

    def key_name(self, vault: str) -> str:
        """Return the name of a vault's key in the key store."""
        return f"{self.profile}/{vault}"


class _Plan1(msgspec.Struct):
    """What version 1 wrote."""

    profile: str = ""
    source: KeySource | None = None
    keyring: KeyringEntry | None = None
    entry_seen: bool = False
    files: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()


class _Prepared(msgspec.Struct):
    """What stands while a profile is created: whose keys there may be already."""

    profile: ProfileId


class _Versioned(msgspec.Struct):
    schema: int = 1


def make_plan(folder: Path, *, index: Mapping[str, bool] | None, force: bool) -> Plan:
    """Return the plan of the erasure that was interrupted, brought up to date, or else a new one.

    Args:
        folder: The profile's folder.
        index: Every vault by name, and whether its key was never kept inside; None if it could not be read.
        force: Take a file's name for proof.
    """
    plan = _joined(_written(folder), _read(folder))
    if not plan.profile:
        plan = msgspec.structs.replace(plan, profile=_prepared(folder))
    files = keys_first({*plan.files, *own_files(folder, force=force)})
    stems = {database_of(name) for name in files} - {None}
    names = {name for name in {*stems, *(index or ())} if name is not None and _is_keyed(name)}
    known = {vault.name: vault for vault in plan.vaults}
    vaults = [known.get(name, VaultPlan(name)) for name in sorted({*names, *known})]
    return msgspec.structs.replace(
        plan,
        files=files,
        vaults=tuple(_marked(vault, index) for vault in vaults),
        indexed=plan.indexed or index is not None,
        # What was overwritten since then is not what copies hold.
        samples={**take_samples(folder, [name for name in files if name not in plan.samples]), **plan.samples},
    )


def own_files(folder: Path, *, force: bool = False) -> tuple[str, ...]:
    """Return the files that an erasure destroys: homespun's, and links, whose removal destroys nothing.

    Args:
        folder: The profile's folder.
        force: Take a file's name for proof.
    """
    found = tuple(name for name in secret_files(folder) if not _is_folder(folder / name))
    if force:
        return found
    foreign = set()
    has_key = _is_own(folder / KEY, is_key_file)
    if not has_key:
        foreign.add(KEY)
    if not _is_own(folder / DATABASE, has_own_header) and (not has_key or DATABASE in found):
        # A log belongs to its database; one that is alone belongs to whom the key file belongs.
        foreign.update(DATABASE_FILES)
    for vault in {database_of(name) for name in found}:
        if vault is not None and VAULT.fullmatch(vault) and not _is_own_vault(folder / vault, has_key=has_key):
            foreign.update(side_files(vault))
    return tuple(name for name in found if name not in foreign)


def foreign_files(folder: Path, own: tuple[str, ...]) -> tuple[str, ...]:
    """Return, sorted, the names in the folder that are not ``own`` and not the marker's or the lock's."""
    ours = {*MARKER_FILES, LOCK, *own}
    return tuple(name for name in listed(folder) if name not in ours)


def _is_own_vault(path: Path, *, has_key: bool) -> bool:
    if not present(path.parent, (path.name,)):
        return has_key
    # Beside our key file even one that was cut short or half overwritten is ours, but never a readable database.
    return _is_own(path, lambda vault: has_own_header(vault) or (has_key and not _is_plain(vault)))


def _is_plain(path: Path) -> bool:
    return read_bounded(path, len(_PLAIN_DATABASE)).startswith(_PLAIN_DATABASE)


def _is_own(path: Path, recognize: Callable[[Path], bool]) -> bool:
    with contextlib.suppress(OSError):
        return is_link(path) or recognize(path)
    return False


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_keyed(vault: str) -> bool:
    found = VAULT.fullmatch(vault)
    return found is not None and found["kind"] != "profile"


def _marked(vault: VaultPlan, index: Mapping[str, bool] | None) -> VaultPlan:
    # Where the key of what the index does not name was kept, nobody knows.
    was_inside = index is not None and not index.get(vault.name, False)
    return msgspec.structs.replace(vault, inside=vault.inside or was_inside)


def _written(folder: Path) -> Plan:
    """Return the plan of the erasure that was interrupted, as far as it can be believed."""
    if not present(folder, (ERASING,)):
        return Plan()
    with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        data = read_bounded(folder / ERASING, _MAX_SIZE)
        if msgspec.json.decode(data, type=_Versioned).schema == 1:
            return _believed(_from_version_1(msgspec.json.decode(data, type=_Plan1)))
        return _believed(msgspec.json.decode(data, type=Plan))
    return Plan()


def _from_version_1(plan: _Plan1) -> Plan:
    slots = () if plan.source is None else (SlotPlan(plan.source, plan.keyring, plan.entry_seen),)
    return Plan(profile=plan.profile, slots=slots, files=plan.files, plain=plan.plain)


def _believed(plan: Plan) -> Plan:
    profile = plan.profile if _ID.fullmatch(plan.profile) else ""
    return msgspec.structs.replace(
        plan,
        schema=_VERSION,
        profile=profile,
        slots=tuple(_own_slot(profile, slot) for slot in plan.slots),
        pending=tuple(entry for entry in plan.pending if _is_own_entry(profile, entry)),
        main=plan.main if VAULT.fullmatch(plan.main) else "",
        vaults=tuple(vault for vault in plan.vaults if _is_keyed(vault.name)),
        files=tuple(name for name in plan.files if is_secret(name)),
    )


def _own_slot(profile: str, slot: SlotPlan) -> SlotPlan:
    # Neither a changed key file nor a forged plan must make us delete an entry that is not this profile's.
    return slot if slot.entry is None or _is_own_entry(profile, slot.entry) else SlotPlan(slot.source)


def _is_own_entry(profile: str, entry: KeyringEntry) -> bool:
    return bool(profile) and entry.username_for(profile) is not None


def _read(folder: Path) -> Plan:
    """Return what the key file says."""
    try:
        file = read_key_file(folder)
    except (OSError, DamagedProfileError, NewerProfileError):
        return Plan()
    slots = tuple(_own_slot(file.profile, SlotPlan(source, entry)) for source, entry in _slots(file))
    return Plan(
        profile=file.profile,
        slots=slots,
        pending=tuple(entry for entry in file.entries if entry not in {slot.entry for slot in slots}),
        main=file.database if isinstance(file, KeyFile) else "",
        keys=file.key_store if isinstance(file, KeyFile) else None,
        tombstone=mac(file.token, file.profile),
    )


def _prepared(folder: Path) -> str:
    """Return the id of the profile whose creation was interrupted; empty if there is none."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(read_bounded(folder / PREPARING, MAX_FILE_SIZE), type=_Prepared).profile
    return ""


def _slots(file: KeyFile | KeyFile1) -> Iterable[tuple[KeySource, KeyringEntry | None]]:
    if isinstance(file, KeyFile1):
        return [(file.source, file.keyring)]
    return [(slot.source, slot.keyring) for slot in file.slots]


def _joined(written: Plan, read: Plan) -> Plan:
    if not read.profile:
        return written
    if written.profile != read.profile:
        # Its files are of this folder; what it says about another profile's keys is not to be believed.
        return msgspec.structs.replace(read, files=written.files, plain=written.plain, samples=written.samples)
    seen = {slot.entry for slot in written.slots if slot.seen}
    slots = tuple(SlotPlan(slot.source, slot.entry, slot.entry in seen) for slot in read.slots)
    pending = tuple(dict.fromkeys((*read.pending, *written.pending)))
    return msgspec.structs.replace(
        written, slots=slots, pending=pending, main=read.main, keys=read.keys, tombstone=read.tombstone
    )
