"""Reads what is in force and puts changes in force: one publisher at a time, and cleaned up after a crash.

The part that all operations on a repository share; what they mean is decided by those who use it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tuf.api.metadata import Root, Targets

from homespun.protocol.bundle import FileEntry
from homespun.protocol.channel import Channel, role_name
from homespun_server.errors import OutputError, RepositoryError
from homespun_server.publishing.repository import state as states
from homespun_server.publishing.repository.files import Step, no_step, remove_partial
from homespun_server.publishing.repository.keys import Clock, Keys, utc_now
from homespun_server.publishing.repository.layout import Layout
from homespun_server.publishing.repository.lock import alone
from homespun_server.publishing.repository.records import Committed, History, Records, Unnamed
from homespun_server.publishing.repository.roles import SNAPSHOT, TARGETS, Lifetimes, channel_of, is_due
from homespun_server.publishing.repository.rollout import committed as borne_out
from homespun_server.publishing.repository.state import State
from homespun_server.publishing.repository.transaction import Transaction, can_sign
from homespun_server.publishing.repository.unnamed import noted

TRUSTED = "root.json"
"""The root that applications ship, and that the publisher trusts: beside the online keys."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is to be put in force.

    Attributes:
        channels: The documents that change, with all files of the bundles that they name by target path.
        targets: The delegations, where they change.
        history: The releases, where they change.
        coming: A root that is about to be in force: what it names is signed for it as well.
        anew: Roles that are signed anew whether they are due or not.
    """

    channels: Mapping[str, tuple[Channel, Mapping[str, FileEntry]]] = field(default_factory=dict)
    targets: Targets | None = None
    history: History | None = None
    coming: Root | None = None
    anew: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What was signed.

    Attributes:
        signed: Roles that were signed anew, the timestamp last.
        due: Roles that are to be signed anew with keys that are not here, and when they expire.
    """

    signed: tuple[str, ...]
    due: tuple[tuple[str, datetime], ...]


