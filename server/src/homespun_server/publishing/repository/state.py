"""What is in force: the root, and everything that hangs from ``timestamp.json``, verified from the trusted root.

The root is the newest of an unbroken chain from the one that the publisher trusts. The timestamp is the very one that
the publisher put in force last; where its records are lost, every role must bear valid signatures instead. Whether
something has expired plays no part here: a publisher has to be able to sign it anew.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tuf.api.exceptions import RepositoryError as TufError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from homespun.protocol.bundle import FileEntry
from homespun.protocol.channel import Channel, document_path, parse_channel, role_name
from homespun_server.errors import RepositoryError
from homespun_server.publishing.repository.layout import Layout
from homespun_server.publishing.repository.records import Committed
from homespun_server.publishing.repository.roles import (
    ROOT,
    SHA256,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    channel_of,
    delegated,
)

R = TypeVar("R", Root, Timestamp, Snapshot, Targets)

_BACKUP = (
    "restore the repository and the publisher's folder beside it from one backup that is not older than the last "
    "publication. Devices refuse whatever is older than what they saw: never publish from an older backup"
)

_DAMAGED = f"Nothing was published; {_BACKUP}."


@dataclass(frozen=True)
class State:
    """What is in force.

    Attributes:
        root: The newest root.
        timestamp: What is replaced last.
        snapshot: Which versions belong together.
        targets: The delegations.
        channels: Each channel's role, by the channel's name.
        documents: Each channel's document.
        raw: The bytes of every role, by its name.
    """

    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    targets: Metadata[Targets]
    channels: Mapping[str, Metadata[Targets]]
    documents: Mapping[str, Channel]
    raw: Mapping[str, bytes]

    def role(self, name: str) -> Metadata[Any]:
        """Return a role that is not the root."""
        top: dict[str, Metadata[Any]] = {TIMESTAMP: self.timestamp, SNAPSHOT: self.snapshot, TARGETS: self.targets}
        return top[name] if name in top else self.channels[channel_of(name)]

    def delegator(self, name: str) -> Root | Targets:
        """Return who says which keys sign a role."""
        return self.root.signed if name in {TIMESTAMP, SNAPSHOT, TARGETS, ROOT} else self.targets.signed

    @property
    def names(self) -> tuple[str, ...]:
        """Every role but the root, as the snapshot lists them, then snapshot and timestamp."""
        return (TARGETS, *(role_name(channel) for channel in self.channels), SNAPSHOT, TIMESTAMP)

    def files(self, channel: str) -> dict[str, FileEntry]:
        """Return a channel's targets but for its document."""
        found = {
            path: FileEntry(size=target.length, sha256=target.hashes[SHA256])
            for path, target in self.channels[channel].signed.targets.items()
        }
        found.pop(document_path(channel), None)
        return found


def load(layout: Layout, trusted: bytes, committed: Committed | None) -> State:
    """Return what is in force.

    Args:
        layout: Where everything is.
        trusted: The root that the publisher trusts.
        committed: Which timestamp is in force; None: not known.

    Raises:
        RepositoryError: Something is missing, or not as the publisher left it.
    """
    root = newest_root(layout, trusted)
    raw = {TIMESTAMP: _read(layout.timestamp)}
    _check_known(raw[TIMESTAMP], committed, layout)
    timestamp = _parsed(raw[TIMESTAMP], Timestamp, TIMESTAMP)
    known = timestamp.signed.snapshot_meta
    raw[SNAPSHOT] = _verified(layout.role(SNAPSHOT, known.version), known)
    snapshot = _parsed(raw[SNAPSHOT], Snapshot, SNAPSHOT)
    for name, meta in snapshot.signed.meta.items():
        role = name.removesuffix(".json")
        raw[role] = _verified(layout.role(role, meta.version), meta)
    targets = _parsed(raw[TARGETS], Targets, TARGETS)
    channels = {channel_of(role): _parsed(raw[role], Targets, role) for role in delegated(targets.signed)}
    documents = {channel: _document(layout, channel, role.signed) for channel, role in channels.items()}
    state = State(root, timestamp, snapshot, targets, channels, documents, raw)
    if committed is None:
        _check_signatures(state)
    return state


