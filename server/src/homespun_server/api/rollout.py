"""What is asked of a channel and what is told of it, as the API has it.

These are not the signed document's own structures: what devices read may change with the protocol, the API's answers
with its version.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from homespun.protocol.channel import SHARES, Channel, Release
from homespun_server.publishing.repository import Entry

MAX_NUMBER = 10**9

Share = Annotated[int, Meta(ge=0, le=SHARES, description="Devices that take it, in hundredths of a percent.")]
Note = Annotated[str, Meta(max_length=500)]
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]
Identity = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
ClientVersion = Annotated[str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){1,3}$", max_length=27)]
Number = Annotated[int, Meta(ge=1, le=MAX_NUMBER)]


class PublishRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which registered bundle is released, and to whom."""

    bundle: Identity
    share: Share
    minimum_client: ClientVersion | None = None
    note: Note = ""


class ShareRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To how many devices a release goes."""

    share: Share


class RollbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To which release a channel goes back, and why."""

    to: Number
    note: Reason
    share: Share = SHARES


class OffRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why personal lists are switched off."""

    reason: Reason


class MinimumRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The least version of homespun that takes anything; null: any."""

    version: ClientVersion | None


class ReleaseState(msgspec.Struct, frozen=True, kw_only=True):
    """A release of a channel, as it stands now.

    Attributes:
        number: Its place in the channel's history, from 1.
        bundle: The bundle's identity.
        size: Bytes of the manifest and all its files.
        created: When it was released, ISO 8601, UTC.
        share: Devices that take it, in hundredths of a percent.
        paused: Whether no further device takes it for now.
        minimum_client: Least version of homespun that takes it; null: any.
        returns_to: The number of the earlier release whose bundle it is, where it is a rollback.
        note: Why.
        offered: Whether some device may still take it.
        withdrawn: Whether a later release returned to an earlier one than this.
    """

    number: int
    bundle: str
    size: int
    created: str
    share: int
    paused: bool
    minimum_client: str | None
    returns_to: int | None
    note: str
    offered: bool
    withdrawn: bool


class ChannelState(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as it stands now.

    Attributes:
        application: The application's name.
        stage: The stage's name.
        minimum_client: Least version of homespun that takes anything; null: any.
        off: Why personal lists are switched off; null: they are not.
        releases: Every release, ascending by number.
    """

    application: str
    stage: str
    minimum_client: str | None
    off: str | None
    releases: tuple[ReleaseState, ...]


class Channels(msgspec.Struct, frozen=True):
    """All channels."""

    channels: tuple[ChannelState, ...]


def release_state(release: Release, *, offered: bool = True, withdrawn: bool = False) -> ReleaseState:
    """Return what is told of a release."""
    return ReleaseState(
        number=release.number,
        bundle=release.bundle,
        size=release.size,
        created=release.created,
        share=release.share,
        paused=release.paused,
        minimum_client=release.minimum_client,
        returns_to=release.returns_to,
        note=release.note,
        offered=offered,
        withdrawn=withdrawn,
    )


def channel_state(channel: Channel, history: tuple[Entry, ...]) -> ChannelState:
    """Return what is told of a channel."""
    offered = {release.number for release in channel.releases}
    return ChannelState(
        application=channel.application,
        stage=channel.stage,
        minimum_client=channel.minimum_client,
        off=channel.off,
        releases=tuple(
            release_state(each.release, offered=each.release.number in offered, withdrawn=each.withdrawn)
            for each in history
        ),
    )
