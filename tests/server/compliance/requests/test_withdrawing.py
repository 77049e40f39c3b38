"""An opt-out, an objection or a restriction is called done, and no withdrawal was recorded."""

import pytest

from homespun.protocol.consent_report import ConsentReport
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.consent.events import Origin
from homespun_server.compliance.log import TransparencyLog
from tests.server.compliance.consent.support import record, report
from tests.server.compliance.requests.support import ADA, KEYS, PERSON, Office


def ledger(desk: Office) -> ConsentLedger:
    return ConsentLedger(desk.store, KEYS, TransparencyLog(desk.store, KEYS, desk.clock), desk.clock)


def granted(desk: Office) -> set[str]:
    status = ledger(desk).status_as_of(desk.known())
    return {purpose for purpose in ("contribution", "measurement") if status[purpose].granted}


def reported(desk: Office, source: str, place: int = 1) -> ConsentReport:
    return report(record(place, "measurement"), subject=PERSON, source=source)


@pytest.mark.parametrize("place", [1, 2])
@pytest.mark.parametrize("origin", ["device", "import"])
def test_a_stranger_who_knows_the_id_keeps_an_opt_out_from_being_recorded(
    desk: Office, origin: Origin, place: int
) -> None:
    request = desk.opened("opt-out", regulation="ccpa")
    with desk.store.writing() as connection:
        ledger(desk).record_within(connection, reported(desk, request.id, place), origin=origin)
    desk.clock.pass_(hours=1)
    effect = desk.desk.saga.work(request.id, ADA).effects["consent events"]
    assert (effect.outcome, granted(desk)) == ("done", set())
    theirs = [each for each in ledger(desk).events_of(desk.known()) if each.origin == "request"]
    assert {each.choice.purpose for each in theirs} == {"contribution", "measurement"}
    assert all(f"{each.sequence}" in effect.detail for each in theirs)


def test_a_withdrawal_that_was_refused_counts_as_recorded(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    request = desk.opened("opt-out", regulation="ccpa")
    with monkeypatch.context() as patch:
        patch.setattr(ConsentLedger, "record_within", lambda *_, **__: None)
        course = desk.desk.saga.work(request.id, ADA)
    assert course.effects["consent events"].outcome == "failed"
    assert "work on the request again" in course.effects["consent events"].detail
    assert desk.desk.saga.work(request.id, ADA).effects["consent events"].outcome == "done"
    assert len(ledger(desk).events_of(desk.known())) == 2
