"""Destroying what lies outside the profile's folder, and leaving the tombstone there.

Nothing here stops an erasure: what refuses is reported, and lowers what is claimed. Everything can be done again.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

from homespun.errors import KeyringUnavailableError, ProfileError
from homespun.profile.erasure_plan import Plan, SlotPlan, VaultPlan
from homespun.profile.key_store import KeyringKeyStore, KeyStore, checked
from homespun.profile.system_keyring import KeyringBackend, delete_entry, read_entry, system_keyring
from homespun.profile.tombstones import Tombstones, mark_erased

OuterKey = Literal["unknown", "none", "deleted", "unseen", "kept"]
"""The keyring's part of the profile key: nobody knows, another way needs no keyring, it was there and is gone, it was
not there, it may remain."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What lies outside the folder.

    Attributes:
        keyring: The keyring that keeps the profile key; by default the operating system's.
        key_store: Where the vaults' keys are; by default the keyring that keeps the profile key.
        tombstones: Where the tombstone is left; None for nowhere.
    """

    keyring: KeyringBackend | None = None
    key_store: KeyStore | None = None
    tombstones: Tombstones | None = None


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What became of what lies outside.

    Attributes:
        outer: What became of the keyring's part of the profile key.
        because: Why it may remain.
        gone: Vaults whose keys were in the key store and are not returned any more.
        kept: Why the keys of other vaults may remain, by vault.
        tombstone: Where it is; empty if there is none.
        untold: Why there is none.
    """

    outer: OuterKey
    because: str
    gone: frozenset[str]
    kept: dict[str, str]
    tombstone: str
    untold: str


def with_seen(plan: Plan, outside: Outside) -> Plan:
    """Return the plan that knows which entries and keys there were before they are destroyed."""
    store = _key_store(plan, outside)
    return msgspec.structs.replace(
        plan,
        slots=tuple(_seen_slot(slot, outside.keyring) for slot in plan.slots),
        vaults=tuple(_seen_vault(plan, vault, store) for vault in plan.vaults),
    )


def destroy_outside(plan: Plan, outside: Outside) -> Destroyed:
    """Leave the tombstone, then destroy every key that lies outside the folder."""
    tombstone, untold = _leave_tombstone(plan, outside.tombstones)
    refused = _delete_entries(plan, outside.keyring)
    outer, because = _outer(plan, refused)
    gone, kept = _delete_keys(plan, _key_store(plan, outside))
    return Destroyed(outer, because, gone, kept, tombstone, untold)


def _seen_slot(slot: SlotPlan, keyring: KeyringBackend | None) -> SlotPlan:
    if slot.entry is None or slot.seen:
        return slot
    try:
        seen = read_entry(keyring or system_keyring(), slot.entry) is not None
    except KeyringUnavailableError:
        return slot
    return msgspec.structs.replace(slot, seen=seen)


def _seen_vault(plan: Plan, vault: VaultPlan, store: KeyStore | None) -> VaultPlan:
    if store is None or vault.seen:
        return vault
    try:
        seen = store.get(plan.key_name(vault.name)) is not None
    except ProfileError:
        return vault
    return msgspec.structs.replace(vault, seen=seen)


def _key_store(plan: Plan, outside: Outside) -> KeyStore | None:
    if not plan.profile:
        return None
    if outside.key_store is not None:
        return checked(outside.key_store)
    entry = next((slot.entry for slot in plan.slots if slot.entry is not None), None)
    username = None if entry is None else entry.username_for(plan.profile)
    if entry is None or username is None or plan.keys == "inside":
        return None
    try:
        return KeyringKeyStore(outside.keyring or system_keyring(), entry.service, username, plan.profile)
    except KeyringUnavailableError:
        return None


def _leave_tombstone(plan: Plan, tombstones: Tombstones | None) -> tuple[str, str]:
    if tombstones is None:
        return "", "nobody gave a place for it outside the folder"
    if plan.tombstone is None:
        return "", "the key file, by which it is recognized, could not be read"
    try:
        mark_erased(tombstones, plan.profile, plan.tombstone)
    except (ProfileError, OSError) as error:
        return "", f"its place refused it: {error}"
    return tombstones.place, ""


def _delete_entries(plan: Plan, keyring: KeyringBackend | None) -> str:
    """Delete every entry; return why one may remain."""
    refused = ""
    if any(slot.source == "keyring" and slot.entry is None for slot in plan.slots):
        refused = "the key file names an entry that is not this profile's, so that one was not deleted."
    for entry in dict.fromkeys((*(slot.entry for slot in plan.slots), *plan.pending)):
        try:
            if entry is not None:
                delete_entry(keyring or system_keyring(), entry)
        except KeyringUnavailableError as error:
            refused = str(error)
    return refused


def _outer(plan: Plan, refused: str) -> tuple[OuterKey, str]:
    if refused:
        return "kept", refused
    if not plan.slots:
        return "unknown", ""
    if any(slot.source != "keyring" for slot in plan.slots):
        return "none", ""
    return ("deleted" if all(slot.seen for slot in plan.slots) else "unseen"), ""


def _delete_keys(plan: Plan, store: KeyStore | None) -> tuple[frozenset[str], dict[str, str]]:
    gone, kept = set(), {}
    for vault in plan.vaults:
        why = "no key store was given, or it is out of reach" if store is None else _delete_key(store, plan, vault)
        if why:
            kept[vault.name] = why
        else:
            gone.add(vault.name)
    return frozenset(gone), kept


def _delete_key(store: KeyStore, plan: Plan, vault: VaultPlan) -> str:
    """Delete a vault's key; return why it may remain."""
    name = plan.key_name(vault.name)
    try:
        store.delete(name)
        if store.get(name) is not None:
            return "the key store still returns it"
    except ProfileError as error:
        return f"the key store refused: {error}"
    return "" if vault.seen else "it was not in the key store to begin with, so it may be in another"
