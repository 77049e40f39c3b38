"""Checks of single consents, where they are included: events against the log, and receipts that people hold."""

from collections import Counter
from collections.abc import Iterable, Mapping

from homespun.errors import ProofError
from homespun.protocol.consent_report import ConsentReceipt, decode_receipt, verify_signature
from homespun.protocol.records import ExplanationRecord
from homespun_server.compliance.audit.contents import (
    CONSENT_EVENTS,
    CONSENT_RECEIPTS,
    CONSENTS,
    ConsentInShort,
    Counts,
    LoggedConsent,
    Opened,
    decoded,
    lines,
)
from homespun_server.compliance.audit.evidence import Evidence
from homespun_server.compliance.log.entries import Opening, verify_opening

_DAY = 10
"""Characters of a day at the beginning of a moment."""

_ALLOWING = ("grant", "declare")
"""Actions on which a list can rest."""


def events(evidence: Evidence) -> tuple[int, str]:
    """Check every consent event that is shown against the log and the counts, and that none is kept back."""
    logged, erased = _numbers(evidence)
    if CONSENT_EVENTS not in evidence.members:
        return 0, f"of {logged:,} consent events are shown: not included, as they are people's own"
    found = shown(evidence)
    places = {(each.subject, each.source, each.sequence) for each in found.values()}
    if len(places) < len(found):
        raise ProofError("the log has two consent events in the same place of a person's choices.")
    if len(found) != logged - erased:
        raise ProofError(
            f"{len(found)} consent events are shown; the log has {logged}, {erased} of which were erased: some are "
            "kept back."
        )
    _check_counted(evidence, found.values())
    people = len({each.subject for each in found.values()})
    return len(found), f"of {logged:,} consent events, of {people:,} pseudonyms, are as the log commits to them"


def receipts(evidence: Evidence) -> tuple[int, str]:
    """Check the receipts that people handed over: the signature, the log's entry, and the event where it is shown."""
    logged, _ = _numbers(evidence)
    found = [decode_receipt(line) for _, raw in evidence.below(CONSENT_RECEIPTS) for line in lines(raw)]
    if not found:
        return 0, f"of {logged:,} consent events have a receipt here: not included, as people hold them"
    pinned = evidence.pins.receipts
    key = evidence.manifest.receipts_key if pinned is None else pinned.hex()
    known = shown(evidence) if CONSENT_EVENTS in evidence.members else {}
    by_place: dict[int, ConsentReceipt] = {}
    lost = 0
    for each in found:
        verify_signature(each, public_key=key)
        if _is_lost(evidence, each, known):
            lost += 1
            continue
        at = _place(evidence, each)
        if by_place.setdefault(at, each) != each:
            raise ProofError(f"two receipts are for the entry {at} of the log, and say different things.")
        event = known.get(at)
        if event is not None and (event.source, event.sequence, event.received) != _said(each):
            raise ProofError(f"a receipt says something else than the consent event in the entry {at} of the log.")
    compared = len(by_place.keys() & known.keys())
    told = f"; {lost} more are of a predecessor's entries that are not shown to be here" if lost else ""
    return len(by_place), (
        f"of {logged:,} consent events have a receipt here, signed and in the log; {compared} were compared with "
        f"events{told}"
    )


def shown(evidence: Evidence) -> dict[int, ConsentInShort]:
    """Return the consent events that are shown, by their place in the log, which commits to them.

    Raises:
        ProofError: The log commits to something else.
    """
    found: dict[int, ConsentInShort] = {}
    for line in lines(evidence.member(CONSENT_EVENTS)):
        each = decoded(line, Opened, CONSENT_EVENTS)
        if not 0 <= each.index < len(evidence.entries) or evidence.kinds[each.index] != "consent":
            raise ProofError(f"a consent event is shown at the entry {each.index} of the log, which is none.")
        if each.index in found:
            raise ProofError(f"the consent event at the entry {each.index} of the log is shown twice.")
        verify_opening(evidence.entries[each.index], Opening(bytes.fromhex(each.salt), each.content.encode()))
        found[each.index] = decoded(each.content, LoggedConsent, CONSENT_EVENTS).event
    return found


def rests_on(record: ExplanationRecord, streams: Iterable[Mapping[int, ConsentInShort]]) -> bool:
    """Return whether one person's stream of choices has all that a list says to rest on."""
    return any(
        all(
            number in stream and (stream[number].purpose, stream[number].action in _ALLOWING) == (purpose, True)
            for purpose, number in record.consents.items()
        )
        for stream in streams
    )


def streams(evidence: Evidence) -> list[dict[int, ConsentInShort]]:
    """Return the events that are shown, by sequence, stream by stream."""
    found: dict[tuple[str, str], dict[int, ConsentInShort]] = {}
    if CONSENT_EVENTS in evidence.members:
        for each in shown(evidence).values():
            found.setdefault((each.subject, each.source), {})[each.sequence] = each
    return list(found.values())


def _numbers(evidence: Evidence) -> tuple[int, int]:
    """Return how many consent events the log has, and how many of them were erased."""
    gone = evidence.said_of("consents erased")
    others = len(gone) + len(evidence.said_of("consents of a day"))
    return evidence.kinds.count("consent") - others, sum(int(said["number"]) for said in gone)


def _check_counted(evidence: Evidence, events: Iterable[ConsentInShort]) -> None:
    """Check that what is counted, day by day, are these very events."""
    told = decoded(evidence.member(CONSENTS), Counts, CONSENTS).counts
    counted = {(each.day, each.purpose, each.notice, each.action): each.number for each in told}
    ours = Counter(
        (each.received[:_DAY], each.purpose or each.signal or "", each.notice or "", each.action) for each in events
    )
    wrong = sorted(key for key in ours.keys() | counted.keys() if ours[key] != counted.get(key, 0))
    if wrong:
        raise ProofError(f"of {' '.join(wrong[0])} {counted.get(wrong[0], 0)} are counted, and {ours[wrong[0]]} shown.")


def _is_lost(evidence: Evidence, receipt: ConsentReceipt, known: Mapping[int, ConsentInShort]) -> bool:
    """Return whether a receipt is of an entry of a log that ended, and which is not shown to be here."""
    at = receipt.log
    event = None if at is None else known.get(at)
    if at is None or (event is not None and (event.source, event.sequence, event.received) == _said(receipt)):
        return False
    return any(each.first_lost <= at < each.ended.size and receipt.received <= each.begun for _, each in evidence.begun)


def _place(evidence: Evidence, receipt: ConsentReceipt) -> int:
    at = receipt.log
    if at is None or at >= len(evidence.entries) or evidence.kinds[at] != "consent":
        raise ProofError(f"a receipt is for the entry {at} of the log, which has no consent event there.")
    return at


def _said(receipt: ConsentReceipt) -> tuple[str, int, str]:
    return receipt.source, receipt.sequence, receipt.received
