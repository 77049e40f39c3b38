"""What leader, helper and collector send each other: MessagePack, typed and bounded. Pure.

Nothing here is readable by a party that should not read it: shares travel sealed, and verifier messages are uniform.
"""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from homespun.protocol.collection.form import PUBLIC_BYTES
from homespun.protocol.collection.report import CONTENT_TYPE, REPORT_ID_BYTES
from homespun_server.errors import AggregationError

Role = Literal["leader", "helper"]

COLLECTION_TYPE = "application/homespun-collection"
JOB_TYPE = "application/homespun-job"
REPORT_TYPE = CONTENT_TYPE

CHECKSUM_BYTES = 32
MAX_JOB_REPORTS = 256
"""Most reports of one aggregation job."""

ReportId = Annotated[bytes, Meta(min_length=REPORT_ID_BYTES, max_length=REPORT_ID_BYTES)]
Checksum = Annotated[bytes, Meta(min_length=CHECKSUM_BYTES, max_length=CHECKSUM_BYTES)]
TaskText = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Count = Annotated[int, Meta(ge=0)]


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    schema: Literal[1] = 1


_AnyMessage = TypeVar("_AnyMessage", bound=_Message)


class JobReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """The helper's part of a report.

    Attributes:
        id: The report's id.
        time: When it was made, rounded, seconds since 1970.
        public: What both aggregators know of it.
        sealed: The helper's share, sealed to the helper.
        verifier: The leader's verifier message; None: the leader refuses the report already.
    """

    id: ReportId
    time: Annotated[int, Meta(ge=0, le=1 << 40)]
    public: Annotated[bytes, Meta(min_length=PUBLIC_BYTES, max_length=PUBLIC_BYTES)]
    sealed: bytes
    verifier: bytes | None


class JobRequest(_Message, frozen=True):
    """An aggregation job, from the leader to the helper.

    Attributes:
        reports: Each once, in the order of their ids.
    """

    reports: Annotated[tuple[JobReport, ...], Meta(min_length=1, max_length=MAX_JOB_REPORTS)]


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """What the helper decided on a report.

    Attributes:
        verifier: The helper's verifier message; None: it refused the report by itself.
        accepted: Whether it added its share.
    """

    verifier: bytes | None
    accepted: bool


class JobAnswer(_Message, frozen=True):
    """The helper's answer, the same however often it is asked.

    Attributes:
        job: The job that it answers.
        request: SHA-256 of the request that it answers.
        decisions: One a report, in the request's order.
    """

    job: str
    request: Checksum
    decisions: tuple[Decision, ...]


class ShareRequest(_Message, frozen=True):
    """Asks the helper to close the task and to seal its sum.

    Attributes:
        count: How many reports the leader added.
        checksum: Of their ids, see ``set_digest``.
    """

    count: Count
    checksum: Checksum


class Collection(_Message, frozen=True):
    """What the collector gets.

    Attributes:
        task: The task, 64 hexadecimal digits.
        count: How many reports were added.
        checksum: Of their ids, see ``set_digest``.
        leader: The leader's sum of shares with its noise, sealed to the collector.
        helper: The helper's.
        development: Whether one party runs both, which protects nobody from that party.
    """

    task: TaskText
    count: Count
    checksum: Checksum
    leader: bytes
    helper: bytes
    development: bool


def aggregate_info(role: Role, task: bytes, count: int, checksum: bytes) -> bytes:
    """Return the HPKE info under which an aggregate share is sealed.

    Args:
        role: Whose share.
        task: The task's id, 32 bytes.
        count: How many reports are in it.
        checksum: Of their ids, 32 bytes, see ``set_digest``.
    """
    side = b"\x00" if role == "leader" else b"\x01"
    return b"homespun aggregate share 1\n" + side + task + count.to_bytes(8, "big") + checksum


def parse_collection(raw: bytes) -> Collection:
    """Return what a leader answered.

    Raises:
        AggregationError: If it is no collection.
    """
    return parse(raw, Collection)


def parse(raw: bytes, kind: type[_AnyMessage]) -> _AnyMessage:
    """Return a message of a kind.

    Raises:
        AggregationError: If it is none.
    """
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise AggregationError(f"a message is no {kind.__name__}: {error}. Nothing of it was used.") from error


def set_digest(ids: Iterable[bytes]) -> bytes:
    """Return what names a set of reports: the SHA-256 of their ids, one after the other.

    Args:
        ids: 16 bytes each, sorted, each once.
    """
    found = hashlib.sha256()
    for each in ids:
        found.update(each)
    return found.digest()


def checksum_of(ids: Iterable[bytes], start: bytes = bytes(CHECKSUM_BYTES)) -> bytes:
    """Return ``start`` XOR the SHA-256 of every report's id; the order does not matter.

    Whoever may choose ids finds two sets with the same one. It tells sums of one store apart, and never two stores.

    Args:
        ids: 16 bytes each.
        start: The checksum of those before.
    """
    found = int.from_bytes(start, "big")
    for each in ids:
        found ^= int.from_bytes(hashlib.sha256(each).digest(), "big")
    return found.to_bytes(CHECKSUM_BYTES, "big")
