"""Gets newer bundles: does what ``plan`` finds due.

The order of one run, and what a crash leaves after each part:

1. The attempt is written down. A crash here, or later, counts as a failure: the next look waits a little longer.
2. Metadata is refreshed. TUF's files on the disk are each old or new, and protect against rollback from then on.
3. The channel's document is verified, and what it says of ``off`` is remembered.
4. The release's bundle is put together beside the others. Nothing refers to it yet; the next run finds it whole.
5. It is opened, tests itself, and ``adopt`` takes it into use. If ``adopt`` refuses, it is forgotten. A crash here
   leaves the old bundle installed; the next run hands the new one over again, without a download.
6. The state is switched: the new bundle is the current one, the old the previous, in one rename of one file.
7. Everything else is removed.

``adopt`` comes before the switch so that a bundle which the application cannot use is never the installed one. What
``adopt`` keeps must work with either bundle.
"""

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from homespun.contribute.requests import Requests
from homespun.errors import MisuseError, ProfileStorageError
from homespun.model.bundle import Bundle
from homespun.profile.files import Entropy, make_folder
from homespun.protocol.channel import Channel, parse_channel
from homespun.sync.asking import Means
from homespun.sync.http import Http
from homespun.sync.lock import exclusive
from homespun.sync.outcome import Deferred, Outcome, Rejected, Unreachable, Updated
from homespun.sync.pace import Pace
from homespun.sync.plan import Due, due_at, plan
from homespun.sync.settings import Updates
from homespun.sync.standing import Standing, standing
from homespun.sync.state import State
from homespun.sync.stopping import StoppedError
from homespun.sync.store import LOCK, Store
from homespun.sync.taking import Taker, TakerContext, check_age

if TYPE_CHECKING:
    from homespun.protocol.asking.listing import RequestList
    from homespun.sync.collecting import Collection, Wanted
    from homespun.sync.repository import Repository
    from homespun.sync.urllib3_http import Urllib3Http

T = TypeVar("T")

