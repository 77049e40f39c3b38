"""The registry's copies of bundles: a folder each, named after the bundle's identity, whole or not there.

A copy is made beside its place, verified against the manifest and forced to the disk, and then renamed.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from homespun.errors import BundleIntegrityError
from homespun.protocol.bundle import FILES, MANIFEST, OPTIONAL_FILES, FileEntry, Manifest
from homespun_server.errors import OutputError

_PIECE = 1 << 20
_ADDING = ".adding-"
_DELETED = ".deleted-"


class Contents(msgspec.Struct, frozen=True):
    """A bundle's folder as its manifest describes it.

    Attributes:
        id: SHA-256 of the manifest's bytes.
        manifest: The manifest.
        raw: Its bytes.
    """

    id: str
    manifest: Manifest
    raw: bytes

    @property
    def size(self) -> int:
        """Bytes of the manifest and of all files that it names."""
        return len(self.raw) + sum(entry.size for entry in self.manifest.files.values())


def read_contents(folder: Path) -> Contents:
    """Read a bundle's manifest; its files are not looked at.

    Raises:
        BundleIntegrityError: If there is none, or it is none that devices accept.
    """
    try:
        raw = (folder / MANIFEST).read_bytes()
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BundleIntegrityError(f"{folder} is no bundle: its manifest cannot be read ({error}).") from error
    names = set(manifest.files)
    if not set(FILES) <= names <= {*FILES, *OPTIONAL_FILES}:
        raise BundleIntegrityError(f"the manifest in {folder} names other files than a bundle has.")
    return Contents(hashlib.sha256(raw).hexdigest(), manifest, raw)


def verify(folder: Path, contents: Contents) -> None:
    """Check that a folder holds a bundle's files, byte by byte.

    Raises:
        BundleIntegrityError: If a file is missing or different.
    """
    for name, entry in _entries(contents).items():
        try:
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BundleIntegrityError(f"the file {name} of the bundle {contents.id} cannot be read.") from error
        if found != entry.sha256:
            raise BundleIntegrityError(f"the file {name} of the bundle {contents.id} is not what its manifest says.")


@contextmanager
def copied(folder: Path, contents: Contents, artefacts: Path) -> Iterator[Path]:
    """Copy a bundle beside its place while the context lasts, verified and on the disk.

    Raises:
        BundleIntegrityError: If a file is missing or different.
        OutputError: If the copy cannot be written.
    """
    try:
        artefacts.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=artefacts, prefix=_ADDING, ignore_cleanup_errors=True) as temporary:
            made = Path(temporary) / contents.id
            made.mkdir()
            for name, entry in _entries(contents).items():
                _copy(folder / name, made / name, entry)
            yield made
    except OSError as error:
        raise OutputError(
            f"the bundle cannot be copied to {artefacts} ({error}); nothing was registered. Make room, or let this "
            "program write there."
        ) from error


def put(made: Path, place: Path) -> None:
    """Rename a verified copy into its place; another one that is there, and not what it should be, makes room.

    Raises:
        OSError: If it cannot be renamed.
    """
    if place.exists():
        remove(place)
    made.rename(place)
    _sync_folder(place.parent)


def remove(place: Path) -> None:
    """Take a bundle's folder away: at once for those who look, then from the disk.

    Raises:
        OSError: If it cannot be renamed.
    """
    aside = Path(tempfile.mkdtemp(dir=place.parent, prefix=_DELETED))
    place.rename(aside / place.name)
    shutil.rmtree(aside, ignore_errors=True)


def _entries(contents: Contents) -> dict[str, FileEntry]:
    return {MANIFEST: FileEntry(len(contents.raw), contents.id), **contents.manifest.files}


def _copy(source: Path, target: Path, entry: FileEntry) -> None:
    """Copy a file, and hash what was written, not what was there before."""
    digest, left = hashlib.sha256(), entry.size
    try:
        reading = source.open("rb")
    except OSError as error:
        raise BundleIntegrityError(f"the bundle's file {source.name} cannot be read: {error}.") from error
    with reading, target.open("xb") as writing:
        # One byte more than it may have shows that there are more.
        while piece := reading.read(min(_PIECE, left + 1)):
            left -= len(piece)
            if left < 0:
                break
            digest.update(piece)
            writing.write(piece)
        writing.flush()
        os.fsync(writing.fileno())
    if left != 0 or digest.hexdigest() != entry.sha256:
        raise BundleIntegrityError(f"the bundle's file {source.name} is not what its manifest says.")


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
