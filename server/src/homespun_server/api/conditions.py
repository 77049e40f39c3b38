"""What a GET or HEAD of a file is answered with: preconditions and ranges, as RFC 9110 says.

Rules: every file has a strong entity tag and no date, so that a condition on dates is never met or not met by accident.
One range is served; several are answered with the whole file, which the RFC allows. Ranges are for GET alone.

Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_TAG = re.compile(r'\s*(W/)?("[\x21\x23-\x7e]*")\s*')


@dataclass(frozen=True)
class Answer:
    """What to send.

    Attributes:
        status: 200, 206, 304, 412 or 416.
        start: First byte of the file to send.
        stop: The byte after the last one.
    """

    status: int
    start: int = 0
    stop: int = 0


def answer(method: str, headers: Mapping[str, str], *, etag: str, size: int) -> Answer:
    """Return what a request for a file is answered with.

    Args:
        method: GET or HEAD.
        headers: The request's, with lower-case names.
        etag: The file's entity tag, in quotes.
        size: The file's size, bytes.
    """
    if "if-match" in headers and not _matches(headers["if-match"], etag, weak=False):
        return Answer(412)
    if "if-none-match" in headers and _matches(headers["if-none-match"], etag, weak=True):
        return Answer(304)
    whole = Answer(200, 0, size)
    if method != "GET" or "range" not in headers:
        return whole
    if headers.get("if-range", etag) != etag:
        return whole
    return _ranged(headers["range"], size) or whole


def _matches(field: str, etag: str, *, weak: bool) -> bool:
    """Return whether a tag is listed; a weak one counts only where the comparison is weak."""
    if field.strip() == "*":
        return True
    found = [_TAG.fullmatch(part) for part in field.split(",")]
    return any(match is not None and match[2] == etag and (weak or not match[1]) for match in found)


def _ranged(field: str, size: int) -> Answer | None:
    """Return the part that is asked for; None: the field is malformed or asks for several, and is passed over."""
    match = _RANGE.fullmatch(field.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        return Answer(206, size - length, size) if length else Answer(416)
    start = int(match[1])
    stop = min(int(match[2]) + 1, size) if match[2] else size
    if match[2] and int(match[2]) < start:
        return None
    return Answer(206, start, stop) if start < size else Answer(416)
