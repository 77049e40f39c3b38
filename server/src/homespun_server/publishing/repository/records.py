"""What the publisher knows and never publishes, in a folder of its own beside the repository.

::

    lock             empty; who is publishing
    committed.json   version and hash of the timestamp in force, and of the one that is being put in force
    history.json     every release of every channel
    unnamed.json     files that nothing in force names any more, and since when

``committed.json`` is what makes a publisher notice that somebody changed the served files or set them back to an older
state: what is in force is known by its hash, and everything else hangs from it. It also keeps a version number of the
timestamp from being used twice, should a power cut undo the last replacing after devices have seen it.
"""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from homespun_server.errors import RepositoryError
from homespun_server.publishing.repository.files import PRIVATE, Step, write
from homespun_server.publishing.repository.rollout import Entry

SCHEMA_VERSION = 1
"""Version of the files that this program writes and reads."""

COMMITTED = "committed.json"
HISTORY = "history.json"
UNNAMED = "unnamed.json"

T = TypeVar("T")


class Stamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A timestamp file by its version and hash."""

    version: Annotated[int, Meta(ge=1)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Committed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which timestamp is in force.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        done: The one that was put in force last; None: there was none yet.
        begun: The one that is, or was being, put in force after it.
    """

    schema: int = SCHEMA_VERSION
    done: Stamp | None = None
    begun: Stamp | None = None

    @property
    def highest(self) -> int:
        """The highest version that anybody may have seen."""
        return max((stamp.version for stamp in (self.done, self.begun) if stamp is not None), default=0)


class History(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every release by channel, ascending by number."""

    schema: int = SCHEMA_VERSION
    channels: dict[str, tuple[Entry, ...]] = {}


class Unnamed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Files below the repository's folder that nothing in force names, with seconds since 1970."""

    schema: int = SCHEMA_VERSION
    since: dict[str, int] = {}


class Records:
    """Reads and writes the publisher's files."""

    def __init__(self, folder: Path, step: Step) -> None:
        """Use a folder, which need not be there yet."""
        self.folder = folder
        self._step = step

    def committed(self) -> Committed | None:
        """Return which timestamp is in force; None if that is not known.

        Raises:
            RepositoryError: The file is damaged.
        """
        return self._read(COMMITTED, Committed)

    def history(self) -> History:
        """Return every release; none where nothing is known.

        Raises:
            RepositoryError: The file is damaged.
        """
        return self._read(HISTORY, History) or History()

    def unnamed(self) -> Unnamed:
        """Return what was named no more when last looked.

        Raises:
            RepositoryError: The file is damaged.
        """
        return self._read(UNNAMED, Unnamed) or Unnamed()

    def keep(self, record: Committed | History | Unnamed, what: str) -> None:
        """Write a file.

        Raises:
            OSError: If it cannot be written.
        """
        name = {Committed: COMMITTED, History: HISTORY, Unnamed: UNNAMED}[type(record)]
        content = msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
        write(self.folder / name, content, self._step, what, mode=PRIVATE)

    def _read(self, name: str, kind: type[T]) -> T | None:
        path = self.folder / name
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            version = msgspec.json.decode(raw, type=_Versioned).schema
            if version != SCHEMA_VERSION:
                raise RepositoryError(
                    f"{path} has version {version}, and this program reads {SCHEMA_VERSION}. Use the program that "
                    "wrote it."
                )
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise RepositoryError(f"{path} is damaged ({error}); restore it from a backup.") from error


class _Versioned(msgspec.Struct):
    schema: int
