"""Puts a change in force: every file under a name of its own first, and ``timestamp.json`` last.

Until the timestamp is replaced, nothing that was written is in force, and whatever a crash leaves is passed over later:
the next version of a role is above every file that lies there, and a version of the timestamp that was begun is not
begun again with other content.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from tuf.api.exceptions import RepositoryError as TufError
from tuf.api.metadata import Metadata, Root, Targets

from homespun.protocol.bundle import FileEntry
from homespun.protocol.channel import Channel, document_path, encode_channel, role_name
from homespun_server.errors import SigningKeyError
from homespun_server.publishing.repository.files import Step, is_there, write
from homespun_server.publishing.repository.keys import Keys
from homespun_server.publishing.repository.layout import Layout
from homespun_server.publishing.repository.records import Committed, History, Records, Stamp
from homespun_server.publishing.repository.roles import (
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Lifetimes,
    channel_targets,
    copy_of,
    snapshot_of,
    timestamp_of,
)

Delegators = Sequence[Root | Targets]


class Transaction:
    """Writes new versions of roles, and then the timestamp that puts them in force."""

    def __init__(
        self,
        layout: Layout,
        records: Records,
        keys: Keys,
        *,
        roots: Sequence[Root],
        in_force: Mapping[str, tuple[int, bytes]],
        now: datetime,
        lifetimes: Lifetimes,
        step: Step,
    ) -> None:
        """Begin from what is in force.

        Args:
            layout: Where everything is.
            records: The publisher's own files.
            keys: What signs.
            roots: The root in force, and one that is about to be; both must accept what they name.
            in_force: Version and bytes of every role but the root, by name; empty for a new repository.
            now: The time.
            lifetimes: How long signatures hold.
            step: Is told every durable step.
        """
        self._layout = layout
        self._records = records
        self._keys = keys
        self._roots = roots
        self._roles = {name: known for name, known in in_force.items() if name not in {SNAPSHOT, TIMESTAMP}}
        self._versions = {name: version for name, (version, _) in in_force.items()}
        self._snapshot = in_force.get(SNAPSHOT)
        self._now = now
        self._lifetimes = lifetimes
        self._step = step
        self.signed: list[str] = []

    def targets(self, targets: Targets) -> None:
        """Sign the delegations.

        Raises:
            SigningKeyError: The key is not here.
        """
        made = copy_of(targets)
        made.version, made.expires = self._next(TARGETS), self._expires(TARGETS)
        self._put(TARGETS, made, self._roots)

    def channel(self, document: Channel, files: Mapping[str, FileEntry], targets: Targets) -> None:
        """Write a channel's document, and sign it and its files, which are there.

        Args:
            document: The document.
            files: The bundles' files by target path.
            targets: The delegations that name who signs.

        Raises:
            SigningKeyError: The key is not here.
        """
        raw = encode_channel(document)
        entry = FileEntry(size=len(raw), sha256=hashlib.sha256(raw).hexdigest())
        path = document_path(document.name)
        place = self._layout.target(path, entry.sha256)
        if not is_there(place, entry):
            write(place, raw, self._step, "channel document")
        role = role_name(document.name)
        signed = channel_targets({path: entry, **files}, self._next(role), self._expires(role))
        self._put(role, signed, (targets,))

    def finish(self, history: History | None = None, *, snapshot: bool) -> None:
        """Put everything in force.

        Args:
            history: The releases, where they changed.
            snapshot: Whether to sign the snapshot anew even if no role changed.

        Raises:
            SigningKeyError: A key is not here.
            OSError: If it cannot be written.
        """
        if self.signed or snapshot or self._snapshot is None:
            version = self._next(SNAPSHOT)
            made = snapshot_of(self._roles, version, self._expires(SNAPSHOT))
            self._snapshot = (version, self._put(SNAPSHOT, made, self._roots))
        if history is not None:
            self._records.keep(history, "history")
        self._replace_timestamp(self._snapshot)

    def _replace_timestamp(self, snapshot: tuple[int, bytes]) -> None:
        committed = self._records.committed() or Committed()
        version = max(self._versions.get(TIMESTAMP, 0), committed.highest) + 1
        raw = self._sign(TIMESTAMP, timestamp_of(snapshot, version, self._expires(TIMESTAMP)), self._roots)
        stamp = Stamp(version, hashlib.sha256(raw).hexdigest())
        self._records.keep(msgspec.structs.replace(committed, begun=stamp), "timestamp begun")
        write(self._layout.timestamp, raw, self._step, "timestamp")
        self._records.keep(Committed(done=stamp), "timestamp done")
        self.signed.append(TIMESTAMP)

    def _put(self, role: str, signed: Any, delegators: Delegators) -> bytes:
        raw = self._sign(role, signed, delegators)
        what = role if role in {TARGETS, SNAPSHOT} else "channel role"
        write(self._layout.role(role, signed.version), raw, self._step, what)
        if role != SNAPSHOT:
            self._roles[role] = (signed.version, raw)
        self.signed.append(role)
        return raw

    def _sign(self, role: str, signed: Any, delegators: Delegators) -> bytes:
        metadata: Metadata[Any] = Metadata(signed)
        wanted = [keyid for delegator in delegators for keyid in delegator.get_delegated_role(role).keyids]
        for signer in self._keys.signers(wanted):
            metadata.sign(signer, append=True)
        for delegator in delegators:
            _check_signed(metadata, role, delegator)
        return metadata.to_bytes()

    def _next(self, role: str) -> int:
        return max(self._versions.get(role, 0), self._layout.highest(role)) + 1

    def _expires(self, role: str) -> datetime:
        return self._now + self._lifetimes.of(role)


def can_sign(keys: Keys, role: str, delegators: Iterable[Root | Targets]) -> bool:
    """Return whether the keys that each delegator asks for are here."""
    found = [delegator.get_delegated_role(role) for delegator in delegators]
    return all(keys.count(each.keyids) >= each.threshold for each in found)


def _check_signed(metadata: Metadata[Any], role: str, delegator: Root | Targets) -> None:
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except TufError as error:
        keyids = ", ".join(keyid[:12] for keyid in delegator.get_delegated_role(role).keyids)
        raise SigningKeyError(
            f"the key of the role {role} ({keyids}) is not here, so nothing was put in force. Name the folder that "
            "has it, for instance with --offline."
        ) from error
