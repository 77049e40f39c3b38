"""Takes the release that a verified channel document has for this device.

Rules:

- No release is taken with a number below the highest that was taken on the channel. A rollback is a new release. A
  document that knows only lower numbers is an older one, and has no say in anything.
- A number stands for one bundle for ever.
- A bundle that failed a check is remembered, and not tried again under the same document.
- What is in use stays until something better is whole, verified, tested and adopted.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homespun.errors import PolicyError, UntrustedInputError
from homespun.model.bundle import Bundle
from homespun.protocol.channel import MAX_RELEASES, Channel, Release, choose
from homespun.sync.asking import Means
from homespun.sync.opening import opened
from homespun.sync.outcome import Outcome, Rejected, Updated, UpToDate
from homespun.sync.plan import downloaded_by_all
from homespun.sync.settings import Updates
from homespun.sync.state import Kept, Rejection, State
from homespun.sync.stopping import StoppedError
from homespun.sync.store import Store

if TYPE_CHECKING:
    from homespun.sync.repository import Repository


def check_age(channel: Channel, state: State) -> None:
    """Check that a document is not older than the release that was taken last, before anything of it is remembered.

    A document always names the newest release. Signed metadata tells an older one as well, unless the device lost it.

    Args:
        channel: The document.
        state: What is remembered.

    Raises:
        StoppedError: It is older.
    """
    newest = max((release.number for release in channel.releases), default=0)
    highest = state.highest.get(channel.name, 0)
    if newest < highest:
        raise StoppedError(
            Rejected(
                f"the channel names no release after {newest}, and this device had release {highest}: the document is "
                "an older one, and nothing is taken from it."
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TakerContext:
    """What taking a release needs.

    Attributes:
        updates: The settings.
        store: The disk.
        repository: The channel as it is signed now.
        means: What asking needs.
        client_version: This version of homespun.
        seed: Returns the device's secret for staged rollouts, or None.
        threads: Threads of one model run.
        in_use: Identity of the bundle that this process uses, as far as that is known; another process may have
            installed a newer one.
    """

    updates: Updates
    store: Store
    repository: "Repository"
    means: Means
    client_version: str
    seed: Callable[[], bytes | None]
    threads: int
    in_use: str | None


class Taker:
    """Takes the release that a document has for this device. For one run, by whoever holds the folder's lock."""

    def __init__(
        self, context: TakerContext, state: State, channel: Channel, *, may_download: bool, force: bool
    ) -> None:
        """Take nothing yet.

        Args:
            context: What taking needs.
            state: What is remembered, the verified document included.
            channel: The document.
            may_download: Whether files may be downloaded over this connection.
            force: Whether to try once more what was rejected.
        """
        # What puts bundles together knows python-tuf, which is loaded by the first run and not before.
        from homespun.sync.downloading import Downloader  # noqa: PLC0415
        from homespun.sync.installing import Source  # noqa: PLC0415

        self._context = context
        self._store = context.store
        self._state = state
        self._channel = channel
        self._may_download = may_download
        self._force = force
        self._downloader = Downloader(context.store, context.means)
        self._source = Source(context.updates, context.store, context.repository, self._downloader)
        own = state.current is not None and state.current.channel == channel.name
        self._held = state.current if own else None
        self._is_whole = self._held is not None and self._store.is_whole(self._held)

    def take(self, adopt: Callable[[Bundle], object]) -> Outcome:
        """Take it and return what was done.

        Args:
            adopt: Takes a bundle into use.

        Raises:
            StoppedError: The run ended before.
            TransportError: Nobody answers.
            RepositoryError: The signed metadata is not what it should be.
            OSError: The disk refuses.
        """
        held = None if self._held is None else self._held.number
        client = self._context.client_version
        choice = choose(self._channel, client=client, seed=self._context.seed(), held=held)
        if self._context.updates.stage_after_download:
            self._download_for_all(held)
        release = choice.release
        if release is None:
            return UpToDate(release=held, note=choice.why)
        self._check(release)
        if self._is_in_use(release):
            self._renumber(release)
            return UpToDate(release=release.number, note=choice.why)
        return self._update(release, adopt)

    def _check(self, release: Release) -> None:
        highest = self._state.highest.get(self._channel.name, 0)
        if release.number < highest and not self._is_held(release):
            raise StoppedError(
                Rejected(
                    f"the newest release for this device is {release.number}, and it had release {highest}: an older "
                    "one is never taken. To go back, its bundle is to be released anew.",
                    release.bundle,
                )
            )
        if self._held is not None and release.number == self._held.number and release.bundle != self._held.bundle:
            reason = f"release {release.number} is another bundle than before; a number is never used twice."
            raise StoppedError(Rejected(reason, release.bundle))

    def _is_held(self, release: Release) -> bool:
        """Return whether it is installed: then it is not taken, though a run that ended early may know a higher one."""
        return self._held is not None and release.number == self._held.number and self._is_in_use(release)

    def _is_in_use(self, release: Release) -> bool:
        if self._held is None or not self._is_whole or release.bundle != self._held.bundle:
            return False
        return self._context.in_use in (None, release.bundle)

    def _renumber(self, release: Release) -> None:
        """Remember another number of the bundle that is installed, and tidy up."""
        if self._held is not None and release.number != self._held.number:
            self._remember(
                current=Kept(
                    channel=self._channel.name,
                    number=release.number,
                    bundle=release.bundle,
                    folder=self._held.folder,
                ),
                highest={**self._state.highest, self._channel.name: release.number},
            )
        self._tidy()

    def _tidy(self) -> None:
        # What was decided is on the disk, and what cannot be removed now goes another time.
        with contextlib.suppress(OSError):
            self._store.prune(self._state.kept)

    def _update(self, release: Release, adopt: Callable[[Bundle], object]) -> Updated:
        self._check_rejections(release)
        kept = self._placed(release)
        bundle = self._opened(kept)
        self._store.step("bundle: tested")
        try:
            adopt(bundle)
        except BaseException as error:
            bundle.close()
            if not isinstance(error, Exception):
                raise
            raise StoppedError(self._refused(kept, error)) from error
        self._store.step("bundle: adopted")
        before = self._state.current
        self._switch(kept)
        return Updated(
            release=release.number,
            bundle=release.bundle,
            previous=None if before is None else before.number,
            downloaded=self._downloader.received,
        )

    def _switch(self, kept: Kept) -> None:
        state = self._state
        before = (self._held if self._is_whole else None) if self._held else state.current
        candidates = (each for each in (before, state.previous) if each is not None and each.bundle != kept.bundle)
        self._remember(
            current=kept,
            previous=next(candidates, None),
            waiting=tuple(each for each in state.waiting if each.bundle != kept.bundle),
            highest={**state.highest, kept.channel: max(kept.number, state.highest.get(kept.channel, 0))},
        )
        self._tidy()

    def _placed(self, release: Release) -> Kept:
        from homespun.sync.installing import put_in_place  # noqa: PLC0415 - as above

        try:
            return put_in_place(self._source, release, may_download=self._may_download)
        except UntrustedInputError as error:
            raise StoppedError(self._reject(release.bundle, str(error))) from error

    def _opened(self, kept: Kept) -> Bundle:
        try:
            return opened(self._store.path(kept), kept.bundle, self._context.threads)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            # Whatever it is, it comes from what the bundle holds: the runtime has errors of its own.
            raise StoppedError(self._reject(kept.bundle, f"{type(error).__name__}: {error}")) from error

    def _refused(self, kept: Kept, error: Exception) -> Rejected:
        reason = f"the application does not take release {kept.number}: {type(error).__name__}: {error}"
        if isinstance(error, UntrustedInputError | PolicyError):
            return self._reject(kept.bundle, reason)
        # It may have been busy, or closed; the bundle stays on the disk for the next look.
        return Rejected(reason, kept.bundle)

    def _check_rejections(self, release: Release) -> None:
        found = self._rejection(release)
        if found is not None:
            raise StoppedError(
                Rejected(f"{found.reason} It is not tried again before the channel changes.", found.bundle)
            )

    def _rejection(self, release: Release) -> Rejection | None:
        if self._force:
            return None
        same = (each for each in self._state.rejected if each.bundle == release.bundle)
        return next((each for each in same if each.document == self._state.document), None)

    def _reject(self, bundle: str, reason: str) -> Rejected:
        others = tuple(each for each in self._state.rejected if each.bundle != bundle)
        rejection = Rejection(bundle=bundle, document=self._state.document, reason=reason)
        self._remember(rejected=(*others, rejection)[-MAX_RELEASES:])
        if all(each.bundle != bundle for each in self._state.kept):
            self._tidy()
        return Rejected(reason, bundle)

    def _download_for_all(self, held: int | None) -> None:
        waiting: list[Kept] = []
        for release in downloaded_by_all(self._channel, client=self._context.client_version, held=held):
            if self._rejection(release) is not None:
                continue
            try:
                waiting.append(self._placed(release))
            except StoppedError as stopped:
                if not isinstance(stopped.outcome, Rejected):
                    raise
            self._remember(waiting=tuple(waiting))

    def _remember(self, **changes: object) -> None:
        self._state = self._state.with_changes(**changes)
        self._store.write(self._state)
