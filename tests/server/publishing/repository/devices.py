"""Devices that read a repository's folder with the reference implementation's client, and keep what they read."""

from pathlib import Path

from homespun.protocol.channel import Channel
from homespun_server.publishing.repository import SignedRepository
from homespun_server.publishing.repository.checking import Device
from homespun_server.publishing.repository.layout import Layout
from tests.server.publishing.repository.support import CANARY, Hands


class Phone:
    """A device that trusts the root with which its application was shipped, and remembers what it saw."""

    def __init__(self, repository: SignedRepository, folder: Path, clock: Hands) -> None:
        folder.mkdir(exist_ok=True)
        self._layout = Layout(repository.folder)
        self._root = repository.root
        self._folder = folder
        self._clock = clock

    def sees(self, channel: str = CANARY) -> Channel:
        return Device(self._layout, self._root, self._folder, self._clock()).channel(channel)

    def numbers(self, channel: str = CANARY) -> list[int]:
        return [release.number for release in self.sees(channel).releases]
