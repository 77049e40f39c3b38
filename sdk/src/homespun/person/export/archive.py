"""Writing the zip file of an export.

Sections are written row by row, so that memory holds a batch of rows and what the page shows. Equal contents
give equal bytes with the same version of zlib: times in the zip are that of the export, and nothing is
ordered by chance.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

from homespun.errors import MisuseError
from homespun.person.export.contents import Contents, Section
from homespun.person.export.page import Excerpt, page
from homespun.person.export.sections import sections_of
from homespun.protocol.events import MAX_TIME
from homespun.protocol.export import (
    MANIFEST,
    MAX_EXPORT_SIZE,
    MAX_FILE_SIZE,
    MAX_ROW_SIZE,
    MAX_ROWS,
    PAGE,
    SECTION_END,
    ExportedFile,
    Manifest,
    section_head,
)

_BATCH = 1 << 16
_UNIX = 3
_PRIVATE = 0o100600 << 16
_FIRST_YEAR, _LAST_YEAR = 1980, 2107  # what a zip file can say


def write_archive(contents: Contents, sink: BinaryIO) -> Manifest:
    """Write the zip file.

    Args:
        contents: What to export.
        sink: Where to write; need not be seekable.

    Returns:
        The manifest, which is one of the members.

    Raises:
        MisuseError: Something in the contents is no JSON, no profile has it, or it is too large.
        OSError: The sink refused.
    """
    manifest = Manifest(profile=contents.profile, made=_checked_time(contents.made), bundle=contents.bundle, files=())
    sections = sections_of(contents)
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        writer = _Writer(archive, contents.made)
        excerpts = [writer.add_section(section) for section in sections]
        for name in dict.fromkeys([*(section.schema for section in sections), "manifest"]):
            writer.add(f"schema/{name}.json", "schema", [_schema(name)])
        writer.add(PAGE, "page", [page(contents, excerpts)])
        manifest = _checked(msgspec.structs.replace(manifest, files=tuple(writer.files)))
        writer.add(MANIFEST, "manifest", [msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"])
    return manifest


class _Writer:
    """Adds members, and keeps their sizes and hashes."""

    def __init__(self, archive: ZipFile, made: float) -> None:
        self._archive = archive
        self._date = _zip_date(made)
        self.files: list[ExportedFile] = []

    def add_section(self, section: Section) -> Excerpt:
        """Write a section's data file, and return what the page shows of it."""
        excerpt = Excerpt(section)
        name = f"data/{section.name}.json"
        self.add(name, section.category, _batched(_lines(section, excerpt)))
        self.files[-1] = msgspec.structs.replace(self.files[-1], rows=excerpt.count)
        return excerpt

    def add(self, name: str, category: Any, parts: Iterable[bytes]) -> None:
        """Write one member."""
        size, digest = 0, hashlib.sha256()
        with self._archive.open(self._info(name), "w") as member:
            for part in parts:
                size += len(part)
                _check_size(name, size, sum(file.size for file in self.files) + size)
                digest.update(part)
                member.write(part)
        self.files.append(ExportedFile(name, category, size, digest.hexdigest()))

    def _info(self, name: str) -> ZipInfo:
        info = ZipInfo(name, self._date)
        info.compress_type = ZIP_DEFLATED
        info.create_system = _UNIX  # on every system, so that the bytes are the same
        info.external_attr = _PRIVATE
        return info


def _lines(section: Section, excerpt: Excerpt) -> Iterator[bytes]:
    yield section_head(section.name, section.category, section.schema)
    ending = b""
    for row in section.rows:
        yield ending + _encoded(section.name, row)
        ending = b",\n"
        excerpt.add(row)
        if excerpt.count > MAX_ROWS:
            raise MisuseError(f"The section '{section.name}' has more than {MAX_ROWS:,} rows; split it.")
    yield (b"\n" if ending else b"") + SECTION_END


def _encoded(section: str, row: Mapping[str, Any]) -> bytes:
    try:
        line = msgspec.json.encode(row, order="deterministic")
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise MisuseError(f"A row of the section '{section}' cannot be written as JSON ({error}).") from error
    if not line.startswith(b"{") or len(line) > MAX_ROW_SIZE:
        raise MisuseError(f"A row of the section '{section}' is no JSON object of at most {MAX_ROW_SIZE} bytes.")
    return line


def _batched(lines: Iterable[bytes]) -> Iterator[bytes]:
    batch = bytearray()
    for line in lines:
        batch += line
        if len(batch) >= _BATCH:
            yield bytes(batch)
            batch.clear()
    yield bytes(batch)


def _schema(name: str) -> bytes:
    try:
        return files("homespun.protocol").joinpath("schemas", f"export-{name}.json").read_bytes()
    except FileNotFoundError as error:
        raise MisuseError(f"No schema for a section is called {name!r}; use 'section'.") from error


def _check_size(name: str, size: int, total: int) -> None:
    if size > MAX_FILE_SIZE or total > MAX_EXPORT_SIZE:
        raise MisuseError(
            f"The export is too large at '{name}': a file may have {MAX_FILE_SIZE} bytes and all together "
            f"{MAX_EXPORT_SIZE}, so that it can be read again. Export less at once."
        )


def _checked(manifest: Manifest) -> Manifest:
    try:
        return msgspec.convert(msgspec.to_builtins(manifest), Manifest)
    except msgspec.ValidationError as error:
        raise MisuseError(f"No profile has an export like this ({error}); check its id and its bundle.") from error


def _checked_time(made: float) -> float:
    if isinstance(made, bool) or not isinstance(made, int | float) or not 0 <= made <= MAX_TIME:
        raise MisuseError(f"The time of the export is {made!r}; give seconds since 1970.")
    return float(made)


def _zip_date(made: float) -> tuple[int, int, int, int, int, int]:
    date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(made))
    if not _FIRST_YEAR <= date.year <= _LAST_YEAR:
        return (_FIRST_YEAR, 1, 1, 0, 0, 0)
    return date.year, date.month, date.day, date.hour, date.minute, date.second
