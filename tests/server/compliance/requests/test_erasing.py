"""A request is closed without evidence, a store is forgotten, or others lose what is theirs."""

import pyarrow.parquet as pq
import pytest

from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.requests.connectors.tables import SetAside
from homespun_server.compliance.requests.ports import Correction
from homespun_server.compliance.requests.profile import Kind
from homespun_server.errors import OutputError, RequestError
from tests.server.compliance.consent.support import record, report
from tests.server.compliance.requests.support import ADA, CSV, KEYS, OTHER, PARQUET, PERSON, Office


def test_a_person_is_still_somewhere_after_an_erasure(desk: Office) -> None:
    desk.known()
    request = desk.opened()
    course = desk.desk.saga.work(request.id, ADA)
    assert (course.state, course.missing) == ("completed", ())
    assert not any(row.startswith(PERSON) for row in desk.rows)
    assert PERSON not in pq.read_table(desk.settings.folder / PARQUET)["user"].to_pylist()
    assert desk.subjects.pseudonym(PERSON) is None
    assert course.effects[f"table {CSV}"].records == 10
    assert course.effects["pseudonyms"].level == "key_destroyed"
    assert course.effects["collection"].outcome == "kept"


def test_others_lose_rows_or_bytes(desk: Office) -> None:
    before = [row for row in desk.rows if not row.startswith(PERSON)]
    desk.closed()
    assert desk.rows == before
    table = pq.read_table(desk.settings.folder / PARQUET)
    assert table["user"].to_pylist().count(OTHER) == 4
    assert table.schema.field("stars").type == "int16"


def test_a_request_closes_before_anything_was_done(desk: Office) -> None:
    request = desk.opened()
    with pytest.raises(RequestError, match="cannot be closed"):
        desk.desk.requests.act(request.id, "closed", ADA)


def test_a_request_closes_while_a_store_failed(desk: Office) -> None:
    request = desk.opened()
    text = (desk.settings.folder / CSV).read_bytes()
    (desk.settings.folder / CSV).write_bytes(b"no header here\n")
    course = desk.desk.saga.work(request.id, ADA)
    assert course.state == "partial"
    assert course.missing == (f"table {CSV}", "models")
    assert PERSON not in pq.read_table(desk.settings.folder / PARQUET)["user"].to_pylist()
    with pytest.raises(RequestError, match="no evidence that anything was done there"):
        desk.desk.requests.act(request.id, "closed", ADA, {"pending": True})
    (desk.settings.folder / CSV).write_bytes(text)
    assert desk.desk.saga.work(request.id, ADA).state == "completed"
    assert not any(row.startswith(PERSON) for row in desk.rows)


def test_a_store_is_left_out_because_it_went_from_the_settings(desk: Office) -> None:
    request = desk.opened()
    del desk.desk.saga._connectors[f"table {PARQUET}"]
    course = desk.desk.saga.work(request.id, ADA)
    assert f"table {PARQUET}" in course.missing
    assert "no longer name this store" in course.effects[f"table {PARQUET}"].detail


