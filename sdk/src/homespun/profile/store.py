"""The profile: everything that is kept about one person on their own machine, encrypted.

Rules: thread-safe, by one lock around all connections; several processes may have the same profile open. What a
method acknowledged by returning survives the death of the process (and a power cut, see
``Settings.durability``). What consent and controls mean is not known here: callers decide, and what they decide by
the view that they are shown still holds when it is written. Non-goals: a profile must not be used on both sides
of ``fork``; and see ``vault`` for what encryption cannot tell.
"""

import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import apsw
import msgspec

from homespun.config import Durability, Retention, Settings
from homespun.errors import ClosedError, LostKeyError, ProfileError
from homespun.profile.device_key import DeviceKey
from homespun.profile.epochs import Epochs, count_events, count_exposures, read_decisions
from homespun.profile.failures import damaged, translated
from homespun.profile.files import KEY, file_size, side_files
from homespun.profile.forgetting import Forgotten, Selection, clear, forget, forget_attribute, rectify
from homespun.profile.index import get_setting, set_setting
from homespun.profile.key_store import KeyStore
from homespun.profile.lock import FolderLock
from homespun.profile.logs import Log, UnreadableRowError
from homespun.profile.records import event_to_row
from homespun.profile.retention import Retainer, enforced
from homespun.profile.secret import Secret
from homespun.profile.state import read_attributes, read_kept, write_attribute, write_kept
from homespun.profile.system_keyring import KeyringBackend
from homespun.profile.vault import check_pages, truncate_log
from homespun.profile.vault import keep_log as set_keep_log
from homespun.profile.vaults import Vaults
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.controls import ControlEntry
from homespun.protocol.egress import EgressEntry
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.records import ExplanationRecord

DEVICE_KEY = "device_key"
"""Setting that holds the key with which receipts are signed."""

DUE = "due"
"""Setting that names what is to be cleared because a purpose was withdrawn."""

