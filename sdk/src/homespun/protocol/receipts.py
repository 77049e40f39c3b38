"""The receipt: what an erasure did, store by store, and what it cannot speak for.

A level is claimed only for what was checked:

- ``key_destroyed``: the store is encrypted, and the key that opens it lived apart from it and is gone.
- ``physical``: the medium itself was checked to hold it no longer.
- ``logical``: it was overwritten and removed as far as the operating system shows.
- ``unverified``: something is left, or could not be checked; the detail says what.
"""

from typing import Literal

import msgspec

from homespun.errors import MisuseError

SCHEMA_VERSION = 1
"""Version of the receipt that this package writes and reads."""

Level = Literal["key_destroyed", "physical", "logical", "unverified"]

OUT_OF_SCOPE = (
    "Blocks that a solid-state disk keeps for wear levelling after they were overwritten.",
    "Older blocks on file systems that write copies instead of overwriting, such as APFS, btrfs and ZFS.",
    "Memory that the operating system wrote to a disk: swap space, hibernation images and core dumps.",
    "Snapshots and shadow copies that the operating system or its file system made.",
    "Backups and copies that somebody else made of the profile's folder or of the keyring.",
)
"""What no program can vouch for; part of every receipt."""


class StoreErasure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened to one store.

    Attributes:
        store: What was erased, for instance ``profile key``.
        level: What is claimed; see the module's text.
        detail: The same in plain words, with the reason for the level.
    """

    store: str
    level: Level
    detail: str


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Proof of an erasure for the person whose profile it was.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        profile: The profile's random id, 32 hexadecimal digits; empty if it could not be read any more.
        time: When the erasure ended, seconds since 1970-01-01 UTC.
        stores: What happened to each store.
        out_of_scope: What the receipt does not speak for; OUT_OF_SCOPE and possibly more.

    Raises:
        MisuseError: On construction, if ``out_of_scope`` hides one of OUT_OF_SCOPE.
    """

    schema: int = SCHEMA_VERSION
    profile: str
    time: float
    stores: tuple[StoreErasure, ...]
    out_of_scope: tuple[str, ...] = OUT_OF_SCOPE

    def __str__(self) -> str:
        """Return the receipt in words, a line a store."""
        profile = f"profile {self.profile}" if self.profile else "a profile that could not be read"
        stores = [f"  {store.store}: {store.level}. {store.detail}" for store in self.stores]
        limits = [f"  {limit}" for limit in self.out_of_scope]
        erased = [f"Erased {profile}:", *stores] if stores else ["There was nothing to erase."]
        return "\n".join([*erased, "Not covered by this receipt:", *limits])

    def __post_init__(self) -> None:
        """Refuse a receipt that claims more than anybody can know."""
        hidden = [limit for limit in OUT_OF_SCOPE if limit not in self.out_of_scope]
        if hidden:
            raise MisuseError(f"A receipt must name what it cannot speak for; missing: {' '.join(hidden)}")
