"""Checks of requests, receipts and consents."""

from datetime import UTC, datetime

from homespun.errors import HomespunError, ProofError
from homespun.protocol.asking.receipt import parse_receipt
from homespun.protocol.asking.receipt import verify as verify_receipt
from homespun.protocol.canonical import canonical
from homespun_server.compliance.audit.contents import (
    CONSENTS,
    DEVICES,
    REQUESTS,
    AuditedRequest,
    Counts,
    Devices,
    decoded,
)
from homespun_server.compliance.audit.evidence import Evidence, sha256
from homespun_server.compliance.log.entries import decoded as decoded_entry
from homespun_server.compliance.requests.course import ENDED, Course, folded, opening
from homespun_server.store.moments import text_of


def requests(evidence: Evidence) -> tuple[int, str]:
    """Check that every request went as its timeline says, and that the log knows each step of it."""
    known = {
        (str(said["request"]), said["sequence"]): said
        for said in evidence.said
        if "request" in said and "sequence" in said
    }
    here = {each.request.id for each in evidence.requests}
    files = {(str(said["request"]), said["sha256"]) for said in evidence.said_of("request file")}
    for each in evidence.requests:
        _followed(each, known)
        if (each.request.id, sha256(evidence.member(f"{REQUESTS}{each.request.id}.json"))) not in files:
            raise ProofError(f"the request {each.request.id} is told otherwise than the log knows it.")
    for (name, sequence), said in known.items():
        within = str(said["received"]) >= evidence.manifest.since
        if within and name not in here:
            raise ProofError(f"the log knows a request {name}, step {sequence}, that is not here.")
    return len(evidence.requests), "requests went as their timelines say, each step of which is in the log"


def deadlines(evidence: Evidence) -> tuple[int, str]:
    """Check that every request was answered in time, by its own frozen rules."""
    created, open_ones = evidence.manifest.created, 0
    for each in evidence.requests:
        course = _begun(each)
        for event in each.timeline:
            before, course = course, folded(course, event)
            if before.state not in ENDED and course.state in ENDED and event.moment > text_of(course.due):
                raise ProofError(f"the request {each.request.id} ended on {event.moment}, after {text_of(course.due)}.")
        if course.state not in ENDED:
            open_ones += 1
            if created > text_of(course.due):
                raise ProofError(f"the request {each.request.id} is open, and was due on {text_of(course.due)}.")
    return len(evidence.requests), f"requests kept their deadlines; {open_ones} are open and not due yet"


def receipts(evidence: Evidence) -> tuple[int, str]:
    """Check every device's receipt against the key that it registered."""
    keys = decoded(evidence.member(DEVICES), Devices, DEVICES).keys
    raw = [
        (each.request.id, event.detail.get("receipt"))
        for each in evidence.requests
        for event in each.timeline
        if event.what == "answered"
    ]
    verified = sum(_check_receipt(receipt, keys, request) for request, receipt in raw)
    forgotten = len(raw) - verified
    return verified, f"receipts of devices fit the keys that they registered; the keys of {forgotten} were forgotten"


def consents(evidence: Evidence) -> tuple[int, str]:
    """Check that no more consent events are counted than the log has commitments to."""
    counts = decoded(evidence.member(CONSENTS), Counts, CONSENTS).counts
    number = sum(each.number for each in counts)
    if any(each.number < 1 for each in counts):
        raise ProofError("a count of consent events is below one.")
    committed = sum(decoded_entry(entry).kind == "consent" for entry in evidence.entries)
    if number > committed + evidence.base.size:
        raise ProofError(f"{number} consent events are counted, and the log can have no more than {committed}.")
    return committed, f"commitments to consent events since then; {number:,} events are counted"


def _begun(each: AuditedRequest) -> Course:
    received = datetime.fromisoformat(each.request.received).astimezone(UTC)
    return opening(each.rules, each.data_map.names, received)


def _followed(each: AuditedRequest, known: dict[tuple[str, object], dict[str, object]]) -> None:
    course, request = _begun(each), each.request
    for event in each.timeline:
        course = folded(course, event)
        said = known.get((request.id, event.sequence))
        ours = {
            "request": request.id,
            "sequence": event.sequence,
            "moment": event.moment,
            "what": event.what,
            "kind": request.kind,
            "regulation": request.regulation,
            "received": request.received,
            "state": course.state,
            "due": text_of(course.due),
            "missing": list(course.missing),
            "detail": sha256(canonical(event.detail)),
        }
        if said != ours:
            raise ProofError(f"step {event.sequence} of the request {request.id} is another than the log knows.")
    told = (request.state, request.due, request.next, request.events)
    told_anew = (
        course.state,
        text_of(course.due),
        None if course.next is None else text_of(course.next),
        course.sequence,
    )
    if told != told_anew:
        raise ProofError(f"the request {request.id} is said to be {told}, and its timeline adds up to {told_anew}.")
    logged = sum(name == request.id for name, _ in known)
    if logged != len(each.timeline):
        raise ProofError(
            f"the log knows {logged} steps of the request {request.id}, and {len(each.timeline)} are here."
        )


def _check_receipt(raw: object, keys: dict[str, str], request: str) -> bool:
    """Check a receipt; return whether there is still a key to check it with."""
    try:
        receipt = parse_receipt(str(raw).encode())
        if receipt.request != request:
            raise ProofError("it is of another request.")
        key = keys.get(receipt.device) or (receipt.erasure.public_key if receipt.erasure is not None else None)
        if key is not None:
            verify_receipt(receipt, key)
    except HomespunError as error:
        raise ProofError(f"a receipt of the request {request} was forged or changed: {error}") from error
    return key is not None