def test_a_store_claims_what_reading_refutes(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    request = desk.opened()
    monkeypatch.setattr("homespun_server.compliance.requests.connectors.rows_of_tables.TableFile.change", lambda *_: 10)
    course = desk.desk.saga.work(request.id, ADA)
    assert course.effects[f"table {CSV}"].outcome == "failed"
    assert "10 records are still there" in course.effects[f"table {CSV}"].detail


def test_the_operators_records_name_a_person_and_nobody_says_so(desk: Office) -> None:
    request = desk.opened()
    from homespun_server.store import AuditLog

    AuditLog(desk.store).add(ADA, "mention", f"spoke of {PERSON}")
    effect = desk.desk.saga.work(request.id, ADA).effects["operator's records"]
    assert (effect.outcome, effect.level) == ("kept", "unverified")
    assert "1 entries of the record of changes" in effect.detail


def test_leftovers_of_killed_runs_stay(desk: Office) -> None:
    import os

    left = desk.settings.folder / "temporary" / "homespun-run-abcd1234"
    left.mkdir()
    (left / "people.csv").write_text(f"user\n{PERSON}\n")
    for path in (left / "people.csv", left):
        os.utime(path, (0, 0))
    request = desk.opened()
    assert desk.desk.saga.work(request.id, ADA).effects["temporary files"].records == 1
    assert not left.exists()


def test_a_value_stays_wrong_or_another_is_changed(desk: Office) -> None:
    request = desk.opened("rectification")
    theirs = [row for row in desk.rows if row.startswith(PERSON)]
    wrong = [Correction("item", "item-3", "item-4"), Correction("item", "item-1", "item-2")]
    course = desk.desk.saga.work(request.id, ADA, wrong)
    assert course.effects[f"table {CSV}"].records == 1
    assert [row for row in desk.rows if row.startswith(PERSON)] == [row.replace("item-3,", "item-4,") for row in theirs]
    assert desk.desk.requests.act(request.id, "closed", ADA).state == "closed"


def test_a_rectification_that_names_nothing_wrong_is_taken_for_done(desk: Office) -> None:
    request = desk.opened("rectification")
    with pytest.raises(RequestError, match="give corrections"):
        desk.desk.saga.work(request.id, ADA)
    assert desk.desk.requests.get(request.id).request.state == "accepted"


def test_what_is_restricted_is_still_trained_on(desk: Office) -> None:
    request = desk.opened("restriction")
    desk.desk.saga.work(request.id, ADA)
    assert not any(row.startswith(PERSON) for row in desk.rows)
    aside = desk.settings.folder / "compliance" / "set-aside" / f"{request.id}.jsonl"
    assert aside.read_text().count(PERSON) >= 14
    assert aside.stat().st_mode & 0o077 == 0
    # An erasure reaches what was set aside.
    erasure = desk.opened()
    assert desk.desk.saga.work(erasure.id, ADA).effects["set aside"].records == 14
    assert PERSON not in aside.read_text()


def test_a_name_outlives_its_request(desk: Office) -> None:
    request = desk.closed()
    assert desk.desk.requests.person(request.id).identifier is None
    assert request.state == "closed"


@pytest.mark.parametrize(
    ("kind", "regulation", "ended"),
    [
        ("opt-out", "ccpa", {"contribution", "measurement"}),
        ("objection", "gdpr", {"personalization", "contribution", "measurement"}),
    ],
)
def test_an_opt_out_has_no_proof(desk: Office, kind: Kind, regulation: str, ended: set[str]) -> None:
    request = desk.opened(kind, regulation=regulation)
    for _ in range(2):
        desk.desk.saga.work(request.id, ADA)
    ledger = ConsentLedger(desk.store, KEYS, None, desk.clock)
    events = ledger.events_of(desk.known())
    assert {each.choice.purpose for each in events} == ended
    assert {(each.choice.action, each.source, each.choice.method) for each in events} == {
        ("withdraw", request.id, kind)
    }
    assert all(each.log is not None for each in events)
    assert not any(ledger.status_as_of(desk.known())[purpose].granted for purpose in ended)
    assert not any(row.startswith(PERSON) for row in desk.rows)
    assert desk.desk.requests.act(request.id, "closed", ADA).state == "closed"


def test_a_pseudonym_of_after_the_opening_is_forgotten_about(desk: Office) -> None:
    request = desk.opened()
    objection = desk.opened("objection")
    desk.desk.saga.work(objection.id, ADA)
    subject = desk.known()
    course = desk.desk.saga.work(request.id, ADA)
    assert course.effects["consent events"].records == 3
    assert desk.desk.requests.get(request.id).request.subject == subject
    assert ConsentLedger(desk.store, KEYS, None).events_of(subject) == ()
    assert desk.subjects.pseudonym(PERSON) is None


TOLD = {"reason": "the dispute is settled", "notice": "letter 14"}


def restricted(desk: Office, kind: Kind = "restriction"):
    return desk.closed(kind)


def test_a_lifted_restriction_loses_or_doubles_rows(desk: Office) -> None:
    folder = desk.settings.folder
    before, stars = sorted(desk.rows), pq.read_table(folder / PARQUET)
    request = restricted(desk)
    assert not any(row.startswith(PERSON) for row in desk.rows)
    assert desk.desk.saga.lift(request.id, ADA, TOLD) == {f"table {CSV}": 10, f"table {PARQUET}": 4}
    assert sorted(desk.rows) == before
    after = pq.read_table(folder / PARQUET)
    assert after.schema == stars.schema
    assert sorted(map(str, after.to_pylist())) == sorted(map(str, stars.to_pylist()))
    assert PERSON not in (folder / "compliance" / "set-aside" / f"{request.id}.jsonl").read_text()
    details = desk.desk.requests.get(request.id)
    assert details.request.state == "closed"
    assert [(each.what, each.detail.get("notice")) for each in details.timeline[-3:]] == [
        ("lifted", "letter 14"), ("returned", None), ("returned", None),
    ]  # fmt: skip
    with pytest.raises(RequestError, match="was lifted before"):
        desk.desk.saga.lift(request.id, ADA, TOLD)
    assert sorted(desk.rows) == before


def test_a_lifting_that_was_interrupted_doubles_or_leaves_rows(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(desk.rows)
    request = restricted(desk)
    with monkeypatch.context() as patch:
        patch.setattr(SetAside, "drop", lambda *_: (_ for _ in ()).throw(OutputError("the disk is full")))
        with pytest.raises(OutputError):
            desk.desk.saga.lift(request.id, ADA, TOLD)
    assert desk.desk.saga.lift(request.id, ADA, {}) == {f"table {CSV}": 10, f"table {PARQUET}": 4}
    assert sorted(desk.rows) == before
    assert pq.read_table(desk.settings.folder / PARQUET).num_rows == 12


@pytest.mark.parametrize("missing", ["reason", "notice"])
def test_a_restriction_is_lifted_before_the_person_was_told(desk: Office, missing: str) -> None:
    request = restricted(desk)
    with pytest.raises(RequestError, match=f"needs '{missing}'"):
        desk.desk.saga.lift(request.id, ADA, {name: said for name, said in TOLD.items() if name != missing})
    assert not any(row.startswith(PERSON) for row in desk.rows)


def test_what_somebody_objected_to_is_used_again(desk: Office) -> None:
    desk.known()
    request, objection = restricted(desk), restricted(desk, "objection")
    with pytest.raises(RequestError, match=objection.id):
        desk.desk.saga.lift(request.id, ADA, TOLD)
    with pytest.raises(RequestError, match="only a restriction"):
        desk.desk.saga.lift(objection.id, ADA, TOLD)
    assert not any(row.startswith(PERSON) for row in desk.rows)


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file", "/a/b.csv"), OSError("/a/b.csv"), OSError()])
def test_what_failed_is_told_by_a_path_alone(desk: Office, error: OSError) -> None:
    def fail(_: object) -> int:
        raise error

    desk.desk.saga._connectors[f"table {CSV}"].left = fail  # type: ignore[assignment,method-assign]
    effect = desk.desk.saga.work(desk.opened().id, ADA).effects[f"table {CSV}"]
    assert effect.outcome == "failed"
    assert effect.detail.startswith(f"table {CSV} could not be worked on")
    assert "Mend this one, and have the request worked on again (request work)." in effect.detail
    assert error.filename is None or effect.detail.count("/a/b.csv") == 1


def test_counts_are_said_to_stay_which_are_taken_out(desk: Office) -> None:
    ledger = ConsentLedger(desk.store, KEYS, TransparencyLog(desk.store, KEYS, desk.clock), desk.clock)
    ledger.record(report(record(1), subject=PERSON))
    effect = desk.desk.saga.work(desk.opened().id, ADA).effects["consent events"]
    assert (effect.outcome, "are no longer in the counts" in effect.detail) == ("done", True)
    assert ledger.counts() == ()
