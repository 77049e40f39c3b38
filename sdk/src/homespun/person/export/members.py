"""The members of an export, each of which has to be what the manifest says before one row is used."""

import contextlib
import hashlib
import io
import os
import stat
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import ZipFile

import msgspec

from homespun.errors import ExportError, ExportKeyError, ExportSchemaError
from homespun.person.export.directory import open_directory, refused, zip_failures
from homespun.person.export.sealing import is_sealed, unseal
from homespun.person.export.wrapping import Opening
from homespun.protocol.export import (
    MANIFEST,
    MAX_EXPORT_SIZE,
    MAX_MANIFEST_SIZE,
    MAX_ROW_SIZE,
    SCHEMA_VERSION,
    SECTION_END,
    ExportedFile,
    Manifest,
    section_head,
)

_CHUNK = 1 << 16


class _Versioned(msgspec.Struct):
    format: str
    schema: int


class Members:
    """The members of a zip file that was checked against its manifest.

    Attributes:
        manifest: What the members are.

    Raises:
        ExportSchemaError: On construction, if another version of homespun made it.
        ExportError: On construction, if a member is not what the manifest says.
    """

    def __init__(self, archive: ZipFile) -> None:
        """Check every member of ``archive``."""
        self._archive = archive
        self.manifest = _manifest(archive)
        self._files = {file.name: file for file in self.manifest.files}
        names = sorted([*(file.name for file in self.manifest.files), MANIFEST])
        if names != sorted(archive.namelist()):
            raise refused("its files are not those of its manifest")
        for file in self.manifest.files:
            _check_member(archive, file)

    def rows(self, section: str) -> Generator[bytes]:
        """Return the rows of a section, each as its JSON.

        Raises:
            ExportError: There is no such section, or it is not laid out as one.
        """
        name = f"data/{section}.json"
        file = self._files.get(name)
        if file is None:
            raise refused(f"it has no {name}")
        with (
            zip_failures(),
            self._archive.open(name) as member,
            io.BufferedReader(cast("io.RawIOBase", member)) as lines,
        ):
            if lines.readline(_CHUNK) != section_head(section, file.category, section):
                raise refused(f"{name} does not begin as it should")
            yield from _rows(cast("BinaryIO", lines), file)


def _rows(lines: BinaryIO, file: ExportedFile) -> Iterator[bytes]:
    count = 0
    while (line := lines.readline(MAX_ROW_SIZE + 2)) != SECTION_END:
        if not line.endswith(b"\n"):
            raise refused(f"a row of {file.name} is too long, or its end is missing")
        count += 1
        yield line.removesuffix(b"\n").removesuffix(b",")
    if lines.read(1) or count != file.rows:
        raise refused(f"{file.name} has not the {file.rows} rows of the manifest")


@contextlib.contextmanager
def opened_members(path: Path, with_: Opening) -> Iterator[Members]:
    """Open the file, unseal it if it is sealed, and check it.

    Raises:
        ExportKeyError: What is given does not open it, or it is not sealed and something is given.
        ExportError: It is no export that can be used.
        OSError: It cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ExportError(f"'{path}' is a folder, a pipe or a device; name the file of the export.")
    with path.open("rb") as file, _clear(file, with_) as clear, open_directory(clear) as archive:
        yield Members(archive)


def _clear(file: BinaryIO, with_: Opening) -> BinaryIO:
    size = os.fstat(file.fileno()).st_size
    if size > MAX_EXPORT_SIZE:
        raise refused(f"it has {size} bytes")
    if is_sealed(file):
        return cast("BinaryIO", io.BufferedReader(unseal(file, with_), _CHUNK))
    if with_ != Opening():
        raise ExportKeyError(
            "The export is not sealed, though something was given to unseal it with. If it was sealed when you "
            "got it, somebody exchanged it; do not use it. Otherwise open it without a passphrase or a key."
        )
    return file


def _manifest(archive: ZipFile) -> Manifest:
    with zip_failures():
        if MANIFEST not in archive.namelist() or archive.getinfo(MANIFEST).file_size > MAX_MANIFEST_SIZE:
            raise refused(f"it has no {MANIFEST} of at most {MAX_MANIFEST_SIZE} bytes")
        data = archive.read(MANIFEST)
    try:
        _check_version(msgspec.json.decode(data, type=_Versioned))
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise refused(f"its manifest is not one: {error}") from error


def _check_version(found: _Versioned) -> None:
    if found.schema > SCHEMA_VERSION:
        raise ExportSchemaError(
            f"The export has schema {found.schema}; this homespun reads {SCHEMA_VERSION}. A newer homespun made it. "
            "Update homespun to read it."
        )
    if found.schema != SCHEMA_VERSION:
        raise ExportSchemaError(f"The export has schema {found.schema}, which no homespun wrote.")


def _check_member(archive: ZipFile, file: ExportedFile) -> None:
    size, digest = 0, hashlib.sha256()
    with zip_failures(), archive.open(file.name) as member:
        while part := member.read(_CHUNK):
            size += len(part)
            digest.update(part)
    if size != file.size or digest.hexdigest() != file.sha256:
        raise refused(f"{file.name} is not the file of the manifest")
