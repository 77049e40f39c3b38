"""What leads back to somebody who was erased: traces of other requests, of reports that came late, of models."""

import hashlib
from pathlib import Path

import pytest
from sqlalchemy import func, select

from homespun.protocol.consent_report import encode_report
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.requests.connectors import subjects as connectors
from homespun_server.compliance.requests.ports import Person
from homespun_server.compliance.requests.profile import Kind
from homespun_server.compliance.requests.retraining import Retraining
from homespun_server.store.schema_consent import consent_events
from homespun_server.store.schema_log import log_openings
from tests.server.compliance.consent.support import record, report
from tests.server.compliance.requests.support import ADA, CSV, KEYS, PERSON, Office

SET_ASIDE: dict[Kind, str] = {"objection": "gdpr", "opt-out": "ccpa"}
"""Kinds that take rows out of use, with a regulation that knows them."""


def ledger(desk: Office) -> ConsentLedger:
    return ConsentLedger(desk.store, KEYS, TransparencyLog(desk.store, KEYS, desk.clock), desk.clock)


def kept(desk: Office) -> tuple[int, int]:
    """Return how many consent events, and openings of somebody, the store has."""
    with desk.store.reading() as connection:
        events = connection.scalar(select(func.count()).select_from(consent_events))
        openings = connection.scalar(select(func.count()).where(log_openings.c.subject.is_not(None)))
    return int(events or 0), int(openings or 0)


