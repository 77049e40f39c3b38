"""Where things are in a signed repository, and beside it.

::

    repository/metadata/<N>.root.json                          every version, for ever
    repository/metadata/timestamp.json                         what is in force; replaced last
    repository/metadata/<N>.snapshot.json
    repository/metadata/<N>.targets.json
    repository/metadata/<N>.<application>.<stage>.json         one role a channel
    repository/targets/<channel>/<sha256>.channel.json
    repository/targets/<channel>/<sha256>/<sha256>.<file>      the bundles' files, each once a channel

    repository-state/                                          the publisher's own, never served: see ``records``
"""

import re
from collections.abc import Iterator
from pathlib import Path

METADATA = "metadata"
TARGETS = "targets"
TIMESTAMP = "timestamp.json"
STATE_SUFFIX = "-state"

_VERSIONED = re.compile(r"(?P<version>[1-9][0-9]{0,9})\.(?P<role>[a-z][a-z0-9.-]*)\.json")


class Layout:
    """The paths of one repository."""

    def __init__(self, folder: Path, state: Path | None = None) -> None:
        """Name the folder; the publisher's own files are beside it unless ``state`` says otherwise."""
        self.folder = folder
        self.metadata = folder / METADATA
        self.targets = folder / TARGETS
        self.timestamp = self.metadata / TIMESTAMP
        self.state = folder.with_name(folder.name + STATE_SUFFIX) if state is None else state

    def role(self, name: str, version: int) -> Path:
        """Return the path of a version of a role's metadata."""
        return self.metadata / f"{version}.{name}.json"

    def target(self, path: str, sha256: str) -> Path:
        """Return the path of a target's file: its hash stands before its name."""
        folder, _, name = path.rpartition("/")
        return self.targets / folder / f"{sha256}.{name}"

    def highest(self, role: str) -> int:
        """Return the highest version of a role of which there is a file, whether it is in force or not; 0: none."""
        return max((version for found, version, _ in self.versions() if found == role), default=0)

    def versions(self) -> Iterator[tuple[str, int, Path]]:
        """Yield role, version and path of every versioned metadata file."""
        if not self.metadata.is_dir():
            return
        for path in sorted(self.metadata.iterdir()):
            match = _VERSIONED.fullmatch(path.name)
            if match is not None:
                yield match["role"], int(match["version"]), path
