"""The file: a ZIP archive of which every byte follows from the members. Pure.

Members are stored uncompressed, in order, without times: so what is not a member's content can be computed, and a byte
that is changed anywhere is noticed. Reading is bounded, and names lead nowhere.
"""

import io
import re
import zipfile
from collections.abc import Mapping

from homespun.errors import ProofError

MAX_BYTES = 1 << 31
"""Largest audit bundle that is read, in bytes."""

MAX_MEMBERS = 200_000

_NAME = re.compile(r"[a-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,6}")
_LONGEST_NAME = 300
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MODE = 0o100600 << 16


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return the archive of members."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = _UNIX, _MODE
            archive.writestr(info, members[name])
    return written.getvalue()


def unpack(raw: bytes) -> dict[str, bytes]:
    """Return the members of an archive; that it is written as it must be is for ``check_packed``.

    Raises:
        ProofError: It is none, or larger than what is read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            if (
                len(raw) > MAX_BYTES
                or len(infos) > MAX_MEMBERS
                or len(set(names)) < len(names)
                or any(info.compress_type != zipfile.ZIP_STORED or info.file_size > len(raw) for info in infos)
                or not all(len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) for name in names)
            ):
                raise _unreadable("it is too large, or its members are not as they must be")
            return {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise _unreadable(str(error)) from error


def check_packed(raw: bytes, members: Mapping[str, bytes]) -> None:
    """Check that an archive is its members and nothing else.

    Raises:
        ProofError: It has bytes that no member accounts for.
    """
    if pack(members) != raw:
        raise ProofError("the file has bytes that are no member's: it was changed after it was exported.")


def _unreadable(why: str) -> ProofError:
    return ProofError(f"this is no audit bundle that can be read: {why}. Nothing in it was checked; ask for it again.")
