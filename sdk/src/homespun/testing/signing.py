"""The signed metadata of a repository in memory, and the keys that sign it.

It signs what it is told to, also what no device accepts: that is what tests are for. The keys are drawn from the
entropy that is given and are never written anywhere.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    Targets,
    Timestamp,
)

from homespun.protocol.channel import path_patterns, role_name

DAY = 86_400.0
"""Seconds of a day."""

TOP_LEVEL = ("root", "targets", "snapshot", "timestamp")
"""The roles that every repository has."""

LIFETIMES = {"root": 365 * DAY, "targets": 180 * DAY, "channels": 180 * DAY, "snapshot": 14 * DAY, "timestamp": 7 * DAY}
"""Seconds for which each role's metadata is valid; ``channels`` is for every channel without an entry of its own."""


class SignedRoles:
    """Metadata of every role, as it is now; it is written into ``files`` by ``publish`` and ``write``.

    Attributes:
        files: Content by path; older versions stay there, as they do on a server.
        keys: Who signs, by role.
        lifetimes: Seconds for which metadata is valid that is published from now on, by role; see ``LIFETIMES``.
        threshold: Signatures of root that a new root needs.
        root: Who may sign what.
        targets: Who may sign for which channel.
        snapshot: Which versions belong together.
        timestamp: Which snapshot is the latest.
        channels: What each channel's role signs, by the role's name.
    """

    def __init__(
        self,
        files: dict[str, bytes],
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        threshold: int,
        root_keys: int,
    ) -> None:
        """Make keys for all roles; nothing is signed yet."""
        self.files = files
        self.lifetimes = dict(LIFETIMES)
        self.threshold = threshold
        self._now = now
        self._entropy = entropy
        self.keys = {role: [self.new_key() for _ in range(root_keys if role == "root" else 1)] for role in TOP_LEVEL}
        self.root = Root(consistent_snapshot=True)
        self.targets = Targets(delegations=Delegations({}, {}))
        self.snapshot = Snapshot()
        self.timestamp = Timestamp()
        self.channels: dict[str, Targets] = {}
        self.root.roles["root"].threshold = threshold
        for role, signers in self.keys.items():
            for signer in signers:
                self.root.add_key(signer.public_key, role)

    def __getitem__(self, role: str) -> Signed:
        """Return a role's metadata; ``role`` is one of ``TOP_LEVEL`` or a channel's role."""
        top = {"root": self.root, "targets": self.targets, "snapshot": self.snapshot, "timestamp": self.timestamp}
        return top[role] if role in top else self.channels[role]

    def new_key(self) -> CryptoSigner:
        """Return a new Ed25519 key that nobody trusts yet."""
        return CryptoSigner(Ed25519PrivateKey.from_private_bytes(self._entropy(32)))

    def path(self, role: str) -> str:
        """Return where a role's metadata is written."""
        return "metadata/timestamp.json" if role == "timestamp" else f"metadata/{self[role].version}.{role}.json"

    def publish(self, *roles: str) -> None:
        """Sign a new version of roles, and then of snapshot and timestamp, so that devices see them."""
        for role in roles:
            self.renew(role)
        for role in ("snapshot", "timestamp"):
            self.renew(role)

    def renew(self, role: str, by: Sequence[CryptoSigner] | None = None) -> None:
        """Sign the next version of one role, valid from now on for as long as ``lifetimes`` says."""
        signed = self[role]
        signed.version += self.path(role) in self.files
        lifetime = self.lifetimes.get(role, self.lifetimes["channels"])
        signed.expires = datetime.fromtimestamp(self._now() + lifetime, UTC)
        self.write(role, by)

    def write(self, role: str, by: Sequence[CryptoSigner] | None = None) -> None:
        """Sign a role's metadata exactly as it is, and let snapshot and timestamp name it once they are written.

        Args:
            role: The role.
            by: Who signs; None: all of the role's keys.
        """
        signed = self[role]
        raw = self.signed_by(signed, self.keys[role] if by is None else by)
        self.files[self.path(role)] = raw
        if role == "snapshot":
            self.timestamp.snapshot_meta = _file_of(signed.version, raw)
        elif role not in {"root", "timestamp"}:
            self.snapshot.meta[f"{role}.json"] = _file_of(signed.version, raw)

    def signed_by(self, signed: Signed, signers: Sequence[CryptoSigner]) -> bytes:
        """Return metadata with signatures."""
        metadata: Metadata[Any] = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def delegate(self, channel: str) -> str:
        """Let a new role with a new key sign for a channel; return its name."""
        role, key = role_name(channel), self.new_key()
        delegation = DelegatedRole(role, [], 1, terminating=True, paths=list(path_patterns(channel)))
        if self.targets.delegations is not None and self.targets.delegations.roles is not None:
            self.targets.delegations.roles[role] = delegation
        self.targets.add_key(key.public_key, role)
        self.keys[role] = [key]
        self.channels[role] = Targets()
        return role

    def exchange_keys(self, role: str) -> list[CryptoSigner]:
        """Give a role new keys in what root or targets says of it; return the old ones. Nothing is signed yet."""
        delegator = self.root if role in TOP_LEVEL else self.targets
        old = self.keys[role]
        self.keys[role] = [self.new_key() for _ in old]
        for signer in old:
            delegator.revoke_key(signer.public_key.keyid, role)
        for signer in self.keys[role]:
            delegator.add_key(signer.public_key, role)
        return old


def _file_of(version: int, raw: bytes) -> MetaFile:
    return MetaFile.from_data(version, raw, ["sha256"])
