"""A secret under a passphrase: how every private key of the server lies on a disk.

The passphrase goes through Argon2id (RFC 9106) and the secret is encrypted with AES-256-GCM, bound to what its file
says beside it. Costs that a file asks for are bounded before they are paid.

Pure: no files, no clock, no randomness.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Meta

MIN_PASSPHRASE_BYTES = 8
"""Least length of a passphrase, in bytes."""

SALT_BYTES = 16
NONCE_BYTES = 12
KEY_BYTES = 32

Memory = Annotated[int, Meta(ge=8 * 1024, le=1024 * 1024)]
Iterations = Annotated[int, Meta(ge=1, le=16)]
Lanes = Annotated[int, Meta(ge=1, le=16)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCosts:
    """What trying a passphrase costs; by default the second choice of RFC 9106.

    Attributes:
        memory_kib: Memory, KiB.
        iterations: Passes over it.
        lanes: Passes at once.
    """

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4


class Kdf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="argon2id"):
    """How the passphrase becomes a key."""

    salt: Annotated[bytes, Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
    memory_kib: Memory
    iterations: Iterations
    lanes: Lanes


def cipher_of(passphrase: bytes, kdf: Kdf) -> AESGCM:
    """Return what seals and opens under a passphrase; it takes as long as ``kdf`` asks for."""
    derivation = Argon2id(
        salt=kdf.salt, length=KEY_BYTES, iterations=kdf.iterations, lanes=kdf.lanes, memory_cost=kdf.memory_kib
    )
    return AESGCM(derivation.derive(passphrase))
