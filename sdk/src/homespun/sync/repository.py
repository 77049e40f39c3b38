"""A channel of a signed repository: its document and its bundles' files, each named by what is signed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from tuf.api.exceptions import ExpiredMetadataError, LengthOrHashMismatchError
from tuf.api.metadata import TargetFile

from homespun.errors import TransportError
from homespun.profile.files import read_bounded
from homespun.protocol.channel import MAX_DOCUMENT_BYTES, document_path, file_path
from homespun.sync.asking import Means, asked
from homespun.sync.fetching import DurableUpdater
from homespun.sync.outcome import Rejected
from homespun.sync.settings import Updates
from homespun.sync.state import Stale
from homespun.sync.stopping import StoppedError
from homespun.sync.store import CHANNEL, Store

_OK = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to download.

    Attributes:
        name: Its name in the bundle.
        sha256: Its SHA-256, lower-case hexadecimal.
        url: Where it is.
        target: Its signed length and hashes.
    """

    name: str
    sha256: str
    url: str
    target: TargetFile


class Repository:
    """A channel as its signed metadata describes it at one moment. For one run."""

    def __init__(self, updates: Updates, store: Store, means: Means, now: float) -> None:
        """Load the shipped root; nothing is asked for yet.

        Args:
            updates: The settings.
            store: Where metadata is kept.
            means: What asking needs.
            now: The time by which metadata expires, seconds since 1970.

        Raises:
            RepositoryError: The shipped root is none.
            OSError: The disk refuses.
        """
        self._updates = updates
        self._store = store
        self._means = means
        self._tuf = DurableUpdater(updates, store, means, now)

    def refresh(self, stale: Stale | None) -> None:
        """Get the newest metadata and verify it.

        Args:
            stale: What was found expired before, and is not accepted by whatever the clock says now.

        Raises:
            RepositoryError: It is not signed as it should be, older than what was seen before, or expired.
            DownloadError: It is not there.
            StoppedError: The run ends.
            TransportError: Nobody answers.
            OSError: The disk refuses.
        """
        self._tuf.refresh()
        found = self._tuf.versions()
        if stale is not None and found is not None and found <= (stale.root, stale.timestamp):
            raise ExpiredMetadataError("timestamp.json had expired when it was looked at before the clock was set back")

    def stale(self) -> Stale | None:
        """Return what is to be remembered when the metadata has expired; None if there is nothing to go by."""
        found = self._tuf.versions()
        return None if found is None else Stale(root=found[0], timestamp=found[1])

    def document(self) -> bytes:
        """Return the channel's document, verified.

        Raises:
            RepositoryError: The channel's metadata is not what it should be.
            StoppedError: There is no such channel, or the document is not what was signed.
            TransportError: Nobody answers.
            OSError: The disk refuses.
        """
        path = document_path(self._updates.channel)
        target = self._tuf.get_targetinfo(path)
        if target is None:
            _reject(f"the repository has no channel {self._updates.channel!r}.")
        if target.length > MAX_DOCUMENT_BYTES:
            _reject(f"the document of the channel is larger than {MAX_DOCUMENT_BYTES} bytes.")
        kept = self._kept_document(target)
        return self._download_document(path, target) if kept is None else kept

    @property
    def expires(self) -> float:
        """When the first of the metadata expires that the channel rests on, seconds since 1970; after ``document``."""
        return self._tuf.expires(self._updates.channel)

    def wanted(self, sha256: str, name: str, size: int | None = None) -> Wanted:
        """Return a file of a bundle as it is signed.

        Args:
            sha256: Its SHA-256.
            name: Its name.
            size: Its bytes, where they are known; None: they are not.

        Raises:
            RepositoryError: The metadata is not what it should be.
            StoppedError: The channel does not sign this very file.
        """
        path = file_path(self._updates.channel, sha256, name)
        target = self._tuf.get_targetinfo(path)
        if target is None:
            _reject(f"the channel names a bundle whose {name} it does not sign.")
        if target.hashes.get("sha256") != sha256 or size not in (None, target.length):
            _reject(f"the channel signs another {name} than its bundle names.")
        return Wanted(name, sha256, self._url(path, sha256), target)

    def target(self, path: str, limit: int, kept: Callable[[str, Callable[[], bytes]], bytes]) -> bytes | None:
        """Return what the channel signs at a path, verified; None if it signs nothing there.

        Args:
            path: The target's path.
            limit: Most bytes of it.
            kept: From its SHA-256 and what downloads it to its bytes; to keep it.

        Raises:
            RepositoryError: The metadata is not what it should be, or the bytes are not what was signed.
            StoppedError: It is longer than ``limit``; or the run ends.
            TransportError: Nobody answers.
        """
        target = self._tuf.get_targetinfo(path)
        if target is None:
            return None
        sha256 = target.hashes.get("sha256", "")
        if target.length > limit or not sha256:
            _reject(f"{path} is larger than {limit} bytes, or signed without a SHA-256.")
        raw = kept(sha256, lambda: self._downloaded(self._url(path, sha256), target))
        target.verify_length_and_hashes(raw)
        return raw

    def _downloaded(self, url: str, target: TargetFile) -> bytes:
        with asked(self._means, url, {}) as answer:
            if answer.status != _OK:
                raise TransportError(f"{url} was answered with {answer.status}.")
            raw = b"".join(answer.body(target.length))
        target.verify_length_and_hashes(raw)
        return raw

    def _kept_document(self, target: TargetFile) -> bytes | None:
        try:
            raw = read_bounded(self._store.folder / CHANNEL, MAX_DOCUMENT_BYTES)
            target.verify_length_and_hashes(raw)
        except (OSError, LengthOrHashMismatchError):
            return None
        return raw

    def _download_document(self, path: str, target: TargetFile) -> bytes:
        raw = self._downloaded(self._url(path, target.hashes.get("sha256", "")), target)
        self._store.replace(self._store.folder / CHANNEL, raw)
        return raw

    def _url(self, path: str, sha256: str) -> str:
        folder, _, name = path.rpartition("/")
        prefix = f"{sha256}." if self._tuf.prefixes_targets else ""
        return f"{self._updates.targets_url}{folder}/{prefix}{name}"


def _reject(reason: str) -> NoReturn:
    raise StoppedError(Rejected(reason))
