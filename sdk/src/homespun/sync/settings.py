"""Where newer bundles come from, and every limit of getting them, with its unit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from homespun.config import check_positive, check_range
from homespun.errors import ChannelError, MisuseError
from homespun.profile.files import named
from homespun.protocol.channel import check_channel_name
from homespun.protocol.destination import origin
from homespun.sync.offline import OfflinePolicy, keep

Connection = Literal["unmetered", "metered", "offline"]
"""What a device is connected by, as far as that matters for downloads."""

_PATH: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-/")
_MOST_BYTES = 1 << 40
_MOST_JITTER = 0.5


def _unmetered() -> Connection:
    return "unmetered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """Where newer bundles come from, and how they may be got.

    Attributes:
        url: The repository: ``https://host/path``; ``http`` only for this very machine. Below it are ``metadata/`` and
            ``targets/``.
        channel: The channel, ``application/stage``, for instance ``films/production``.
        root: The repository's root metadata, as shipped with the application: what all trust begins with.
        folder: Where bundles and what is known of the repository are kept; nothing else may be in it.
        offline: What follows from expired metadata.
        interval_hours: Hours between two looks for something newer.
        jitter: By which share of the interval each look is moved, earlier or later, by chance: 0 to 0.5.
        connection: Tells what the device is connected by at the moment.
        metered: Whether bundles are downloaded over metered connections, too; otherwise only metadata is.
        bytes_per_second: Most bytes a second; None: as many as come.
        least_bytes_per_second: Fewer bytes a second, on average over more than ``patience_seconds``, end a download.
        patience_seconds: Seconds that a download may be slower.
        connect_seconds: Most seconds for making a connection.
        read_seconds: Most seconds between two arrivals of bytes.
        answer_seconds: Most seconds until the headers of an answer are there.
        download_bytes: Most bytes of one bundle.
        disk_bytes: Most bytes in ``folder``.
        stage_after_download: Whether every device downloads every release that any device may take, and its place in a
            staged rollout decides only when it is used: then no request tells this place.
        proxy: A proxy's origin, ``https://host:port`` or ``http`` for this very machine; None: none, whatever the
            environment says.

    Raises:
        MisuseError: On construction, if a value is not what it should be.
    """

    url: str
    channel: str
    root: bytes = field(repr=False)
    folder: Path
    offline: OfflinePolicy = field(default_factory=keep)
    interval_hours: float = 6.0
    jitter: float = 0.2
    connection: Callable[[], Connection] = _unmetered
    metered: bool = False
    bytes_per_second: int | None = None
    least_bytes_per_second: int = 500
    patience_seconds: float = 30.0
    connect_seconds: float = 15.0
    read_seconds: float = 30.0
    answer_seconds: float = 60.0
    download_bytes: int = 1 << 29
    disk_bytes: int = 1 << 31
    stage_after_download: bool = False
    proxy: str | None = None

    def __post_init__(self) -> None:
        """Check every value, so that Updates that exist are usable."""
        object.__setattr__(self, "url", _base(self.url))
        _check_channel(self.channel)
        if not isinstance(self.root, bytes) or not self.root:
            raise MisuseError("root is empty; give the bytes of the repository's root metadata, such as 1.root.json.")
        if not isinstance(self.folder, str | Path):
            raise MisuseError(f"folder is {self.folder!r}; give a path.")
        object.__setattr__(self, "folder", named(Path(self.folder)))
        if not isinstance(self.offline, OfflinePolicy):
            raise MisuseError("offline is not what it should be; use keep(), keep_until(days) or fallback().")
        if not callable(self.connection):
            raise MisuseError("connection is no function; give one that returns 'unmetered', 'metered' or 'offline'.")
        self._check_numbers()
        if self.proxy is not None:
            object.__setattr__(self, "proxy", origin(self.proxy))

    def _check_numbers(self) -> None:
        check_positive("interval_hours", self.interval_hours, 24.0 * 366)
        is_number = isinstance(self.jitter, int | float) and not isinstance(self.jitter, bool)
        if not is_number or not 0 <= self.jitter <= _MOST_JITTER:
            raise MisuseError(f"jitter is {self.jitter!r}; use a share from 0 to {_MOST_JITTER}.")
        for name in ("patience_seconds", "connect_seconds", "read_seconds", "answer_seconds"):
            check_positive(name, getattr(self, name), 3600.0)
        for name in ("download_bytes", "disk_bytes"):
            check_range(name, getattr(self, name), (1, _MOST_BYTES))
        check_range("least_bytes_per_second", self.least_bytes_per_second, (0, _MOST_BYTES))
        if self.bytes_per_second is not None:
            check_range("bytes_per_second", self.bytes_per_second, (1, _MOST_BYTES))
            if self.bytes_per_second < 2 * self.least_bytes_per_second:
                raise MisuseError(
                    f"bytes_per_second is {self.bytes_per_second}, so that every download would count as too slow; use "
                    f"at least twice least_bytes_per_second, which is {self.least_bytes_per_second}."
                )

    @property
    def metadata_url(self) -> str:
        """Where the signed metadata is, with a closing slash."""
        return f"{self.url}/metadata/"

    @property
    def targets_url(self) -> str:
        """Where the channel documents and bundles are, with a closing slash."""
        return f"{self.url}/targets/"


def _base(url: str) -> str:
    """Return the repository's URL in one spelling, without a closing slash.

    The destination's rules decide about the origin; a path is of unreserved characters and leads nowhere else.
    """
    parts = urlsplit(url) if isinstance(url, str) and url.isascii() and url.isprintable() else urlsplit("")
    host = origin(f"{parts.scheme}://{parts.netloc}" if parts.scheme else url)
    path = parts.path.rstrip("/")
    if parts.query or parts.fragment or not _PATH.issuperset(path) or any(not each for each in path.split("/")[1:]):
        raise MisuseError(f"the repository is {url[:80]!r}; use https://host/path, without a query or escapes.")
    if any(each in (".", "..") for each in path.split("/")):
        raise MisuseError(f"the repository is {url[:80]!r}, and its path leads elsewhere; write it out.")
    return host + path


def _check_channel(channel: str) -> None:
    try:
        check_channel_name(channel)
    except ChannelError as error:
        raise MisuseError(str(error)) from error
