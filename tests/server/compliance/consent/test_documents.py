"""A document loses evidence on the way in or out, names nobody, or is taken although it contradicts itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from homespun.consent import Controller, to_27560
from homespun.errors import MisuseError
from homespun.protocol.consent import ConsentRecord, kind_of
from homespun.protocol.consent_27560 import ConsentDocument, Record27560
from homespun.protocol.consent_report import record_of
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.consent.documents import MAX_DOCUMENT, document_of, reports_of
from homespun_server.compliance.consent.standing import IN_WORDS
from homespun_server.errors import ConflictError, SettingsError
from homespun_server.settings import ControllerSettings
from homespun_server.store import open_store
from tests.sdk.consent.histories import RECORDS
from tests.server.compliance.consent.support import (
    ADA,
    NOON,
    TEXT,
    Hands,
    gpc,
    granted,
    ledger_of,
    record,
    report,
    subject_of,
)

CONTROLLER = ControllerSettings(name="Films Ltd", address="1 Street", contact="p@films.example")
DEVICES = Controller(
    identifier="https://films.example",
    name="Films",
    address="1 Street",
    contact="p@films.example",
    jurisdictions=("IE",),
)
PROFILE = "c" * 32
HISTORY = (
    record(1, "personalization", valid_until=2e9),
    record(2, "contribution"),
    gpc(3, choices=("contribution",)),
    record(4, "contribution", exception="gpc", method="by voice"),
    record(5, "personalization", "expire", valid_until=2e9),
    record(6, "measurement", "refuse"),
    record(7, "device_storage", "declare", notice=None, basis="The cart needs it."),
    record(8, "device_storage", "declare", notice=None),
    gpc(9, on=False),
    record(10, "contribution", "withdraw"),
    record(11, "personalization"),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ConsentLedger]:
    with open_store(tmp_path / "store.db") as store:
        found = ledger_of(store, Hands(), logged=False)
        found.notices.register(TEXT, language="en", version="7")
        yield found


def encoded(records: Any, profile: str = PROFILE) -> bytes:
    return msgspec.json.encode(to_27560(records, profile=profile, controller=DEVICES))


def evidence(made: ConsentRecord) -> ConsentRecord:
    """Return a record as a document can say it, with no term but a grant's."""
    until = made.valid_until if kind_of(made) == "grant" else None
    return msgspec.structs.replace(made, valid_until=until)


def test_a_device_s_document_loses_something(ledger: ConsentLedger) -> None:
    receipts = ledger.import_27560(encoded(HISTORY), ADA)
    assert len(receipts) == len(HISTORY)
    events = ledger.events_of(subject_of(ledger))
    assert [event.record for event in events] == [evidence(each) for each in HISTORY]
    assert {event.origin for event in events} == {"import"}
    assert {event.source for event in events} == {PROFILE}
    assert granted(ledger) == {"personalization"}


def test_a_document_is_taken_in_twice(ledger: ConsentLedger) -> None:
    first = ledger.import_27560(encoded(HISTORY[:3]), ADA)
    assert ledger.import_27560(encoded(HISTORY), ADA)[:3] == first
    assert ledger.size() == (len(HISTORY), 0)


def test_what_goes_out_contradicts_what_it_was_made_of(ledger: ConsentLedger) -> None:
    for made in HISTORY:
        ledger.record(report(made))
    before = ledger.events_of(subject_of(ledger)), ledger.size()
    document = ledger.export_27560(subject_of(ledger), CONTROLLER)
    for _ in range(2):
        assert ledger.import_27560(msgspec.json.encode(document), ADA) == (None,) * len(HISTORY)
    assert (ledger.events_of(subject_of(ledger)), ledger.size()) == before
    other = msgspec.json.encode(document).replace(b"personalization", b"measurement")
    with pytest.raises(ConflictError, match="something else"):
        ledger.import_27560(other, ADA)


