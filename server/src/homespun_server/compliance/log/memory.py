"""The last signed checkpoint, beside the store: an older copy of the store that was put back is noticed by it.

The file is replaced as a whole and is on the disk before the store says that the checkpoint was signed.
"""

import os
from pathlib import Path

from homespun.errors import ProofError
from homespun.protocol.checkpoint import Checkpoint, decode, verify_log
from homespun_server.errors import OutputError, TransparencyError


class Memory:
    """A file with the last checkpoint that was signed or seen."""

    def __init__(self, path: Path, public_key: bytes) -> None:
        """Name the file; it need not be there.

        Args:
            path: The file, which is not to lie within the store's backups.
            public_key: The log's key, 32 bytes.
        """
        self._path = path
        self._public_key = public_key

    def read(self) -> Checkpoint | None:
        """Return the checkpoint; None: none was kept yet.

        Raises:
            TransparencyError: The file is no checkpoint of this log.
        """
        try:
            found = decode(self._path.read_bytes())
            verify_log(found, self._public_key)
        except FileNotFoundError:
            return None
        except (OSError, ProofError) as error:
            raise TransparencyError(
                f"{self._path} keeps the last signed checkpoint and cannot be used: {error} Nothing was signed; "
                "restore the file, or take the last checkpoint from a witness."
            ) from error
        return found

    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, durably, before returning.

        Raises:
            OutputError: The disk refuses.
        """
        try:
            keep_durably(self._path, checkpoint.encode())
        except OSError as error:
            raise OutputError(
                f"the last checkpoint cannot be kept at {self._path}: {error}. Nothing was signed; without it an older "
                "store that is put back would not be noticed."
            ) from error


def keep_durably(path: Path, content: bytes) -> None:
    """Replace a file as a whole, and return when it is on the disk.

    Raises:
        OSError: The disk refuses.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
