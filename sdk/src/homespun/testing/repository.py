"""A signed repository in memory: what a publisher's server would serve, for tests of applications that update.

It is made by the rules of ``homespun.protocol.channel`` and needs no server::

    repository = MemoryRepository()
    repository.release("bundle-1")
    repository.release("bundle-2", share=SHARES // 10)
    repository.rollback(1)

It signs what it is given, also bundles and documents that no device accepts.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import TargetFile

from homespun.errors import MisuseError
from homespun.protocol.asking.listing import list_path
from homespun.protocol.bundle import MANIFEST
from homespun.protocol.canonical import canonical
from homespun.protocol.channel import (
    MAX_RELEASES,
    SHARES,
    Channel,
    Release,
    check_channel_name,
    document_path,
    file_path,
    role_name,
)
from homespun.protocol.collection.task import (
    CollectionIndex,
    Ref,
    encode_index,
    encode_universe,
    experiment_path,
    index_path,
    task_path,
    universe_path,
)
from homespun.testing.signing import TOP_LEVEL, SignedRoles

CHANNEL = "films/production"
"""The channel that is meant where none is named."""


class MemoryRepository:
    """A signed repository with channels and releases. Not thread-safe, except that its files may be read meanwhile.

    Attributes:
        files: What is served: content by path below the repository's URL.
        root: The first root metadata, which an application ships as its trust anchor.
        roles: The signed metadata and the keys, for tests that tamper with them.
        lifetimes: Seconds for which each role's metadata is valid that is signed from now on.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        entropy: Callable[[int], bytes] = os.urandom,
        root_keys: int = 3,
        threshold: int = 2,
    ) -> None:
        """Make keys and sign an empty repository. The same time and entropy make the same bytes.

        Args:
            now: Returns seconds since 1970-01-01 UTC.
            entropy: Gives so many unpredictable bytes, for keys and salts.
            root_keys: Keys of root.
            threshold: Signatures that a root needs.
        """
        self.files: dict[str, bytes] = {}
        self._now = now
        self._entropy = entropy
        self.roles = SignedRoles(self.files, now=now, entropy=entropy, threshold=threshold, root_keys=root_keys)
        self.lifetimes = self.roles.lifetimes
        self._history: dict[str, list[Release]] = {}
        self._documents: dict[str, Channel] = {}
        self._bundles: dict[str, dict[str, bytes]] = {}
        self._asked: dict[str, dict[str, bytes]] = {}
        self.roles.publish("root", "targets")
        self.root = self.files["metadata/1.root.json"]

    def release(
        self,
        bundle: str | Path,
        *,
        channel: str = CHANNEL,
        share: int = SHARES,
        minimum_client: str | None = None,
        note: str = "",
    ) -> Release:
        """Release a bundle.

        Args:
            bundle: The bundle's folder; every file in it becomes a target.
            channel: The channel, for instance ``films/canary``; it is made if it is new.
            share: Devices that take it, in parts of ``SHARES``.
            minimum_client: Least version of homespun that takes it.
            note: Why, for people.

        Raises:
            ChannelError: It is no channel's name.
            MisuseError: The folder has no manifest.
            OSError: The folder cannot be read.
        """
        contents = {path.name: path.read_bytes() for path in sorted(Path(bundle).iterdir()) if path.is_file()}
        if MANIFEST not in contents:
            raise MisuseError(f"{bundle} has no {MANIFEST}; give the folder of a bundle.")
        identity = hashlib.sha256(contents[MANIFEST]).hexdigest()
        self._bundles[identity] = contents
        return self._add(
            channel, bundle=identity, share=share, minimum_client=minimum_client, note=note, returns_to=None
        )

    def rollback(self, number: int, *, channel: str = CHANNEL, share: int = SHARES, note: str = "") -> Release:
        """Release the bundle of an earlier release again, under a new number.

        Raises:
            MisuseError: The channel never had that release.
        """
        earlier = self._release(number, channel)
        return self._add(channel, bundle=earlier.bundle, share=share, minimum_client=None, note=note, returns_to=number)

    def pause(self, number: int, *, channel: str = CHANNEL) -> None:
        """Let no further device take a release.

        Raises:
            MisuseError: The channel never had it.
        """
        self._change(number, channel, paused=True)

    def resume(self, number: int, *, channel: str = CHANNEL) -> None:
        """Let devices take a release again.

        Raises:
            MisuseError: The channel never had it.
        """
        self._change(number, channel, paused=False)

    def set_share(self, number: int, share: int, *, channel: str = CHANNEL) -> None:
        """Set how many devices take a release, in parts of ``SHARES``.

        Raises:
            MisuseError: The channel never had it.
        """
        self._change(number, channel, share=share)

    def off(self, reason: str, *, channel: str = CHANNEL) -> None:
        """Switch personal lists off on every device of a channel."""
        self._document(channel, off=reason)

    def on(self, *, channel: str = CHANNEL) -> None:
        """Switch personal lists on again."""
        self._document(channel, off=None)

    def ask(
        self,
        *tasks: bytes,
        universes: Iterable[tuple[str, ...]] = (),
        experiments: Iterable[bytes] = (),
        channel: str = CHANNEL,
    ) -> None:
        """Sign what a channel asks of its devices, in place of what it asked before.

        Args:
            tasks: The tasks, as ``encode_task`` gives them.
            universes: The ids of the items that they count.
            experiments: The experiments' definitions.
            channel: The channel, which has a release already.
        """
        named = {task_path: tasks, experiment_path: tuple(experiments)}
        refs = {
            path: tuple(Ref(sha256=hashlib.sha256(raw).hexdigest(), size=len(raw)) for raw in found)
            for path, found in named.items()
        }
        index = CollectionIndex(tasks=refs[task_path], experiments=refs[experiment_path])
        asked = {index_path(channel): encode_index(index)}
        for path, found in named.items():
            asked |= {path(channel, ref.sha256): raw for ref, raw in zip(refs[path], found, strict=True)}
        for raw in map(encode_universe, universes):
            asked[universe_path(channel, hashlib.sha256(raw).hexdigest())] = raw
        listed = {path: raw for path, raw in self._asked.get(channel, {}).items() if path == list_path(channel)}
        self._asked[channel] = {**asked, **listed}
        self.publish(channel)

    def list_requests(self, raw: bytes, channel: str = CHANNEL) -> None:
        """Sign a list of requests to devices, in place of the one before.

        Args:
            raw: The list, as ``homespun.protocol.asking.listing.encode_list`` gives it.
            channel: The channel, which has a release already.
        """
        self._asked[channel] = {**self._asked.get(channel, {}), list_path(channel): raw}
        self.publish(channel)

    def renew(self) -> None:
        """Sign everything anew, valid from now on, as a publisher does before it expires."""
        self.roles.publish("root", "targets", *self.roles.channels)

    def rotate_root(self, *, old_signatures: int | None = None) -> None:
        """Exchange all keys of root.

        Args:
            old_signatures: How many old keys sign the new root; None: as many as the threshold asks for. Devices
                refuse it with fewer.
        """
        old = self.roles.exchange_keys("root")
        count = self.roles.threshold if old_signatures is None else old_signatures
        self.roles.renew("root", [*self.roles.keys["root"], *old[:count]])

    def revoke(self, role: str) -> list[CryptoSigner]:
        """Exchange the keys of a role and sign everything of it anew; return the old keys, as a thief has them.

        Args:
            role: ``targets``, ``snapshot``, ``timestamp``, or a channel's name; ``rotate_root`` is for root.
        """
        name = role if role in TOP_LEVEL else role_name(role)
        old = self.roles.exchange_keys(name)
        self.roles.publish("root" if role in TOP_LEVEL else "targets", name)
        return old

    def document(self, channel: str = CHANNEL) -> Channel:
        """Return what a channel says now.

        Raises:
            MisuseError: There is no such channel.
        """
        if channel not in self._documents:
            raise MisuseError(f"the repository has no channel {channel!r}; release something there first.")
        return self._documents[channel]

    def targets(self, channel: str = CHANNEL) -> dict[str, bytes]:
        """Return the targets that belong to a channel's document: itself and the files of its bundles, by path.

        Raises:
            MisuseError: There is no such channel.
        """
        document = self.document(channel)
        found = {document_path(channel): canonical(msgspec.to_builtins(document))}
        for identity in {release.bundle for release in document.releases}:
            for name, content in self._bundles[identity].items():
                found[file_path(channel, hashlib.sha256(content).hexdigest(), name)] = content
        return {**found, **self._asked.get(channel, {})}

    def publish(self, channel: str = CHANNEL, targets: Mapping[str, bytes] | None = None) -> None:
        """Sign targets for a channel, in place of those that it has.

        Args:
            channel: Whose role signs.
            targets: Content by target path; None: what belongs to the channel's document.
        """
        contents = self.targets(channel) if targets is None else targets
        role = role_name(channel)
        self.roles.channels[role].targets = {
            path: TargetFile.from_data(path, content, ["sha256"]) for path, content in sorted(contents.items())
        }
        for path, content in contents.items():
            folder, _, name = path.rpartition("/")
            self.files[f"targets/{folder}/{hashlib.sha256(content).hexdigest()}.{name}"] = content
        self.roles.publish(role)

    def _add(
        self,
        channel: str,
        *,
        bundle: str,
        share: int,
        minimum_client: str | None,
        note: str,
        returns_to: int | None,
    ) -> Release:
        application, stage = check_channel_name(channel)
        history = self._history.setdefault(channel, [])
        release = Release(
            number=len(history) + 1,
            bundle=bundle,
            size=sum(map(len, self._bundles[bundle].values())),
            created=datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="seconds"),
            share=share,
            salt=self._entropy(16).hex(),
            minimum_client=minimum_client,
            returns_to=returns_to,
            note=note,
        )
        if not history:
            self._documents[channel] = Channel(application=application, stage=stage)
            self.roles.delegate(channel)
            self.roles.publish("targets")
        history.append(release)
        self._document(channel, releases=tuple(history[-MAX_RELEASES:]))
        return release

    def _release(self, number: int, channel: str) -> Release:
        history = self._history.get(channel, [])
        if not 1 <= number <= len(history):
            raise MisuseError(f"the channel {channel!r} has no release {number}.")
        return history[number - 1]

    def _change(self, number: int, channel: str, **fields: object) -> None:
        history = self._history.get(channel, [])
        changed = msgspec.structs.replace(self._release(number, channel), **fields)
        history[number - 1] = changed
        self._document(channel, releases=tuple(history[-MAX_RELEASES:]))

    def _document(self, channel: str, **fields: object) -> None:
        self._documents[channel] = msgspec.structs.replace(self.document(channel), **fields)
        self.publish(channel)