_DRAWS = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The bundle that is to be used.

    Attributes:
        folder: Its folder, for ``Bundle.open``.
        channel: The channel that it came from.
        release: Its release's number there.
        bundle: Its identity.
        verified: When it was last verified that the channel has nothing newer for this device, seconds since 1970.
        is_fallback: Whether it is the one before, because the files of the current one are damaged.
    """

    folder: Path
    channel: str
    release: int
    bundle: str
    verified: float | None
    is_fallback: bool


@dataclass(frozen=True, slots=True)
class _Found:
    repository: "Repository"
    means: Means
    state: State
    channel: Channel


def _ignore(_: str) -> None:
    """Tell nobody."""


class Updater:
    """Gets newer bundles. Thread-safe; a context manager that closes it."""

    def __init__(
        self,
        updates: Updates,
        *,
        requests: Requests,
        clock: Callable[[], float],
        entropy: Entropy,
        seed: Callable[[], bytes | None],
        client_version: str,
        http: Http | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        step: Callable[[str], object] = _ignore,
        threads: int = 1,
    ) -> None:
        """Ask for nothing yet.

        Args:
            updates: Where bundles come from, and every limit.
            requests: Where requests are written down before they are made.
            clock: Returns seconds since 1970-01-01 UTC.
            entropy: Gives unpredictable bytes, for the schedule.
            seed: Returns the device's secret for staged rollouts; None: it takes part in none. Never sent.
            client_version: This version of homespun.
            http: The transport; None: urllib3.
            monotonic: Returns seconds that never go back.
            sleep: Waits so many seconds, to keep to ``bytes_per_second``; None: until then or until it is closed.
            step: Is told the name of each moment at which something is on the disk.
            threads: Threads of one model run of the bundles that are opened.
        """
        self._updates = updates
        self._requests = requests
        self._clock = clock
        self._entropy = entropy
        self._seed = seed
        self._client_version = client_version
        self._closed = threading.Event()
        self._http = http
        self._own_http: Urllib3Http | None = None
        self._monotonic = monotonic
        self._sleep = sleep or self._closed.wait
        self._threads = threads
        self._store = Store(updates.folder, step)
        self._running = threading.Lock()
        self._in_use: str | None = None

    def sync(self, adopt: Callable[[Bundle], object], *, force: bool = False, permitted: bool = True) -> Outcome:
        """Look for a newer bundle, and take it into use. Never raises for what happens meanwhile.

        Args:
            adopt: Takes a verified bundle into use, which is the application's to close then. If it raises, the bundle
                is rejected and closed.
            force: Whether to look before it is due, and to try once more what was rejected.
            permitted: Whether the person permits requests now.

        Raises:
            MisuseError: An argument is not what it should be.
        """
        if not callable(adopt) or not isinstance(force, bool) or not isinstance(permitted, bool):
            raise MisuseError("sync takes a function that adopts a bundle, and True or False for force and permitted.")
        if not self._running.acquire(blocking=False):
            return Deferred("another thread is looking for something newer at the moment")
        try:
            return self._run(adopt, force=force, permitted=permitted)
        except StoppedError as stopped:
            return stopped.outcome
        except Exception as error:  # noqa: BLE001 - an update does not raise into its host
            return _outcome_of(error)
        finally:
            self._running.release()
            if self._closed.is_set():
                self._hang_up()

    def collection(
        self, wanted: "Wanted", *, permitted: bool = True
    ) -> "Collection | Deferred | Rejected | Unreachable":
        """Get what the channel asks of its devices, as it is signed now. Never raises for what happens meanwhile.

        Args:
            wanted: Returns the tasks whose items are needed now, the most wanted first; one of them gets them.
            permitted: Whether the person permits requests now.
        """
        return self._alone(lambda: self._collect(wanted, permitted=permitted))

    def requested(self, *, permitted: bool = True) -> "RequestList | Deferred | Rejected | Unreachable | None":
        """Get the channel's list of requests to devices, as it is signed now; None: it has none. Never raises so.

        Args:
            permitted: Whether the person permits requests now.
        """
        return self._alone(lambda: self._list(permitted=permitted))

    def _alone(self, get: "Callable[[], T]") -> "T | Deferred | Rejected | Unreachable":
        if not self._running.acquire(blocking=False):
            return Deferred("another thread is asking for something at the moment")
        try:
            return get()
        except StoppedError as stopped:
            return _failure(stopped.outcome)
        except Exception as error:  # noqa: BLE001 - collection does not raise into its host
            return _failure(_outcome_of(error))
        finally:
            self._running.release()
            if self._closed.is_set():
                self._hang_up()

    def takes_files(self) -> bool:
        """Return whether more than metadata may go over the connection of now; no where that cannot be told."""
        with contextlib.suppress(Exception):
            connection = self._updates.connection()
            return connection == "unmetered" or (connection == "metered" and self._updates.metered)
        return False

    def installed(self) -> Installed | None:
        """Return the bundle to use: the current one, or the one before if its files are damaged. All of it is read.

        Returns:
            None if nothing was installed yet, or neither is whole.

        Raises:
            ProfileStorageError: The disk refuses.
        """
        state = self._store.read()
        for kept in (state.current, state.previous):
            if kept is not None and self._store.is_whole(kept):
                self._in_use = kept.bundle
                return Installed(
                    folder=self._store.path(kept),
                    channel=kept.channel,
                    release=kept.number,
                    bundle=kept.bundle,
                    verified=state.verified,
                    is_fallback=kept is not state.current,
                )
        return None

    def using(self, bundle: str) -> None:
        """Tell which bundle is in use: another one that is installed meanwhile, by whomever, is then handed over.

        Args:
            bundle: Its identity.
        """
        self._in_use = bundle

    def standing(self, now: float | None = None) -> Standing:
        """Return whether what is known of the repository is still good enough for personal lists.

        Args:
            now: Seconds since 1970; None: the clock's.

        Raises:
            ProfileStorageError: The disk refuses.
        """
        return standing(self._store.read(), self._updates.offline, self._clock() if now is None else now)

    def due_at(self) -> float:
        """Return when the next look is due, seconds since 1970; now if it already is.

        Raises:
            ProfileStorageError: The disk refuses.
        """
        return due_at(self._updates, self._store.read(), self._clock())

    def due_in(self) -> float:
        """Return in how many seconds the next look is due; 0 if it already is.

        Raises:
            ProfileStorageError: The disk refuses.
        """
        return max(0.0, self.due_at() - self._clock())

    def close(self) -> None:
        """End a run that is under way, and close every connection; closing twice does nothing.

        A run in another thread ends soon after, and is not waited for.
        """
        self._closed.set()
        self._hang_up()

    def _hang_up(self) -> None:
        """Close every connection, unless a run is under way, which does it when it ends."""
        if self._running.acquire(blocking=False):
            try:
                if self._own_http is not None:
                    self._own_http.close()
                    self._own_http = None
            finally:
                self._running.release()

    def _run(self, adopt: Callable[[Bundle], object], *, force: bool, permitted: bool) -> Outcome:
        if self._closed.is_set():
            return Deferred("it was closed")
        due = self._plan(self._store.read(), force=force, permitted=permitted)
        if isinstance(due, Deferred):
            return due
        make_folder(self._updates.folder)
        with ExitStack() as stack:
            stack.enter_context(exclusive(self._updates.folder / LOCK))
            # Another process may have looked while this one came here.
            state = self._store.read()
            due = self._plan(state, force=force, permitted=permitted)
            if isinstance(due, Deferred):
                return due
            self._begin(state)
            return self._attempt(adopt, due, force=force)

    def _collect(self, wanted: "Wanted", *, permitted: bool) -> "Collection":
        from homespun.sync.collecting import Collector  # noqa: PLC0415 - only who contributes needs it

        with self._current(permitted=permitted) as repository:
            return Collector(repository, self._store, self._updates.channel).collect(wanted)

    def _list(self, *, permitted: bool) -> "RequestList | None":
        from homespun.sync.requested import request_list  # noqa: PLC0415 - only who is asked needs it

        with self._current(permitted=permitted) as repository:
            return request_list(repository, self._store, self._updates.channel)

    @contextlib.contextmanager
    def _current(self, *, permitted: bool) -> "Iterator[Repository]":
        """Keep everybody else out, and yield the repository with the newest metadata."""
        if self._closed.is_set() or not permitted:
            raise StoppedError(
                Deferred("it was closed" if self._closed.is_set() else "a private session leaves no trace")
            )
        if self._updates.connection() == "offline":
            raise StoppedError(Deferred("the device is not connected"))
        make_folder(self._updates.folder)
        with exclusive(self._updates.folder / LOCK):
            self._store.prepare()
            yield self._refreshed(self._store.read())

    def _refreshed(self, state: State) -> "Repository":
        """Return the repository with the newest metadata, of which expired one is remembered."""
        from tuf.api.exceptions import ExpiredMetadataError  # noqa: PLC0415 - what TUF needs slows down a start

        from homespun.sync.repository import Repository  # noqa: PLC0415 - as above

        repository = Repository(self._updates, self._store, self._means(), max(self._clock(), state.latest))
        try:
            repository.refresh(state.stale)
        except ExpiredMetadataError:
            self._store.write(state.with_changes(stale=repository.stale() or state.stale))
            raise
        return repository

    def _plan(self, state: State, *, force: bool, permitted: bool) -> Due | Deferred:
        try:
            connection = self._updates.connection()
        except Exception as error:  # noqa: BLE001 - without an answer nothing is asked for
            return Deferred(f"the application does not say what the device is connected by: {error}")
        if connection not in ("unmetered", "metered", "offline"):
            return Deferred(f"the application says that the device is connected by {connection!r}, which is unknown")
        now = self._clock()
        return plan(self._updates, state, now=now, connection=connection, permitted=permitted, force=force)

    def _begin(self, state: State) -> None:
        self._store.prepare()
        draw = int.from_bytes(self._entropy(4), "big") / _DRAWS
        self._store.write(state.with_changes(attempted=self._clock(), failures=state.failures + 1, draw=draw))

    def _attempt(self, adopt: Callable[[Bundle], object], due: Due, *, force: bool) -> Outcome:
        try:
            found = self._look()
        except Exception as error:  # noqa: BLE001 - an update does not raise into its host
            return _outcome_of(error)
        try:
            outcome = self._taker(found, due, force=force).take(adopt)
        except Exception as error:  # noqa: BLE001 - as above
            outcome = _outcome_of(error)
        if isinstance(outcome, Updated):
            self._in_use = outcome.bundle
        if not isinstance(outcome, Unreachable):
            # What was to be learned was learned, so that the next look has the usual time.
            with contextlib.suppress(OSError, ProfileStorageError):
                self._store.write(self._store.read().with_changes(failures=0))
        return outcome

    def _look(self) -> "_Found":
        # Loaded now, because what TUF needs would slow down every start of an application.
        from homespun.sync.repository import Repository  # noqa: PLC0415

        state = self._store.read()
        now = max(self._clock(), state.latest)
        means = self._means()
        repository = Repository(self._updates, self._store, means, now)
        raw = self._document(repository, state)
        channel = parse_channel(raw, self._updates.channel)
        check_age(channel, state)
        state = state.with_changes(
            channel=channel.name,
            verified=now,
            latest=now,
            expires=repository.expires,
            stale=None,
            document=hashlib.sha256(raw).hexdigest(),
            off=channel.off,
        )
        self._store.write(state)
        return _Found(repository, means, state, channel)

    def _document(self, repository: "Repository", state: State) -> bytes:
        from tuf.api.exceptions import ExpiredMetadataError  # noqa: PLC0415 - as above

        try:
            repository.refresh(state.stale)
            return repository.document()
        except ExpiredMetadataError:
            self._store.write(state.with_changes(stale=repository.stale() or state.stale))
            raise

    def _taker(self, found: "_Found", due: Due, *, force: bool) -> Taker:
        context = TakerContext(
            updates=self._updates,
            store=self._store,
            repository=found.repository,
            means=found.means,
            client_version=self._client_version,
            seed=self._seed,
            threads=self._threads,
            in_use=self._in_use,
        )
        return Taker(context, found.state, found.channel, may_download=due.files, force=force)

    def _means(self) -> Means:
        updates = self._updates
        return Means(
            http=self._transport(),
            requests=self._requests,
            pace=Pace(
                most=updates.bytes_per_second,
                least=updates.least_bytes_per_second,
                patience=updates.patience_seconds,
            ),
            monotonic=self._monotonic,
            wait=self._sleep,
            is_closed=self._closed.is_set,
        )

    def _transport(self) -> Http:
        if self._http is not None:
            return self._http
        if self._own_http is None:
            from homespun.sync.urllib3_http import Urllib3Http  # noqa: PLC0415 - as above

            self._own_http = Urllib3Http(
                connect_seconds=self._updates.connect_seconds,
                read_seconds=self._updates.read_seconds,
                answer_seconds=self._updates.answer_seconds,
                proxy=self._updates.proxy,
            )
        return self._own_http

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _failure(outcome: Outcome) -> Deferred | Rejected | Unreachable:
    if isinstance(outcome, Deferred | Rejected | Unreachable):
        return outcome
    return Deferred(str(outcome))


def _outcome_of(error: Exception) -> Outcome:
    from homespun.sync.failing import outcome_of  # noqa: PLC0415 - it knows what TUF raises

    return outcome_of(error)
