"""Checks of requests, receipts and consents."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from homespun.errors import HomespunError, ProofError
from homespun.protocol.asking.receipt import parse_receipt
from homespun.protocol.asking.receipt import verify as verify_receipt
from homespun.protocol.canonical import canonical
from homespun_server.compliance.audit.contents import (
    CONSENTS,
    REQUESTS,
    AuditedRequest,
    CountOfDay,
    Counts,
    decoded,
)
from homespun_server.compliance.audit.evidence import Evidence, sha256
from homespun_server.compliance.requests.course import ENDED, Course, State, extended_due, opening
from homespun_server.compliance.requests.folding import folded
from homespun_server.store.moments import text_of


def requests(evidence: Evidence) -> tuple[int, str]:
    """Check that every request went as its timeline says, that the log knows each step, and that none is left out."""
    steps = [said for said in evidence.said_by("request") if "sequence" in said]
    known = {(str(said["request"]), said["sequence"]): said for said in steps}
    here = {each.request.id for each in evidence.requests}
    files = {(str(said["request"]), said["sha256"]) for said in evidence.said_of("request file")}
    for each in evidence.requests:
        _followed(each, known)
        if (each.request.id, sha256(evidence.member(f"{REQUESTS}{each.request.id}.json"))) not in files:
            raise ProofError(f"the request {each.request.id} is told otherwise than the log knows it.")
    last = {str(said["request"]): said for said in sorted(steps, key=lambda said: said["sequence"])}
    recent = {str(said["request"]) for said in steps if str(said["moment"]) >= evidence.manifest.since}
    for name, said in last.items():
        if name not in here and (name in recent or said["state"] not in ENDED):
            raise ProofError(
                f"the log knows a request {name} that is {said['state']} since {said['moment']}, and it is not here."
            )
    return len(evidence.requests), (
        f"requests went as their timelines say, each step of which is in the log; {len(last) - len(here)} more had "
        "ended before, and nothing happened to them since"
    )


def deadlines(evidence: Evidence) -> tuple[int, str]:
    """Check that every request was confirmed and answered in time, by its own frozen rules."""
    states = Counter(_in_time(evidence.manifest.created, each) for each in evidence.requests)
    still = sum(number for state, number in states.items() if state not in ENDED)
    return len(evidence.requests), (
        f"requests kept their deadlines; {still} are open and not due yet, {states['withdrawn']} were withdrawn"
    )


def receipts(evidence: Evidence) -> tuple[int, str]:
    """Check every device's receipt against the key that the log knows it to have registered, and against the log."""
    logged = {(said["request"], said["device"]): at for at, said in evidence.said_at("device receipt").items()}
    fitting = forgotten = 0
    for each in evidence.requests:
        answered = [event.detail for event in each.timeline if event.what == "answered"]
        for detail in answered:
            fits = _check_receipt(evidence, str(detail.get("receipt")), each.request.id, logged)
            fitting, forgotten = fitting + fits, forgotten + (not fits)
        devices = {str(detail.get("device")) for detail in answered}
        unheard = [device for request, device in logged if request == each.request.id and device not in devices]
        if unheard and each.request.state not in ENDED:
            raise ProofError(
                f"the device {unheard[0]} answered the request {each.request.id}, whose timeline hides it."
            )
    return fitting, (
        f"receipts of devices fit the keys that were logged when they registered; {forgotten} are of devices that were "
        "forgotten with the person, so that nothing shows any more who signed them"
    )


def consents(evidence: Evidence) -> tuple[int, str]:
    """Check that as many consent events are counted as the log has and were not erased, and none under another name."""
    counts = decoded(evidence.member(CONSENTS), Counts, CONSENTS).counts
    if any(each.number < 1 for each in counts):
        raise ProofError("a count of consent events is below one.")
    number = sum(each.number for each in counts)
    days, gone = evidence.said_of("consents of a day"), evidence.said_of("consents erased")
    erased = sum(int(said["number"]) for said in gone)
    logged = evidence.kinds.count("consent") - len(days) - len(gone)
    if number + erased != logged:
        raise ProofError(
            f"{number} consent events are counted and {erased} were erased, and the log has {logged} of them."
        )
    fixed = {
        (said["day"], each["purpose"], each["notice"], each["action"]): int(each["number"])
        for said in days
        for each in said["counts"]
    }
    _check_days(evidence.manifest.created, counts, fixed, erased)
    return logged, f"consent events are in the log; {number:,} are counted, and {erased:,} were erased"


def _check_days(
    created: str, counts: Iterable[CountOfDay], fixed: Mapping[tuple[str, str, str, str], int], erased: int
) -> None:
    """Check the days that are over against what the log fixed then: since, counts can only have been erased."""
    over = text_of(datetime.fromisoformat(created) - timedelta(days=1))[:10]
    now = {(each.day, each.purpose, each.notice, each.action): each.number for each in counts if each.day < over}
    grown = sorted(key for key, number in now.items() if number > fixed.get(key, 0))
    fewer = sum(number - now.get(key, 0) for key, number in fixed.items())
    if grown or fewer > erased:
        what = f"more of {' '.join(grown[0])}" if grown else f"{fewer} fewer, of which {erased} were erased,"
        raise ProofError(f"of the days that are over, {what} are counted than the log fixed when they were over.")


def _in_time(created: str, each: AuditedRequest) -> State:
    """Check a request's deadlines; return where it is."""
    name, course = each.request.id, _begun(each)
    confirmed: str | None = None
    for event in each.timeline:
        before, course = course, folded(course, event)
        ended = before.state not in ENDED and course.state in ENDED
        if ended and event.moment > text_of(course.due):
            raise ProofError(f"the request {name} ended on {event.moment}, after {text_of(course.due)}.")
        if event.what == "extended" and (event.moment > text_of(before.due) or course.due > extended_due(before)):
            raise ProofError(f"the request {name} was extended on {event.moment} to {course.due}, against its rules.")
        if confirmed is None and (ended or course.confirmed):
            confirmed = event.moment
    if course.confirm_by is not None and (confirmed or created) > text_of(course.confirm_by):
        told = f"was confirmed on {confirmed}" if confirmed else "was never confirmed"
        raise ProofError(f"the request {name} {told}, and receipt was to be confirmed by {text_of(course.confirm_by)}.")
    if course.state not in ENDED and created > text_of(course.due):
        raise ProofError(f"the request {name} is open, and was due on {text_of(course.due)}.")
    return course.state


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


def _check_receipt(evidence: Evidence, raw: str, request: str, logged: Mapping[tuple[object, object], int]) -> bool:
    """Check a receipt; return whether what shows the key that its device registered is still there."""
    try:
        receipt = parse_receipt(raw.encode())
        if receipt.request != request:
            raise ProofError("it is of another request.")
        at = logged.get((request, receipt.device))
        said = {} if at is None else evidence.said_at("device receipt")[at]
        if at is None or said["sha256"] != sha256(raw):
            raise ProofError("the log does not know it.")
        if not 0 <= said["key"] < at or evidence.kinds[said["key"]] != "receipt":
            raise ProofError("it names no key that was registered before.")
        registered = evidence.said_at("device key").get(said["key"])
        if registered is None:
            # What it says of its own key shows that nothing was changed, and not who signed.
            if receipt.erasure is not None:
                verify_receipt(receipt, receipt.erasure.public_key)
            return False
        if registered["device"] != receipt.device:
            raise ProofError("it names the key of another device.")
        verify_receipt(receipt, str(registered["key"]))
    except HomespunError as error:
        raise ProofError(f"a receipt of the request {request} was forged or changed: {error}") from error
    return True
