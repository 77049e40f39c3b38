"""The sealed export: a container whose parts are each encrypted and checked, written and read in order or not.

::

    16 bytes   MAGIC
     1 byte    VERSION
     2 bytes   length of the header, big-endian
               header: JSON, how the file key is wrapped (see ``sealing``)
               chunks: 65536 bytes each, the last one shorter, under AES-256-GCM with 16 bytes of tag

This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): a chunk's nonce is its number in
11 bytes and one byte that is 1 for the last chunk only, so that chunks cannot be exchanged, repeated, left out
or taken from another file, and a file that was cut short has no last chunk. The key is used for one file,
and made from the file key and the SHA-256 of everything before the chunks, so that no byte can change unnoticed.

At most one chunk is held in the clear, and none is written.
"""

import io
import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from homespun.errors import ExportError

MAGIC = b"homespun sealed\n"
VERSION = 1
CHUNK_SIZE = 1 << 16
TAG_SIZE = 16

_SEALED_SIZE = CHUNK_SIZE + TAG_SIZE


class SealingWriter(io.RawIOBase):
    """Encrypts what is written to it; ``finish`` writes the last chunk. Closes nothing."""

    def __init__(self, sink: BinaryIO, cipher: AESGCM) -> None:
        """Write to ``sink``, which stands behind the header."""
        self._sink = sink
        self._cipher = cipher
        self._waiting = bytearray()
        self._number = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        """Encrypt the data, keeping back what may become the last chunk."""
        self._waiting += data
        while len(self._waiting) > CHUNK_SIZE:
            self._seal(CHUNK_SIZE, last=False)
        return len(data)

    def finish(self) -> None:
        """Write what was kept back as the last chunk."""
        self._seal(CHUNK_SIZE, last=True)

    def _seal(self, size: int, *, last: bool) -> None:
        chunk = bytes(self._waiting[:size])
        del self._waiting[:size]
        self._sink.write(self._cipher.encrypt(_nonce(self._number, last=last), chunk, None))
        self._number += 1


class UnsealingReader(io.RawIOBase):
    """Reads what a SealingWriter wrote, from any position. Closes nothing.

    Raises:
        ExportError: On construction, if the last chunk is not one; on reading, if a chunk was changed.
    """

    def __init__(self, source: BinaryIO, start: int, cipher: AESGCM) -> None:
        """Read from ``source``, whose chunks begin at ``start``."""
        self._source = source
        self._start = start
        self._cipher = cipher
        self._position = 0
        self._loaded: tuple[int, bytes] | None = None
        sealed = source.seek(0, os.SEEK_END) - start
        self._last = max(0, -(-sealed // _SEALED_SIZE) - 1)
        # The last chunk first: until it was seen the file may have been cut short.
        self._size = self._last * CHUNK_SIZE + len(self._chunk(self._last))

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position in the clear bytes."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position in the clear bytes."""
        return self._position

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Read at most the rest of one chunk.

        Raises:
            ExportError: The chunk was changed.
        """
        if self._position >= self._size:
            return 0
        number, offset = divmod(self._position, CHUNK_SIZE)
        part = self._chunk(number)[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _chunk(self, number: int) -> bytes:
        if self._loaded is None or self._loaded[0] != number:
            self._source.seek(self._start + number * _SEALED_SIZE)
            self._loaded = number, self._opened(number, self._source.read(_SEALED_SIZE))
        return self._loaded[1]

    def _opened(self, number: int, sealed: bytes) -> bytes:
        last = number == self._last
        try:
            return self._cipher.decrypt(_nonce(number, last=last), sealed, None)
        except InvalidTag as error:
            what = "It was cut short, or its end was changed." if last else "It was changed after it was made."
            raise ExportError(f"{what} Nothing of it was used; get the export again, from whoever made it.") from error


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
