"""What a server of static files answers: whole, a part from a byte on, or that nothing changed. Pure.

Rules, of RFC 9110 what a repository's readers need: the entity tag is the SHA-256 of the content; ``If-None-Match``
with that tag is answered 304; ``Range: bytes=n-`` is answered 206 from byte n on, unless ``If-Range`` names another
tag, and 416 where there is no such byte. Any other range is passed over and the whole file sent.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

PIECE = 1 << 14
"""Bytes of a body that are handed out at once."""

_FROM = re.compile(r"bytes=([0-9]{1,18})-")


@dataclass(frozen=True)
class Answer:
    """An answer before it is sent.

    Attributes:
        status: The HTTP status; 0: the connection is closed without an answer.
        headers: Its headers, names in lower case.
        body: The body's bytes in pieces; where they do not fit ``content-length``, readers see a broken connection.
    """

    status: int
    headers: Mapping[str, str]
    body: Iterable[bytes] = ()


Fault = Callable[[Answer], Answer]
"""Makes of the right answer the one that is sent."""


@dataclass(frozen=True)
class Request:
    """A request as it arrived: what follows the repository's URL, and its headers, names in lower case."""

    path: str
    headers: Mapping[str, str]


def answer(content: bytes | None, headers: Mapping[str, str]) -> Answer:
    """Return the answer to a request for a file.

    Args:
        content: The file; None: there is none.
        headers: The request's, names in lower case.
    """
    if content is None:
        return Answer(404, {"content-length": "0"})
    tag = f'"{hashlib.sha256(content).hexdigest()}"'
    if headers.get("if-none-match") == tag:
        return Answer(304, {"etag": tag})
    first = _first_byte(headers, tag)
    if first is None:
        return Answer(200, {"etag": tag, "content-length": str(len(content))}, pieces(content))
    if first >= len(content):
        return Answer(416, {"content-range": f"bytes */{len(content)}", "content-length": "0"})
    part = content[first:]
    extent = f"bytes {first}-{len(content) - 1}/{len(content)}"
    return Answer(206, {"etag": tag, "content-length": str(len(part)), "content-range": extent}, pieces(part))


def answered(files: Mapping[str, bytes], faults: Mapping[str, Fault], request: Request) -> Answer:
    """Return the answer to a request with the first fault whose pattern (``fnmatch``) its path has."""
    found = answer(files.get(request.path), request.headers)
    fault = next((fault for pattern, fault in faults.items() if fnmatchcase(request.path, pattern)), None)
    return found if fault is None else fault(found)


def pieces(content: bytes) -> Iterator[bytes]:
    """Yield the content in pieces of ``PIECE`` bytes."""
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]


def _first_byte(headers: Mapping[str, str], tag: str) -> int | None:
    match = _FROM.fullmatch(headers.get("range", ""))
    return int(match[1]) if match and headers.get("if-range", tag) == tag else None
