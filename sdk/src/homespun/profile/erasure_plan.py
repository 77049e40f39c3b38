"""What an erasure needs to know once the key file is gone, and what may be claimed about the key.

The plan is written down before anything is destroyed. A damaged plan or key file never stops an erasure; it
only lowers what is claimed.
"""

import contextlib
from pathlib import Path

import msgspec

from homespun.errors import DamagedProfileError, KeyringUnavailableError, NewerProfileError
from homespun.profile.files import ERASING, present, read_bounded
from homespun.profile.keyfile import MAX_FILE_SIZE, KeyFile, KeyringEntry, KeySource, read_key_file
from homespun.profile.system_keyring import KeyringBackend, delete_entry, read_entry, system_keyring
from homespun.protocol.receipts import StoreErasure

_VERSION = 1
_STORE = "profile key"
_OWNERS = {"passphrase": "the passphrase", "bytes": "the application's key"}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of ``erasing.json``.

    Attributes:
        schema: Version of the writer.
        profile: The profile's id; empty if it could not be read.
        source: What the wrapping key was made from; None if it could not be read.
        keyring: The keyring's entry, if the key is kept there.
        entry_seen: Whether the entry was there before the erasure.
    """

    schema: int = _VERSION
    profile: str = ""
    source: KeySource | None = None
    keyring: KeyringEntry | None = None
    entry_seen: bool = False


def make_plan(folder: Path, keyring: KeyringBackend | None) -> Plan:
    """Return the plan of the erasure that was interrupted, or else a new one."""
    plan = _resumed(folder) or _planned(folder)
    if plan.keyring is None or plan.entry_seen:
        return plan
    return msgspec.structs.replace(plan, entry_seen=_sees_entry(plan.keyring, keyring))


def _resumed(folder: Path) -> Plan | None:
    if not present(folder, (ERASING,)):
        return None
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
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


def destroy_outer_key(plan: Plan, keyring: KeyringBackend | None) -> StoreErasure:
    """Destroy the part of the key that lies outside the folder, and return what may be claimed."""
    if plan.keyring is None:
        return StoreErasure(
            _STORE,
            "logical",
            "The wrapped data key lay in the profile's folder, where it was overwritten and removed. A copy of "
            f"the folder made earlier can still be opened with {_OWNERS.get(plan.source or '', 'its key')}.",
        )
    try:
        delete_entry(keyring or system_keyring(), plan.keyring)
    except KeyringUnavailableError as error:
        return StoreErasure(_STORE, "unverified", f"The keyring's part of the key may remain: {error}")
    if not plan.entry_seen:
        return StoreErasure(
            _STORE,
            "unverified",
            "The keyring had no entry for this profile to begin with, so it may be kept in another keyring.",
        )
    return StoreErasure(
        _STORE,
        "key_destroyed",
        "The key that unwraps the data key was deleted from the keyring, which does not return it any more; "
        "the wrapped data key was overwritten and removed.",
    )
