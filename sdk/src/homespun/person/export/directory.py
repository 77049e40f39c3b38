"""Opening a zip file that is not trusted: its directory is judged before anything is read by it.

Refused are a directory with a million entries, two members of one name, members that lie over each other or
say that they unpack to more than is allowed, encrypted ones, other compressions, fields that we never write,
and anything before the first member or behind the directory. Names are compared, never used as paths.
"""

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from homespun.errors import ExportError
from homespun.protocol.export import MAX_EXPORT_SIZE, MAX_FILE_SIZE, MAX_FILES

MAX_DIRECTORY_SIZE = 64 << 10
"""Bytes in the directory; ours has about 70 a member."""

MOST_TIMES_LARGER = 250
"""How many times larger than packed a member may be that is larger than FREE_SIZE."""

FREE_SIZE = 32 << 20

_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\5\6"
_LARGE_SIZE = 20
_LARGE_MAGIC = b"PK\6\7"
_HEADER_SIZE = 30
_ENCRYPTED = 1 | 1 << 6
_FAILURES = (BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OverflowError, struct.error)


def open_directory(source: BinaryIO) -> ZipFile:
    """Return the zip file, whose members can be read within bounds.

    Raises:
        ExportError: It is no zip file, or none that this package writes.
    """
    end = _check_end(source)
    with zip_failures():
        archive = ZipFile(source)
    try:
        _check_members(archive.infolist(), end)
    except BaseException:
        archive.close()
        raise
    return archive


@contextlib.contextmanager
def zip_failures() -> Iterator[None]:
    """Report what the reading of a changed zip file raises as an ExportError."""
    try:
        yield
    except _FAILURES as error:
        raise refused(str(error) or type(error).__name__) from error


def refused(reason: str) -> ExportError:
    """Return the error for a file that is no export, or was changed."""
    return ExportError(
        f"This is not an export of homespun, or it was changed or cut short ({reason}). Nothing of it was used; "
        "get the export again, or export again from the profile."
    )


def _check_end(source: BinaryIO) -> int:
    """Check the record at the file's end, and return where the directory begins."""
    size = source.seek(0, os.SEEK_END)
    if not _END.size <= size <= MAX_EXPORT_SIZE:
        raise refused(f"it has {size} bytes")
    tail = min(size, _END.size + _LARGE_SIZE)
    source.seek(size - tail)
    data = source.read(tail)
    magic, disk, first_disk, here, entries, length, start, comment = _END.unpack(data[-_END.size :])
    if magic != _END_MAGIC or comment or disk or first_disk or data.startswith(_LARGE_MAGIC):
        raise refused("it does not end as a zip file does")
    if here != entries or entries > MAX_FILES or length > MAX_DIRECTORY_SIZE:
        raise refused(f"it has {entries} files, and {length} bytes of directory")
    if start + length + _END.size != size:
        raise refused("its directory is not where it should be")
    return int(start)


def _check_members(members: Sequence[ZipInfo], end: int) -> None:
    names = [member.orig_filename for member in members]
    if len(set(names)) != len(names):
        raise refused("two of its files have the same name")
    if sum(member.file_size for member in members) > MAX_EXPORT_SIZE:
        raise refused(f"its files have more than {MAX_EXPORT_SIZE} bytes")
    free_from = 0
    for member in sorted(members, key=lambda each: each.header_offset):
        _check_member(member)
        if member.header_offset < free_from or (not free_from and member.header_offset):
            raise refused("its files lie over each other, or behind something else")
        free_from = member.header_offset + _HEADER_SIZE + len(member.orig_filename) + member.compress_size
    if free_from > end:
        raise refused("a file lies over the directory")


def _check_member(member: ZipInfo) -> None:
    name = member.orig_filename[:80]
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or member.flag_bits & _ENCRYPTED or member.extra:
        raise refused(f"{name!r} is packed in a way that exports are not")
    most = max(FREE_SIZE, MOST_TIMES_LARGER * member.compress_size)
    if member.file_size > min(MAX_FILE_SIZE, most):
        raise refused(f"{name!r} unpacks to {member.file_size} bytes from {member.compress_size}")
