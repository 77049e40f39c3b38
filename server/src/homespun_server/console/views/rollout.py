"""What devices are offered on each channel, and what may be done about it."""

from dataclasses import dataclass

from homespun_server.api.rollout import ReleaseState, channel_state
from homespun_server.api.services import Services

MOST_RELEASES = 25
"""Latest releases of a channel that a page lists."""


@dataclass(frozen=True)
class ChannelView:
    """A channel.

    Attributes:
        name: ``application/stage``.
        anchor: Names its part of the page.
        off: Why personal lists are switched off; None: they are not.
        minimum_client: Least version of homespun that takes anything; None: any.
        releases: The latest releases, newest first.
        earlier: How many there are before these.
    """

    name: str
    anchor: str
    off: str | None
    minimum_client: str | None
    releases: tuple[ReleaseState, ...]
    earlier: int

    @property
    def current(self) -> ReleaseState | None:
        """The newest release that some device may take; None: there is none."""
        return next((release for release in self.releases if release.offered), None)

    @property
    def reachable(self) -> tuple[ReleaseState, ...]:
        """The releases that can be returned to: devices had them, and they were neither withdrawn nor paused."""
        return tuple(each for each in self.releases[1:] if each.share and not each.withdrawn and not each.paused)


def channel_views(services: Services) -> tuple[ChannelView, ...]:
    """Return all channels.

    Raises:
        RepositoryError: The repository is not as it was left.
    """
    return tuple(_view(services, name) for name in services.repository.channels())


def _view(services: Services, name: str) -> ChannelView:
    state = channel_state(services.repository.channel(name), services.repository.history(name))
    latest = tuple(reversed(state.releases))
    return ChannelView(
        name=name,
        anchor=name.replace("/", "-"),
        off=state.off,
        minimum_client=state.minimum_client,
        releases=latest[:MOST_RELEASES],
        earlier=max(0, len(latest) - MOST_RELEASES),
    )
