"""A report as it travels: one of constant length for each task, with nothing in it that says whose it is.

    format (1 byte: 1), report id (16), time (8, big-endian), public (64), the leader's ciphertext, the helper's

Ciphertexts are HPKE (RFC 9180, base mode, X25519, HKDF-SHA-256, AES-128-GCM): the encapsulated key, then what was
sealed. All that a share belongs to is in ``info``, so that a share of another task, report, time or role does
not open. Sealing draws randomness and opening needs keys; neither is here.

Pure.
"""

from dataclasses import dataclass

from homespun.errors import CollectionError
from homespun.protocol.collection.form import PUBLIC_BYTES, ShareForm
from homespun.protocol.collection.opening import Role

FORMAT = 1
"""The first byte of a report of this version."""

TASK_ID_BYTES = 32
REPORT_ID_BYTES = 16
TIME_BYTES = 8

HPKE_BYTES = 32 + 16
"""What sealing adds: the encapsulated key and the authentication tag."""

HEAD_BYTES = 1 + REPORT_ID_BYTES + TIME_BYTES + PUBLIC_BYTES

CONTENT_TYPE = "application/homespun-report"
"""The media type of a report."""

_INFO = b"homespun report 1\n"
_ROLES: dict[Role, bytes] = {"leader": b"L", "helper": b"H"}


@dataclass(frozen=True)
class Report:
    """What one installation sends for one task.

    Attributes:
        report_id: 16 bytes that say nothing, and are the same whenever the installation reports for the task again.
        time: When it was made, seconds since 1970, rounded down as the task says.
        public: Commitments to both shares.
        leader: The leader's share, sealed.
        helper: The helper's share, sealed.
    """

    report_id: bytes
    time: int
    public: bytes
    leader: bytes
    helper: bytes


def report_size(form: ShareForm) -> int:
    """Return how many bytes every report of a task has."""
    return HEAD_BYTES + form.leader_bytes + form.helper_bytes + 2 * HPKE_BYTES


def encode_report(report: Report) -> bytes:
    """Return a report as it travels."""
    head = bytes([FORMAT]) + report.report_id + report.time.to_bytes(TIME_BYTES, "big") + report.public
    return b"".join((head, report.leader, report.helper))


def parse_report(raw: bytes, form: ShareForm) -> Report:
    """Return a report that arrived; whether its shares open and fit is not known yet.

    Raises:
        CollectionError: It has another length than the task's reports, or is of another version.
    """
    if len(raw) != report_size(form):
        raise CollectionError(
            f"a report has {len(raw):,} bytes, and every report of this task has {report_size(form):,}; it is refused."
        )
    if raw[0] != FORMAT:
        raise CollectionError(f"a report has format {raw[0]}, and this homespun reads {FORMAT}; it is refused.")
    fields = []
    place = 1
    sizes = (REPORT_ID_BYTES, TIME_BYTES, PUBLIC_BYTES, form.leader_bytes + HPKE_BYTES, form.helper_bytes + HPKE_BYTES)
    for size in sizes:
        fields.append(raw[place : place + size])
        place += size
    report_id, time, public, leader, helper = fields
    return Report(report_id, int.from_bytes(time, "big"), public, leader, helper)


def binding_of(task_id: bytes, report_id: bytes, time: int) -> bytes:
    """Return what a report's shares are bound to: task (32 bytes), report (16) and time (8, big-endian)."""
    _check(task_id, TASK_ID_BYTES, "a task's id")
    _check(report_id, REPORT_ID_BYTES, "a report's id")
    return task_id + report_id + time.to_bytes(TIME_BYTES, "big")


def seal_info(role: Role, task_id: bytes, report_id: bytes, time: int, public: bytes) -> bytes:
    """Return HPKE's ``info`` for one share: its role and all that its report is bound to, each of fixed length.

    Raises:
        CollectionError: If one of them has another length.
    """
    _check(public, PUBLIC_BYTES, "the public part of a report")
    return _INFO + _ROLES[role] + binding_of(task_id, report_id, time) + public


def _check(value: bytes, length: int, what: str) -> None:
    if len(value) != length:
        raise CollectionError(f"{what} has {length} bytes, and this one {len(value)}; it is refused.")
