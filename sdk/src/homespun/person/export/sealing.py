"""Sealing and unsealing an export: a random file key, wrapped as ``wrapping`` does, encrypts a ``container``.

The chunks' key is made by HKDF-SHA256 (RFC 5869) from the file key and the SHA-256 of everything that stands
before the chunks, so that no byte of that can change unnoticed. Sealing says nothing about who made a file:
anybody can seal something for a public key.
"""

import hashlib
import struct
from typing import BinaryIO, Literal

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf import hkdf

from homespun.config import Settings
from homespun.errors import ExportError, ExportSchemaError
from homespun.person.export.container import MAGIC, VERSION, SealingWriter, UnsealingReader
from homespun.person.export.recipient import Recipient
from homespun.person.export.wrapping import KEY_SIZE, Opening, Wrap, unwrap, wrap_key
from homespun.profile.files import Entropy
from homespun.profile.secret import Secret

MAX_HEADER_SIZE = 4096
"""Bytes in a header; what we write has about 250."""

_CHUNKS_INFO = b"homespun sealed export 1 chunks"
_PREFIX = struct.Struct(f">{len(MAGIC)}sBH")


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands before the chunks."""

    wrap: Wrap
    chunk: Literal[65536] = 65536
    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"


def seal(sink: BinaryIO, to: Recipient | Secret, *, settings: Settings, entropy: Entropy) -> SealingWriter:
    """Write the header, and return what encrypts the rest.

    Args:
        sink: Where to write.
        to: Whom for, or the passphrase's bytes.
        settings: Costs of the passphrase's derivation.
        entropy: Gives unpredictable bytes. HPKE takes more from the operating system.

    Raises:
        MisuseError: The settings cost more than a sealed file may ask for.
    """
    file_key = Secret(entropy(KEY_SIZE))
    header = msgspec.json.encode(Header(wrap_key(file_key, to, settings=settings, entropy=entropy)))
    start = _PREFIX.pack(MAGIC, VERSION, len(header)) + header
    sink.write(start)
    return SealingWriter(sink, _chunks_cipher(file_key, start))


def is_sealed(source: BinaryIO) -> bool:
    """Return whether what begins here is a sealed export; the position is moved back to the beginning."""
    magic = source.read(len(MAGIC))
    source.seek(0)
    return magic == MAGIC


def unseal(source: BinaryIO, with_: Opening) -> UnsealingReader:
    """Return what reads the clear bytes of a sealed export.

    Raises:
        ExportSchemaError: Another version of homespun made it.
        ExportKeyError: It is sealed in another way, or with another passphrase or for another key.
        ExportError: It was changed or cut short.
    """
    start = source.read(_PREFIX.size)
    if len(start) != _PREFIX.size:
        raise ExportError("The sealed export was cut short; get it again, from whoever made it.")
    _, version, length = _PREFIX.unpack(start)
    if version != VERSION:
        raise ExportSchemaError(
            f"The export is sealed in version {version}; this homespun opens {VERSION}. Update homespun to open it."
        )
    start += source.read(min(length, MAX_HEADER_SIZE))
    header = _header(start[_PREFIX.size :], length)
    return UnsealingReader(source, len(start), _chunks_cipher(unwrap(header.wrap, with_), start))


def _header(data: bytes, length: int) -> Header:
    try:
        if len(data) == length:
            return msgspec.json.decode(data, type=Header)
        reason = f"its length is {length} bytes"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error)
    raise ExportError(f"The sealed export's header was changed or cut short ({reason}); get the export again.")


def _chunks_cipher(file_key: Secret, start: bytes) -> AESGCM:
    bound = hashlib.sha256(start).digest()
    derivation = hkdf.HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=bound, info=_CHUNKS_INFO)
    return AESGCM(derivation.derive(file_key.reveal()))