def test_what_goes_out_comes_in_as_something_else(ledger: ConsentLedger, tmp_path: Path) -> None:
    for made in HISTORY:
        ledger.record(report(made))
    ledger.record(report(record(1, "measurement"), source="d" * 32))
    document = ledger.export_27560(subject_of(ledger), CONTROLLER)
    with open_store(tmp_path / "other.db") as store:
        other = ledger_of(store, Hands(), logged=False)
        other.notices.register(TEXT, language="en", version="7")
        other.import_27560(msgspec.json.encode(document), "somebody")
        theirs = other.events_of(subject_of(other, "somebody"))
        again = other.export_27560(subject_of(other, "somebody"), CONTROLLER)
    mine = ledger.events_of(subject_of(ledger))
    there = {(event.source, event.sequence): event.record for event in theirs}
    assert there == {(event.source, event.sequence): evidence(event.record) for event in mine}
    assert provenance(document) == {IN_WORDS["unvouched"]}
    # Whoever brings a document in is no proof of what it says of itself.
    assert provenance(again) == {IN_WORDS["import"]}
    assert without_provenance(again) == without_provenance(document)


def provenance(document: ConsentDocument) -> set[Any]:
    return {event.provenance for each in document.records for event in each.events}


def without_provenance(document: ConsentDocument) -> ConsentDocument:
    def bare(each: Record27560) -> Record27560:
        events = tuple(msgspec.structs.replace(event, provenance=msgspec.UNSET) for event in each.events)
        return msgspec.structs.replace(each, events=events)

    return msgspec.structs.replace(document, records=tuple(map(bare, document.records)))


@given(RECORDS)
@hypothesis_settings(max_examples=60)
def test_any_history_changes_its_meaning_on_the_way(records: list[ConsentRecord]) -> None:
    # One record a place, of what has a place in a document.
    unique = {
        made.sequence: made for made in records if made.sequence > 0 and kind_of(made) not in ("unknown", "signal")
    }
    kept = [made for made in unique.values() if made.purpose]
    for given_report in reports_of(encoded(kept), ADA):
        made = unique[given_report.sequence]
        back = record_of(given_report.choice, given_report.sequence)
        assert (back.purpose, back.action, back.notice) == (made.purpose, made.action, made.notice)


def test_a_document_names_nobody(ledger: ConsentLedger) -> None:
    ledger.record(report(record(1)))
    with pytest.raises(SettingsError, match=r"compliance\.controller"):
        ledger.export_27560(subject_of(ledger), None)
    (entity,) = json.loads(msgspec.json.encode(ledger.export_27560(subject_of(ledger), CONTROLLER)))["@graph"][0][
        "dpv:hasEntity"
    ]
    assert entity["dpv:hasName"] == "Films Ltd"
    assert entity["@id"] == "mailto:p@films.example"
    assert ADA not in msgspec.json.encode(document_of(ledger.events_of(subject_of(ledger)), CONTROLLER, NOON)).decode()


@pytest.mark.parametrize("contact", ["https://films.example/privacy", "mailto:a@b.c", "a letter to the office", "??"])
def test_a_contact_makes_no_iri(contact: str) -> None:
    document = document_of((), msgspec.structs.replace(CONTROLLER, contact=contact), NOON)
    assert document.records == ()


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b" " * (MAX_DOCUMENT + 1)])
def test_something_else_is_brought_in(ledger: ConsentLedger, data: bytes) -> None:
    with pytest.raises(MisuseError, match="Nothing was brought in"):
        ledger.import_27560(data, ADA)


def test_a_document_that_contradicts_itself_or_the_ledger_is_brought_in_by_half(ledger: ConsentLedger) -> None:
    first = json.loads(encoded(HISTORY[:2]))
    twice = {**first, "@graph": [*first["@graph"], *json.loads(encoded([record(2, "measurement")]))["@graph"]]}
    with pytest.raises(MisuseError, match="two things"):
        ledger.import_27560(json.dumps(twice).encode(), ADA)
    ledger.import_27560(encoded(HISTORY[1:2]), ADA)
    with pytest.raises(ConflictError, match="Nothing of the document"):
        ledger.import_27560(encoded([HISTORY[0], record(2, "contribution", "withdraw")]), ADA)
    assert ledger.size() == (1, 0)
