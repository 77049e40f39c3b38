"""The report: a vector in two shares, each sealed to its aggregator.

What leaves is the same for everybody in length and form. The report's id is pseudorandom by a secret of the
installation and the task: after a crash, or a backup that was restored, the same installation has the same id in the
same task, so that it is counted once, and ids of different tasks cannot be linked.
"""

import hashlib
import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from homespun.contribute.vectors import Vector, check_vector
from homespun.errors import CollectionError
from homespun.protocol.collection.report import REPORT_ID_BYTES, Report, binding_of, encode_report, seal_info
from homespun.protocol.collection.shares import Role, ShareForm, split
from homespun.protocol.collection.task import Aggregator, Task

SECRET_BYTES = 32
"""Bytes of an installation's secret."""

_ID = b"homespun report 1\n"
_SAMPLE = b"homespun sample of a task 1\n"
_CHECK = b"homespun given 1\n"
_CHECK_BYTES = 4


def report_id(secret: bytes, task: bytes) -> bytes:
    """Return this installation's report id in a task: the first 16 bytes of HMAC-SHA-256 (RFC 2104).

    Args:
        secret: The installation's 32 bytes.
        task: The task's id, 32 bytes.
    """
    return hmac.digest(secret, _ID + task, hashlib.sha256)[:REPORT_ID_BYTES]


def sampling_secret(secret: bytes) -> bytes:
    """Return the 32 bytes that key what is sampled of a person, from the installation's secret."""
    return hmac.digest(secret, _SAMPLE, hashlib.sha256)


def secret_check(secret: bytes, task: bytes) -> str:
    """Return eight hexadecimal digits by which an installation knows whether it has the secret of an earlier report.

    Args:
        secret: The installation's 32 bytes.
        task: The task's id, 32 bytes.
    """
    return hmac.digest(secret, _CHECK + task, hashlib.sha256)[:_CHECK_BYTES].hex()


def make_report(task: Task, vector: Vector, *, secret: bytes, now: float, entropy: Callable[[int], bytes]) -> bytes:
    """Return the bytes of a report: constant in length for a task.

    Args:
        task: The task.
        vector: What this installation adds, int64 [size].
        secret: The installation's 32 bytes.
        now: Seconds since 1970; only ``Task.rounded`` of it is told.
        entropy: Gives unpredictable bytes.

    Raises:
        CollectionError: The vector may not be added, or an aggregator's key is none.
    """
    identity, time = report_id(secret, task.id), task.rounded(int(now))
    binding = binding_of(task.id, identity, time)
    shares = split(ShareForm.of(task.statistic), check_vector(task, vector), binding, entropy)

    def sealed(role: Role, aggregator: Aggregator, share: bytes) -> bytes:
        info = seal_info(role, task.id, identity, time, shares.public)
        try:
            return _suite().encrypt(share, _key(aggregator), info)
        except ValueError as error:
            raise CollectionError(f"nothing can be sealed to the key of {aggregator.name}.") from error

    return encode_report(
        Report(
            report_id=identity,
            time=time,
            public=shares.public,
            leader=sealed("leader", task.leader, shares.leader),
            helper=sealed("helper", task.helper, shares.helper),
        )
    )


def _key(aggregator: Aggregator) -> X25519PublicKey:
    try:
        return X25519PublicKey.from_public_bytes(bytes.fromhex(aggregator.key))
    except ValueError as error:
        raise CollectionError(f"the key of {aggregator.name} is none; nothing is sealed to it.") from error


def _suite() -> hpke.Suite:
    return hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM)
