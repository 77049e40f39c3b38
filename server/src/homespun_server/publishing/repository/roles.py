"""The roles of the signed repository (The Update Framework), how long they hold, and when they are to be signed anew.

Pure: what is signed is decided here, and signed and written elsewhere.
"""

import hashlib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from securesystemslib.signer import Key
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from homespun.protocol.bundle import FileEntry
from homespun.protocol.channel import path_patterns, role_name

ROOT = "root"
TARGETS = "targets"
SNAPSHOT = "snapshot"
TIMESTAMP = "timestamp"

TOP_LEVEL = (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)
"""The roles that the root names."""

OFFLINE = (ROOT, TARGETS)
"""The roles whose keys a server need not have."""

SHA256 = "sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long each role's signature holds.

    Attributes:
        root: The root.
        targets: The delegations.
        channel: Each channel.
        snapshot: Which versions belong together.
        timestamp: That there is nothing newer: for so long a device can be kept from an update unnoticed.
    """

    root: timedelta = timedelta(days=365)
    targets: timedelta = timedelta(days=180)
    channel: timedelta = timedelta(days=30)
    snapshot: timedelta = timedelta(days=7)
    timestamp: timedelta = timedelta(days=1)

    def of(self, role: str) -> timedelta:
        """Return how long a role's signature holds."""
        found: timedelta = getattr(self, role if role in TOP_LEVEL else "channel")
        return found


def channel_of(role: str) -> str:
    """Return the channel whose role has that name; the opposite of ``role_name``."""
    return role.replace(".", "/")


def first_root(keys: Mapping[str, Iterable[Key]], threshold: int, expires: datetime) -> Root:
    """Return the first root.

    Args:
        keys: The keys of each top-level role.
        threshold: How many root keys must sign a root.
        expires: Until when it holds.
    """
    listed = {role: list(found) for role, found in keys.items()}
    roles = {
        role: Role([key.keyid for key in found], threshold if role == ROOT else 1) for role, found in listed.items()
    }
    every = {key.keyid: key for found in listed.values() for key in found}
    return Root(version=1, expires=expires, keys=every, roles=roles, consistent_snapshot=True)


def no_targets(expires: datetime) -> Targets:
    """Return targets that delegate to nobody yet."""
    return Targets(version=1, expires=expires, delegations=Delegations({}, {}))


def delegate(targets: Targets, channel: str, key: Key) -> Targets:
    """Return targets that also delegate a channel to a key."""
    made = copy_of(targets)
    name = role_name(channel)
    role = DelegatedRole(name, [], 1, terminating=True, paths=list(path_patterns(channel)))
    delegated(made)[name] = role
    made.add_key(key, name)
    return made


def delegated(targets: Targets) -> dict[str, DelegatedRole]:
    """Return the channels' roles by name."""
    if targets.delegations is None or targets.delegations.roles is None:
        return {}
    return targets.delegations.roles


def channel_targets(files: Mapping[str, FileEntry], version: int, expires: datetime) -> Targets:
    """Return a channel's role: its document and its bundles' files, by target path."""
    made = {path: TargetFile(entry.size, {SHA256: entry.sha256}, path) for path, entry in files.items()}
    return Targets(version=version, expires=expires, targets=made)


def snapshot_of(roles: Mapping[str, tuple[int, bytes]], version: int, expires: datetime) -> Snapshot:
    """Return a snapshot of the roles' versions and bytes, by name."""
    meta = {f"{name}.json": meta_file(number, raw) for name, (number, raw) in roles.items()}
    return Snapshot(version=version, expires=expires, meta=meta)


def timestamp_of(snapshot: tuple[int, bytes], version: int, expires: datetime) -> Timestamp:
    """Return a timestamp of a snapshot's version and bytes."""
    return Timestamp(version=version, expires=expires, snapshot_meta=meta_file(*snapshot))


def meta_file(version: int, raw: bytes) -> MetaFile:
    """Return how a role is known to another: version, length and hash."""
    return MetaFile(version=version, length=len(raw), hashes={SHA256: hashlib.sha256(raw).hexdigest()})


def copy_of(targets: Targets) -> Targets:
    """Return a copy that can be changed."""
    return deepcopy(targets)


def copy_of_root(root: Root) -> Root:
    """Return a copy that can be changed."""
    return deepcopy(root)


def is_due(metadata: Metadata[Any], delegator: Root | Targets, role: str, now: datetime, lifetime: timedelta) -> bool:
    """Return whether a role is to be signed anew.

    That is where less than half of its time is left, where its delegator would not accept it any more, and where it
    bears the signature of a key that is not the role's any more.
    """
    keyids = delegator.get_delegated_role(role).keyids
    return (
        metadata.signed.expires - now < lifetime / 2
        or not delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
        or not set(metadata.signatures) <= set(keyids)
    )
