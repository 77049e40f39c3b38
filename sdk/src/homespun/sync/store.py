"""What updates keep on the disk.

::

    state.json           what is remembered (``state``)
    state.copy.json      the same, written before it; read where the other is damaged
    channel.json         the channel's document that was verified last
    lock                 empty; see ``lock``
    metadata/            signed metadata, kept by python-tuf
    incoming/            <sha256>.part while it is downloaded, <sha256> once it is verified
    staging/<identity>/  a bundle that is being put together
    bundles/<identity>/  bundles that were put together, each whole and verified; .1, .2 … where one was damaged

Every file is replaced in one piece and is on the disk before anything relies on it. A folder appears among the bundles
by one rename, when every file in it is on the disk. Each moment has a name, which is told to ``step``: tests end the
process there.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from homespun.errors import BundleError, ProfileStorageError
from homespun.model.verify import verify
from homespun.profile.files import create_private, listed, make_folder, read_bounded, sync_file, sync_folder
from homespun.sync.state import MAX_BYTES, DamagedStateError, Kept, State, encode_state, merged, parse_state

Step = Callable[[str], object]
"""Is told the name of each moment at which something is on the disk."""

STATE = "state.json"
STATE_COPY = "state.copy.json"
CHANNEL = "channel.json"
LOCK = "lock"

_PARTIAL = ".partial"


class Store:
    """The folder of updates. Writing is for whoever holds its lock; reading is for all.

    Attributes:
        folder: The folder.
        metadata: The folder of signed metadata.
        incoming: The folder of downloads.
        staging: The folder of bundles that are being put together.
        bundles: The folder of bundles.
        step: Is told each moment.
    """

    def __init__(self, folder: Path, step: Step) -> None:
        """Name the folder; nothing is made yet."""
        self.folder = folder
        self.metadata = folder / "metadata"
        self.incoming = folder / "incoming"
        self.staging = folder / "staging"
        self.bundles = folder / "bundles"
        self.step = step

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            OSError: They cannot be made.
        """
        for folder in (self.metadata / "root_history", self.incoming, self.staging, self.bundles):
            make_folder(folder)

    def read(self) -> State:
        """Return what is remembered; nothing, where nothing is or both copies are damaged.

        Raises:
            ProfileStorageError: The disk refuses.
        """
        return merged(tuple(self._copies()))

    def write(self, state: State) -> None:
        """Remember a state. After a crash it is this one or the one before.

        Raises:
            OSError: It cannot be written.
        """
        raw = encode_state(state)
        self.replace(self.folder / STATE_COPY, raw)
        self.replace(self.folder / STATE, raw)

    def replace(self, path: Path, data: bytes) -> None:
        """Replace a file by ``data``: after a crash it holds either the old bytes or the new ones.

        Raises:
            OSError: It cannot be written.
        """
        partial = path.with_name(path.name + _PARTIAL)
        partial.unlink(missing_ok=True)
        create_private(partial)
        partial.write_bytes(data)
        self.step(f"{path.name}: written")
        sync_file(partial)
        self.step(f"{path.name}: synced")
        partial.replace(path)
        self.step(f"{path.name}: renamed")
        sync_folder(path.parent)
        self.step(f"{path.name}: listed")

    def path(self, kept: Kept) -> Path:
        """Return a bundle's folder."""
        return self.bundles / kept.folder

    def is_whole(self, kept: Kept) -> bool:
        """Return whether a bundle is still what was installed: every file is read."""
        return _identity(self.path(kept)) == kept.bundle

    def find(self, bundle: str) -> str | None:
        """Return the name of a folder that holds a whole bundle with that identity; None if there is none."""
        names = (name for name in listed(self.bundles) if name.partition(".")[0] == bundle)
        return next((name for name in names if _identity(self.bundles / name) == bundle), None)

    def free_name(self, bundle: str) -> str:
        """Return the name under which a bundle goes: its identity, or one beside where that one is damaged."""
        taken = set(listed(self.bundles))
        count = 0
        while (name := f"{bundle}.{count}" if count else bundle) in taken:
            count += 1
        return name

    def used_bytes(self) -> int:
        """Return the bytes of all files in the folder; what has several names counts once."""
        sizes = {}
        for root, _, names in os.walk(self.folder):
            for name in names:
                status = (Path(root) / name).lstat()
                sizes[status.st_dev, status.st_ino] = status.st_size
        return sum(sizes.values())

    def free_bytes(self) -> int:
        """Return how many bytes the disk has left."""
        return shutil.disk_usage(self.folder).free

    def prune(self, keep: Iterable[Kept]) -> None:
        """Remove every bundle but those to keep, and what was left of downloads.

        What the system does not let go of, for instance because somebody has it open, goes the next time.
        """
        wanted = {each.folder for each in keep}
        for name in listed(self.bundles):
            if name not in wanted:
                shutil.rmtree(self.bundles / name, ignore_errors=True)
                self.step("bundles: pruned")
        for folder in (self.staging, self.incoming):
            self.empty(folder)

    def empty(self, folder: Path, but: frozenset[str] = frozenset()) -> None:
        """Remove everything from ``staging`` or ``incoming``, except the names in ``but``."""
        for name in set(listed(folder)) - but:
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        self.step(f"{folder.name}: emptied")

    def _copies(self) -> Iterator[State]:
        for name in (STATE, STATE_COPY):
            try:
                raw = read_bounded(self.folder / name, MAX_BYTES)
                yield parse_state(raw)
            except (FileNotFoundError, NotADirectoryError, DamagedStateError):
                continue
            except OSError as error:
                raise ProfileStorageError(
                    f"{self.folder / name} cannot be read ({error.strerror}), so that nothing is known of installed "
                    "bundles. Check the folder's permissions."
                ) from error


def _identity(folder: Path) -> str | None:
    try:
        return verify(folder).identity
    except BundleError:
        return None
