"""Streams of pseudorandom bytes and elements: SHAKE-128 (FIPS 202) over a label and its parts.

Every use has a label of its own, and every part its length before it, so that no two uses share a stream. Elements
are words of 32 bits, little-endian, without those that are not below the modulus: uniform, and the same wherever the
stream is expanded.

Pure.
"""

import hashlib

import numpy as np

from homespun.protocol.collection.field import MODULUS, Words

_PREFIX = b"homespun collection 1\n"
_SPARE = 16
"""Words that are drawn in excess: five in 2³² are dropped, so that more are hardly ever needed."""


def framed(label: str, *parts: bytes | memoryview) -> bytes:
    """Return a label and parts as one text that nothing else has: each part follows its length (8 bytes)."""
    pieces: list[bytes | memoryview] = [_PREFIX]
    for part in (label.encode(), *parts):
        pieces += [len(part).to_bytes(8, "big"), part]
    return b"".join(pieces)


def stream(length: int, label: str, *parts: bytes | memoryview) -> bytes:
    """Return so many pseudorandom bytes."""
    return hashlib.shake_128(framed(label, *parts)).digest(length)


def elements(count: int, label: str, *parts: bytes | memoryview) -> Words:
    """Return so many pseudorandom elements: uint32 [count]."""
    source = hashlib.shake_128(framed(label, *parts))
    spare = _SPARE
    while True:
        words = np.frombuffer(source.digest(4 * (count + spare)), np.dtype("<u4"))
        if int(words[:count].max(initial=0)) < MODULUS:
            return words[:count]
        kept = words[words < MODULUS]
        if kept.size >= count:
            return kept[:count]
        spare *= 2