class Made:
    """Says which requests models were to be made again for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def needed(self) -> tuple[()]:
        return ()

    def schedule(self, request: str) -> tuple[Retraining, ...]:
        self.asked.append(request)
        return ()

    def check(self, request: str) -> tuple[Retraining, ...]:
        assert request
        return ()


@pytest.mark.parametrize("kind", SET_ASIDE)
def test_who_was_erased_is_found_by_trying_names_against_a_withdrawals_hash(desk: Office, kind: Kind) -> None:
    desk.known()
    before = desk.closed(kind, regulation=SET_ASIDE[kind])
    desk.closed()
    told = str([each.detail for each in desk.desk.requests.get(before.id).timeline])
    purposes = connectors._ENDED_BY[kind]
    for place, purpose in enumerate(purposes, start=1):
        raw = encode_report(connectors._withdrawal(before.id, kind, purpose, place, desk.clock(), PERSON))
        assert hashlib.sha256(raw).hexdigest()[:8] not in told
    places = ", ".join(map(str, range(1, len(purposes) + 1)))
    assert f"numbers {places} of the source {before.id}" in told


def test_a_second_erasure_leaves_what_a_device_reported_between_the_two(desk: Office) -> None:
    ledger(desk).record(report(record(1), subject=PERSON))
    first, second = desk.opened(), desk.opened()
    desk.desk.saga.work(first.id, ADA)
    desk.clock.pass_(hours=1)
    ledger(desk).record(report(record(2), subject=PERSON))
    again = desk.subjects.pseudonym(PERSON)
    desk.desk.saga.work(second.id, ADA)
    effects = desk.desk.requests.get(second.id).effects
    assert (effects["consent events"] or {})["records"] == 1
    assert kept(desk) == (0, 0)
    assert desk.desk.tombstones.marked("pseudonyms", str(again)) is not None


def test_a_report_that_comes_between_two_stores_outlives_the_erasure(desk: Office) -> None:
    ledger(desk).record(report(record(1), subject=PERSON))
    request = desk.opened()
    store = desk.desk.saga._connectors["log openings"]
    real = store.erase

    def between(person: Person):
        ledger(desk).record(report(record(2), subject=PERSON))
        return real(person)

    store.erase = between  # type: ignore[method-assign]
    desk.desk.saga.work(request.id, ADA)
    effect = desk.desk.requests.get(request.id).effects["pseudonyms"] or {}
    assert (effect["outcome"], effect["records"]) == ("done", 2)
    assert kept(desk) == (0, 0)


def test_a_pseudonym_that_no_tombstone_names_is_erased(desk: Office) -> None:
    # The person is first heard of while work goes on: a restore would bring them back, so it is done again.
    request = desk.opened()
    store = desk.desk.saga._connectors["log openings"]
    real = store.erase

    def between(person: Person):
        ledger(desk).record(report(record(1), subject=PERSON))
        return real(person)

    store.erase = between  # type: ignore[method-assign]
    desk.desk.saga.work(request.id, ADA)
    assert (desk.desk.requests.get(request.id).effects["pseudonyms"] or {})["outcome"] == "failed"
    store.erase = real  # type: ignore[method-assign]
    subject = desk.subjects.pseudonym(PERSON)
    desk.desk.saga.work(request.id, ADA)
    assert (desk.desk.requests.get(request.id).effects["pseudonyms"] or {})["outcome"] == "done"
    assert desk.desk.tombstones.marked("pseudonyms", str(subject)) is not None
    assert kept(desk) == (0, 0)


def test_who_came_back_since_is_erased_by_a_request_that_is_worked_on_again(desk: Office) -> None:
    desk.known()
    request = desk.opened()
    (desk.settings.folder / CSV).write_text("nobody\n1\n")
    desk.desk.saga.work(request.id, ADA)
    ledger(desk).record(report(record(1), subject=PERSON))
    desk.desk.saga.work(request.id, ADA)
    assert kept(desk)[0] == 1
    assert desk.desk.requests.person(request.id).subject != desk.subjects.pseudonym(PERSON)


@pytest.mark.parametrize("kind", SET_ASIDE)
def test_a_model_keeps_who_objected_and_was_then_erased(desk: Office, kind: Kind) -> None:
    made = Made()
    desk.desk.saga._remaking._retrainings = made  # type: ignore[assignment]
    # It is still open, and was opened before the person had a pseudonym: what it set aside alone tells.
    desk.desk.saga.work(desk.opened(kind, regulation=SET_ASIDE[kind]).id, ADA)
    request = desk.opened()
    desk.desk.saga.work(request.id, ADA)
    effects = desk.desk.requests.get(request.id).effects
    assert (effects[f"table {CSV}"] or {})["outcome"] == "nothing"
    assert made.asked == [request.id]


def test_a_model_keeps_whose_rows_an_earlier_request_found(desk: Office, tmp_path: Path) -> None:
    made = Made()
    desk.desk.saga._remaking._retrainings = made  # type: ignore[assignment]
    desk.known()
    desk.closed("access")
    for path in desk.settings.folder.glob("*.csv"):
        path.rename(tmp_path / path.name)
        path.write_text("user,item,at\n")
    (desk.settings.folder / "ratings.parquet").write_bytes(_without_person())
    request = desk.opened()
    desk.desk.saga.work(request.id, ADA)
    assert made.asked == [request.id]


def _without_person() -> bytes:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    made = io.BytesIO()
    pq.write_table(pa.table({"user": ["somebody"], "stars": pa.array([1], pa.int16())}), made)
    return made.getvalue()


def test_no_model_is_made_again_for_somebody_no_table_ever_had(desk: Office) -> None:
    made = Made()
    desk.desk.saga._remaking._retrainings = made  # type: ignore[assignment]
    desk.closed("objection")
    request = desk.opened(person="user-000099")
    desk.desk.saga.work(request.id, ADA)
    assert not made.asked


@pytest.mark.parametrize("kind", SET_ASIDE)
def test_what_an_objection_leaves_alone_is_called_dealt_with(desk: Office, kind: Kind) -> None:
    ledger(desk).record(report(record(1), subject=PERSON))
    request = desk.closed(kind, regulation=SET_ASIDE[kind])
    effects = desk.desk.requests.get(request.id).effects
    for name in ("pseudonyms", "log openings"):
        assert (effects[name] or {})["outcome"] == "nothing", name
    assert desk.subjects.pseudonym(PERSON) is not None
    assert "interrupted" not in str(effects)