def newest_root(layout: Layout, trusted: bytes) -> Metadata[Root]:
    """Return the last root of an unbroken chain from a trusted one.

    Raises:
        RepositoryError: A root does not follow from the one before it.
    """
    root = parse_root(trusted)
    while (path := layout.role(ROOT, root.signed.version + 1)).exists():
        following = parse_root(_read(path))
        check_follows(following, root.signed)
        root = following
    return root


def parse_root(raw: bytes) -> Metadata[Root]:
    """Return a root of which nothing is verified yet.

    Raises:
        RepositoryError: It is none.
    """
    return _parsed(raw, Root, ROOT)


def check_follows(root: Metadata[Root], previous: Root) -> None:
    """Refuse a root that devices with the previous one would not accept.

    Raises:
        RepositoryError: It has another version than the next, or too few signatures by the keys of either.
    """
    if root.signed.version != previous.version + 1:
        raise RepositoryError(
            f"the root has version {root.signed.version}, and the next is {previous.version + 1}. Nothing was "
            "published; begin again from the root that is in force."
        )
    try:
        previous.verify_delegate(ROOT, root.signed_bytes, root.signatures)
        root.signed.verify_delegate(ROOT, root.signed_bytes, root.signatures)
    except (TufError, ValueError) as error:
        raise RepositoryError(
            f"root {root.signed.version} lacks signatures ({error}); devices would not accept it. Nothing was "
            "published; collect the missing ones with keys sign."
        ) from error


def _check_known(raw: bytes, committed: Committed | None, layout: Layout) -> None:
    if committed is None:
        return
    digest = hashlib.sha256(raw).hexdigest()
    if digest not in {stamp.sha256 for stamp in (committed.done, committed.begun) if stamp is not None}:
        raise RepositoryError(
            f"{layout.timestamp} is not the one that was published last: somebody changed it, or set the repository "
            f"back to an older state. {_DAMAGED}"
        )


def _check_signatures(state: State) -> None:
    for name in state.names:
        role = state.role(name)
        try:
            state.delegator(name).verify_delegate(name, role.signed_bytes, role.signatures)
        except (TufError, ValueError) as error:
            raise RepositoryError(f"the role {name} is not signed as it should be ({error}). {_DAMAGED}") from error


def _document(layout: Layout, channel: str, role: Targets) -> Channel:
    path = document_path(channel)
    target = role.targets.get(path)
    if target is None:
        raise RepositoryError(f"the role of the channel {channel!r} does not name its document. {_DAMAGED}")
    raw = _verified(layout.target(path, target.hashes[SHA256]), target)
    return parse_channel(raw, channel)


def _verified(path: Path, known: Any) -> bytes:
    raw = _read(path)
    try:
        known.verify_length_and_hashes(raw)
    except TufError as error:
        raise RepositoryError(f"{path} is not what was published ({error}). {_DAMAGED}") from error
    return raw


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise RepositoryError(
            f"{path} is missing, so there is no repository, or not a whole one. Make one with keys init; or, if there "
            f"was one, {_BACKUP}."
        ) from error
    except OSError as error:
        raise RepositoryError(f"{path} cannot be read: {error}. Correct its permissions.") from error


def _parsed(raw: bytes, kind: type[R], name: str) -> Metadata[R]:
    try:
        metadata: Metadata[R] = Metadata.from_bytes(raw)
    except TufError as error:
        raise RepositoryError(f"the role {name} is malformed: {error}. {_DAMAGED}") from error
    if not isinstance(metadata.signed, kind):
        raise RepositoryError(f"the role {name} is a {metadata.signed.type}. {_DAMAGED}")
    return metadata
