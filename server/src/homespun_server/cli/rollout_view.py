"""A channel for a terminal: a sentence, and every release with what became of it."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from homespun.protocol.channel import SHARES, Channel, Release
from homespun_server.cli.shares import percent
from homespun_server.publishing.repository import Entry

MOST_RELEASES = 30
"""Releases in the table; all are in the JSON."""

_DATE = 16


def rollout_view(channel: Channel, history: Sequence[Entry]) -> RenderableType:
    """Lay out a channel."""
    return Group(Text(sentence(channel)), _releases(channel, history))


def sentence(channel: Channel) -> str:
    """Say in a sentence what a channel tells its devices."""
    if channel.off is not None:
        return f"{channel.name} is switched off: {channel.off}. Devices list what is the same for everybody."
    least = f" Devices need homespun {channel.minimum_client}." if channel.minimum_client else ""
    if not channel.releases:
        return f"{channel.name} has no release yet.{least}"
    newest = channel.releases[-1]
    state = "is paused at" if newest.paused else "goes to"
    return f"{channel.name}: release {newest.number} {state} {percent(newest.share)} of all devices.{least}"


def _releases(channel: Channel, history: Sequence[Entry]) -> Table:
    table = Table(title=Text(f"Releases of {channel.name}"), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("release", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("bundle", "released", "state"):
        table.add_column(heading, no_wrap=True)
    table.add_column("note", overflow="fold")
    named = {release.number for release in channel.releases}
    for each in reversed(history[-MOST_RELEASES:]):
        release = each.release
        cells = (str(release.number), percent(release.share), release.bundle[:12], release.created[:_DATE])
        table.add_row(*map(Text, (*cells, _state(each, named), _note(each))))
    return table


def _state(entry: Entry, named: set[int]) -> str:
    release = entry.release
    if release.number not in named:
        return "rolled back" if entry.withdrawn else "over"
    if release.paused:
        return "paused"
    return "for everybody" if release.share == SHARES and release.minimum_client is None else "rolling out"


def _note(entry: Entry) -> str:
    release: Release = entry.release
    parts = (
        f"returns to {release.returns_to}" if release.returns_to else "",
        f"needs {release.minimum_client}" if release.minimum_client else "",
        release.note,
        f"override: {entry.override}" if entry.override else "",
    )
    return "; ".join(part for part in parts if part)
