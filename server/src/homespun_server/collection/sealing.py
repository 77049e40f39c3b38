"""What is sealed and opened here: shares to an aggregator, sums to the collector, and the running sum at rest.

HPKE (RFC 9180) in base mode with X25519, HKDF-SHA-256 and AES-128-GCM. A sealed message begins with the sender's
ephemeral public key, ``ENC_BYTES`` long; without these bytes nobody opens the rest, the receiver neither. So they are
kept apart, and to destroy a report its two times ``ENC_BYTES`` are overwritten.
"""

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from numpy.typing import NDArray

from homespun.protocol.collection.report import HPKE_BYTES
from homespun_server.errors import StoreError

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)

ENC_BYTES = 32
"""The ephemeral public key at the beginning of a sealed message."""

OVERHEAD = HPKE_BYTES
"""What sealing adds to a message, bytes."""

NONCE_BYTES = 12


def open_sealed(sealed: bytes, private: X25519PrivateKey, info: bytes) -> bytes | None:
    """Return what was sealed to a key; None: it was sealed to another one, for something else, or changed."""
    try:
        return SUITE.decrypt(sealed, private, info)
    except (InvalidTag, ValueError):
        return None


def seal(plain: bytes, public: str, info: bytes) -> bytes:
    """Seal to a public key, 64 hexadecimal digits."""
    return SUITE.encrypt(plain, X25519PublicKey.from_public_bytes(bytes.fromhex(public)), info)


def rest(total: NDArray[np.uint64], key: bytes, bound: bytes, nonce: bytes) -> bytes:
    """Return a sum as it lies in the store.

    Args:
        total: uint64 of shape [size], below 2³².
        key: 32 bytes.
        bound: What belongs to this sum and no other: it opens with nothing else.
        nonce: 12 bytes, never used twice with the key.
    """
    return nonce + AESGCM(key).encrypt(nonce, total.astype("<u4").tobytes(), bound)


def wake(sealed: bytes, key: bytes, bound: bytes) -> NDArray[np.uint64]:
    """Return a sum that lay in the store, uint64.

    Raises:
        StoreError: If it is not the one that was put there.
    """
    try:
        raw = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
    except (InvalidTag, ValueError):
        raise StoreError(
            "a running sum in the store is not the one that was put there, or the aggregator's key is another one. "
            "Restore store and key from backups that belong together."
        ) from None
    return np.frombuffer(raw, "<u4").astype(np.uint64)
