import importlib.resources
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from homespun.consent import ConsentLedger, Controller, Notice, Purpose, from_remembered, remembered, to_27560
from homespun.errors import MisuseError
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.consent_27560 import ConsentDocument, json_schema
from tests.sdk.consent.histories import DAY, OTHER_WORDS, RECORDS, WORDS, gpc, record

PROFILE = "9edd5bb45e241b8b905b6efd6669d9ea"
CONTROLLER = Controller(
    identifier="https://shelf.example",
    name="Shelf Ltd",
    address="1 Quiet Lane, Dublin",
    contact="mailto:privacy@shelf.example",
    jurisdictions=("IE", "US-CA"),
    withdrawal="https://shelf.example/privacy",
)
SHIPPED = json.loads(
    importlib.resources.files("homespun.protocol").joinpath("schemas/consent-record.json").read_text(encoding="utf-8")
)


def document(records: Any) -> dict[str, Any]:
    written = msgspec.json.encode(to_27560(records, profile=PROFILE, controller=CONTROLLER))
    Draft202012Validator(SHIPPED).validate(json.loads(written))
    assert msgspec.json.encode(msgspec.json.decode(written, type=ConsentDocument)) == written
    return dict(json.loads(written))


def of(purpose: str, records: Any) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (
        each
        for each in document(records)["@graph"]
        if each["dpv:hasProcess"]["dpv:hasPurpose"]["dct:identifier"] == purpose
    )
    return found


def states(purpose: str, records: Any) -> list[str]:
    return [each["@type"][0] for each in of(purpose, records)["dpv:hasConsentStatus"]]


def test_the_shipped_schema_is_not_what_the_code_writes() -> None:
    Draft202012Validator.check_schema(SHIPPED)
    assert json_schema() == SHIPPED, "write json_schema() to protocol/schemas/consent-record.json, indented by two"


def test_what_a_standard_record_must_say_is_missing() -> None:
    found = of("contribution", ConsentLedger().grant(Purpose.CONTRIBUTION, notice=WORDS, now=1e9))
    assert found["@type"] == "dpv:ConsentRecord"
    assert found["dct:conformsTo"] == "https://w3id.org/dpv/schema/dpv-27560#record"
    assert found["@id"] == "urn:uuid:" + found["dct:identifier"]
    assert found["dpv:hasDataSubject"]["dct:identifier"] == "9edd5bb4-5e24-1b8b-905b-6efd6669d9ea"
    assert found["dpv:hasNotice"] == [
        {
            "@id": "_:notice-1",
            "@type": "dpv:ConsentNotice",
            "dct:language": "en",
            "schema:version": "3",
            "rdf:value": WORDS.text,
            "spdx:checksum": {
                "@type": "spdx:Checksum",
                "spdx:algorithm": "spdx:checksumAlgorithm_sha256",
                "spdx:checksumValue": WORDS.sha256,
            },
        }
    ]
    process = found["dpv:hasProcess"]
    assert process["dpv:hasPurpose"]["dct:description"] == Purpose.CONTRIBUTION.description
    assert process["dpv:hasLegalBasis"] == "dpv:Consent"
    assert process["dpv:hasRecipient"] == ["https://shelf.example"]
    assert process["dpv:hasJurisdiction"] == ["loc:IE", "loc:US-CA"]
    assert [each["@type"] for each in process["dpv:hasStorageCondition"]] == [
        "dpv:StorageLocation",
        "dpv:StorageDuration",
    ]
    assert found["dpv:hasConsentControl"]["dpv:isExercisedAt"] == "https://shelf.example/privacy"
    assert found["dpv:hasEntity"][0]["dpv:hasName"] == "Shelf Ltd"
    assert found["dpv:hasConsentStatus"] == [
        {
            "@type": ["dpv:ConsentGiven", "dpv:ExplicitlyExpressedConsent"],
            "dct:identifier": "1",
            "dpv:isIndicatedAtTime": "2001-09-09T01:46:40Z",
            "dpv:isIndicatedBy": "urn:uuid:9edd5bb4-5e24-1b8b-905b-6efd6669d9ea",
            "dpv:hasIndicationMethod": "explicit, application",
            "dpv:hasDuration": {"@type": "dpv:UntilEventDuration", "rdf:value": "until a later event of this record"},
            "dpv:hasNotice": "_:notice-1",
        }
    ]


