"""The signed repository: static files that any web server may serve, and everything that is done to them.

The security model is The Update Framework's: a root with a threshold of keys that are kept offline, delegations by the
targets role, one role a channel that signs its document and its bundles' files, a snapshot against mixing versions, and
a timestamp against freezing. See ``layout`` for the files and ``homespun.protocol.channel`` for what a channel says.

Rules:

- What is in force is what ``timestamp.json`` names. It is replaced last; a crash leaves the state before or the one
  after, and every operation can be done again.
- One publisher at a time; reading needs no lock.
- A release's number is never used twice and its salt never changes, so that a larger share holds the smaller one.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import msgspec

from homespun.errors import ChannelError, MisuseError
from homespun.protocol.bundle import FileEntry
from homespun.protocol.channel import SHARES, Channel, Release, check_channel_name
from homespun.protocol.collection.task import Task, parse_task
from homespun_server.errors import RepositoryError
from homespun_server.publishing.repository import asking, checking, removing, requested, rollout
from homespun_server.publishing.repository.asking import Asked
from homespun_server.publishing.repository.bundles import Files, check_bundle, check_private
from homespun_server.publishing.repository.ceremony import Ceremony
from homespun_server.publishing.repository.files import Step, no_step
from homespun_server.publishing.repository.founding import initialize
from homespun_server.publishing.repository.keys import Clock, Entropy, Keys, KeyStore, utc_now
from homespun_server.publishing.repository.layout import Layout
from homespun_server.publishing.repository.publisher import Draft, Publisher, Refreshed
from homespun_server.publishing.repository.records import History
from homespun_server.publishing.repository.removing import Pruned
from homespun_server.publishing.repository.roles import Lifetimes
from homespun_server.publishing.repository.rollout import Entry
from homespun_server.publishing.repository.shelf import Shelf
from homespun_server.publishing.repository.state import State

PRODUCTION = frozenset({"production"})
"""Stages on which nothing non-private is published without a reason."""

KEEP = 3
"""Latest releases of each channel whose files stay for a rollback."""

GRACE = timedelta(days=1)
"""How long a file stays after it was named last."""

SALT_BYTES = 16
"""Random bytes in a release's salt."""