class Publisher:
    """What every operation needs: where things are, what signs, and what time it is."""

    def __init__(
        self,
        layout: Layout,
        keys: Keys,
        *,
        lifetimes: Lifetimes | None = None,
        clock: Clock = utc_now,
        step: Step = no_step,
        wait_seconds: float = 60.0,
    ) -> None:
        """Name the parts; see ``SignedRepository.open``."""
        self.layout = layout
        self.keys = keys
        self.lifetimes = lifetimes or Lifetimes()
        self.step = step
        self.records = Records(layout.state, step)
        self._clock = clock
        self._wait_seconds = wait_seconds

    @property
    def trusted(self) -> Path:
        """The path of the root that the publisher trusts."""
        return self.keys.online.folder / TRUSTED

    def now(self) -> datetime:
        """Return the time, UTC."""
        return self._clock().astimezone(UTC)

    def load(self) -> State:
        """Return what is in force.

        Raises:
            RepositoryError: There is no repository, or it is not as it was left.
        """
        try:
            trusted = self.trusted.read_bytes()
        except FileNotFoundError as error:
            raise RepositoryError(
                f"{self.trusted} is missing: the root that this publisher trusts. Make a repository with keys init, "
                "or copy the root that the applications ship there."
            ) from error
        while True:
            committed = self.records.committed()
            try:
                return states.load(self.layout, trusted, committed)
            except RepositoryError:
                # Whoever published between the two readings is no attacker.
                if self.records.committed() == committed:
                    raise

    @contextmanager
    def changing(self) -> Iterator[State]:
        """Keep everybody else out, clean up what a crash left, and yield what is in force.

        Raises:
            RepositoryBusyError: Somebody else is publishing.
            RepositoryError: The repository is not as it was left.
            OutputError: The disk refuses.
        """
        with self.writing():
            self._tidy()
            state = self.load()
            self._settle(state)
            yield state

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep everybody else out.

        Raises:
            RepositoryBusyError: Somebody else is publishing.
            OutputError: The disk refuses.
        """
        try:
            with alone(self.layout.state, self._wait_seconds):
                self.step("locked")
                yield
        except OSError as error:
            raise OutputError(
                f"the repository in {self.layout.folder} cannot be read or written ({error}). What was in force stays "
                "so; make room or correct its permissions, and do it again."
            ) from error

    def commit(self, state: State, draft: Draft) -> Refreshed:
        """Put a draft in force, and sign anew what is due on the way.

        Raises:
            SigningKeyError: A key that is needed is not here.
            OSError: If it cannot be written.
        """
        due, here = self._wanted(state, draft)
        transaction = self._transaction(state, draft.coming)
        targets = draft.targets or state.targets.signed
        if draft.targets is not None or TARGETS in here:
            transaction.targets(targets)
        for document, files in self._channels(state, draft, here):
            transaction.channel(document, files, targets)
        transaction.finish(draft.history, snapshot=SNAPSHOT in here)
        self.note_unnamed(self.load())
        return Refreshed(signed=tuple(transaction.signed), due=self._missing(state, draft, due - here))

    def due(self, state: State) -> Refreshed:
        """Return what ``commit`` would sign anew, and what it could not; nothing is written."""
        due, here = self._wanted(state, Draft())
        return Refreshed(
            signed=tuple(role for role in state.names if role in here), due=self._missing(state, Draft(), due - here)
        )

    def begin(self, root: Root) -> Transaction:
        """Return a transaction that makes a new repository."""
        return self._made(roots=(root,), in_force={})

    def note_unnamed(self, state: State) -> Unnamed:
        """Note since when files are named by nothing in force."""
        known = self.records.unnamed()
        found = noted(self.layout, state, known, self.now())
        if found != known:
            self.records.keep(found, "unnamed files")
        return found

    def _channels(
        self, state: State, draft: Draft, here: Iterable[str]
    ) -> Iterator[tuple[Channel, Mapping[str, FileEntry]]]:
        yield from draft.channels.values()
        for channel, document in state.documents.items():
            if channel not in draft.channels and role_name(channel) in here:
                yield document, state.files(channel)

    def _due(self, state: State, draft: Draft) -> set[str]:
        now = self.now()
        names = [name for name in state.names if channel_of(name) not in draft.channels]
        found = {
            name
            for name in names
            if is_due(state.role(name), state.delegator(name), name, now, self.lifetimes.of(name))
        }
        return found | (draft.anew & set(names))

    def _wanted(self, state: State, draft: Draft) -> tuple[set[str], set[str]]:
        due = self._due(state, draft)
        return due, {role for role in due if role in draft.anew or self._can_sign(role, state, draft)}

    def _missing(self, state: State, draft: Draft, roles: set[str]) -> tuple[tuple[str, datetime], ...]:
        found = [(role, state.role(role).signed.expires) for role in state.names if role in roles]
        return (*found, *self._due_root(state, draft))

    def _can_sign(self, role: str, state: State, draft: Draft) -> bool:
        if role in state.root.signed.roles:
            return can_sign(self.keys, role, self._roots(state, draft.coming))
        return can_sign(self.keys, role, (draft.targets or state.targets.signed,))

    def _due_root(self, state: State, draft: Draft) -> list[tuple[str, datetime]]:
        root = draft.coming or state.root.signed
        return [("root", root.expires)] if root.expires - self.now() < self.lifetimes.root / 2 else []

    def _roots(self, state: State, coming: Root | None) -> tuple[Root, ...]:
        return (state.root.signed,) if coming is None else (state.root.signed, coming)

    def _transaction(self, state: State, coming: Root | None) -> Transaction:
        in_force = {name: (state.role(name).signed.version, state.raw[name]) for name in state.names}
        return self._made(roots=self._roots(state, coming), in_force=in_force)

    def _made(self, *, roots: tuple[Root, ...], in_force: dict[str, tuple[int, bytes]]) -> Transaction:
        return Transaction(
            self.layout,
            self.records,
            self.keys,
            roots=roots,
            in_force=in_force,
            now=self.now(),
            lifetimes=self.lifetimes,
            step=self.step,
        )

    def _tidy(self) -> None:
        stores = [store.folder for store in self.keys.stores]
        for folder in (self.layout.metadata, self.layout.targets, self.layout.state, *stores):
            remove_partial(folder)
        self.step("tidied")

    def _settle(self, state: State) -> None:
        """Complete the records of what a crash put in force without saying so, and drop those of what it did not."""
        committed = self.records.committed()
        digest = hashlib.sha256(state.raw["timestamp"]).hexdigest()
        begun = committed.begun if committed is not None else None
        if begun is not None and begun.sha256 == digest:
            self.records.keep(Committed(done=begun), "timestamp settled")
        known = self.records.history()
        channels = {
            name: borne_out(known.channels.get(name, ()), document) for name, document in state.documents.items()
        }
        if channels != known.channels:
            self.records.keep(History(channels=channels), "history settled")
        self.note_unnamed(state)
