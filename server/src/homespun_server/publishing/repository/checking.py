"""Does everything that devices do, with the client of the reference implementation, over the repository's own files.

Non-goal: the servers between the repository and its devices. What a device gets may be older than what is here.
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.api.exceptions import RepositoryError as TufError
from tuf.api.metadata import Root, TargetFile
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from homespun.errors import UntrustedInputError
from homespun.protocol.asking.listing import parse_list
from homespun.protocol.bundle import MANIFEST
from homespun.protocol.channel import Channel, Release, document_path, file_path, parse_channel
from homespun_server.errors import RepositoryError
from homespun_server.publishing.repository import requested
from homespun_server.publishing.repository.asking import asked_of, entries_of
from homespun_server.publishing.repository.bundles import Files, files_of
from homespun_server.publishing.repository.layout import METADATA, TARGETS, Layout
from homespun_server.publishing.repository.state import State

_BASE = "https://repository.invalid/"
_CHUNK = 1 << 20


class LocalFetcher(FetcherInterface):
    """Serves a repository's folder as a web server would."""

    def __init__(self, folder: Path) -> None:
        """Serve a folder."""
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = self._folder / unquote(url.removeprefix(_BASE))
        if not path.is_file():
            raise DownloadHTTPError(f"{path} is not there", 404)
        return _chunks(path)


class Device(Updater):
    """A client of the reference implementation that reads a repository's folder at a given time."""

    def __init__(self, layout: Layout, root: bytes, folder: Path, now: datetime) -> None:
        """Trust a root and keep everything in ``folder``.

        Args:
            layout: The repository.
            root: The root that the application ships.
            folder: The device's own folder, which is there.
            now: The time.
        """
        super().__init__(
            metadata_dir=str(folder),
            metadata_base_url=f"{_BASE}{METADATA}/",
            target_dir=str(folder),
            target_base_url=f"{_BASE}{TARGETS}/",
            fetcher=LocalFetcher(layout.folder),
            # A repository is checked for ever, however often its root was rotated.
            config=UpdaterConfig(max_root_rotations=1 << 20),
            bootstrap=root,
        )
        self._trusted_set.reference_time = now

    @property
    def root(self) -> Root:
        """The root that it came to trust."""
        return self._trusted_set.root

    def channel(self, name: str) -> Channel:
        """Return a channel's document.

        Raises:
            RepositoryError: The channel does not name it.
            ChannelError: It is malformed.
        """
        return parse_channel(self.take(document_path(name)), name)

    def take(self, path: str) -> bytes:
        """Return a verified target.

        Raises:
            RepositoryError: There is none of that path.
        """
        return Path(self.download_target(self._info(path))).read_bytes()

    def look(self, path: str) -> TargetFile:
        """Download a target, verify it and forget it; return what is said of it.

        Raises:
            RepositoryError: There is none of that path.
        """
        info = self._info(path)
        Path(self.download_target(info)).unlink()
        return info

    def _info(self, path: str) -> TargetFile:
        info = self.get_targetinfo(path)
        if info is None:
            raise RepositoryError(f"no role names the target {path}.")
        return info


def check(layout: Layout, state: State, root: bytes, now: datetime) -> None:
    """Raise if a device that trusts ``root`` could not take everything that every channel offers.

    Args:
        layout: The repository.
        state: What the publisher takes to be in force.
        root: A root that applications ship.
        now: The time.

    Raises:
        RepositoryError: It could not; the message says what is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="homespun-check-") as folder:
        for number, channel in enumerate(state.documents):
            place = Path(folder) / str(number)
            place.mkdir()
            with _told(channel):
                _check_channel(Device(layout, root, place, now), state, channel)


@contextlib.contextmanager
def _told(channel: str) -> Iterator[None]:
    try:
        yield
    except (TufError, DownloadError, UntrustedInputError) as error:
        raise RepositoryError(
            f"devices cannot use the channel {channel!r}: {error} ({type(error).__name__}). Sign it anew with "
            "repository refresh, or publish again; where files are missing, restore them from a backup."
        ) from error


def _check_channel(device: Device, state: State, channel: str) -> None:
    document = device.channel(channel)
    if document != state.documents[channel] or device.root.version != state.root.signed.version:
        raise RepositoryError(f"devices see another state of {channel!r} than the publisher.")
    needed = {document_path(channel)}
    for release in document.releases:
        needed |= _check_release(device, channel, release)
    needed |= _check_asked(device, state, channel)
    named = set(state.channels[channel].signed.targets)
    if named != needed:
        raise RepositoryError(f"{channel!r} signs for other files than its releases have: {sorted(named ^ needed)}.")


def _check_asked(device: Device, state: State, channel: str) -> set[str]:
    files = state.files(channel)
    asked_of(files, channel, lambda path, _: device.take(path))
    listed = requested.entries_of(files, channel)
    for path in listed:
        parse_list(device.take(path))
    return {*entries_of(files, channel), *listed}


def _check_release(device: Device, channel: str, release: Release) -> set[str]:
    files = _files(device, channel, release)
    if files.size != release.size:
        raise RepositoryError(f"release {release.number} of {channel!r} has {files.size} bytes, not {release.size}.")
    targets = files.targets(channel)
    for path, entry in targets.items():
        info = device.look(path)
        if (info.length, info.hashes) != (entry.size, {"sha256": entry.sha256}):
            raise RepositoryError(f"the target {path} of {channel!r} is not the file of the manifest.")
    return set(targets)


def _files(device: Device, channel: str, release: Release) -> Files:
    raw = device.take(file_path(channel, release.bundle, MANIFEST))
    if hashlib.sha256(raw).hexdigest() != release.bundle:
        raise RepositoryError(f"release {release.number} of {channel!r} names another manifest.")
    return files_of(raw)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