T = TypeVar("T")
ConsentRecords = tuple[ConsentRecord, ...]
ControlEntries = tuple[ControlEntry, ...]
EgressEntries = tuple[EgressEntry, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What decides about recording and use, at one moment.

    Attributes:
        consent: All choices, in the order of recording.
        controls: All that the person set, in the order of setting.
        attributes: What the person declared.
    """

    consent: ConsentRecords
    controls: ControlEntries
    attributes: Mapping[str, ContextValue]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much a profile holds.

    Attributes:
        events: Number of events.
        consent_records: Number of consent records.
        disk_bytes: Bytes of the profile's files; 0 in memory.
    """

    events: int
    consent_records: int
    disk_bytes: int


class _Use(translated):
    """An open store's databases for one thread at a time, with failures translated."""

    __slots__ = ("_store",)

    def __init__(self, store: "ProfileStore") -> None:
        super().__init__(store.folder)
        self._store = store

    def __enter__(self) -> Vaults:  # type: ignore[override]
        self._store.lock.acquire()
        if not self._store.is_open:
            self._store.lock.release()
            raise ClosedError("The profile was closed; open it again to use it.")
        return self._store.vaults

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.lock.release()
        if isinstance(error, UnreadableRowError):
            raise damaged(self._store.folder, str(error)) from error
        super().__exit__(kind, error, trace)


class ProfileStore:
    """An open profile. Close it, or use it as a context manager."""

    def __init__(
        self,
        vaults: Vaults,
        *,
        profile_id: str,
        settings: Settings,
        keyring_backend: KeyringBackend | None = None,
        key_store: KeyStore | None = None,
        folder: Path | None = None,
        folder_lock: FolderLock | None = None,
    ) -> None:
        """Take over open databases; use ``create`` or ``open_profile`` instead."""
        self.profile_id = profile_id
        self.folder = folder
        self.keyring_backend = keyring_backend
        self.key_store = key_store
        self.vaults = vaults
        """The databases; to be used by whoever holds ``lock``."""
        self._settings = settings
        self._epochs = Epochs(vaults, settings.epoch_days)
        self._retainer = Retainer(vaults, self._epochs, settings)
        self._folder_lock = folder_lock
        self.lock = threading.RLock()
        self._open = True
        self._use = _Use(self)
        self._consent = Log("consent", ConsentRecord)
        self._controls = Log("control", ControlEntry)
        self._egress = Log("egress", EgressEntry)
        self._view: tuple[int, View] | None = None

    def tend(self, now: float, *, enforce: bool = True) -> None:
        """Do what is due at an opening: destroy what was replaced, and enforce the retention.

        Args:
            now: Seconds since 1970.
            enforce: Whether the settings' retention is the application's own.

        Raises:
            DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._databases() as vaults:
            vaults.look()
            # Somebody else is writing, perhaps for long: then it is due at the next writing or opening.
            # And a lost key must not keep anybody from withdrawing and erasing.
            with contextlib.suppress(apsw.BusyError, LostKeyError):
                if vaults.needs_discarding():
                    vaults.discard_garbage()
                if enforce:
                    self._retainer.enforce(now)

    def retention(self) -> dict[str, Retention]:
        """Return how long the application keeps events, by kind, and all of them under no name.

        Empty if it has not kept any yet. Raises as ``events``.
        """
        return self._reading(lambda: enforced(self.vaults.main))

    def add_events_if(
        self,
        allowed: Callable[[View], bool],
        events: Sequence[Event],
        now: float,
        durability: Durability | None = None,
    ) -> int | None:
        """Record events, all or none, if the view of this very moment allows it.

        Args:
            allowed: Decides; nobody can record a choice until the events are recorded.
            events: The events.
            now: When they are recorded, seconds since 1970.
            durability: What they must survive; by default ``Settings.durability``.

        Returns:
            How many were not there yet, of those with an id; None if it was not allowed.

        Raises:
            InvalidEventError: A context cannot be written as JSON.
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        rows = [event_to_row(event) for event in events]
        with self._databases():
            wanted = durability or self._settings.durability
            added = self._epochs.add(rows, now, lambda: allowed(self._viewed()), wanted)
            if added is not None:
                self._retainer.after_writing(now)
        return added

    def events(self) -> list[Event]:
        """Return all events in the order in which they were recorded.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        return self._reading(self._epochs.events)

    def latest_events(self, count: int) -> list[Event]:
        """Return the latest events in the order of recording, at most ``count``; raises as ``events``."""
        return self._reading(lambda: self._epochs.latest(count))

    def view(self) -> View:
        """Return what decides now; the very same object until something of it changes. Raises as ``events``."""
        return self._reading(self._viewed)

    def extend_consent(self, choose: Callable[[ConsentRecords], ConsentRecords], *, due: Iterable[str] = ()) -> None:
        """Record choices that depend on those made before, all or none.

        Args:
            choose: Gives the new records, given all that there are; nobody can add one, or an event, in between.
            due: Names of what has to be cleared because of them; ``due`` returns them until ``settle``. Read after
                ``choose`` has returned.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._databases() as vaults, vaults.writing_main() as main:
            self._consent.add(main, choose(self._consent.read(main)))
            if due:
                set_setting(main, DUE, " ".join(sorted({*self._due(main), *due})))

    def due(self) -> tuple[str, ...]:
        """Return what is still to be cleared. Raises as ``events``."""
        return self._reading(lambda: self._due(self.vaults.main))

    def settle(self, done: Iterable[str]) -> None:
        """Know that something was cleared; raises as ``extend_consent``."""
        with self._databases() as vaults, vaults.writing_main() as main:
            set_setting(main, DUE, " ".join(sorted({*self._due(main)} - {*done})) or None)

    def _due(self, main: apsw.Connection) -> tuple[str, ...]:
        return tuple((get_setting(main, DUE) or "").split())

    def clear(self, tables: Collection[str], compartments: Collection[str]) -> Forgotten:
        """Destroy everything in some tables and compartments; raises as ``forget``."""
        with self._databases() as vaults:
            return self._forgotten(clear(vaults, tables, compartments))

    def extend_controls(self, choose: Callable[[ControlEntries], ControlEntries]) -> None:
        """Record what the person sets, all or none; as ``extend_consent``."""
        with self._databases() as vaults, vaults.writing_state() as state:
            self._controls.add(state, choose(self._controls.read(state)))

    def set_attribute(self, name: str, value: ContextValue | None) -> None:
        """Keep what the person declares; None removes it, and rewrites what it was kept in under a new key.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._databases() as vaults:
            if value is None:
                forget_attribute(vaults, name)
            else:
                with vaults.writing_state() as state:
                    write_attribute(state, name, value)

    def kept(self, compartment: str) -> dict[str, bytes]:
        """Return what another part keeps in a compartment of its own. Raises as ``events``."""
        return self._reading(lambda: read_kept(self._state(), compartment))

    def keep_if(self, allowed: Callable[[View], bool], compartment: str, name: str, value: bytes | None) -> bool:
        """Keep a value in a compartment if the view of this very moment allows it; None removes it.

        Returns:
            Whether it was allowed.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._databases() as vaults, vaults.writing_state() as state:
            permitted = allowed(self._viewed())
            if permitted:
                write_kept(state, compartment, name, value)
        return permitted

    def rekeep_if(
        self,
        allowed: Callable[[View], bool],
        compartment: str,
        name: str,
        change: Callable[[bytes | None], bytes | None],
    ) -> bool:
        """Change a value in a compartment, read and written in one, if the view of this very moment allows it.

        What it survives is what events do, see ``Settings.durability``.

        Args:
            allowed: Decides by the view.
            compartment: Whose.
            name: The value's.
            change: From the value, None where there is none, to the new one; None removes it.

        Returns:
            Whether it was allowed. Raises as ``keep_if``.
        """
        with self._databases() as vaults, vaults.writing_state(self._settings.durability) as state:
            permitted = allowed(self._viewed())
            if permitted:
                found = read_kept(state, compartment).get(name)
                changed = change(found)
                if changed != found:
                    write_kept(state, compartment, name, changed)
        return permitted

    def epochs(self) -> frozenset[str]:
        """Return the epochs' names; one is gone as soon as something of it was erased. Raises as ``events``."""
        return self._reading(lambda: frozenset(row.name for row in self.vaults.epochs))

    def add_decisions(
        self,
        allowed: Callable[[View], bool],
        records: Sequence[ExplanationRecord],
        now: float,
        read: Collection[str] = (),
    ) -> bool:
        """Keep explanation records if the view of this very moment allows it; return whether it did.

        Args:
            allowed: Decides.
            records: What is kept.
            now: Seconds since 1970.
            read: The epochs that they were made from: nothing is kept that was made from what is erased by now.
        """
        wanted = frozenset(read)
        # The column names an item in rows of earlier versions, which held one each.
        rows = [(now, "", msgspec.json.encode(record).decode()) for record in records]
        kept = self._add_to_epoch(
            "INSERT INTO decision (time, item, record) VALUES (?, ?, ?)",
            lambda view: wanted <= self.vaults.names and allowed(view),
            rows,
            now,
        )
        if kept:
            with self._databases():
                self._retainer.after_deciding()
        return kept

    def decisions(self) -> list[ExplanationRecord]:
        """Return all explanation records in the order of keeping. Raises as ``events``."""
        return self._reading(lambda: list(read_decisions(self._epochs)))

    def add_exposures(self, allowed: Callable[[View], bool], items: Iterable[str], now: float) -> bool:
        """Keep that items were shown if the view of this very moment allows it; return whether it did."""
        rows = [(now, item) for item in items]
        return self._add_to_epoch("INSERT INTO exposure (time, item) VALUES (?, ?)", allowed, rows, now)

    def exposures(self, since: float) -> dict[str, int]:
        """Return how often each item was shown since a time. Raises as ``events``."""
        return self._reading(lambda: count_exposures(self._epochs, since))

    def _add_to_epoch(
        self, insert: str, allowed: Callable[[View], bool], rows: Sequence[tuple[float | str, ...]], now: float
    ) -> bool:
        with self._databases() as vaults:
            if not self._epochs.prepare(now, lambda: allowed(self._viewed())):
                return False
            with vaults.writing_epoch(self._settings.durability) as (_, connection):
                permitted = allowed(self._viewed())
                if permitted:
                    connection.executemany(insert, rows).fetchall()
        return permitted

    def egress_entries(self) -> EgressEntries:
        """Return the ledger of what left, in its order. Raises as ``events``."""
        return self._reading(lambda: self._egress.read(self.vaults.main))

    def extend_egress(
        self,
        choose: Callable[[EgressEntries], EgressEntries],
        *,
        keep: Mapping[int, bytes] | None = None,
        drop: Iterable[int] = (),
    ) -> None:
        """Add entries to the ledger, and keep and drop the payloads that they are about, all or none.

        Args:
            choose: Gives the new entries, given all that there are.
            keep: Payloads by sequence.
            drop: Sequences of payloads that are not to be sent any more.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._databases() as vaults, vaults.writing_main() as main:
            self._egress.add(main, choose(self._egress.read(main)))
            main.executemany("INSERT INTO outbox VALUES (?, ?)", list((keep or {}).items())).fetchall()
            main.executemany("DELETE FROM outbox WHERE sequence = ?", [(number,) for number in drop]).fetchall()

    def payload(self, sequence: int) -> bytes | None:
        """Return what is about to be sent under a sequence; None if nothing is. Raises as ``events``."""
        select = "SELECT payload FROM outbox WHERE sequence = ?"
        rows: list[tuple[Any, ...]] = self._reading(lambda: self.vaults.main.execute(select, (sequence,)).fetchall())
        return rows[0][0] if rows else None

    def forget(self, selection: Selection) -> Forgotten:
        """Erase a part and destroy the keys that it was under.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes. What was begun
                is completed at the next opening.
        """
        with self._databases() as vaults:
            return self._forgotten(forget(vaults, selection))

    def rectify(self, wrong: Event, right: Event) -> Forgotten:
        """Replace every event that equals ``wrong``; raises as ``forget``."""
        with self._databases() as vaults:
            return self._forgotten(rectify(vaults, event_to_row(wrong), event_to_row(right)))

    def _forgotten(self, done: Forgotten) -> Forgotten:
        self._epochs.forget_read()
        self._retainer.forget_counts()
        self.truncate_logs()
        return done

    def check(self) -> None:
        """Read and authenticate every page of every database.

        Raises:
            DamagedProfileError: One was changed or cut short.
            ClosedError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._databases() as vaults:
            vaults.look()
            for row in (vaults.state, *vaults.epochs):
                vaults.connection(row)
            for name, connection in vaults.all_connections().items():
                check_pages(connection, (self.folder or Path()) / name)

    def sizes(self) -> Sizes:
        """Return how much the profile holds. Raises as ``events``."""
        counts = self._reading(lambda: count_events(connection for _, connection in self._epochs.all()))
        return Sizes(sum(counts.values()), len(self.view().consent), self._disk_bytes())

    @property
    def device_key(self) -> DeviceKey:
        """The key with which receipts are signed. Raises as ``events``."""
        return self._reading(lambda: DeviceKey(Secret(get_setting(self.vaults.main, DEVICE_KEY))))

    @property
    def is_open(self) -> bool:
        """Whether it was not closed yet."""
        return self._open

    def vault_keys(self) -> dict[str, bool]:
        """Return the state and every epoch, by file name: whether its key was never kept inside the folder."""
        with self._databases() as vaults:
            vaults.look()
            return {row.name: row.outside for row in (*vaults.garbage, vaults.state, *vaults.epochs)}

    def release_folder(self) -> None:
        """Give up the lock on the folder, and keep the databases open."""
        with self.lock, translated(self.folder):
            if self._folder_lock is not None:
                self._folder_lock.release()

    def truncate_logs(self) -> tuple[str, ...]:
        """Merge the write-ahead logs and cut them to nothing; return the files that somebody else is reading."""
        with self._databases() as vaults:
            return tuple(name for name, each in vaults.all_connections().items() if not truncate_log(each))

    def close(self, *, keep_log: bool = False) -> None:
        """Close the profile; closing twice does nothing.

        Args:
            keep_log: Leave the write-ahead logs' files for an erasure to overwrite.
        """
        with self.lock, translated(self.folder):
            if not self._open:
                return
            self._open = False
            if keep_log:
                for connection in self.vaults.all_connections().values():
                    set_keep_log(connection, keep=True)
            self.vaults.close()
            if self._folder_lock is not None:
                self._folder_lock.release()

    def _viewed(self) -> View:
        # The same generation means the same index, choices and controls.
        if self._view is None or self._view[0] != self.vaults.generation:
            state = self._state()
            consent = self._consent.read(self.vaults.main)
            view = View(consent, self._controls.read(state), read_attributes(state))
            self._view = (self.vaults.generation, view)
        return self._view[1]

    def _state(self) -> apsw.Connection:
        return self.vaults.connection(self.vaults.state)

    def _disk_bytes(self) -> int:
        if self.folder is None:
            return 0
        vaults = (self.vaults.main_name, *self.vault_keys())
        names = (KEY, *(file for name in vaults for file in side_files(name)))
        return sum(file_size(self.folder / name) for name in names)

    def _reading(self, read: Callable[[], T]) -> T:
        with self._databases() as vaults:
            vaults.look()
            try:
                return read()
            except (apsw.Error, OSError, ProfileError):
                # Somebody may have replaced and destroyed what we were reading.
                if not vaults.changed:
                    raise
            vaults.reload()
            return read()

    def _databases(self) -> "_Use":
        return self._use

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
