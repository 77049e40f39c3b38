"""Who looks leaves no trace, who acts second wins, a caller's clock decides, or a changed rule changes what is open."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import msgspec
import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DatabaseError

from homespun.protocol.asking.receipt import DeviceReceipt
from homespun.protocol.canonical import canonical
from homespun_server.compliance.requests.identity import AccountToken
from homespun_server.compliance.requests.profile import read_profiles
from homespun_server.errors import ConflictError, RequestError, SettingsError, StoreError, UnknownRequestError
from homespun_server.settings import ComplianceSettings
from homespun_server.store import AuditLog, Store
from homespun_server.store.moments import text_of
from homespun_server.store.schema_asking import asking_answers, asking_devices
from tests.server.compliance.requests.support import ADA, BOB, KEYS, NOON, OTHER, PERSON, Hands, Office, desk_of, office

BAVARIA = """
schema = 1
name = "here"
title = "A law of somewhere"
applies = "Everybody here."

[calendar]
zone = "Asia/Tokyo"
dates = [2025-03-04]
roll = true

[refusals]
no = "There is no such right."

[terms.answer]
amount = 1
unit = "working_day"

[notice]
cost = "Free."
refusal = "They are told."

[kinds.access]
source = "§ 1"
told = "A copy."
"""


def receipt(request: str, device: str) -> DeviceReceipt:
    return DeviceReceipt(
        request=request, kind="erasure", device=device, sequence=1, time="0.000000", outcome="declined", by="person"
    )


def answer(desk: Office, request: str, device: str) -> None:
    made = receipt(request, device)
    with desk.store.writing() as connection:
        desk.desk.requests.device_answered_within(connection, made, msgspec.json.encode(made))


def test_the_clock_starts_with_anything_but_receipt_here(desk: Office) -> None:
    request = desk.opened(until="received")
    assert (request.received, request.due) == ("2025-03-03T12:00:00+00:00", "2025-04-03T21:59:59+00:00")
    desk.clock.pass_(days=-400)
    timeline = desk.desk.requests.get(
        desk.desk.requests.act(request.id, "identified", ADA, {"method": "m", "evidence": "e"}).id
    )
    assert timeline.request.due == request.due
    assert timeline.timeline[-1].moment == request.received


def test_every_event_is_in_the_log_and_names_nobody(desk: Office) -> None:
    from homespun_server.compliance.log import TransparencyLog

    request = desk.closed()
    log = TransparencyLog(desk.store, KEYS, desk.clock)
    details = desk.desk.requests.get(request.id)
    opened = [json.loads(entry.opening.content) for entry in log.entries() if entry.opening is not None]
    found = [each for each in opened if each.get("request") == request.id]
    assert [each["sequence"] for each in found] == list(range(1, len(details.timeline) + 1))
    assert [each["detail"] for each in found] == [
        hashlib.sha256(canonical(each.detail)).hexdigest() for each in details.timeline
    ]
    assert PERSON not in json.dumps(opened)


def test_somebody_rewrites_what_happened(desk: Office) -> None:
    desk.opened()
    for statement in ("UPDATE homespun_request_events SET who = 'x'", "DELETE FROM homespun_request_events"):
        with pytest.raises((StoreError, DatabaseError), match="only added to"), desk.store.writing() as connection:
            connection.execute(text(statement))


def test_two_officers_decide_at_once(place: str, tmp_path: Path) -> None:
    with office(tmp_path / "wd", place) as found:
        request = found.opened(until="identified")
        start, ended = Barrier(2), []

        def decide(actor: object, what: str) -> None:
            start.wait()
            try:
                said = {"reason": "legal_claims", "notice": "letter 7"}
                found.desk.requests.act(request.id, what, actor, said, seen=request.events)  # type: ignore[arg-type]
                ended.append(what)
            except ConflictError as error:
                ended.append(str(error))

        both = [Thread(target=decide, args=each) for each in ((ADA, "accepted"), (BOB, "refused"))]
        for each in both:
            each.start()
        for each in both:
            each.join()
        won = [each for each in ended if each in ("accepted", "refused")]
        lost = [each for each in ended if "somebody else acted" in each]
        assert (len(won), len(lost)) == (1, 1)
        assert found.desk.requests.get(request.id).request.state == won[0]


def test_an_officer_acts_on_what_they_did_not_see(desk: Office) -> None:
    request = desk.opened(until="received")
    desk.desk.requests.act(request.id, "confirmed", BOB, {"how": "letter"}, seen=request.events)
    with pytest.raises(ConflictError, match="read it again"):
        desk.desk.requests.act(request.id, "withdrawn", ADA, seen=request.events)


def test_a_request_is_about_nobody_or_under_no_law(desk: Office) -> None:
    with pytest.raises(RequestError, match="names nobody"):
        desk.desk.requests.open("access", "gdpr", actor=ADA)
    with pytest.raises(RequestError, match="is under 'roman'"):
        desk.desk.requests.open("access", "roman", actor=ADA, identifier=PERSON)
    with pytest.raises(SettingsError, match="has no request of the kind opt-out"):
        desk.desk.requests.open("opt-out", "gdpr", actor=ADA, identifier=PERSON)
    with pytest.raises(UnknownRequestError):
        desk.desk.requests.get("0" * 32)


def test_who_looks_leaves_no_trace(desk: Office) -> None:
    request = desk.opened()
    assert desk.desk.requests.viewed(request.id, BOB)[1] == PERSON
    last = AuditLog(desk.store).entries()[-1]
    assert (last.who, last.action, last.subject) == (BOB.who, "view-request", request.id)
    assert PERSON not in str(AuditLog(desk.store).entries())


def test_a_copy_of_the_store_names_who_asked(desk: Office) -> None:
    desk.opened()
    folder = desk.settings.folder
    raw = b"".join(path.read_bytes() for path in folder.glob("store.sqlite*"))
    assert PERSON.encode() not in raw


def test_a_store_on_the_map_or_a_term_is_changed_for_open_requests(tmp_path: Path) -> None:
    with office(tmp_path / "wd") as found:
        request = found.opened()
        less = replace(found.settings, compliance=ComplianceSettings(regulations=("ccpa",)))
        desk = desk_of(less, found.store, found.clock)
        details = desk.requests.get(request.id)
        assert (details.rules.regulation, details.request.due) == ("gdpr", request.due)
        assert "table interactions.csv" in details.missing
        assert "table interactions.csv" in desk.saga.work(request.id, ADA).missing


def test_a_third_regulation_needs_more_than_a_file(desk: Office) -> None:
    (desk.settings.folder / "here.toml").write_text(BAVARIA)
    told = ComplianceSettings(regulations=("gdpr", "here"), regulation_files=("here.toml",))
    settings = replace(desk.settings, compliance=told)
    assert set(read_profiles(settings)) == {"gdpr", "here"}
    request = desk_of(settings, desk.store, desk.clock).requests.open("access", "here", actor=ADA, identifier=PERSON)
    # 4 March is a holiday there, and the day there ends at 15:00 UTC.
    assert request.due == "2025-03-05T14:59:59+00:00"
    (desk.settings.folder / "here.toml").write_text(BAVARIA.replace("Asia/Tokyo", "Asia/Nowhere"))
    with pytest.raises(SettingsError, match="time zone"):
        read_profiles(settings)


def test_a_person_is_believed_without_a_word(desk: Office) -> None:
    request = desk.opened(until="received")
    with pytest.raises(RequestError, match="needs 'evidence'"):
        desk.desk.requests.act(request.id, "identified", ADA, {"method": "phone"})
    check = AccountToken({"good": PERSON, "other": "somebody"}.get)
    for token in ("other", "none"):
        with pytest.raises(RequestError, match="not that of the person"):
            desk.desk.requests.identify(request.id, check, {"token": token}, ADA)
    assert desk.desk.requests.identify(request.id, check, {"token": "good"}, ADA).state == "identified"
    assert "good" not in str(desk.desk.requests.get(request.id).timeline)


def test_what_is_most_urgent_is_not_first(desk: Office) -> None:
    slow = desk.opened(until="received")
    soon = desk.desk.requests.open("access", "ccpa", actor=ADA, identifier=PERSON)
    over = desk.desk.requests.open("opt-out", "ccpa", actor=ADA, identifier=PERSON)
    assert [each.id for each in desk.desk.requests.queue()] == [soon.id, over.id, slow.id]
    desk.clock.pass_(days=25)
    due = desk.desk.requests.due(within_days=7)
    assert [(each.what, each.overdue) for each in due] == [
        ("confirm receipt", True),
        ("answer", True),
        ("answer", False),
    ]
    assert [each.days_left for each in due] == [-11, -4, 6]
    desk.desk.requests.act(soon.id, "confirmed", ADA, {"how": "by mail"})
    assert [each.request.id for each in desk.desk.requests.due(within_days=7)] == [over.id, slow.id]
    assert desk.desk.requests.queue(state="identified")[0].id == over.id


def test_a_device_that_is_offline_is_taken_for_done(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.known()
    monkeypatch.setattr(desk.desk.saga, "_devices", lambda _: ["a" * 32, "b" * 32])
    request = desk.opened()
    course = desk.desk.saga.work(request.id, ADA)
    assert (course.state, course.missing) == ("partial", ("devices",))
    asked = desk.desk.requests.for_devices()
    assert [(each.request, each.kind, each.verified) for each in asked] == [(request.id, "erasure", "passport seen")]
    answer(desk, request.id, "a" * 32)
    answer(desk, request.id, "a" * 32)
    details = desk.desk.requests.get(request.id)
    assert details.waiting == ("b" * 32,)
    assert [each.what for each in details.timeline].count("answered") == 1
    assert desk.desk.requests.act(request.id, "closed", ADA, {"pending": True}).state == "closed_pending"
    answer(desk, request.id, "b" * 32)
    assert desk.desk.requests.get(request.id).request.state == "closed"
    assert desk.desk.requests.get(request.id).effects["devices"]["outcome"] == "kept"  # type: ignore[index]
    assert desk.desk.requests.for_devices() == ()


def test_an_answer_lacks_a_file_or_lists_another(desk: Office) -> None:
    desk.known()
    request = desk.opened("access")
    desk.desk.saga.work(request.id, ADA)
    content = desk.desk.exporter.answer(request.id, ADA)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        manifest = json.loads(file.read("manifest.json"))
        assert set(file.namelist()) == {"manifest.json", *manifest["files"]}
        for name, listed in manifest["files"].items():
            assert hashlib.sha256(file.read(name)).hexdigest() == listed["sha256"]
        rows = [json.loads(line) for line in file.read("interactions.csv.jsonl").splitlines()]
    assert len(rows) == manifest["files"]["interactions.csv.jsonl"]["records"] == 10
    assert {row["user"] for row in rows} == {PERSON}
    exported = desk.desk.requests.get(request.id).timeline[-1]
    assert exported.detail["sha256"] == hashlib.sha256(content).hexdigest()
    assert desk.desk.requests.act(request.id, "closed", ADA).state == "closed"
    assert any(row.startswith(PERSON) for row in desk.rows)


def test_a_deadline_is_extended_in_silence(desk: Office) -> None:
    request = desk.opened()
    with pytest.raises(RequestError, match="'notice' in words"):
        desk.desk.requests.act(request.id, "extended", ADA, {"reason": "many requests"})
    extended = desk.desk.requests.act(request.id, "extended", ADA, {"reason": "many", "notice": "letter of today"})
    assert (request.due, extended.due) == ("2025-04-03T21:59:59+00:00", "2025-06-03T21:59:59+00:00")
    event = desk.desk.requests.get(request.id).timeline[-1]
    assert event.detail == {
        "reason": "many",
        "notice": "letter of today",
        "from": request.due,
        "due": extended.due,
    }
    assert NOON + timedelta(days=90) < NOON + timedelta(days=93)


def test_a_store_is_opened_anew_and_forgets_its_requests(tmp_path: Path) -> None:
    with office(tmp_path / "wd") as found:
        request = found.closed()
    with office(tmp_path / "wd", clock=Hands()) as found:
        assert found.desk.requests.get(request.id).request.state == "closed"
        assert isinstance(found.store, Store)


def register(desk: Office, device: str, subject: str) -> None:
    row = {"device": device, "subject": subject, "key": "", "secret": b"", "sequence": 1, "answered": 0}
    with desk.store.writing() as connection:
        connection.execute(insert(asking_devices).values(**row, renewed=text_of(desk.clock())))


def registered(desk: Office) -> set[str]:
    with desk.store.reading() as connection:
        return set(connection.scalars(select(asking_devices.c.device)))


def test_registrations_outlive_an_erasure_or_go_before_their_devices_answered(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, other = desk.known(), desk.known(OTHER)
    register(desk, "a" * 32, subject)
    register(desk, "c" * 32, other)
    monkeypatch.setattr(desk.desk.saga, "_devices", lambda _: ["a" * 32])
    request = desk.opened()
    desk.desk.saga.work(request.id, ADA)
    with desk.store.writing() as connection:
        asked = {"request": request.id, "device": "a" * 32, "kind": "erasure", "state": "pending", "asked": ""}
        connection.execute(insert(asking_answers).values(**asked))
    desk.desk.saga.replay()
    assert registered(desk) == {"a" * 32, "c" * 32}
    answer(desk, request.id, "a" * 32)
    with desk.store.writing() as connection:
        connection.execute(update(asking_answers).values(state="done"))
    assert desk.desk.requests.act(request.id, "closed", ADA).state == "closed"
    assert registered(desk) == {"c" * 32}
    assert desk.desk.requests.get(request.id).receipts
    # A restore brings the registration back, and the next start takes it away.
    register(desk, "a" * 32, subject)
    assert desk.desk.saga.replay()["devices"] == 1
    assert registered(desk) == {"c" * 32}
