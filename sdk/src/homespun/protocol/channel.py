"""The channel: which bundle a device of an application takes, signed by whoever may publish there.

A channel is one stage of one application, ``films/canary`` or ``films/production``, and has a delegation of its own in
the signed repository. Its document, ``<channel>/channel.json``, is a target of that delegation and holds everything
that steers a rollout. Every file of a bundle is a target, too: ``<channel>/<sha256>/<name>``, so that a file which two
releases share is one target.

Rules:

- Releases are numbered and a number is never used twice. A rollback is a new release of an earlier bundle.
- A device takes the release with the highest number that it may have: the share of devices reaches its bucket, its
  version of homespun is new enough, and the release is not paused (a device that has it keeps it).
- The bucket is the hash of a secret that the device draws and never sends, and the release's salt: another salt, other
  devices. Without a secret a device takes only what everybody takes.
- ``off`` switches personal lists off: devices list what is the same for everybody, from the last bundle they verified.

Pure.
"""

import hashlib
import hmac
import re
from typing import Annotated

import msgspec
from msgspec import Meta

from homespun.errors import ChannelError
from homespun.protocol.canonical import canonical

SCHEMA_VERSION = 1
"""Version of the channel document that this package writes and reads."""

DOCUMENT = "channel.json"
"""The channel document's name below its channel."""

SHARES = 10_000
"""A share of all devices is so many parts: hundredths of a percent."""

MAX_DOCUMENT_BYTES = 1 << 16
"""Largest channel document, in bytes."""

MAX_RELEASES = 20
"""Releases that a document names: those that some device may still take."""

MIN_SEED_BYTES = 16
"""Least length of a device's secret, in bytes."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_VERSION = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}")
_PREFIX = b"homespun bucket 1\n"

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}\Z")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="SHA-256, lower-case hexadecimal.")]
Version = Annotated[str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){1,3}\Z", description="For instance 1.2 or 1.2.3.")]
Text = Annotated[str, Meta(max_length=500)]


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One release of a bundle on a channel.

    Attributes:
        number: Its place in the channel's history, from 1.
        bundle: The bundle's identity: SHA-256 of its manifest.
        size: Bytes of the manifest and all its files.
        created: When it was released, ISO 8601, UTC.
        share: Devices that take it, in parts of ``SHARES``.
        salt: 32 hexadecimal digits that decide which ones.
        paused: Whether no further device takes it for now.
        minimum_client: Least version of homespun that takes it; None: any.
        returns_to: The number of the earlier release whose bundle it is, where it is a rollback.
        note: Why, for people.
    """

    number: Annotated[int, Meta(ge=1)]
    bundle: Digest
    size: Annotated[int, Meta(ge=1)]
    created: Annotated[str, Meta(max_length=40)]
    share: Annotated[int, Meta(ge=0, le=SHARES)]
    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    paused: bool = False
    minimum_client: Version | None = None
    returns_to: Annotated[int, Meta(ge=1)] | None = None
    note: Text = ""


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a channel says to all its devices.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        application: The application's name.
        stage: The stage's name, for instance ``canary`` or ``production``.
        minimum_client: Least version of homespun that takes anything from here; None: any.
        off: Why personal lists are switched off; None: they are not.
        releases: The releases that a device may take, ascending by number. The first that has all devices is the
            oldest one that is needed.
    """

    schema: int = SCHEMA_VERSION
    application: Name
    stage: Name
    minimum_client: Version | None = None
    off: Text | None = None
    releases: Annotated[tuple[Release, ...], Meta(max_length=MAX_RELEASES)] = ()

    @property
    def name(self) -> str:
        """The channel's name: application and stage."""
        return f"{self.application}/{self.stage}"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What a device takes.

    Attributes:
        release: The release; None: it stays with what it has.
        why: Why it does not take a newer one, in plain words; empty where there is none.
    """

    release: Release | None
    why: str = ""


def check_channel_name(name: str) -> tuple[str, str]:
    """Return a channel's application and stage.

    Raises:
        ChannelError: ``name`` is not of the form ``application/stage``.
    """
    application, _, stage = name.partition("/") if isinstance(name, str) else ("", "", "")
    if not _NAME.fullmatch(application) or not _NAME.fullmatch(stage):
        raise ChannelError(
            f"{name!r} is not the name of a channel; it is an application and a stage, such as 'films/production', in "
            "lower-case letters, digits and hyphens."
        )
    return application, stage


def role_name(channel: str) -> str:
    """Return the name of the delegated role that signs a channel's targets: its name with a full stop.

    Raises:
        ChannelError: It is no channel's name.
    """
    return ".".join(check_channel_name(channel))


def document_path(channel: str) -> str:
    """Return the target path of a channel's document."""
    return f"{channel}/{DOCUMENT}"


