"""A leader keeps what it should not, loses what it acknowledged, or tells what it should not."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from homespun.protocol.collection.report import encode_report
from homespun.protocol.collection.task import Task
from homespun_server.aggregators import open_places
from homespun_server.collection.messages import Role
from homespun_server.errors import StoreError
from homespun_server.store.schema import collection_payloads as payloads
from homespun_server.store.schema import collection_reports as reports
from tests.server.collection.conftest import Settings
from tests.server.collection.support import (
    DAY,
    SECONDS,
    Hands,
    Pair,
    counts_of,
    keys_of,
    near_pair,
    report_of,
    running,
    task_of,
    with_aggregation,
    with_service,
)


def added(settings: Settings, **changes: Any) -> Task:
    task = task_of(keys_of(settings), **changes)
    places = open_places(settings["leader"])
    with places.store:
        places.add(task)
    return task


def refused(answer: object) -> tuple[int, str]:
    """Return the status and the type of a problem."""
    found = getattr(answer, "content", b"")
    said = msgspec.json.decode(found)
    return getattr(answer, "status_code", 0), said["type"].rpartition(":")[2]


def test_a_report_that_is_none_is_kept(on_sqlite: Settings) -> None:
    task = added(on_sqlite)
    raw = encode_report(report_of(task, 1))
    other = task_of(keys_of(on_sqlite), name="another")
    with running(on_sqlite["leader"], works=False) as leader:
        assert refused(leader.upload(task, raw[:-1])) == (400, "malformed")
        assert refused(leader.upload(task, raw + b"x")) == (400, "malformed")
        assert refused(leader.upload(task, b"\x02" + raw[1:])) == (400, "malformed")
        assert refused(leader.upload(task, raw, **{"Content-Type": "application/json"})) == (400, "malformed")
        assert refused(leader.upload(other, raw)) == (404, "unknown-task")
        assert refused(leader.client.get(f"/tasks/{task.id.hex()}/reports")) == (405, "unknown-method")
        assert refused(leader.client.get("/tasks/none")) == (404, "unknown-address")
        metrics = leader.client.get("/metrics", headers=leader.token()).text
    assert kept(on_sqlite) == 0
    assert 'homespun_reports_rejected_total{reason="malformed"} 4.0' in metrics
    assert 'homespun_reports_rejected_total{reason="unknown-task"} 1.0' in metrics


def kept(settings: Settings) -> int:
    places = open_places(settings["leader"])
    with places.store, places.store.reading() as connection:
        return len(connection.execute(select(reports.c.id)).all())


@pytest.mark.parametrize(
    ("at", "arrives", "why"),
    [
        (SECONDS - 2 * DAY, SECONDS, "outside-window"),
        (SECONDS + 2 * DAY, SECONDS, "outside-window"),
        (SECONDS + 7200, SECONDS, "outside-window"),
        (SECONDS + 1, SECONDS, "outside-window"),
        (SECONDS, SECONDS + DAY, "outside-window"),
        (SECONDS, SECONDS + 8 * DAY, "expired"),
        (SECONDS, SECONDS, None),
        (SECONDS - DAY // 2, SECONDS, None),
        (SECONDS + 3600, SECONDS, None),
    ],
)
def test_a_report_of_another_time_is_kept(on_sqlite: Settings, at: int, arrives: int, why: str | None) -> None:
    task = added(on_sqlite)
    clock = Hands()
    clock.pass_(seconds=arrives - SECONDS)
    with running(on_sqlite["leader"], clock=clock, works=False) as leader:
        answer = leader.upload(task, encode_report(report_of(task, 1, time=at)))
    assert (answer.status_code, kept(on_sqlite)) == ((201, 1) if why is None else (answer.status_code, 0))
    if why is not None:
        assert refused(answer)[1] == why


def test_a_repeated_report_counts_twice(either: Pair) -> None:
    pair = either
    task = pair.add()
    first, again = report_of(task, 1), report_of(task, 1)
    assert first != again
    assert pair.take(task, [first, again, first]) == [None, None, None]
    assert pair.take(task, [again]) == [None]
    pair.work(task)
    assert pair.take(task, [first]) == [None]
    pair.work(task)
    assert pair.parts.places.batch(pair.known(task)).count == 1
    pair.agree(task)


def test_more_reports_are_taken_than_can_be_added_up(either: Pair) -> None:
    pair = either
    task = pair.add(statistic=counts_of(people=4))
    # Those that wait may not hold; whoever comes meanwhile may come again.
    assert pair.upload(task, range(6)) == [None] * 4 + ["crowded"] * 2
    assert pair.upload(task, [3, 7]) == [None, "crowded"]
    pair.work(task)
    assert pair.upload(task, [3, 7]) == [None, "full"]


def test_a_closed_task_takes_reports(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(5))
    pair.work(task)
    pair.parts.leader.ask(pair.known(task))
    # It may still come to nothing, and then whoever was told closed would never come again.
    assert pair.upload(task, [4, 5]) == [None, "closing"]
    pair.collect(task)
    assert pair.upload(task, [4, 5]) == [None, "closed"]


def test_something_of_a_report_is_kept_that_opens_it(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(5))
    with pair.parts.places.store.reading() as connection:
        waiting = connection.execute(select(reports.c.enc, reports.c.arrived)).all()
    # The minute of an arrival, while it waits.
    assert {row.arrived % 60 for row in waiting} == {0}
    pair.work(task)
    with pair.parts.places.store.reading() as connection:
        rows = connection.execute(select(reports.c.enc, reports.c.time, reports.c.arrived, reports.c.state)).all()
        assert connection.execute(select(payloads.c.report)).all() == []
    assert rows == [(None, None, None, "added")] * 5


def test_an_added_report_can_be_opened_from_the_file(on_sqlite: Settings) -> None:
    # Without the ephemeral key, which a report begins with, nobody opens the rest.
    task = added(on_sqlite)
    places = open_places(on_sqlite["helper"])
    with places.store:
        places.add(task)
    made = [report_of(task, number) for number in range(3)]
    with near_pair(on_sqlite) as pair:
        pair.take(task, made)
        pair.parts.places.settle()
        store = Path(on_sqlite["leader"].store)
        before = store.read_bytes()
        assert all(report.leader[:32] in before and report.helper[:32] in before for report in made)
        pair.work(task)
        pair.parts.places.settle()
    left = b"".join(path.read_bytes() for path in store.parent.glob("store.sqlite*"))
    assert not [report for report in made if report.leader[:32] in left or report.helper[:32] in left]


def test_a_flood_is_taken_or_strangers_are_told_apart(on_sqlite: Settings) -> None:
    task = added(on_sqlite)
    settings = with_service(on_sqlite["leader"], anonymous_rate=0.001, anonymous_burst=2)
    with running(settings, works=False) as leader:
        answers = [leader.upload(task, encode_report(report_of(task, number))) for number in range(3)]
        assert leader.client.get("/health").status_code == 200
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[2].headers["Retry-After"]) > 0


def test_a_full_disk_is_written_to(on_sqlite: Settings) -> None:
    task = added(on_sqlite)
    settings = with_aggregation(on_sqlite["leader"], waiting_bytes=1)
    with running(settings, works=False) as leader:
        answer = leader.upload(task, encode_report(report_of(task, 1)))
    assert refused(answer) == (503, "full")
    assert int(answer.headers["Retry-After"]) > 0
    assert kept(on_sqlite) == 0


def test_more_is_read_than_there_is_room_for(on_sqlite: Settings) -> None:
    task = added(on_sqlite)
    settings = with_aggregation(on_sqlite["leader"], intake_bytes=100)
    with running(settings, works=False) as leader:
        for _ in range(3):
            answer = leader.upload(task, encode_report(report_of(task, 1)))
            assert refused(answer) == (503, "busy")


def test_room_is_not_given_back(on_sqlite: Settings) -> None:
    task = added(on_sqlite)
    raw = encode_report(report_of(task, 1))
    settings = with_aggregation(on_sqlite["leader"], intake_bytes=len(raw))
    with running(settings, works=False) as leader:
        for number in range(3):
            assert refused(leader.upload(task, b"\x02" + raw[1:])) == (400, "malformed"), number
            assert leader.upload(task, raw).status_code == 201


class Nobody:
    """Lets in who shows a token."""

    async def admits(self, task: Task, headers: object) -> bool:
        return (b"x-token", b"good") in list(headers)  # type: ignore[call-overload]


def test_an_attestation_is_not_asked(on_sqlite: Settings) -> None:
    task = added(on_sqlite)
    raw = encode_report(report_of(task, 1))
    with running(on_sqlite["leader"], works=False, attestation=Nobody()) as leader:
        assert refused(leader.upload(task, raw)) == (403, "not-admitted")
        assert kept(on_sqlite) == 0
        assert leader.upload(task, raw, **{"X-Token": "good"}).status_code == 201


def test_the_log_says_who_uploaded_or_what(on_sqlite: Settings) -> None:
    task = added(on_sqlite)
    report = report_of(task, 0x5EC2E7, report_id=bytes.fromhex("5ec2e7") + bytes(13))
    with running(on_sqlite["leader"], works=False) as leader:
        leader.upload(task, encode_report(report), **{"X-Forwarded-For": "203.0.113.9", "User-Agent": "a phone"})
        leader.upload(task, encode_report(report)[:-1])
        said = leader.log.getvalue()
    assert "/tasks/{task}/reports" in said
    for secret in (report.report_id.hex(), "203.0.113.9", "testclient", "a phone", task.id.hex()):
        assert secret not in said


def test_the_store_is_away(on_sqlite: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    task = added(on_sqlite)
    with running(on_sqlite["leader"], works=False) as leader:
        leader.client.get("/tasks")

        def away(*_: object) -> None:
            raise StoreError("the store is away, and its password is hunter2")

        monkeypatch.setattr("homespun_server.collection.intake.batch_within", away)
        answer = leader.upload(task, encode_report(report_of(task, 1)))
    assert refused(answer) == (503, "store")
    assert "hunter2" not in answer.text


def test_what_everybody_may_see_tells_how_many_took_part(on_sqlite: Settings) -> None:
    task = added(on_sqlite)
    with running(on_sqlite["leader"], works=False) as leader:
        leader.upload(task, encode_report(report_of(task, 1)))
        seen = leader.client.get("/tasks").json()
    assert set(seen) == {"role", "name", "url", "key", "tasks"}
    assert [set(each) for each in seen["tasks"]] == [{"task", "name", "opens", "closes", "expires", "minimum_batch"}]


@pytest.mark.parametrize("role", ["leader", "helper"])
def test_metrics_tell_strangers_how_many_took_part_or_what_was_added(pair: Pair, role: Role) -> None:
    task = pair.add()
    pair.upload(task, range(4))
    pair.work(task)
    with running(pair.settings[role], clock=pair.clock, works=False) as aggregator:
        if role == "leader":
            assert aggregator.upload(task, encode_report(report_of(task, 9))).status_code == 201
        open_to_all = aggregator.client.get("/metrics").text
        told = aggregator.client.get("/metrics", headers=aggregator.token()).text
        wrong = aggregator.client.get("/metrics", headers={"Authorization": "Bearer hsp_" + "a" * 43})
    assert wrong.status_code == 401
    assert "homespun_requests_total" in open_to_all
    for secret in ("homespun_reports", "homespun_jobs", "waiting", "lag", "added", task.id.hex()):
        assert secret not in open_to_all
    assert "homespun_reports_total" in told
