"""What a pipeline needs of the registry, the signed repository and the record of runs; each can be left out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from homespun.protocol.channel import Channel, Release
from homespun_server.publishing.registry import Stage, Version
from homespun_server.publishing.repository.rollout import Entry


class BundleRegistry(Protocol):
    """Where bundles are kept with their lineage; ``publishing.registry.Registry`` is one."""

    def add(
        self, bundle_folder: Path, *, lineage: Mapping[str, object], gates: Mapping[str, object], note: str = ""
    ) -> Version:
        """Register a bundle as a draft; one that is registered stays as it is."""

    def get(self, bundle: str) -> Version:
        """Return a registered bundle."""

    def move(self, bundle: str, stage: Stage, who: str, why: str) -> Version:
        """Move a bundle to another stage."""

    def folder(self, bundle: str) -> Path:
        """Return the folder of a bundle's files."""


class Repository(Protocol):
    """Where releases are signed; ``publishing.repository.signed.SignedRepository`` is one."""

    def channel(self, name: str) -> Channel:
        """Return what a channel says to devices."""

    def history(self, channel: str) -> tuple[Entry, ...]:
        """Return every release of a channel."""

    def publish(
        self, bundle: Path, channel: str, *, share: int, minimum_client: str | None = None, note: str = ""
    ) -> Release:
        """Release a bundle on a channel."""

    def set_share(self, channel: str, number: int, share: int) -> Release:
        """Give a release to more devices."""
