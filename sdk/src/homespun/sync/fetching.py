"""python-tuf's updater, with our own hands: every request is written down, every file is on the disk when it counts.

The security model is TUF's alone; nothing here verifies anything. What this adds:

- The shipped root is always what trust begins with; a root on the disk is only ever checked against it.
- The time by which metadata expires is handed in. python-tuf keeps it in ``_trusted_set.reference_time``.
- ``timestamp.json`` is asked for with its own SHA-256 as ``If-None-Match``. A validator of the server's choosing would
  be a mark by which it knows a device again; one of another kind than ours is passed over.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from homespun.profile.files import read_bounded
from homespun.protocol.channel import role_name
from homespun.sync.asking import Means, asked
from homespun.sync.settings import Updates
from homespun.sync.store import Store

LAST_MOMENT: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""The latest time that dates can tell; a clock that is further ahead counts as showing this one."""

MOST_ROOTS: Final = 64
"""Most exchanges of root that one run follows."""

MOST_ROOT_BYTES: Final = 1 << 18
MOST_TIMESTAMP_BYTES: Final = 1 << 14
MOST_SNAPSHOT_BYTES: Final = 1 << 19
MOST_TARGETS_BYTES: Final = 1 << 21

_MOST_DELEGATIONS = 4
_OK = 200
_NOT_MODIFIED = 304
_TIMESTAMP = "timestamp.json"


class NotingFetcher(FetcherInterface):
    """Fetches metadata for python-tuf by requests that are written down."""

    def __init__(self, means: Means, timestamp: Path) -> None:
        """Fetch nothing yet.

        Args:
            means: What asking needs.
            timestamp: The timestamp's file on the disk.
        """
        self._means = means
        self._timestamp = timestamp

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Return what is at ``url``.

        Raises:
            DownloadHTTPError: The answer is an error.
            StoppedError: The run ends: the answer is too long, or the request could not be written down.
            TransportError: There is no answer, or it broke off.
        """
        return b"".join(self._chunks(url, min(max_length, MOST_TARGETS_BYTES)))

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self._chunks(url, MOST_TARGETS_BYTES)

    def _chunks(self, url: str, limit: int) -> Iterator[bytes]:
        held = self._held() if url.rpartition("/")[2] == _TIMESTAMP else None
        extra = {} if held is None else {"If-None-Match": f'"{hashlib.sha256(held).hexdigest()}"'}
        with asked(self._means, url, extra) as answer:
            if answer.status == _NOT_MODIFIED and held is not None:
                yield held
            elif answer.status == _OK:
                yield from answer.body(limit)
            else:
                raise DownloadHTTPError(f"{url} was answered with {answer.status}", answer.status)

    def _held(self) -> bytes | None:
        try:
            raw = read_bounded(self._timestamp, MOST_TIMESTAMP_BYTES)
        except OSError:
            return None
        return raw if len(raw) <= MOST_TIMESTAMP_BYTES else None


class DurableUpdater(Updater):
    """python-tuf's updater whose files are on the disk before it relies on them, and whose clock is handed in."""

    def __init__(self, updates: Updates, store: Store, means: Means, now: float) -> None:
        """Load the shipped root.

        Args:
            updates: The settings.
            store: Where metadata is kept.
            means: What asking needs.
            now: The time by which metadata expires, seconds since 1970.

        Raises:
            RepositoryError: The shipped root is none.
            OSError: The disk refuses.
        """
        self._store = store
        super().__init__(
            metadata_dir=str(store.metadata),
            metadata_base_url=updates.metadata_url,
            fetcher=NotingFetcher(means, store.metadata / _TIMESTAMP),
            config=UpdaterConfig(
                max_root_rotations=MOST_ROOTS,
                max_delegations=_MOST_DELEGATIONS,
                root_max_length=MOST_ROOT_BYTES,
                timestamp_max_length=MOST_TIMESTAMP_BYTES,
                snapshot_max_length=MOST_SNAPSHOT_BYTES,
                targets_max_length=MOST_TARGETS_BYTES,
            ),
            bootstrap=updates.root,
        )
        self._trusted_set.reference_time = datetime.fromtimestamp(min(now, LAST_MOMENT), UTC)

    def expires(self, channel: str) -> float:
        """Return when the first of the metadata expires that a channel rests on, seconds since 1970.

        To be asked after the channel's document was looked up.
        """
        trusted = self._trusted_set
        roles = (trusted.root, trusted.timestamp, trusted.snapshot, trusted.targets, trusted[role_name(channel)])
        return min(role.expires.timestamp() for role in roles)

    def versions(self) -> tuple[int, int] | None:
        """Return the versions of root and timestamp that are trusted; None if there is no timestamp yet."""
        trusted = self._trusted_set
        return (trusted.root.version, trusted.timestamp.version) if Timestamp.type in trusted else None

    @property
    def prefixes_targets(self) -> bool:
        """Whether targets have their hash before their name."""
        return bool(self._trusted_set.root.consistent_snapshot)

    def _persist_file(self, filename: str, data: bytes) -> None:
        self._store.replace(Path(filename), data)

    def _update_root_symlink(self) -> None:
        """Do nothing: trust begins with the shipped root, and not every file system knows links."""
