"""What a channel's document names, given everything that was ever released there.

The document names the releases that some device may still take: from the newest down to the first that takes over every
device of those below it. What was rolled back from is not offered again once it was dropped. The publisher's history
keeps all releases, so that any of them can be returned to.

Pure.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from homespun.errors import ChannelError, MisuseError
from homespun.protocol.channel import MAX_RELEASES, SHARES, Channel, Release, encode_channel, is_at_least


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One release in the publisher's history.

    Attributes:
        release: The release, as it stands now.
        withdrawn: Whether a later release returned to an earlier one than this.
        override: Why a rule of publishing was set aside for it; empty where none was.
    """

    release: Release
    withdrawn: bool = False
    override: str = ""


def latest(entries: Sequence[Entry], count: int) -> Sequence[Entry]:
    """Return the latest so many releases."""
    return entries[max(0, len(entries) - count) :]


def next_number(entries: Sequence[Entry]) -> int:
    """Return the number of the next release."""
    return entries[-1].release.number + 1 if entries else 1


def entry(entries: Iterable[Entry], number: int, channel: str) -> Entry:
    """Return the release of a number.

    Raises:
        MisuseError: There was none on this channel.
    """
    for found in entries:
        if found.release.number == number:
            return found
    raise MisuseError(f"the channel {channel!r} never had a release {number}; nothing was published.")


def changed(entries: Iterable[Entry], release: Release) -> tuple[Entry, ...]:
    """Return the history in which the release of that number stands as given."""
    return tuple(
        msgspec.structs.replace(each, release=release) if each.release.number == release.number else each
        for each in entries
    )


def marked(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return the history in which exactly those releases are withdrawn that a later one returned from."""
    found: list[Entry] = []
    lowest: int | None = None
    for each in reversed(entries):
        number, to = each.release.number, each.release.returns_to
        found.append(msgspec.structs.replace(each, withdrawn=lowest is not None and lowest < number))
        if to is not None:
            lowest = to if lowest is None else min(lowest, to)
    return tuple(reversed(found))


def check_was_given(found: Entry, channel: str) -> None:
    """Refuse to return to a release that devices were not to have.

    Raises:
        MisuseError: No device was given it, it was withdrawn, or it is paused.
    """
    release = found.release
    reasons = {"no device was given it": not release.share, "it was withdrawn": found.withdrawn}
    reasons["it is paused"] = release.paused
    for why, holds in reasons.items():
        if holds:
            raise MisuseError(
                f"release {release.number} of {channel!r} cannot be returned to here: {why}. Nothing was published; "
                "return to another, or have its bundle published by somebody who may."
            )


def committed(entries: Iterable[Entry], channel: Channel) -> tuple[Entry, ...]:
    """Return the history as the document in force bears it out: without what a crash kept from being published.

    A history is written before what it tells is in force. Releases that the document names stand as they do there, and
    what a rollback that was never in force withdrew is not withdrawn.
    """
    named = {release.number: release for release in channel.releases}
    last = max(named, default=0)
    kept = [each for each in entries if each.release.number <= last]
    known = {each.release.number for each in kept}
    kept += [Entry(release=release) for number, release in named.items() if number not in known]
    kept.sort(key=lambda each: each.release.number)
    return marked(
        [msgspec.structs.replace(each, release=named.get(each.release.number, each.release)) for each in kept]
    )


def offered(
    entries: Sequence[Entry], current: Iterable[int], available: Callable[[Release], bool]
) -> tuple[Release, ...]:
    """Return the releases that the document is to name, ascending.

    Args:
        entries: The history.
        current: Numbers that the document names now.
        available: Whether all files of a release that it does not name are still there.
    """
    kept = set(current) | {entries[-1].release.number} if entries else set()
    found: list[Release] = []
    for each in reversed(entries):
        release = each.release
        if any(covers(newer, release) for newer in found):
            continue
        if release.number in kept or (not each.withdrawn and available(release)):
            found.append(release)
    return tuple(reversed(found))


def covers(newer: Release, older: Release) -> bool:
    """Return whether every device that may take the older release takes the newer one."""
    return (
        newer.share == SHARES and not newer.paused and is_at_least(older.minimum_client or "0.0", newer.minimum_client)
    )


def document(channel: Channel, releases: tuple[Release, ...]) -> Channel:
    """Return the channel with these releases.

    Raises:
        MisuseError: Devices would not accept it.
    """
    if len(releases) > MAX_RELEASES:
        raise MisuseError(
            f"the channel {channel.name!r} would name {len(releases)} releases, {MAX_RELEASES} at most are possible. "
            "Give one of them to all devices, which ends those below it."
        )
    made = msgspec.structs.replace(channel, releases=releases)
    try:
        encode_channel(made)
    except ChannelError as error:
        raise MisuseError(f"what was asked for is nothing that a channel can say: {error}") from error
    return made