def file_path(channel: str, sha256: str, name: str) -> str:
    """Return the target path of a bundle's file on a channel."""
    return f"{channel}/{sha256}/{name}"


def path_patterns(channel: str) -> tuple[str, str]:
    """Return the target paths that a channel's role may sign for: its document's and its files'."""
    return f"{channel}/{DOCUMENT}", f"{channel}/*/*"


def encode_channel(channel: Channel) -> bytes:
    """Return the document, as canonical JSON (RFC 8785).

    Raises:
        ChannelError: It is not one that devices accept.
    """
    raw = canonical(msgspec.to_builtins(channel))
    parse_channel(raw, channel.name)
    return raw


def parse_channel(raw: bytes, name: str) -> Channel:
    """Return a document that was verified as the target of ``name``.

    Raises:
        ChannelError: It is malformed, another version's, about another channel, or contradicts itself.
    """
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise ChannelError(f"the document of the channel {name!r} is larger than {MAX_DOCUMENT_BYTES} bytes.")
    try:
        version = msgspec.json.decode(raw, type=_Versioned).schema
        if version != SCHEMA_VERSION:
            raise ChannelError(
                f"the document of the channel {name!r} has version {version}, and this homespun reads version "
                f"{SCHEMA_VERSION}. Update homespun."
            )
        channel = msgspec.json.decode(raw, type=Channel)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ChannelError(f"the document of the channel {name!r} is malformed: {error}") from error
    if channel.name != name:
        raise ChannelError(f"the document of the channel {name!r} is about {channel.name!r}; it was mixed up.")
    numbers = [release.number for release in channel.releases]
    if numbers != sorted(set(numbers)):
        raise ChannelError(f"the document of the channel {name!r} does not number its releases in order.")
    return channel


class _Versioned(msgspec.Struct):
    schema: int


def bucket(seed: bytes, salt: str) -> int:
    """Return a device's place among all devices for one release: 0 to ``SHARES`` − 1.

    The first eight bytes of HMAC-SHA-256 (RFC 2104) with the device's secret as key, modulo ``SHARES``; its bias is
    below 10⁻¹⁵.

    Args:
        seed: The device's secret, at least ``MIN_SEED_BYTES`` bytes.
        salt: The release's.

    Raises:
        ChannelError: The secret is too short to hide anything.
    """
    if len(seed) < MIN_SEED_BYTES:
        raise ChannelError(f"the secret for staged rollouts has {len(seed)} bytes; it needs {MIN_SEED_BYTES}.")
    digest = hmac.new(seed, _PREFIX + salt.encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") % SHARES


def choose(channel: Channel, *, client: str, seed: bytes | None, held: int | None) -> Choice:
    """Return which release a device takes.

    Args:
        channel: The document.
        client: The device's version of homespun, for instance ``0.4.0``.
        seed: The device's secret; None: it takes part in no staged rollout.
        held: Number of the release that it has; None: none of this channel's.
    """
    if not is_at_least(client, channel.minimum_client):
        return Choice(release=None, why=_too_old(client, channel.minimum_client))
    why = ""
    for release in reversed(channel.releases):
        if release.number == held:
            return Choice(release=release, why=why)
        obstacle = _obstacle(release, client, seed)
        if not obstacle:
            return Choice(release=release, why=why)
        why = why or obstacle
    return Choice(release=None, why=why or "the channel has no release yet")


def is_at_least(version: str, least: str | None) -> bool:
    """Return whether a version is not older than another; everything is at least None.

    What follows the numbers, as in ``1.2.0rc1``, is passed over.
    """
    return least is None or _numbers(version) >= _numbers(least)


def _obstacle(release: Release, client: str, seed: bytes | None) -> str:
    if release.paused:
        return f"release {release.number} is paused"
    if not is_at_least(client, release.minimum_client):
        return _too_old(client, release.minimum_client)
    if release.share == SHARES:
        return ""
    if seed is None:
        return f"release {release.number} is not for everybody yet, and this device takes part in no staged rollout"
    if bucket(seed, release.salt) >= release.share:
        return f"release {release.number} has not reached this device yet"
    return ""


def _too_old(client: str, least: str | None) -> str:
    return f"this homespun is {client}, and {least} is needed; update the application"


def _numbers(version: str) -> tuple[int, ...]:
    match = _VERSION.match(version)
    numbers = [int(part) for part in match.group().split(".")] if match else [0]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