class SignedRepository:
    """A signed repository and what publishes to it. Make one with ``create`` or ``open``."""

    def __init__(self, publisher: Publisher, *, production_stages: frozenset[str], entropy: Entropy) -> None:
        """Use ``create`` or ``open`` instead."""
        self._publisher = publisher
        self._production = production_stages
        self._entropy = entropy
        self._shelf = Shelf(publisher.layout, publisher.step)

    @classmethod
    def create(
        cls,
        folder: Path,
        keys: KeyStore,
        *,
        channels: Iterable[str] = (),
        root_keys: int = 1,
        threshold: int = 1,
        offline: Sequence[KeyStore] = (),
        state: Path | None = None,
        lifetimes: Lifetimes | None = None,
        production_stages: frozenset[str] = PRODUCTION,
        clock: Clock = utc_now,
        entropy: Entropy = os.urandom,
        step: Step = no_step,
        wait_seconds: float = 60.0,
    ) -> Self:
        """Make the keys and a repository without releases.

        Args:
            folder: The static files.
            keys: Where the online keys are made; ``root.json``, which applications ship, is put beside them.
            channels: The channels, for instance ``films/canary``.
            root_keys: How many root keys to make.
            threshold: How many of them must sign a root.
            offline: Where the keys of root and targets are made, the root's in turn; none: with the others.
            state: The publisher's own folder; None: beside ``folder``.
            lifetimes: How long signatures hold; None: the usual times.
            production_stages: Stages on which nothing non-private is published without a reason.
            clock: Gives the time.
            entropy: Gives salts.
            step: Is told every durable step.
            wait_seconds: How long to wait for another publisher.

        Raises:
            MisuseError: The threshold or a channel's name is impossible.
            RepositoryError: There is a repository, or there are keys.
            SigningKeyError: Keys cannot be kept there.
            OutputError: The disk refuses.
        """
        publisher = Publisher(
            Layout(folder, state),
            Keys(keys, offline),
            lifetimes=lifetimes,
            clock=clock,
            step=step,
            wait_seconds=wait_seconds,
        )
        initialize(publisher, tuple(channels), root_keys=root_keys, threshold=threshold)
        return cls(publisher, production_stages=production_stages, entropy=entropy)

    @classmethod
    def open(
        cls,
        folder: Path,
        keys: KeyStore,
        *,
        offline: Sequence[KeyStore] = (),
        state: Path | None = None,
        lifetimes: Lifetimes | None = None,
        production_stages: frozenset[str] = PRODUCTION,
        clock: Clock = utc_now,
        entropy: Entropy = os.urandom,
        step: Step = no_step,
        wait_seconds: float = 60.0,
    ) -> Self:
        """Open a repository; no key is opened before it is needed. See ``create`` for the arguments.

        Raises:
            RepositoryError: There is none, or it is not as its publisher left it.
        """
        publisher = Publisher(
            Layout(folder, state),
            Keys(keys, offline),
            lifetimes=lifetimes,
            clock=clock,
            step=step,
            wait_seconds=wait_seconds,
        )
        publisher.load()
        return cls(publisher, production_stages=production_stages, entropy=entropy)

    @property
    def folder(self) -> Path:
        """The folder of the static files."""
        return self._publisher.layout.folder

    @property
    def root(self) -> bytes:
        """The root that applications ship: any version that was ever in force does, the newest is best."""
        return self._publisher.trusted.read_bytes()

    @property
    def keys(self) -> Ceremony:
        """What is done to the keys."""
        return Ceremony(self._publisher)

    # What there is.

    def channels(self) -> tuple[str, ...]:
        """Return the channels' names.

        Raises:
            RepositoryError: The repository is not as it was left.
        """
        return tuple(self._publisher.load().documents)

    def channel(self, name: str) -> Channel:
        """Return what a channel says to devices.

        Raises:
            MisuseError: There is no such channel.
            RepositoryError: The repository is not as it was left.
        """
        return _document(self._publisher.load(), name)

    def history(self, channel: str) -> tuple[Entry, ...]:
        """Return every release of a channel, also those that its document names no more.

        Raises:
            MisuseError: There is no such channel.
            RepositoryError: The repository is not as it was left.
        """
        return self._history(self._publisher.load(), channel)

    # Releases.

    def publish(
        self,
        bundle: Path,
        channel: str,
        *,
        share: int = SHARES,
        minimum_client: str | None = None,
        note: str = "",
        override: str | None = None,
    ) -> Release:
        """Release a bundle on a channel.

        Args:
            bundle: Its folder.
            channel: The channel.
            share: Devices that take it, in parts of ``SHARES``.
            minimum_client: Least version of homespun that takes it; None: any.
            note: Why, for people; devices see it.
            override: Why a non-private bundle is published to everybody all the same; kept in the history.

        Raises:
            MisuseError: There is no such channel or bundle, or the share or version is impossible.
            BundleError: The bundle is not what its manifest says, or devices would not take it.
            RepositoryError: It is non-private and the channel is for everybody; or see ``open``.
            SigningKeyError: A key that is needed is not here.
            OutputError: The disk refuses.
        """
        files = check_bundle(bundle)
        check_private(files, channel, self._production, override)
        with self._publisher.changing() as state:
            entries = self._history(state, channel)
            made = self._release(entries, files, share=share, minimum_client=minimum_client, note=note)
            history = (*entries, Entry(release=made, override=(override or "").strip()))
            document = self._documented(state, channel, history)
            self._shelf.put(bundle, files, channel)
            self._commit(state, document, history)
        return made

    def rollback(
        self,
        channel: str,
        to: int,
        note: str,
        *,
        share: int = SHARES,
        bundle: Path | None = None,
        reached_only: bool = False,
    ) -> Release:
        """Release an earlier release's bundle again, as a new release.

        Args:
            channel: The channel.
            to: The number of the earlier release.
            note: Why, for people; devices see it.
            share: Devices that take it, in parts of ``SHARES``.
            bundle: The bundle's folder, where its files were pruned; None: they are still there.
            reached_only: Whether nothing may reach more devices than it had: the share is at most that of the earlier
                release, which devices must have been given, and which is neither withdrawn nor paused.

        Raises:
            MisuseError: There is no such channel, or no earlier release of that number, or ``reached_only`` forbids it.
            RepositoryError: The files are not there any more; or see ``open``.
            BundleError: ``bundle`` is not what its manifest says.
            SigningKeyError: A key that is needed is not here.
            OutputError: The disk refuses.
        """
        with self._publisher.changing() as state:
            entries = self._history(state, channel)
            target = rollout.entry(entries, to, channel)
            if target is entries[-1]:
                raise MisuseError(f"release {to} is the newest of {channel!r}; there is nothing to go back from.")
            if reached_only:
                rollout.check_was_given(target, channel)
                share = min(share, target.release.share)
            files = self._shelf.restored(channel, target.release, bundle)
            made = self._release(
                entries, files, share=share, minimum_client=target.release.minimum_client, note=note, returns_to=to
            )
            history = rollout.marked((*entries, Entry(release=made, override=target.override)))
            self._commit(state, self._documented(state, channel, history), history)
        return made

    def set_share(self, channel: str, number: int, share: int) -> Release:
        """Give a release to more devices, or to fewer that do not have it yet; the salt stays, so shares nest.

        Raises:
            MisuseError: There is no such channel or release, or the share is impossible.
            RepositoryError: See ``open``.
            SigningKeyError: A key that is needed is not here.
            OutputError: The disk refuses.
        """
        return self._change(channel, number, share=share)

    def pause(self, channel: str, number: int) -> Release:
        """Let no further device take a release; those that have it keep it.

        Devices without it take the newest earlier release that was not rolled back from and whose files are still
        there. Raises as ``set_share``.
        """
        return self._change(channel, number, paused=True)

    def resume(self, channel: str, number: int) -> Release:
        """Let devices take a paused release again. Raises as ``set_share``."""
        return self._change(channel, number, paused=False)

    # Channels.

    def switch_off(self, channel: str, reason: str) -> None:
        """Let all devices list what is the same for everybody, until ``switch_on``.

        Raises:
            MisuseError: There is no such channel, or no reason.
            RepositoryError: See ``open``.
            SigningKeyError: A key that is needed is not here.
            OutputError: The disk refuses.
        """
        if not reason.strip():
            raise MisuseError("switching a channel off needs a reason, which people see; nothing was changed.")
        self._set(channel, off=reason)

    def switch_on(self, channel: str) -> None:
        """Let devices make personal lists again. Raises as ``switch_off``."""
        self._set(channel, off=None)

    def set_minimum_client(self, channel: str, version: str | None) -> None:
        """Ask devices for at least that version of homespun before they take anything; None: any.

        Raises as ``switch_off``.
        """
        self._set(channel, minimum_client=version)

    def add_channel(self, channel: str) -> None:
        """Make a channel without releases, and its key; this needs the key of the targets role.

        Raises:
            MisuseError: There is such a channel, or the name is none.
            RepositoryError: See ``open``.
            SigningKeyError: A key that is needed is not here.
            OutputError: The disk refuses.
        """
        self.keys.add_channel(channel)

    # What is asked of devices.

    def asked(self, channel: str) -> Asked:
        """Return what a channel asks of its devices.

        Raises:
            MisuseError: There is no such channel.
            CollectionError: What is there is not what it should be.
            RepositoryError: The repository is not as it was left.
        """
        return self._asked(self._publisher.load(), channel)

    def add_task(self, channel: str, task: bytes, ids: tuple[str, ...] = ()) -> Task:
        """Ask a channel's devices for a sum.

        Args:
            channel: The channel.
            task: The task's canonical JSON.
            ids: The ids of the items that it counts, in order.

        Raises:
            MisuseError: There is no such channel, or the task is there, has expired or does not fit.
            CollectionError: It is no task, or the items are not those that it declares.
            RepositoryError: See ``open``.
            SigningKeyError: A key that is needed is not here.
            OutputError: The disk refuses.
        """
        parsed, now = parse_task(task), self._publisher.now().timestamp()
        self._ask(channel, lambda known: asking.with_task(known, channel, parsed, task, ids, now))
        return parsed

    def add_experiment(self, channel: str, experiment: bytes) -> None:
        """Publish an experiment's definition. Raises as ``add_task``."""
        self._ask(channel, lambda known: asking.with_experiment(known, channel, experiment))

    def withdraw(self, channel: str, name: str) -> None:
        """Ask no more for a task, or end an experiment, by the start of its digest. Raises as ``add_task``."""
        self._ask(channel, lambda known: asking.without(known, channel, name))

    def put_requests(self, lists: Mapping[str, bytes]) -> None:
        """Publish lists of open requests, by channel, all of them at once.

        Raises:
            MisuseError: There is no such channel, or one of them is no list.
            RepositoryError: See ``open``.
            SigningKeyError: A key that is needed is not here.
            OutputError: The disk refuses.
        """
        with self._publisher.changing() as state:
            channels = {}
            for channel, raw in lists.items():
                document, before = _document(state, channel), requested.entries_of(state.files(channel), channel)
                entry = requested.put(raw, channel, self._publisher.layout, self._publisher.step, before)
                channels[channel] = (document, {**state.files(channel), **entry})
            self._publisher.commit(state, Draft(channels=channels))

    # Care.

    def refresh(self, *, always: bool = True) -> Refreshed:
        """Sign the timestamp anew, and whatever else expires soon.

        Args:
            always: Whether to sign the timestamp even if more than half of its time is left and nothing else is due.

        Raises:
            RepositoryError: See ``open``.
            SigningKeyError: The key of the timestamp, or of the snapshot where that is needed, is not here.
            OutputError: The disk refuses.
        """
        if not always:
            found = self._publisher.due(self._publisher.load())
            if not found.signed:
                return found
        with self._publisher.changing() as state:
            return self._publisher.commit(state, Draft())

    def check(self) -> None:
        """Do everything that devices do, on every channel, from the first root and from the one that is shipped.

        Raises:
            RepositoryError: Devices could not; the message says what is wrong.
        """
        state = self._publisher.load()
        layout, now = self._publisher.layout, self._publisher.now()
        first = layout.role("root", 1)
        for root in dict.fromkeys((first.read_bytes() if first.exists() else self.root, self.root)):
            checking.check(layout, state, root, now)

    def expiries(self) -> dict[str, datetime]:
        """Return until when each role's signature holds, by the role's name.

        Raises:
            RepositoryError: The repository is not as it was left.
        """
        state = self._publisher.load()
        roles = {name: state.role(name).signed.expires for name in state.names}
        return {"root": state.root.signed.expires, **roles}

    def prune(self, *, keep: int = KEEP, grace: timedelta = GRACE) -> Pruned:
        """Remove what nothing in force names.

        Args:
            keep: So many of the latest releases of each channel can still be returned to afterwards.
            grace: A file stays so long after it was named last, for devices in the middle of a download.

        Raises:
            RepositoryError: See ``open``.
            OutputError: The disk refuses.
        """
        with self._publisher.changing() as state:
            kept = [
                path
                for channel in state.documents
                for each in rollout.latest(self._history(state, channel), keep)
                for path in self._shelf.paths(channel, each.release)
            ]
            return removing.prune(self._publisher, state, kept, grace)

    def _asked(self, state: State, channel: str) -> Asked:
        _document(state, channel)
        return asking.asked_of(state.files(channel), channel, self._read)

    def _ask(self, channel: str, change: Callable[[Asked], Asked]) -> None:
        with self._publisher.changing() as state:
            document = _document(state, channel)
            changed = change(self._asked(state, channel))
            asked = asking.put(changed, channel, self._publisher.layout, self._publisher.step)
            listed = requested.entries_of(state.files(channel), channel)
            files = {**self._shelf.targets(document), **asked, **listed}
            self._publisher.commit(state, Draft(channels={channel: (document, files)}))

    def _read(self, path: str, entry: FileEntry) -> bytes:
        place = self._publisher.layout.target(path, entry.sha256)
        try:
            raw = place.read_bytes()
        except FileNotFoundError as error:
            raise RepositoryError(f"{place} is missing; restore it from a backup.") from error
        if hashlib.sha256(raw).hexdigest() != entry.sha256:
            raise RepositoryError(f"{place} is not what was published; restore it from a backup.")
        return raw

    def _change(self, channel: str, number: int, **changes: object) -> Release:
        with self._publisher.changing() as state:
            entries = self._history(state, channel)
            release = rollout.entry(entries, number, channel).release
            if number not in {each.number for each in state.documents[channel].releases}:
                raise MisuseError(
                    f"release {number} of {channel!r} is over: a later one reached all its devices. Nothing was "
                    "changed; to return to it, roll back to it."
                )
            made = msgspec.structs.replace(release, **changes)
            history = rollout.changed(entries, made)
            self._commit(state, self._documented(state, channel, history), history)
        return made

    def _set(self, channel: str, **changes: object) -> None:
        with self._publisher.changing() as state:
            document = msgspec.structs.replace(_document(state, channel), **changes)
            self._commit(state, rollout.document(document, document.releases), self._history(state, channel))

    def _release(
        self,
        entries: Sequence[Entry],
        files: Files,
        *,
        share: int,
        minimum_client: str | None,
        note: str,
        returns_to: int | None = None,
    ) -> Release:
        return Release(
            number=rollout.next_number(entries),
            bundle=files.identity,
            size=files.size,
            created=self._publisher.now().astimezone(UTC).isoformat(timespec="seconds"),
            share=share,
            salt=self._entropy(SALT_BYTES).hex(),
            minimum_client=minimum_client,
            returns_to=returns_to,
            note=note,
        )

    def _documented(self, state: State, channel: str, history: Sequence[Entry]) -> Channel:
        document = state.documents[channel]
        current = [release.number for release in document.releases]
        releases = rollout.offered(history, current, lambda release: self._shelf.has(channel, release))
        return rollout.document(document, releases)

    def _commit(self, state: State, document: Channel, history: Sequence[Entry]) -> None:
        known = self._publisher.records.history().channels
        changed = History(channels={**known, document.name: tuple(history)})
        # What is asked stays as it is.
        known_files = state.files(document.name)
        asked = asking.entries_of(known_files, document.name)
        listed = requested.entries_of(known_files, document.name)
        files = {**self._shelf.targets(document), **asked, **listed}
        self._publisher.commit(state, Draft(channels={document.name: (document, files)}, history=changed))

    def _history(self, state: State, channel: str) -> tuple[Entry, ...]:
        known = self._publisher.records.history().channels.get(channel, ())
        return rollout.committed(known, _document(state, channel))


def _document(state: State, channel: str) -> Channel:
    try:
        check_channel_name(channel)
        return state.documents[channel]
    except ChannelError as error:
        raise MisuseError(str(error)) from error
    except KeyError as error:
        there = ", ".join(state.documents) or "none"
        raise MisuseError(
            f"there is no channel {channel!r}; there are: {there}. Add it with keys add-channel."
        ) from error
