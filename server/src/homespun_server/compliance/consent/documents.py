"""Consent events as documents of ISO/IEC TS 27560 in the DPV profile, out and in.

Rules:

- What a device exports can be brought in, and what goes out here comes in again with everything that is evidence: what
  was chosen, with which words, where and how, when by the device, in which order. A document has one field for how and
  where, which is taken apart at its first comma, unless that would make of it an explicit consent.
- The data subject of a document is a source, by its random id. Who that is to the operator is said by whoever brings
  the document in, and by nobody in it.
- What goes out says of each event who stands behind it, as its provenance; what comes in is a document's, whatever it
  says of that.
- What comes in is received now: nothing is known to have been here before it was.
- The document names the controller that the settings name.

Non-goals: receipts, receive times and versions of the SDK have no place in TS 27560, and stay in the ledger.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET

from homespun.consent import FORBIDS, Controller, to_27560
from homespun.errors import MisuseError
from homespun.protocol.consent import GPC, ConsentRecord, ShownNotice
from homespun.protocol.consent_27560 import ConsentDocument, EventNode, NoticeNode, Record27560
from homespun.protocol.consent_report import ConsentReport, report_of
from homespun_server.compliance.consent.events import ConsentEvent
from homespun_server.compliance.consent.standing import IN_WORDS, standings
from homespun_server.errors import SettingsError
from homespun_server.settings import ControllerSettings

MAX_DOCUMENT: Final = 1 << 26
"""Bytes of a document that is read."""

_TITLE: Final = {"Global Privacy Control": GPC}
_OUTCOME: Final = re.compile(
    r"(?:the signal )?(?P<title>.+?) is (?P<state>on|off)\. It forbids: (?P<forbids>.*?)\. "
    r"Granted when it came: (?P<granted>.*?)\.\Z"
)
_EXCEPTION: Final = re.compile(r"An explicit exception to (?:the signal )?(.+?)\.\Z")
_TAKEN_BACK: Final = "The declaration of strict necessity is taken back."
_ACTIONS: Final = {
    "dpv:ConsentGiven": "grant",
    "dpv:RenewedConsentGiven": "grant",
    "dpv:ConsentRefused": "refuse",
    "dpv:ConsentWithdrawn": "withdraw",
    "dpv:ConsentExpired": "expire",
}
_SIGNALS: Final = ("dpv:ConsentStatus", "dpv:ConsentStatusInvalidForProcessing")


def document_of(events: Iterable[ConsentEvent], controller: ControllerSettings | None, at: datetime) -> ConsentDocument:
    """Return a person's events as a document, one consent record for each source and purpose.

    Args:
        events: The person's.
        controller: Who answers for the processing.
        at: The time, by this server's clock.

    Raises:
        SettingsError: The settings name no controller.
    """
    named, known = controller_of(controller), tuple(events)
    behind = standings(known, at)
    streams: dict[str, list[ConsentEvent]] = {}
    for event in known:
        streams.setdefault(event.source, []).append(event)
    found = []
    for source, stream in sorted(streams.items()):
        said = {str(event.sequence): IN_WORDS[behind[event.number]] for event in stream}
        made = to_27560([event.record for event in stream], profile=source, controller=named)
        found += [_with_provenance(record, said) for record in made.records]
    return ConsentDocument(records=tuple(found))


def _with_provenance(record: Record27560, said: Mapping[str, str]) -> Record27560:
    events = [msgspec.structs.replace(event, provenance=said[event.identifier]) for event in record.events]
    return msgspec.structs.replace(record, events=tuple(events))


def reports_of(data: bytes, identifier: str) -> tuple[ConsentReport, ...]:
    """Return what a document says as reports, each choice once, source by source in order.

    Args:
        data: The document.
        identifier: Who its data subject is to the operator.

    Raises:
        MisuseError: It is no such document, or contradicts itself.
    """
    if len(data) > MAX_DOCUMENT:
        raise MisuseError(f"a document of consent has at most {MAX_DOCUMENT:,} bytes here. Nothing was brought in.")
    try:
        document = msgspec.json.decode(data, type=ConsentDocument)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MisuseError(
            f"this is no consent document of ISO/IEC TS 27560 as homespun writes them: {error}. Nothing was brought in."
        ) from error
    found: dict[tuple[str, int], ConsentReport] = {}
    for record in document.records:
        for report in _reports(record, identifier):
            if found.setdefault((report.source, report.sequence), report) != report:
                raise MisuseError(
                    f"the document says two things of event {report.sequence} of {report.source}. Nothing was brought "
                    "in; get it anew from where it came from."
                )
    return tuple(report for _, report in sorted(found.items()))


def retold(events: Iterable[ConsentEvent], reports: Sequence[ConsentReport], at: datetime) -> tuple[ConsentReport, ...]:
    """Return those of a document's reports that only tell again what was received with more than a document holds.

    Args:
        events: The person's.
        reports: The document's, all of that person.
        at: The time, by this server's clock.
    """
    streams = {report.source: report.subject for report in reports}
    reported = [event for event in events if event.source in streams and event.origin != "import"]
    anybody = ControllerSettings(name="anybody", address="anywhere", contact="anyhow")
    document = msgspec.json.encode(document_of(reported, anybody, at))
    again = {report for name in set(streams.values()) for report in reports_of(document, name)}
    return tuple(report for report in reports if report in again)


def controller_of(settings: ControllerSettings | None) -> Controller:
    """Return the controller as documents name it.

    Raises:
        SettingsError: The settings name none.
    """
    if settings is None:
        raise SettingsError(
            "a consent document names who answers for the processing, and the settings name nobody. Fill in "
            "[compliance.controller] in homespun.toml."
        )
    try:
        return Controller(
            identifier=_iri(settings.contact),
            name=settings.name,
            address=settings.address,
            contact=settings.contact,
            jurisdictions=settings.jurisdictions,
        )
    except MisuseError as error:
        raise SettingsError(f"[compliance.controller] cannot be written into a document: {error}") from error


def _iri(contact: str) -> str:
    if re.fullmatch(r"(https?|mailto|tel):[^\s<>\"{}|\\^`]+", contact):
        return contact
    if re.fullmatch(r"[^\s<>\"{}|\\^`@]+@[^\s<>\"{}|\\^`@]+", contact):
        return f"mailto:{contact}"
    return f"urn:homespun:controller:{re.sub(r'[^A-Za-z0-9]+', '-', contact).strip('-').lower() or 'unnamed'}"


def _reports(record: Record27560, identifier: str) -> Iterable[ConsentReport]:
    purpose, source = record.process.purpose.identifier, record.data_subject.identifier.replace("-", "")
    notices = {notice.id: _notice(notice) for notice in record.notices}
    for event in record.events:
        made = _record(event, "" if purpose is UNSET else purpose, record.entities[0].id, notices)
        yield report_of(made, subject=identifier, known_as="account", source=source, sdk="")


def _record(event: EventNode, purpose: str, controller: str, notices: dict[str, ShownNotice | None]) -> ConsentRecord:
    action, said = _action(event, controller), event.justification
    method, surface = _where(event)
    record = ConsentRecord(
        sequence=int(event.identifier),
        purpose="" if action == "signal" else purpose,
        action=action,
        notice=None if event.notice is UNSET else notices.get(event.notice),
        surface=surface,
        method=method,
        time=_seconds(event.time),
        basis=said if action == "declare" and said is not UNSET and said != _TAKEN_BACK else None,
    )
    if action == "signal":
        return _signal(record, event)
    if action != "grant":
        return record
    until = event.duration
    is_term = until.type == "dpv:UntilTimeDuration"
    exception = None if said is UNSET else _EXCEPTION.match(said)
    return msgspec.structs.replace(
        record,
        valid_until=_seconds(until.value) if is_term else None,
        exception=None if exception is None else _TITLE.get(exception[1], exception[1]),
    )


def _action(event: EventNode, controller: str) -> str:
    state = event.types[0]
    if state in _SIGNALS:
        return "signal"
    return _ACTIONS.get(state, "declare" if event.by == controller else "unknown")


def _where(event: EventNode) -> tuple[str, str]:
    """Return how and where; put together again they are what the document says."""
    method, _, surface = event.method.partition(", ")
    is_explicit = "dpv:ExplicitlyExpressedConsent" in event.types
    return (method, surface) if is_explicit or method != "explicit" or len(event.types) == 1 else (event.method, "")


def _signal(record: ConsentRecord, event: EventNode) -> ConsentRecord:
    match = None if event.outcome is UNSET else _OUTCOME.match(event.outcome)
    if match is None:
        raise MisuseError(f"event {record.sequence} is of a signal, and does not say which. Nothing was brought in.")
    is_on = match["state"] == "on"
    name = _TITLE.get(match["title"], match["title"])
    forbids = _names(match["forbids"], "nothing")
    return msgspec.structs.replace(
        record,
        signal=name,
        signal_value=is_on,
        outcome=forbids or (tuple(map(str, FORBIDS.get(name, ()))) if is_on else ()),
        choices=_names(match["granted"], "none of what it is about"),
    )


def _names(text: str, none: str) -> tuple[str, ...]:
    return () if text == none else tuple(text.split(", "))


def _notice(node: NoticeNode) -> ShownNotice | None:
    if node.checksum is UNSET:
        return None
    text = "" if node.text is UNSET else node.text
    language = "" if node.language == "und" else node.language
    return ShownNotice(text, language, "" if node.version is UNSET else node.version, node.checksum.value)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
