"""Somebody who may not reads whom a request is about, acts on it, or leaves no trace; a restore is served as it is."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import msgspec
import pytest

from homespun.model.sample import sample_folder
from homespun_server.compliance.keys import create_compliance_keys
from homespun_server.compliance.requests.saga import ErasureSaga
from homespun_server.errors import StoreError
from homespun_server.publishing.directory import open_registry
from homespun_server.settings import ComplianceSettings, ServerSettings, TableSettings
from homespun_server.store import Actor, AuditLog
from tests.server.api.support import CHEAP, PASSPHRASE, Hands, Running, running, store_of
from tests.server.compliance.audit.conftest import explained
from tests.server.compliance.requests.test_identity import TOKEN

PERSON = "user-000017"
TABLE = "user,item\nuser-000017,a\nuser-000018,b\n"


@pytest.fixture
def settings(directory: ServerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServerSettings:
    create_compliance_keys(directory, PASSPHRASE.encode(), costs=CHEAP, now=Hands())
    (directory.folder / "people.csv").write_text(TABLE)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return replace(directory, compliance=ComplianceSettings(tables=(TableSettings(path="people.csv"),)))


@pytest.fixture
def service(settings: ServerSettings) -> Iterator[Running]:
    with running(settings) as found:
        yield found


def opened(service: Running, kind: str = "erasure") -> str:
    asked = {"kind": kind, "regulation": "gdpr", "person": PERSON}
    answer = service.post("/api/v1/requests", "compliance", asked)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def act(service: Running, request: str, what: str, seen: int, **said: object):
    return service.post(f"/api/v1/requests/{request}/act", "compliance", {"what": what, "seen": seen, **said})


def accepted(service: Running, kind: str = "erasure") -> str:
    request = opened(service, kind)
    assert act(service, request, "identified", 1, method="seen", evidence="case 1").json()["state"] == "identified"
    assert act(service, request, "accepted", 2).json()["state"] == "accepted"
    return request


def test_a_request_goes_through_without_evidence(service: Running) -> None:
    request = accepted(service)
    done = service.post(f"/api/v1/requests/{request}/work", "compliance", {}).json()
    assert done["missing"] == []
    assert PERSON not in (service.settings.folder / "people.csv").read_text()
    assert act(service, request, "closed", done["request"]["events"]).json()["state"] == "closed"
    assert service.get("/api/v1/requests", "auditor").json() == {"requests": [], "after": None}
    assert service.get("/api/v1/requests?state=closed", "auditor").json()["requests"][0]["id"] == request


def test_who_acts_on_an_older_state_wins(service: Running) -> None:
    request = opened(service)
    assert act(service, request, "confirmed", 1, how="by mail").status_code == 200
    assert act(service, request, "withdrawn", 1).status_code == 409


def test_what_is_in_the_way_is_not_told(service: Running) -> None:
    request = opened(service)
    refused = act(service, request, "accepted", 1)
    assert refused.status_code == 409
    assert "cannot be accepted" in refused.json()["detail"]
    assert service.get(f"/api/v1/requests/{'0' * 32}", "auditor").status_code == 404


@pytest.mark.parametrize("role", ["publisher", "operator", "auditor"])
def test_a_role_does_what_is_not_its_own(service: Running, role: str) -> None:
    request = opened(service)
    asked = {"kind": "access", "regulation": "gdpr", "person": "x"}
    assert service.post("/api/v1/requests", role, asked).status_code == 403  # type: ignore[arg-type]
    for part in ("act", "work", "answer"):
        assert service.post(f"/api/v1/requests/{request}/{part}", role, {}).status_code == 403  # type: ignore[arg-type]
    assert service.get(f"/api/v1/requests/{request}/person", role).status_code == 403  # type: ignore[arg-type]
    shown = service.get(f"/api/v1/requests/{request}", role)  # type: ignore[arg-type]
    assert shown.status_code == (403 if role == "publisher" else 200)
    assert PERSON not in shown.text


def test_whom_a_request_is_about_is_read_without_a_trace(service: Running) -> None:
    request = opened(service)
    assert service.get(f"/api/v1/requests/{request}/person", "compliance").json() == {"person": PERSON}
    service.get(f"/api/v1/requests/{request}", "auditor")
    with store_of(service.settings) as store:
        entries = [each for each in AuditLog(store).entries() if each.action == "view-request"]
    assert [each.role for each in entries] == ["compliance", "auditor"]
    assert PERSON not in service.log.getvalue()


def test_an_answer_has_other_people_in_it(service: Running) -> None:
    request = accepted(service, "access")
    service.post(f"/api/v1/requests/{request}/work", "compliance", {})
    answer = service.post(f"/api/v1/requests/{request}/answer", "compliance")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert json.loads(file.read("people.csv.jsonl")) == {"user": PERSON, "item": "a"}
        assert all(b"user-000018" not in file.read(name) for name in file.namelist())


def test_a_restriction_is_lifted_over_the_api_and_rows_stay_away(service: Running) -> None:
    request = accepted(service, "restriction")
    seen = service.post(f"/api/v1/requests/{request}/work", "compliance", {}).json()["request"]["events"]
    table = service.settings.folder / "people.csv"
    assert PERSON not in table.read_text()
    assert act(service, request, "lifted", seen, reason="settled").status_code == 409
    said = {"reason": "settled", "notice": "letter 14"}
    assert act(service, request, "lifted", seen - 1, **said).status_code == 409
    assert PERSON not in table.read_text()
    lifted = act(service, request, "lifted", seen, **said)
    assert (lifted.status_code, lifted.json()["events"]) == (200, seen + 2)
    assert PERSON in table.read_text()


def test_an_explanation_over_the_api_is_none(service: Running) -> None:
    request = accepted(service, "explanation")
    done = service.post(f"/api/v1/requests/{request}/work", "compliance", {}).json()
    assert (done["request"]["state"], done["missing"]) == ("partial", ["explanations"])
    answer = f"/api/v1/requests/{request}/answer"
    assert "No list was explained yet" in service.post(answer, "compliance").json()["detail"]
    records = explained().decode()
    unknown = service.post(answer, "compliance", {"explanations": records})
    assert (unknown.status_code, "not registered here" in unknown.json()["detail"]) == (409, True)
    with store_of(service.settings) as store:
        open_registry(service.settings, store).add(sample_folder(), lineage={}, gates={})
    made = service.post(answer, "compliance", {"explanations": records, "language": "de"})
    assert made.status_code == 200, made.text
    with zipfile.ZipFile(io.BytesIO(made.content)) as file:
        assert len(file.read("explanations/lists.jsonl").splitlines()) == 2
    closed = act(
        service, request, "closed", service.get(f"/api/v1/requests/{request}", "compliance").json()["request"]["events"]
    )
    assert closed.json()["state"] == "closed"


def test_a_request_with_a_large_record_is_refused_as_too_large(service: Running) -> None:
    request = accepted(service, "explanation")
    large = {"explanations": "x" * (service.settings.service.max_body + 1)}
    assert service.post(f"/api/v1/requests/{request}/answer", "compliance", large).status_code == 409
    larger = {"explanations": "x" * (1 << 22)}
    assert service.post(f"/api/v1/requests/{request}/answer", "compliance", larger).status_code == 413


def test_why_there_is_no_explanation_is_not_taken_over_the_api(service: Running) -> None:
    request = accepted(service, "explanation")
    seen = service.post(f"/api/v1/requests/{request}/work", "compliance", {}).json()["request"]["events"]
    said = {"reason": "on the device only", "evidence": "its receipt"}
    assert act(service, request, "unexplained", seen, **said).json()["state"] == "completed"
    assert "tells how lists are made" in service.post(f"/api/v1/requests/{request}/answer", "compliance").text


def test_identity_is_settled_by_a_check_that_nobody_registered(service: Running, settings: ServerSettings) -> None:
    request = opened(service)
    refused = act(service, request, "identified", 1, offered={"token": TOKEN})
    assert (refused.status_code, "no check of identity" in refused.json()["detail"]) == (409, True)
    check = "tests.server.compliance.requests.test_identity:by_token"
    compliance = msgspec.structs.replace(settings.compliance, identify=check)
    with running(replace(settings, compliance=compliance)) as checking:
        assert act(checking, request, "identified", 1, offered={"token": "another"}).status_code == 409
        assert act(checking, request, "accepted", 1, offered={"token": TOKEN}).status_code == 409
        assert act(checking, request, "identified", 1, offered={"token": TOKEN}).json()["state"] == "identified"
        assert TOKEN not in checking.log.getvalue()


def test_a_page_of_the_queue_is_the_same_again(service: Running) -> None:
    made = {opened(service) for _ in range(5)}
    seen: list[str] = []
    after = ""
    while len(seen) <= len(made):
        page = service.get(f"/api/v1/requests?limit=2{after}", "auditor").json()
        seen += [each["id"] for each in page["requests"]]
        if page["after"] is None:
            break
        after = f"&after={page['after'].replace('+', '%2B')}"
    assert sorted(seen) == sorted(made)
    assert service.get("/api/v1/requests?after=x", "auditor").status_code == 400


def test_a_deadline_goes_by_unseen(service: Running) -> None:
    opened(service)
    assert service.get("/api/v1/requests/due", "auditor").json() == {"due": []}
    service.clock.pass_(days=29)
    due = service.get("/api/v1/requests/due", "compliance").json()["due"]
    assert [(each["what"], each["days_left"], each["overdue"]) for each in due] == [("answer", 2, False)]


def test_a_table_that_was_restored_is_served_to_the_next_training(settings: ServerSettings) -> None:
    with running(settings) as first:
        request = accepted(first)
        first.post(f"/api/v1/requests/{request}/work", "compliance", {})
    (settings.folder / "people.csv").write_text(TABLE)
    with running(settings) as second:
        assert PERSON not in (settings.folder / "people.csv").read_text()
        assert "erased or set aside again" in [each["event"] for each in second.events]
    with store_of(settings) as store:
        assert AuditLog(store).entries()[-1].action == "replay-tombstones"


def test_a_request_waits_for_a_model_that_was_made_while_the_service_ran(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    again = Event()

    def look(_: ErasureSaga, actor: Actor) -> tuple[str, ...]:
        looked.append(actor.who)
        if len(looked) == 1:
            raise StoreError("the store is busy.")
        if len(looked) > 2:
            again.set()
        return ("a" * 32,)

    monkeypatch.setattr(ErasureSaga, "check_waiting", look)
    with running(settings, renew_seconds=0.01) as service:
        assert again.wait(30)
    told = [each["event"] for each in service.events]
    assert "requests that wait for models not looked at" in told
    assert "models made again that requests waited for" in told
    assert set(looked) == {"service"}


def erased(settings: ServerSettings) -> None:
    """Erase a person, and bring them back in a table that the service cannot read."""
    with running(settings) as service:
        request = accepted(service)
        service.post(f"/api/v1/requests/{request}/work", "compliance", {})
    (settings.folder / "people.csv").write_text("nobody\n1\n")


def test_people_are_served_while_those_who_were_erased_may_be_back(settings: ServerSettings) -> None:
    erased(settings)
    with running(settings) as service:
        for path in ("/api/v1/requests", "/api/v1/consents/counts"):
            refused = service.get(path, "compliance")
            assert (refused.status_code, "may be back" in refused.json()["detail"]) == (503, True), path
        assert service.client.post("/intake/v1/consents", content=b"{}").status_code == 503
        assert service.get("/api/v1/bundles", "auditor").status_code == 200
        (told,) = (each for each in service.events if each["event"] == "what was erased may be back")
        assert "people.csv" in told["why"]
    (settings.folder / "people.csv").write_text(TABLE)
    with running(settings) as service:
        assert service.get("/api/v1/requests", "compliance").status_code == 200
    assert PERSON not in (settings.folder / "people.csv").read_text()


def test_a_service_refuses_people_for_ever_after_its_tables_were_mended(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased(settings)
    real, refused, mended, looked = ErasureSaga.replay, Event(), Event(), Event()

    def again(saga: ErasureSaga) -> dict[str, int]:
        if refused.is_set():
            (settings.folder / "people.csv").write_text(TABLE)
        found = real(saga)
        mended.set()
        return found

    def look(_: ErasureSaga, actor: Actor) -> tuple[str, ...]:
        assert actor.who
        if mended.is_set():
            looked.set()
        return ()

    monkeypatch.setattr(ErasureSaga, "replay", again)
    monkeypatch.setattr(ErasureSaga, "check_waiting", look)
    with running(settings, renew_seconds=0.01) as service:
        assert service.get("/api/v1/requests", "compliance").status_code == 503
        refused.set()
        assert looked.wait(30)
        assert service.get("/api/v1/requests", "compliance").status_code == 200
    assert PERSON not in (settings.folder / "people.csv").read_text()


def test_nobody_is_told_that_without_a_passphrase_nothing_is_erased_again(settings: ServerSettings) -> None:
    erased(settings)
    with running(replace(settings, passphrase=None)) as service:
        told = [each["why"] for each in service.events if each["event"] == "what was erased may be back"]
    assert told
    assert "no passphrase" in told[0]
