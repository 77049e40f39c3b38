"""Putting the data key into a key file and taking it out again.

Changing what opens a profile, or its data key, takes three steps under the folder's exclusive lock. ``key`` is the new
one, and every file that is returned is written to ``key.json`` before the next step::

    file = key.prepare(file, entropy=...)      names the keyring's new entry, which does not exist yet
    file = key.reseal(file, data_key, ...)     makes the entry; names the old one as pending
    file = old.forget(file)                    deletes what is pending

An interruption leaves a key file that opens the profile and names every entry of the keyring that exists, so that
``forget`` after the next opening deletes what is left over. A key that is not of the keyring has nothing to prepare,
and gets the very same file back. Creation has no key file to begin with: one that is interrupted may leave an
entry that opens nothing.

``forget`` may only follow an opening: ``pending`` is not authenticated, and a file that opens names its own entry in
an authenticated slot, so that nobody who changes the file can have that one deleted.
"""

import msgspec

from homespun.config import Settings
from homespun.errors import MisuseError, WrongKeyError
from homespun.profile.files import Entropy
from homespun.profile.key_sources import KeyringSource, RawSource, Source
from homespun.profile.keyfile import MAX_PENDING, NONCE_SIZE, KeyFile, KeyFile1, KeyringEntry, KeyStorePlace, Slot
from homespun.profile.secret import Secret
from homespun.profile.system_keyring import KeyringBackend, delete_entry, system_keyring


def seal(file: KeyFile, source: Source, data_key: Secret, settings: Settings, entropy: Entropy) -> KeyFile:
    """Return the file that ``source`` opens; see ``Key.seal``."""
    entry = source.choose(file.profile, entropy) if isinstance(source, KeyringSource) else None
    return _filled(file, source.new_slot(settings, entropy, entry), source, data_key, entropy)


def migrate(
    old: KeyFile1, file: KeyFile, source: Source, data_key: Secret, settings: Settings, entropy: Entropy
) -> KeyFile:
    """Return the file that ``source`` opens as it opens ``old``; see ``Key.migrate``."""
    if source.kind not in old.sources:
        raise _other_kind(old, source)
    if isinstance(source, KeyringSource) and old.keyring is not None:
        slot = source.slot_of(old.keyring, entropy)
    else:
        slot = source.new_slot(settings, entropy, None)
    return _filled(file, slot, source, data_key, entropy)


def unseal(file: KeyFile | KeyFile1, source: Source) -> Secret:
    """Return the data key; see ``Key.unseal``."""
    slot = file.slot(source.kind)
    if slot is None:
        raise _other_kind(file, source)
    return file.unwrap(slot, source.wrapping_key(file, slot))


def prepare(file: KeyFile, source: Source, entropy: Entropy) -> KeyFile:
    """Return the file that names the entry to come; see ``Key.prepare``."""
    if not isinstance(source, KeyringSource) or _prepared(file, source) is not None:
        return file
    if len(file.pending) >= MAX_PENDING:
        raise MisuseError("Too many entries of the keyring wait to be deleted; unlock it, and call Key.forget before.")
    return msgspec.structs.replace(file, pending=(*file.pending, source.choose(file.profile, entropy)))


def moved(file: KeyFile, database: str | None, key_store: KeyStorePlace | None, recovery: Secret | None) -> KeyFile:
    """Return the file with another database or another place of keys, and no slot but a recovery slot that stays.

    Raises:
        MisuseError: The recovery slot would not open it any more.
    """
    kept = tuple(slot for slot in file.slots if slot.source == "recovery" and recovery is None)
    if kept and (database, key_store) != (None, None):
        raise MisuseError(
            "The profile has a recovery key, which would not open it any more. Give that key, or revoke it first."
        )
    return msgspec.structs.replace(
        file, database=database or file.database, key_store=key_store or file.key_store, slots=kept
    )


def reseal(
    old: KeyFile,
    file: KeyFile,
    source: Source,
    data_key: Secret,
    settings: Settings,
    entropy: Entropy,
    recovery: Secret | None,
) -> KeyFile:
    """Return ``file`` with new slots, in the place of ``old``; see ``Key.reseal``."""
    entry = _prepared(old, source) if isinstance(source, KeyringSource) else None
    new = _filled(file, source.new_slot(settings, entropy, entry), source, data_key, entropy)
    if recovery is not None:
        new = with_recovery(new, data_key, recovery, entropy=entropy)
    return msgspec.structs.replace(new, pending=_unused(new, old.entries))


def with_recovery(file: KeyFile, data_key: Secret, recovery: Secret, *, entropy: Entropy) -> KeyFile:
    """Return the file that a recovery key opens as well; it replaces an earlier one.

    Args:
        file: The key file as it is.
        data_key: 32 bytes, the same as in the other slots.
        recovery: 32 bytes, from ``new_recovery``.
        entropy: Source of the salt and the nonce.
    """
    source = RawSource(recovery, "recovery")
    return _filled(file, source.empty_slot(entropy), source, data_key, entropy)


def forget(file: KeyFile, keyring: KeyringBackend | None) -> KeyFile:
    """Delete the entries that are pending; see ``Key.forget``."""
    if not file.pending:
        return file
    for entry in _unused(file, file.entries):
        delete_entry(system_keyring() if keyring is None else keyring, entry)
    return msgspec.structs.replace(file, pending=())


def _filled(file: KeyFile, slot: Slot, source: Source, data_key: Secret, entropy: Entropy) -> KeyFile:
    return file.with_slot(slot, source.wrapping_key(file, slot), data_key, entropy(NONCE_SIZE))


def _prepared(file: KeyFile, source: KeyringSource) -> KeyringEntry | None:
    pending = _unused(file, file.pending)
    return next((entry for entry in pending if source.owns(entry, file.profile)), None)


def _unused(file: KeyFile, entries: tuple[KeyringEntry, ...]) -> tuple[KeyringEntry, ...]:
    used = [slot.keyring for slot in file.slots]
    return tuple(entry for entry in entries if entry not in used)


def _other_kind(file: KeyFile | KeyFile1, source: Source) -> WrongKeyError:
    kinds = " or ".join(f"Key.{kind}" for kind in file.sources)
    if source.kind == "recovery":
        return WrongKeyError(
            "The profile has no recovery key: none was exported, or it was revoked. Nothing was changed; open it "
            f"with {kinds}."
        )
    return WrongKeyError(
        f"The profile was made with {kinds}, and this is Key.{source.kind}. Nothing was changed; open it with {kinds}."
    )
