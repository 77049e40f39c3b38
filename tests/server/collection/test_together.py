"""Several workers and processes at once count a report twice, or hinder each other for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Connection

from homespun.errors import MisuseError
from homespun_server.aggregators import Around, LeaderParts, open_leader
from homespun_server.cli.aggregator import refuse_several
from homespun_server.collection import leader as leading
from homespun_server.collection.jobs import unfinished
from homespun_server.collection.leader import Progress
from homespun_server.collection.messages import Collection, ShareRequest
from homespun_server.errors import DisagreementError
from tests.server.collection.conftest import Settings
from tests.server.collection.support import Pair, near_pair, opened, report_of, sum_of, tail_of, with_aggregation

WORKERS = 4
REPORTS = 40


def test_several_workers_add_a_report_twice(settings: Settings) -> None:
    small = {**settings, "leader": with_aggregation(settings["leader"], job_reports=3)}
    with near_pair(small) as pair, ExitStack() as stack:
        task = pair.add()
        around = Around(now=pair.clock, peer=pair.peer)
        several = [open_leader(small["leader"], around) for _ in range(WORKERS)]
        for parts in several:
            stack.enter_context(parts.places.store)

        def work(parts: LeaderParts) -> int:
            known, jobs = parts.places.find(task.id.hex()), 0
            assert known is not None
            # Nobody stops before all are taken, and everybody looks once more.
            while pair.parts.places.batch(pair.known(task)).count < REPORTS:
                jobs += parts.leader.work(known) is not None
            return jobs

        def upload(number: int) -> None:
            # Each twice, as devices that are not sure do.
            report = report_of(task, number % REPORTS)
            assert pair.take(task, [report]) == [None]

        with ThreadPoolExecutor(WORKERS + 4) as pool:
            working = [pool.submit(work, parts) for parts in several]
            list(pool.map(upload, range(2 * REPORTS)))
            done = [each.result(120) for each in working]
        assert sum(done) >= REPORTS // 3
        found = pair.collect(task)
        assert found.count == REPORTS
        assert np.abs(opened(task, found) - sum_of(task, range(REPORTS))).max() <= tail_of(task)
        pair.agree(task)


def test_a_job_that_ends_while_a_collection_begins_is_in_neither_answer(
    either: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = either
    task = pair.add()
    leader, known = pair.parts.leader, pair.known(task)
    pair.upload(task, range(4))
    pair.work(task)
    pair.upload(task, range(4, 8))
    assert leader.ask(known) == Progress(4, 4, closing=True)
    others: list[threading.Thread] = []

    def between(connection: Connection, number: int) -> int:
        # Another worker ends the last job between the two questions, if it is let.
        if not others:
            others.append(threading.Thread(target=pair.work, args=(task,)))
            others[0].start()
            others[0].join(2)
        return unfinished(connection, number)

    monkeypatch.setattr(leading, "unfinished", between)
    leader.collect(known)
    others[0].join()
    found = pair.collect(task)
    assert isinstance(found, Collection)
    assert found.count == 8


def test_what_a_helper_says_of_another_set_ends_the_batch(either: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = either
    task = pair.add()
    leader, known = pair.parts.leader, pair.known(task)
    pair.upload(task, range(4))
    pair.work(task)
    leader.ask(known)
    now = pair.parts.places.batch(known)
    before = replace(now, count=3, checksum=bytes(32))
    asked = ShareRequest(count=3, checksum=bytes(32))
    monkeypatch.setattr(leader, "_ready", lambda _: (before, asked))
    with pytest.raises(DisagreementError):
        leader.collect(known)
    monkeypatch.undo()
    assert pair.collect(task).count == 4


def test_several_processes_share_a_file(on_sqlite: Settings) -> None:
    with near_pair(on_sqlite) as pair, pytest.raises(MisuseError, match="PostgreSQL"):
        refuse_several(pair.parts.places, "it")
