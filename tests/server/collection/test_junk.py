"""Somebody sends what looks like reports: a task is filled or closed by it, and devices are turned away for good."""

import secrets

import pytest

from homespun.protocol.collection.report import Report, encode_report
from homespun.protocol.collection.task import Task
from homespun_server.collection.leader import Progress
from homespun_server.collection.messages import Collection
from tests.server.collection.conftest import Settings
from tests.server.collection.support import Pair, counts_of, report_of, running


def junk_of(task: Task, many: int) -> list[Report]:
    """Return what has the length of a report and nothing in it."""
    real = report_of(task, 1)
    return [
        Report(
            secrets.token_bytes(16),
            real.time,
            secrets.token_bytes(len(real.public)),
            secrets.token_bytes(len(real.leader)),
            secrets.token_bytes(len(real.helper)),
        )
        for _ in range(many)
    ]


def test_junk_fills_a_task(either: Pair) -> None:
    pair = either
    task = pair.add(statistic=counts_of(people=20))
    for _ in range(3):
        assert pair.take(task, junk_of(task, 20)) == [None] * 20
        assert pair.upload(task, [1]) == ["crowded"]
        pair.work(task)
    assert pair.upload(task, range(20)) == [None] * 20
    found = pair.collect(task)
    assert isinstance(found, Collection)
    assert found.count == 20


def test_junk_that_waits_closes_a_task(either: Pair) -> None:
    pair, task = either, either.add(minimum_batch=10)
    leader, known = pair.parts.leader, pair.known(task)
    pair.upload(task, range(3))
    pair.work(task)
    assert leader.ask(known) == "below-minimum"
    pair.take(task, junk_of(task, 7))
    assert leader.ask(known) == Progress(3, 7, closing=False)
    assert pair.upload(task, [20]) == [None]
    pair.work(task)
    assert leader.ask(known) == "below-minimum"
    pair.upload(task, range(30, 40))
    assert pair.collect(task).count == 14


def test_junk_that_waits_keeps_a_task_from_being_collected(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(3))
    pair.work(task)
    pair.take(task, junk_of(task, 5))
    # Nothing more is taken now, so that what waits comes to an end.
    assert pair.parts.leader.ask(pair.known(task)) == Progress(3, 5, closing=True)
    assert pair.collect(task).count == 3


@pytest.mark.parametrize("state", ["closing", "crowded"])
def test_a_device_is_not_told_to_come_back(on_sqlite: Settings, pair: Pair, state: str) -> None:
    task = pair.add(statistic=counts_of(people=4))
    pair.upload(task, range(3))
    if state == "closing":
        pair.work(task)
        pair.parts.leader.ask(pair.known(task))
    else:
        pair.upload(task, [3])
    with running(on_sqlite["leader"], works=False) as leader:
        answer = leader.upload(task, encode_report(report_of(task, 9)))
    assert (answer.status_code, answer.json()["type"]) == (503, f"urn:homespun:problem:{state}")
    assert int(answer.headers["Retry-After"]) > 0
