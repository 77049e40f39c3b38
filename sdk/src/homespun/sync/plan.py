"""What is due: the plan of an update, as a function of settings, memory, time and circumstances. Pure.

The person's permission and the connection come first: no wish of the application's overrules them. ``force`` overrules
the schedule alone.
"""

from dataclasses import dataclass

from homespun.protocol.channel import SHARES, Channel, Release, is_at_least
from homespun.sync.outcome import Deferred
from homespun.sync.schedule import next_look
from homespun.sync.settings import Connection, Updates
from homespun.sync.state import State

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Due:
    """A look for something newer is due.

    Attributes:
        files: Whether bundles may be downloaded over this connection; metadata may.
    """

    files: bool


def plan(
    updates: Updates, state: State, *, now: float, connection: Connection, permitted: bool, force: bool
) -> Due | Deferred:
    """Return what is due now.

    Args:
        updates: The settings.
        state: What is remembered.
        now: Seconds since 1970.
        connection: What the device is connected by.
        permitted: Whether the person permits requests now.
        force: Whether to look before it is due.
    """
    if not permitted:
        return Deferred("requests are not permitted now")
    if connection == "offline":
        return Deferred("the device is offline")
    at = due_at(updates, state, now)
    if now < at and not force:
        return Deferred("the next look for something newer is not due yet", at)
    return Due(files=connection == "unmetered" or updates.metered)


def due_at(updates: Updates, state: State, now: float) -> float:
    """Return when the next look is due, seconds since 1970; ``now`` if it already is."""
    return next_look(state, updates.interval_hours * _HOUR, updates.jitter, now)


def downloaded_by_all(channel: Channel, *, client: str, held: int | None) -> tuple[Release, ...]:
    """Return what every device downloads where its bucket decides only about the use.

    These are the releases that some device with this version may take, from the newest down to the first that all
    take, without any knowledge of the device's own bucket.

    Args:
        channel: The document.
        client: The device's version of homespun.
        held: Number of the release that it has; None: none of this channel's.
    """
    found: list[Release] = []
    if not is_at_least(client, channel.minimum_client):
        return ()
    for release in reversed(channel.releases):
        if release.number == held:
            break
        if release.paused or not is_at_least(client, release.minimum_client):
            continue
        found.append(release)
        if release.share == SHARES:
            break
    return tuple(found)