def test_only_grants_and_withdrawals_are_shown() -> None:
    ledger = ConsentLedger()
    asked = Purpose.MEASUREMENT
    choices: list[Callable[[ConsentLedger], tuple[ConsentRecord, ...]]] = [
        lambda now: now.refuse(asked, notice=WORDS, now=1000),
        lambda now: now.grant(asked, notice=OTHER_WORDS, now=1000, valid_days=7, method="switch"),
        lambda now: now.lapsed(1000 + 8 * DAY),
        lambda now: now.grant(asked, notice=OTHER_WORDS, now=1000 + 9 * DAY),
        lambda now: now.signal(gpc=True, now=1000),
        lambda now: now.grant(asked, notice=OTHER_WORDS, now=1000, exception="gpc"),
        lambda now: now.signal(gpc=False, now=1000),
        lambda now: now.withdraw(asked, now=1000),
    ]
    for choose in choices:
        ledger = ledger.extended(choose(ledger))
    found = of("measurement", ledger.records)
    assert [each["@type"][0].removeprefix("dpv:") for each in found["dpv:hasConsentStatus"]] == [
        "ConsentRefused",
        "ConsentGiven",
        "ConsentExpired",
        "RenewedConsentGiven",
        "ConsentStatusInvalidForProcessing",
        "RenewedConsentGiven",
        "ConsentStatus",
        "ConsentWithdrawn",
    ]
    events = found["dpv:hasConsentStatus"]
    assert [each["dct:identifier"] for each in events] == [str(number) for number in range(1, 9)]
    assert events[1]["@type"][1] == "dpv:ExpressedConsent"
    assert events[1]["dpv:hasDuration"] == {"@type": "dpv:UntilTimeDuration", "rdf:value": "1970-01-08T00:16:40Z"}
    assert events[2]["dpv:isIndicatedBy"] == "https://shelf.example"
    assert "Granted when it came: measurement" in events[4]["dpv:hasOutcome"]
    assert events[5]["dpv:hasJustification"] == "An explicit exception to Global Privacy Control."
    assert len(found["dpv:hasNotice"]) == 2
    # The signal concerns contribution too, about which nobody was asked.
    other = of("contribution", ledger.records)
    assert other["dpv:hasNotice"][0]["dpv:hasApplicability"] == "dpv:NotAvailable"


def test_a_declaration_is_shown_as_consent() -> None:
    ledger = ConsentLedger()
    ledger = ledger.extended(ledger.declare_necessary("The shelf is all that there is.", 1))
    ledger = ledger.extended(ledger.declare_necessary(None, 2))
    found = of("device_storage", ledger.records)
    assert states("device_storage", ledger.records) == ["dpv:ConsentUnknown"] * 2
    assert "dpv:hasLegalBasis" not in found["dpv:hasProcess"]
    reasons = [each["dpv:hasJustification"] for each in found["dpv:hasConsentStatus"]]
    assert reasons == ["The shelf is all that there is.", "The declaration of strict necessity is taken back."]


def test_what_another_version_wrote_is_left_out_or_shown_as_given() -> None:
    assert states("telepathy", [record(1, "telepathy", "grant", schema=3)]) == ["dpv:ConsentUnknown"]
    assert states("measurement", [record(1, "measurement", "grant"), record(2, "", "stop_it_all")]) == [
        "dpv:ConsentGiven",
        "dpv:ConsentUnknown",
    ]
    assert states("telepathy", [record(1, "", "signal", signal="quiet", outcome=("telepathy",)),
                                record(2, "telepathy", "grant")])[0].endswith("InvalidForProcessing")  # fmt: skip


def test_a_notice_of_which_only_the_hash_is_known_is_made_up() -> None:
    records = from_remembered(remembered(ConsentLedger().refuse(Purpose.MEASUREMENT, notice=WORDS, now=1)))
    (notice,) = of("measurement", records)["dpv:hasNotice"]
    assert "rdf:value" not in notice
    assert notice["spdx:checksum"]["spdx:checksumValue"] == WORDS.sha256


def test_two_notices_share_a_name() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(*Purpose, notice=WORDS, now=1))
    ledger = ledger.extended(ledger.grant(Purpose.MEASUREMENT, notice=Notice(WORDS.text, "de", "3"), now=2))
    names = {
        (notice["@id"], notice["dct:language"])
        for each in document(ledger.records)["@graph"]
        for notice in each["dpv:hasNotice"]
    }
    assert names == {("_:notice-1", "en"), ("_:notice-2", "de")}


