"""A helper lies, a message comes twice or late, a report cheats: a sum is wrong and nobody notices."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from sqlalchemy import select

from homespun.protocol.collection.form import ShareForm
from homespun.protocol.collection.report import Report, binding_of, seal_info
from homespun.protocol.collection.shares import split
from homespun.protocol.collection.task import Task
from homespun_server.collection.jobs import Job
from homespun_server.collection.messages import (
    Collection,
    Decision,
    JobAnswer,
    JobRequest,
    ShareRequest,
    checksum_of,
    parse,
    set_digest,
)
from homespun_server.collection.peer import HelperAwayError
from homespun_server.collection.places import Known
from homespun_server.collection.sealing import seal
from homespun_server.errors import AggregationError, DisagreementError, StoreError
from homespun_server.store.schema import collection_jobs as jobs
from homespun_server.store.schema import collection_sums as sums
from tests.server.collection.conftest import Settings
from tests.server.collection.support import (
    DAY,
    SECONDS,
    Pair,
    added,
    counts_of,
    near_pair,
    opened,
    report_of,
    sum_of,
    tail_of,
    with_aggregation,
)

Change = Callable[[JobAnswer], JobAnswer]


def other_decision(answer: JobAnswer) -> JobAnswer:
    first, *rest = answer.decisions
    return msgspec.structs.replace(answer, decisions=(Decision(first.verifier, not first.accepted), *rest))


def refuses_one(answer: JobAnswer) -> JobAnswer:
    """Say of an honest report that it does not hold: the leader does not add it, the helper did."""
    changed = (Decision(None, accepted=False), *answer.decisions[1:])
    return msgspec.structs.replace(answer, decisions=changed)


def other_message(answer: JobAnswer) -> JobAnswer:
    *rest, last = answer.decisions
    assert last.verifier is not None
    changed = bytes([last.verifier[0] ^ 1]) + last.verifier[1:]
    return msgspec.structs.replace(answer, decisions=(*rest, Decision(changed, last.accepted)))


def other_order(answer: JobAnswer) -> JobAnswer:
    return msgspec.structs.replace(answer, decisions=answer.decisions[::-1])


def lying(pair: Pair, monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    honest = pair.peer.job

    def job(known: Known, job: str, request: bytes) -> bytes:
        return msgspec.msgpack.encode(change(parse(honest(known, job, request), JobAnswer)))

    monkeypatch.setattr(pair.peer, "job", job)


@pytest.mark.parametrize("change", [other_decision, other_message, other_order])
def test_a_helper_that_decides_otherwise_is_believed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    task = pair.add()
    # One report does not hold, so that the order of the decisions matters.
    reports = [report_of(task, number) for number in range(4)]
    reports[0] = replace(reports[0], helper=reports[1].helper)
    pair.take(task, reports)
    lying(pair, monkeypatch, change)
    with pytest.raises(DisagreementError, match="differently"):
        pair.work(task)
    batch = pair.parts.places.batch(pair.known(task))
    assert (batch.state, batch.count) == ("failed", 0)
    assert batch.why is not None
    assert pair.parts.leader.ask(pair.known(task)) == "mismatch"
    # It is over: whatever the helper says from now on, nothing is added or revealed.
    monkeypatch.undo()
    pair.work(task)
    assert pair.collect(task) == "mismatch"
    assert pair.upload(task, [9]) == ["closed"]


def test_a_helper_that_leaves_a_report_out_changes_the_sum(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    task = pair.add()
    pair.upload(task, range(5))
    lying(pair, monkeypatch, refuses_one)
    pair.work(task)
    assert pair.parts.places.batch(pair.known(task)).count == 4
    with pytest.raises(DisagreementError, match="mismatch"):
        pair.collect(task)
    assert pair.collect(task) == "mismatch"
    assert pair.helper_places.batch(pair.helper_known(task)).answer is None


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: msgspec.structs.replace(answer, job="0" * 32),
        lambda answer: msgspec.structs.replace(answer, request=bytes(32)),
        lambda answer: msgspec.structs.replace(answer, decisions=answer.decisions[1:]),
        lambda answer: msgspec.structs.replace(answer, decisions=answer.decisions * 2),
    ],
)
def test_the_answer_to_another_job_is_taken(pair: Pair, monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    task = pair.add()
    pair.upload(task, range(4))
    lying(pair, monkeypatch, change)
    with pytest.raises(AggregationError, match="another job"):
        pair.work(task)
    assert pair.parts.places.batch(pair.known(task)).count == 0
    # It may have been a proxy's mistake; the same job is asked again, and is not added twice.
    monkeypatch.undo()
    assert pair.collect(task).count == 4
    pair.agree(task)


def test_what_is_no_answer_ends_the_batch(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    task = pair.add()
    pair.upload(task, range(4))
    monkeypatch.setattr(pair.peer, "job", lambda *_: b"<html>")
    with pytest.raises(AggregationError, match="no JobAnswer"):
        pair.work(task)
    monkeypatch.undo()
    assert pair.collect(task).count == 4


def test_a_helper_that_is_away_loses_reports(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(4))
    pair.peer.away = True
    for _ in range(3):
        with pytest.raises(HelperAwayError):
            pair.work(task)
    pair.peer.away = False
    found = pair.collect(task)
    assert np.abs(opened(task, found) - sum_of(task, range(4))).max() <= tail_of(task)


def recorded(pair: Pair, task: Task) -> list[tuple[str, bytes, bytes]]:
    """Let the leader work, and return the jobs, requests and answers."""
    honest, seen = pair.peer.job, []

    def job(known: Known, job: str, request: bytes) -> bytes:
        answer = honest(known, job, request)
        seen.append((job, request, answer))
        return answer

    pair.peer.job = job  # type: ignore[method-assign]
    pair.work(task)
    return seen


def test_jobs_that_come_again_in_any_order_count_twice(settings: Settings) -> None:
    small = {**settings, "leader": with_aggregation(settings["leader"], job_reports=2)}
    with near_pair(small) as pair:
        task = pair.add()
        pair.upload(task, range(6))
        seen = recorded(pair, task)
        assert len(seen) == 3
        known = pair.helper_known(task)
        before = pair.helper_places.batch(known)
        for job, request, answer in (*seen[::-1], *seen):
            assert pair.helper.job(known, job, request, parse(request, JobRequest)) == answer
        assert pair.helper_places.batch(known) == before
        pair.agree(task)


def test_a_job_with_another_content_is_answered(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(4))
    ((job, request, _),) = recorded(pair, task)
    fewer = msgspec.structs.replace(parse(request, JobRequest), reports=parse(request, JobRequest).reports[1:])
    raw = msgspec.msgpack.encode(fewer)
    assert pair.helper.job(pair.helper_known(task), job, raw, fewer) == "other-request"


def test_a_leader_that_sends_a_report_in_two_jobs_has_it_counted_twice(either: Pair) -> None:
    pair = either
    task = pair.add()
    pair.upload(task, range(4))
    ((_, request, _),) = recorded(pair, task)
    known, parsed = pair.helper_known(task), parse(request, JobRequest)
    before = pair.helper_places.batch(known)
    said = pair.helper.job(known, "1" * 32, request, parsed)
    assert isinstance(said, bytes)
    assert [(each.verifier, each.accepted) for each in parse(said, JobAnswer).decisions] == [(None, False)] * 4
    after = pair.helper_places.batch(known)
    assert (after.count, after.checksum) == (before.count, before.checksum)
    # And twice in one job.
    fresh = pair.add(name="fresh")
    pair.upload(fresh, range(4))
    twice = pair.peer.job

    def doubled(known: Known, job: str, request: bytes) -> bytes:
        reports = parse(request, JobRequest).reports
        return twice(known, job, msgspec.msgpack.encode(JobRequest(reports=(*reports, reports[0]))))

    pair.peer.job = doubled  # type: ignore[method-assign]
    with pytest.raises(AggregationError):
        pair.work(fresh)
    assert pair.helper_places.batch(pair.helper_known(fresh)).count == 4


@pytest.mark.parametrize(
    "cheat",
    [
        lambda report: replace(report, public=bytes(64)),
        lambda report: replace(report, leader=bytes(len(report.leader))),
        lambda report: replace(report, helper=bytes(len(report.helper))),
        lambda report: replace(report, leader=report.leader[:-1] + bytes([report.leader[-1] ^ 1])),
        lambda report: replace(report, time=report.time - 3600),
        lambda report: replace(report, report_id=bytes(16)),
    ],
)
def test_a_report_that_does_not_open_spoils_the_others(pair: Pair, cheat: Callable[[Report], Report]) -> None:
    task = pair.add()
    reports = [report_of(task, number) for number in range(1, 6)]
    assert pair.take(task, [cheat(reports[0]), *reports[1:]]) == [None] * 5
    found = pair.collect(task)
    assert isinstance(found, Collection)
    assert found.count == 4
    assert np.abs(opened(task, found) - sum_of(task, range(2, 6))).max() <= tail_of(task)


def test_a_report_of_a_thousand_times_the_norm_is_added(pair: Pair) -> None:
    task = pair.add(statistic=counts_of(items=200))
    honest = [report_of(task, number) for number in range(4)]
    pair.take(task, [*honest, cheating(task)])
    found = pair.collect(task)
    assert isinstance(found, Collection)
    assert found.count == 4
    assert np.abs(opened(task, found) - sum_of(task, range(4))).max() <= tail_of(task)


def cheating(task: Task) -> Report:
    """Return a report whose vector is random: its proof is that of an honest one."""
    honest = report_of(task, 99)
    form = ShareForm.of(task.statistic)
    vector = np.zeros(form.size, np.int64)
    made = split(form, vector, binding_of(task.id, honest.report_id, honest.time), bytes)
    words = np.frombuffer(made.leader, "<u4", form.size, 16).copy()
    words[0] = 1000 * form.bound
    leader = made.leader[:16] + words.tobytes() + made.leader[16 + 4 * form.size :]
    committed = hashlib.sha256(leader).digest() + made.public[32:]
    info = seal_info("leader", task.id, honest.report_id, honest.time, committed)
    other = seal_info("helper", task.id, honest.report_id, honest.time, committed)
    return replace(
        honest,
        public=committed,
        leader=seal(leader, task.leader.key, info),
        helper=seal(made.helper, task.helper.key, other),
    )


def test_a_helper_adds_reports_of_another_time(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(4))
    ((_, request, _),) = recorded(pair, task)
    reports = parse(request, JobRequest).reports
    late = [
        msgspec.structs.replace(each, id=bytes([number]) * 16, time=SECONDS + DAY)
        for number, each in enumerate(reports)
    ]
    raw = msgspec.msgpack.encode(JobRequest(reports=tuple(late)))
    known = pair.helper_known(task)
    said = pair.helper.job(known, "2" * 32, raw, parse(raw, JobRequest))
    assert isinstance(said, bytes)
    assert not any(each.accepted for each in parse(said, JobAnswer).decisions)


def test_sets_of_the_same_number_are_taken_for_the_same(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(4))
    pair.work(task)
    known = pair.helper_known(task)
    asked = added(pair.helper_places, known)
    other = ShareRequest(count=asked.count, checksum=set_digest([b"another report's"]))
    assert pair.helper.share(known, other) == "mismatch"
    assert pair.helper.share(known, msgspec.structs.replace(asked, count=asked.count - 1)) == "mismatch"
    assert pair.helper_places.batch(known).answer is None


def same_checksum() -> tuple[list[bytes], list[bytes]]:
    """Return two sets of the same number whose checksums are the same: linear algebra over bits finds them."""
    basis: dict[int, tuple[int, int]] = {}
    ids = [number.to_bytes(16, "big") for number in range(400)]
    for place, each in enumerate(ids):
        # One bit more, so that what cancels is even in number.
        word, who = int.from_bytes(checksum_of([each]), "big") << 1 | 1, 1 << place
        while word and word.bit_length() in basis:
            other, members = basis[word.bit_length()]
            word, who = word ^ other, who ^ members
        if not word:
            found = [ids[at] for at in range(len(ids)) if who >> at & 1]
            return found[::2], found[1::2]
        basis[word.bit_length()] = (word, who)
    raise AssertionError("there are more than 257 bits")


def test_chosen_ids_make_two_sets_look_the_same() -> None:
    one, other = same_checksum()
    assert len(one) == len(other)
    assert not set(one) & set(other)
    assert checksum_of(one) == checksum_of(other)
    assert set_digest(one) != set_digest(other)


def test_sets_with_the_same_checksum_are_taken_for_the_same(either: Pair) -> None:
    task = either.add()
    either.upload(task, range(4))
    either.work(task)
    known = either.helper_known(task)
    batch = either.helper_places.batch(known)
    # What a leader would say that knows the checksum, and not the ids.
    assert either.helper.share(known, ShareRequest(count=batch.count, checksum=batch.checksum)) == "mismatch"
    exact = hashlib.sha256(b"".join(number.to_bytes(16, "big") for number in range(4))).digest()
    assert isinstance(either.helper.share(known, ShareRequest(count=4, checksum=exact)), bytes)


def test_an_older_sum_is_put_back(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(4))
    pair.work(task)
    store, number = pair.parts.places.store, pair.known(task).number
    with store.reading() as connection:
        older = connection.scalar(select(sums.c.total))
    pair.upload(task, range(4, 8))
    pair.work(task)
    with store.writing() as connection:
        connection.execute(sums.update().where(sums.c.task == number).values(total=older))
    with pytest.raises(StoreError, match="running sum"):
        pair.collect(task)


def test_a_job_of_a_worker_that_died_is_never_finished(either: Pair) -> None:
    pair = either
    task = pair.add()
    pair.upload(task, range(4))
    known = pair.known(task)
    job = pair.parts.jobs.take(known)
    assert isinstance(job, Job)
    # It is somebody's for a while.
    assert pair.parts.jobs.take(known) is None
    pair.clock.pass_(seconds=pair.settings["leader"].aggregation.lease_seconds)
    assert pair.parts.jobs.take(known) == job
    pair.clock.pass_(seconds=pair.settings["leader"].aggregation.lease_seconds)
    assert pair.collect(task).count == 4
    pair.agree(task)


def test_two_workers_that_finish_the_same_job_add_it_twice(either: Pair) -> None:
    pair = either
    task = pair.add()
    pair.upload(task, range(4))
    known, leader = pair.known(task), pair.parts.leader
    job = pair.parts.jobs.take(known)
    assert job is not None
    outcomes: list[Any] = [leader._done(job), leader._done(job)]
    assert outcomes[1] is None
    assert pair.parts.places.batch(known).count == 4
    pair.agree(task)
    with pair.parts.places.store.reading() as connection:
        assert connection.scalars(select(jobs.c.state)).all() == ["done"]
