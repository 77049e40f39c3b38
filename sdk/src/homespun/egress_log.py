"""The ledger of what left as the home keeps it, and the transport of those who send nothing.

Without a profile nothing of the person leaves, but the application may still ask for a newer bundle. Such requests are
written down in memory, are read like all others, and move into the profile once there is one; nothing is on the disk
before.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Never, Protocol

from homespun.contribute.requests import PURPOSE
from homespun.errors import NotPermittedError, TransportError
from homespun.profile import ProfileStore
from homespun.protocol.egress import EgressEntry, rechained

Entries = tuple[EgressEntry, ...]


class _Keeper(Protocol):
    @property
    def lock(self) -> AbstractContextManager[bool | None]:
        """What is locked before the profile is."""

    def store(self) -> ProfileStore | None:
        """Return the open profile; None while there is none."""


class HomeLog:
    """The log in the profile that there is at the moment."""

    def __init__(self, home: _Keeper) -> None:
        """Use the home's profile."""
        self._home = home
        self._early: Entries = ()

    def egress_entries(self) -> Entries:
        """Return every entry, in order."""
        with self._home.lock:
            store = self._home.store()
            stored = () if store is None else store.egress_entries()
            return rechained(stored, self._early)

    @property
    def has_early(self) -> bool:
        """Whether something is in memory only."""
        return bool(self._early)

    def settle(self, store: ProfileStore) -> None:
        """Move what is in memory into a profile that there is now. The home's lock is held.

        Raises:
            ProfileError: It cannot be written; it stays in memory.
        """
        early = self._early
        if early:
            store.extend_egress(lambda stored: rechained(stored, early)[len(stored) :])
            self._early = ()

    def forget(self) -> None:
        """Forget what is in memory only."""
        self._early = ()

    def payload(self, sequence: int) -> bytes | None:
        """Return the payload that began with an entry; None if it is not kept."""
        store = self._home.store()
        return None if store is None else store.payload(sequence)

    def extend_egress(
        self,
        choose: Callable[[Entries], Entries],
        *,
        keep: Mapping[int, bytes] | None = None,
        drop: Iterable[int] = (),
    ) -> None:
        """Write what ``choose`` makes of all entries; see ``EgressLog``.

        Raises:
            NotPermittedError: There is no profile that could keep it.
        """
        # What is chosen asks the home, which locks itself before its store, and so must whoever writes.
        with self._home.lock:
            store = self._home.store()
            if store is None:
                self._extend_early(choose)
                return
            early = self._early
            store.extend_egress(lambda stored: _with_early(stored, early, choose), keep=keep, drop=drop)
            self._early = ()

    def _extend_early(self, choose: Callable[[Entries], Entries]) -> None:
        added = choose(self._early)
        if any(entry.purpose != PURPOSE for entry in added):
            raise NotPermittedError(
                "there is no profile in which what leaves could be written down, so nothing leaves. Ask for "
                "Purpose.DEVICE_STORAGE first."
            )
        self._early += added


def _with_early(stored: Entries, early: Entries, choose: Callable[[Entries], Entries]) -> Entries:
    """Return what is added to a profile's ledger: what was in memory before, then what is chosen now."""
    known = rechained(stored, early)
    return known[len(stored) :] + choose(known)


class NoTransport:
    """Sends nothing, ever."""

    def send(self, destination: str, payload: bytes) -> Never:  # noqa: ARG002
        """Refuse.

        Raises:
            TransportError: Always.
        """
        raise TransportError(
            "this application sends nothing: it gave no transport to Personalizer.open.", may_have_left=False
        )