def test_an_impossible_time_cannot_be_written() -> None:
    late = [
        record(1, "measurement", "grant", time=1e18, valid_until=1e300),
        record(2, "measurement", "refuse", time=-5.0),
    ]
    events = of("measurement", late)["dpv:hasConsentStatus"]
    assert [each["dpv:isIndicatedAtTime"] for each in events] == ["9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z"]


def test_a_record_has_another_name_in_every_document() -> None:
    first = document([record(1, "measurement", "grant")])["@graph"][0]["@id"]
    again = document([record(1, "measurement", "grant"), gpc(2)])["@graph"]
    assert first in [each["@id"] for each in again]
    assert len({each["@id"] for each in again}) == 2


def test_without_records_something_is_told() -> None:
    assert document([])["@graph"] == []


@given(RECORDS)
def test_some_history_does_not_fit_the_schema_or_loses_an_event(records: list[ConsentRecord]) -> None:
    graph = document(records)["@graph"]
    told = {event["dct:identifier"] for each in graph for event in each["dpv:hasConsentStatus"]}
    assert told == {str(each.sequence) for each in records}


@given(
    st.text(min_size=1, max_size=20).filter(str.strip),
    st.text(min_size=1, max_size=20).filter(str.strip),
    st.floats(0, 253_402_300_799),
)
def test_some_words_of_the_person_or_the_application_do_not_fit_the_schema(text: str, name: str, now: float) -> None:
    ledger = ConsentLedger()
    records = ledger.grant(*Purpose, notice=Notice(text, text, name), now=now, valid_days=36_525)
    controller = replace(CONTROLLER, name=name, address=text)
    written = msgspec.json.encode(to_27560(records, profile=PROFILE, controller=controller))
    Draft202012Validator(SHIPPED).validate(json.loads(written))


@pytest.mark.parametrize("name", ["identifier", "name", "address", "contact", "withdrawal"])
@pytest.mark.parametrize("value", ["", " ", None, 5, "\ud800"])
def test_a_controller_that_nobody_can_reach_is_taken(name: str, value: Any) -> None:
    with pytest.raises(MisuseError, match=name):
        replace(CONTROLLER, **{name: value})


@pytest.mark.parametrize("value", ["shelf", "https://a b", "https://a\n", "1:x"])
def test_a_controller_without_an_iri_is_taken(value: str) -> None:
    with pytest.raises(MisuseError, match="identifier"):
        replace(CONTROLLER, identifier=value)


@pytest.mark.parametrize("value", [(), "IE", ("Ireland",), ("ie",), ("IE", 5), ["IE"], None])
def test_a_controller_without_a_jurisdiction_is_taken(value: Any) -> None:
    with pytest.raises(MisuseError, match="jurisdictions"):
        replace(CONTROLLER, jurisdictions=value)


@pytest.mark.parametrize("profile", ["", "profile", "0" * 31, None, 5])
def test_a_profile_that_is_none_is_taken(profile: Any) -> None:
    with pytest.raises(MisuseError, match="profile"):
        to_27560([], profile=profile, controller=CONTROLLER)
    with pytest.raises(MisuseError, match="controller"):
        to_27560([], profile=PROFILE, controller="Shelf Ltd")  # type: ignore[arg-type]


def mutated(written: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(written))
    inner: Any = copy
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("@context", "dpv"), "https://elsewhere.example/"),
        (("@graph", 0, "dpv:hasNotice"), []),
        (("@graph", 0, "dpv:hasNotice"), ...),
        (("@graph", 0, "dpv:hasConsentStatus"), []),
        (("@graph", 0, "dpv:hasConsentStatus", 0, "@type", 0), "dpv:ConsentForced"),
        (("@graph", 0, "dpv:hasConsentStatus", 0, "dpv:isIndicatedAtTime"), "yesterday"),
        (("@graph", 0, "dpv:hasProcess", "dpv:hasJurisdiction"), []),
        (("@graph", 0, "dpv:hasDataSubject"), "jane.doe@example.com"),
        (("@graph", 0, "dct:conformsTo"), "something else"),
        (("@graph", 0, "more"), 1),
    ],
)
def test_a_record_that_leaves_out_what_is_mandatory_fits_the_schema(path: tuple[Any, ...], value: Any) -> None:
    written = document([record(1, "measurement", "grant", notice=WORDS.shown())])
    assert not Draft202012Validator(SHIPPED).is_valid(mutated(written, path, value))
