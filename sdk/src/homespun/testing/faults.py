"""What goes wrong between a repository and a device, by accident or because somebody wants it to.

Each function returns a ``Fault`` for the ``faults`` of ``MemoryHttp`` or ``Loopback``, by the pattern of the path that
it befalls::

    http.faults["metadata/timestamp.json"] = faults.status(500)
    http.faults["targets/*.weights.bin"] = faults.short(100)
"""

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from homespun.testing.answers import Answer, Fault, pieces

ENDLESS_PIECE = b" " * (1 << 14)
"""What an endless body repeats."""


def status(code: int) -> Fault:
    """Answer with a status and nothing else, for instance 404 or 500."""
    return lambda _: Answer(code, {"content-length": "0"})


def dropped() -> Fault:
    """Close the connection without an answer."""
    return lambda _: Answer(0, {})


def redirect(to: str, code: int = 302) -> Fault:
    """Send the device elsewhere."""
    return lambda _: Answer(code, {"location": to, "content-length": "0"})


def replaced(content: bytes) -> Fault:
    """Send other bytes, with the length that they have."""
    return lambda right: _with_body(right, content)


def appended(extra: bytes) -> Fault:
    """Send more bytes than the file has, with the length that they have."""
    return lambda right: _with_body(right, b"".join(right.body) + extra)


def short(length: int) -> Fault:
    """Close the connection after so many bytes of the body."""
    return lambda right: replace(right, body=_first(right.body, length))


def wrong_length(length: int) -> Fault:
    """Say that the body has another length than is sent."""
    return lambda right: replace(right, headers={**right.headers, "content-length": str(length)})


def endless(piece: bytes = ENDLESS_PIECE) -> Fault:
    """Send a body without a length that never ends."""
    return lambda right: replace(right, headers=_without(right.headers, "content-length"), body=_forever(piece))


def slow(tick: Callable[[], object], size: int = 1) -> Fault:
    """Send the body a few bytes at a time.

    Args:
        tick: Called before each piece; a test moves its clock here and need not wait.
        size: Bytes of a piece.
    """
    return lambda right: replace(right, body=_slowly(right.body, tick, size))


def encoded(coding: str, encode: Callable[[bytes], bytes] = gzip.compress) -> Fault:
    """Send the body in a content coding that nobody asked for; small on the way, it may be huge when it is unpacked."""

    def fault(right: Answer) -> Answer:
        found = _with_body(right, encode(b"".join(right.body)))
        return replace(found, headers={**found.headers, "content-encoding": coding})

    return fault


def _with_body(right: Answer, content: bytes) -> Answer:
    headers = {**_without(right.headers, "content-range"), "content-length": str(len(content))}
    return Answer(200, headers, pieces(content))


def _without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}


def _first(body: Iterable[bytes], length: int) -> Iterator[bytes]:
    for piece in body:
        if length <= 0:
            return
        yield piece[:length]
        length -= len(piece)


def _forever(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def _slowly(body: Iterable[bytes], tick: Callable[[], object], size: int) -> Iterator[bytes]:
    for piece in body:
        for start in range(0, len(piece), size):
            tick()
            yield piece[start : start + size]
