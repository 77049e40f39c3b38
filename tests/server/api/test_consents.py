"""A report is taken twice, kept of nobody, told to strangers, or looked at without a case."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

import homespun as hs
from homespun.contribute.uploads import parse_upload
from homespun.protocol.asking.registration import voucher_of
from homespun.protocol.consent import ConsentRecord, ShownNotice
from homespun.protocol.consent_report import (
    ConsentReport,
    decode_answer,
    decode_receipt,
    encode_report,
    report_of,
    verify_receipt,
)
from homespun.protocol.consent_submission import encode_submission
from homespun_server.compliance.keys import create_compliance_keys, open_compliance_keys, public_compliance_keys
from homespun_server.settings import ComplianceSettings, ServerSettings
from tests.server.api.support import CHEAP, PASSPHRASE, Running, running

INTAKE = "/intake/v1/consents"
SIGNALS = "/intake/v1/signals"
ADA = "ada-5f1c9e77@example.org"
GPC = {"Sec-GPC": "1"}


def report(sequence: int = 1, action: str = "grant", subject: str = ADA) -> ConsentReport:
    record = ConsentRecord(
        sequence=sequence,
        purpose="measurement",
        action=action,
        notice=None,
        surface="page",
        method="explicit",
        time=4e9,
    )
    return report_of(record, subject=subject, known_as="account", source="5" * 32, sdk="1")


@pytest.fixture
def settings(published: ServerSettings) -> ServerSettings:
    create_compliance_keys(published, PASSPHRASE.encode(), costs=CHEAP)
    return published


@pytest.fixture
def intake(settings: ServerSettings) -> Iterator[Running]:
    with running(settings) as service:
        yield service


def post(service: Running, made: ConsentReport | bytes, **headers: str) -> Any:
    content = made if isinstance(made, bytes) else encode_report(made)
    return service.client.post(INTAKE, content=content, headers={"Content-Type": "application/json", **headers})


def signal(service: Running, content: object, **headers: str) -> Any:
    return service.client.post(SIGNALS, content=msgspec.json.encode(content) if content else b"", headers=headers)


def case_of(service: Running, about: str = ADA) -> str:
    """Open a case, and return its id."""
    made = service.post("/api/v1/requests/", "compliance", {"kind": "access", "regulation": "gdpr", "person": about})
    return str(made.json()["id"])


def person(service: Running, case: str, subject: str = ADA, role: Any = "compliance", **asked: str) -> Any:
    return service.post("/api/v1/consents/person", role, {"subject": subject, "case": case, **asked})


def test_a_report_gets_no_receipt_or_another_the_second_time(intake: Running) -> None:
    first = post(intake, report())
    assert first.status_code == 200
    assert first.headers["cache-control"] == "no-store"
    answer = decode_answer(first.content)
    verify_receipt(answer.receipt, report(), public_key=public_compliance_keys(intake.settings).receipts)
    assert answer.gpc is None
    intake.clock.pass_(days=1)
    assert post(intake, report()).content == first.content


def test_another_report_replaces_the_first(intake: Running) -> None:
    post(intake, report())
    refused = post(intake, report(action="withdraw"))
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("conflict")
    seen = person(intake, case_of(intake)).json()
    assert [event["choice"]["action"] for event in seen["events"]] == ["grant"]
    assert len(seen["refused"]) == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", b"[" * 5000, encode_report(report())[:-1], b" " * 60_001],
    ids=["empty", "nothing", "list", "no text", "deep", "cut", "long"],
)
def test_something_else_than_a_report_is_taken(intake: Running, content: bytes) -> None:
    refused = post(intake, content)
    assert refused.status_code == 400
    assert refused.json()["type"].endswith("malformed")
    assert intake.get("/api/v1/consents/counts", "auditor").json() == {"counts": []}


def test_a_body_without_end_is_read(intake: Running) -> None:
    assert post(intake, b" " * (1 << 17)).status_code == 413


def test_a_client_is_logged_or_kept(intake: Running) -> None:
    post(intake, report(), **{"X-Forwarded-For": "203.0.113.77", "User-Agent": "a peculiar device"})
    kept = b"".join(path.read_bytes() for path in intake.settings.folder.glob("store.sqlite*"))
    for told in ("203.0.113.77", "peculiar", ADA, "testclient"):
        assert told not in intake.log.getvalue()
        assert told.encode() not in kept


def test_a_flood_of_reports_is_taken_or_keeps_devices_from_updates(settings: ServerSettings) -> None:
    with running(settings, intake_rate=0.01, intake_burst=2) as service:
        found = [post(service, report()).status_code for _ in range(4)]
        assert found == [200, 200, 429, 429]
        assert service.get("/repository/metadata/timestamp.json").status_code == 200


def test_the_header_is_not_honoured(intake: Running) -> None:
    assert decode_answer(post(intake, report(), **GPC).content).gpc is None
    answer = decode_answer(vouched(intake, report(), gpc=True).content)
    assert answer.gpc is not None
    seen = person(intake, case_of(intake)).json()
    assert seen["status"]["measurement"]["because"] == "forbidden by Global Privacy Control"
    assert {event["origin"]: event["log"] for event in seen["events"]} == {
        "device": answer.receipt.log,
        "browser": answer.gpc.log,
    }
    assert None not in (answer.receipt.log, answer.gpc.log)


@pytest.mark.parametrize("value", ["0", "true", "1, 1", ""])
def test_another_header_counts_as_the_signal(intake: Running, value: str) -> None:
    assert decode_answer(post(intake, report(), **{"Sec-GPC": value}).content).gpc is None


def test_a_visitors_signal_is_not_proven(intake: Running) -> None:
    sent = {"schema": 1, "subject": ADA, "voucher": voucher_for(intake)}
    told = signal(intake, sent, **GPC).json()
    assert (told["honoured"], told["kept"]) == (True, True)
    receipt = decode_receipt(json.dumps(told["receipt"]).encode())
    assert receipt.log is not None
    assert signal(intake, sent, **GPC).json() == told
    assert not person(intake, case_of(intake)).json()["status"]["contribution"]["granted"]


@pytest.mark.parametrize("voucher", [None, "of another", "over", "made up"])
def test_whoever_knows_a_name_is_told_of_its_signals(intake: Running, voucher: str | None) -> None:
    theirs = {
        None: None,
        "of another": voucher_for(intake, "stranger"),
        "over": voucher_for(intake, hours=-1),
        "made up": "4000000000." + "0" * 64,
    }[voucher]
    sent = {"schema": 1, "subject": ADA, **({} if theirs is None else {"voucher": theirs})}
    told = []
    for _ in range(3):
        told.append(signal(intake, sent, **GPC).json())
        intake.clock.pass_(days=1)
        vouched(intake, report(), gpc=True)
    assert told == [{"honoured": True, "kept": True, "receipt": None}] * 3
    answer = decode_answer(post(intake, msgspec.structs.replace(report(), source="6" * 32), **GPC).content)
    assert answer.gpc is None


def test_a_stranger_ends_the_signal_of_a_persons_browser(intake: Running) -> None:
    vouched(intake, report())
    intake.clock.pass_(hours=1)
    # Even if somebody knew the stream.
    told = signal(intake, {"schema": 1, "subject": ADA, "voucher": voucher_for(intake)}, **GPC).json()["receipt"]
    case = case_of(intake)
    for sequence in (1, 2, 9_000, (1 << 53) - 1):
        off = ConsentRecord(
            sequence=sequence,
            purpose="",
            action="signal",
            notice=None,
            surface="",
            method="",
            time=4e9,
            signal="gpc",
            signal_value=False,
        )
        forged = report_of(off, subject=ADA, known_as="account", source=told["source"], sdk="")
        assert post(intake, forged).status_code == 409
        found = person(intake, case).json()["status"]["measurement"]
        assert (found["granted"], found["standing"]) == (False, "browser")
    refused = person(intake, case).json()["refused"]
    assert [(each["source"], each["sequence"]) for each in refused][1] == (told["source"], 2)
    intake.clock.pass_(days=1)
    assert signal(intake, {"schema": 1, "subject": ADA}, **GPC).json()["kept"]
    assert not person(intake, case).json()["status"]["measurement"]["granted"]


def test_something_is_kept_of_a_visitor_without_a_name(intake: Running) -> None:
    assert signal(intake, None, **GPC).json() == {"honoured": True, "kept": False, "receipt": None}
    assert signal(intake, {"schema": 1, "subject": ADA}).json() == {"honoured": False, "kept": False, "receipt": None}
    assert signal(intake, {"schema": 1}, **GPC).status_code == 400
    assert intake.get("/api/v1/consents/counts", "auditor").json() == {"counts": []}


def test_the_support_of_the_signal_is_not_told(intake: Running) -> None:
    found = intake.get("/.well-known/gpc.json")
    assert found.json() == {"gpc": True, "lastUpdate": public_compliance_keys(intake.settings).created[:10]}
    assert found.headers["content-type"].startswith("application/json")


def test_a_service_that_does_not_honour_the_signal_says_so(settings: ServerSettings) -> None:
    with running(replace(settings, compliance=ComplianceSettings(gpc=False))) as service:
        assert service.get("/.well-known/gpc.json").status_code == 404
        assert signal(service, {"schema": 1, "subject": ADA}, **GPC).status_code == 404
        assert decode_answer(post(service, report(), **GPC).content).gpc is None


def test_a_service_without_keys_takes_reports(service: Running) -> None:
    assert post(service, report()).status_code == 404
    assert service.get("/.well-known/gpc.json").status_code == 404
    assert service.get("/api/v1/consents/counts", "auditor").status_code == 404
    assert any("no compliance keys" in event.get("why", "") for event in service.events)


def test_numbers_tell_of_people_or_need_a_special_role(intake: Running) -> None:
    post(intake, report())
    for role in ("publisher", "operator", "compliance", "auditor"):
        found = intake.get("/api/v1/consents/counts", role)
        (count,) = found.json()["counts"]
        assert (count["day"], count["purpose"], count["action"], count["number"]) == (
            "2025-03-01", "measurement", "grant", 1,
        )  # fmt: skip
        assert ADA not in found.text
    assert intake.get("/api/v1/consents/counts").status_code == 401
    assert intake.get("/api/v1/consents/counts?since=2025-03-02", "auditor").json() == {"counts": []}
    assert intake.get("/api/v1/consents/notices", "auditor").json() == {"notices": []}


@pytest.mark.parametrize("role", ["publisher", "operator", "auditor"])
def test_a_person_is_shown_to_another_role(intake: Running, role: Any) -> None:
    post(intake, report())
    assert person(intake, case_of(intake), role=role).status_code == 403


def test_a_person_is_looked_at_without_a_case_or_a_trace(intake: Running) -> None:
    post(intake, report())
    assert person(intake, "f" * 32).status_code == 404
    case = case_of(intake)
    seen = person(intake, case)
    assert seen.status_code == 200
    assert person(intake, case, subject="nobody").status_code == 404
    changes = intake.get("/api/v1/changes", "auditor").json()["changes"]
    looked = [each for each in changes if each["action"] == "read-person"]
    told = {"what": "consents", "pseudonym": seen.json()["pseudonym"]}
    assert [(each["subject"], each["detail"]) for each in looked] == [(case, told)]
    assert ADA not in json.dumps(changes)


def test_a_case_about_somebody_else_or_nobody_opens_everybody(intake: Running) -> None:
    post(intake, report())
    post(intake, report(subject="bob"))
    for about in ("bob", "nobody-at-all"):
        assert person(intake, case_of(intake, about)).status_code == 404


def test_an_ended_case_opens_a_person(intake: Running) -> None:
    post(intake, report())
    case = case_of(intake)
    assert person(intake, case).status_code == 200
    ended = {"what": "withdrawn", "seen": 1, "reason": "They wrote again.", "evidence": "letter 7"}
    assert intake.post(f"/api/v1/requests/{case}/act", "compliance", ended).json()["state"] == "withdrawn"
    assert person(intake, case).status_code == 404


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_time_beyond_all_years_breaks_the_service(intake: Running, at: str) -> None:
    post(intake, report())
    assert person(intake, case_of(intake), at=at).status_code == 400
    assert person(intake, case_of(intake), at="2025-03-01T12:00:00").status_code == 200


def voucher_for(intake: Running, subject: str = ADA, hours: float = 24.0) -> str:
    keys = open_compliance_keys(intake.settings)
    return voucher_of(keys.vouching, subject, int(intake.clock().timestamp() + 3600 * hours))


def vouched(intake: Running, made: ConsentReport, subject: str = ADA, hours: float = 24.0, *, gpc: bool = False) -> Any:
    return post(intake, encode_submission(made, voucher_for(intake, subject, hours)), **(GPC if gpc else {}))


def test_a_stranger_who_knows_a_name_undoes_a_withdrawal(intake: Running) -> None:
    mine = report(action="withdraw")
    assert decode_answer(vouched(intake, mine).content).vouched
    intake.clock.pass_(days=1)
    theirs = msgspec.structs.replace(report(), source="6" * 32)
    for sent in (
        post(intake, theirs),
        vouched(intake, msgspec.structs.replace(theirs, sequence=2), subject="stranger"),
        vouched(intake, msgspec.structs.replace(theirs, sequence=3), hours=-1),
        post(intake, msgspec.structs.replace(theirs, sequence=4, known_as="installation")),
    ):
        assert sent.status_code == 200
        assert not decode_answer(sent.content).vouched
    seen = person(intake, case_of(intake)).json()
    found = seen["status"]["measurement"]
    assert (found["granted"], found["because"], found["standing"]) == (False, "withdrawn", "vouched")
    assert list(seen["standing"].values()) == ["vouched", *["unvouched"] * 4]


def test_a_strangers_opt_out_passes_for_the_persons_own(intake: Running) -> None:
    vouched(intake, report())
    intake.clock.pass_(days=1)
    post(intake, msgspec.structs.replace(report(action="refuse"), source="6" * 32))
    case = case_of(intake)
    found = person(intake, case).json()["status"]["measurement"]
    assert (found["granted"], found["standing"]) == (False, "unvouched")
    intake.clock.pass_(days=1)
    vouched(intake, msgspec.structs.replace(report(), sequence=2))
    found = person(intake, case).json()["status"]["measurement"]
    assert (found["granted"], found["standing"]) == (True, "vouched")


def test_a_voucher_is_kept(intake: Running) -> None:
    vouched(intake, report())
    keys = open_compliance_keys(intake.settings)
    voucher = voucher_of(keys.vouching, ADA, int(intake.clock().timestamp() + 3600 * 24))
    kept = b"".join(path.read_bytes() for path in intake.settings.folder.glob("store.sqlite*"))
    assert voucher.partition(".")[2].encode() not in kept
    assert voucher.partition(".")[2] not in intake.log.getvalue()


def test_a_strangers_text_is_listed_as_the_operators_words(intake: Running) -> None:
    text = "The operator is a crook."
    notice = ShownNotice(text, "xx-forged", "forged version", hashlib.sha256(text.encode()).hexdigest())
    made = msgspec.structs.replace(report(), choice=msgspec.structs.replace(report().choice, notice=notice))
    assert post(intake, made).status_code == 200
    for path in ("notices", "counts"):
        found = intake.get(f"/api/v1/consents/{path}", "auditor")
        assert notice.sha256 in found.text
        assert "crook" not in found.text
        assert "forged" not in found.text


class ByService:
    """Brings a device's uploads to a service in this process."""

    def __init__(self, service: Running) -> None:
        self.service = service

    def send(self, destination: str, payload: bytes) -> bytes:
        del destination
        path, body = parse_upload(payload)
        answered = self.service.client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answered.status_code == 200
        return bytes(answered.content)


def test_what_a_device_sends_is_not_what_the_service_vouches_for(intake: Running) -> None:
    keys = open_compliance_keys(intake.settings)
    proof = hs.ConsentProof(
        url="https://films.example",
        receipts_key=keys.receipts_key,
        subject=ADA,
        voucher=lambda: voucher_of(keys.vouching, ADA, int(intake.clock().timestamp()) + 60),
    )
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), transport=ByService(intake), consent_proof=proof) as me:
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.CONSENT_PROOF, notice=hs.Notice("Ok?"))
        outcome = me.consent_proof.sync()
        assert (outcome.receipted, outcome.refused, outcome.problem) == ((1, 2), (), None)
        assert all(each.vouched for each in me.consent_proof.proofs())
    assert person(intake, case_of(intake)).json()["status"]["consent_proof"]["standing"] == "vouched"
