"""Which paths below the repository's address are files of a signed repository. No other path reaches the disk.

Pure.
"""

import re
from dataclasses import dataclass

from homespun.protocol.bundle import FILES, MANIFEST, OPTIONAL_FILES
from homespun.protocol.channel import DOCUMENT

_NAME = r"[a-z][a-z0-9-]{0,31}"
_SHA256 = r"[0-9a-f]{64}"
_FILE = "|".join(re.escape(name) for name in (MANIFEST, *FILES, *OPTIONAL_FILES))
_ASKED = r"task\.json|experiment\.json|universe\.txt"
_METADATA = re.compile(
    rf"metadata/(?:timestamp|(?:[1-9][0-9]{{0,9}}\.(?:root|snapshot|targets|{_NAME}\.{_NAME})))\.json", re.ASCII
)
_TARGET = re.compile(
    rf"targets/{_NAME}/{_NAME}/(?:({_SHA256})\.{re.escape(DOCUMENT)}|collection/({_SHA256})\.index\.json"
    rf"|requests/({_SHA256})\.list\.bin|{_SHA256}/({_SHA256})\.(?:{_FILE}|{_ASKED}))",
    re.ASCII,
)
_CHANGING = "metadata/timestamp.json"


@dataclass(frozen=True)
class RepositoryFile:
    """A path that a file of a repository can have.

    Attributes:
        path: The path, relative to the repository's folder.
        sha256: The hash of its content, where its name has it.
        changes: Whether its content may become another; the others' names have a version or a hash.
    """

    path: str
    sha256: str | None
    changes: bool

    @property
    def media_type(self) -> str:
        """Its media type; everything that is no JSON is bytes, so that no browser shows it."""
        return "application/json" if self.path.endswith(".json") else "application/octet-stream"


def repository_file(path: str) -> RepositoryFile | None:
    """Return the file that a path means; None: it can be no file of a repository."""
    if _METADATA.fullmatch(path):
        return RepositoryFile(path, None, changes=path == _CHANGING)
    match = _TARGET.fullmatch(path)
    return RepositoryFile(path, next(filter(None, match.groups())), changes=False) if match else None
