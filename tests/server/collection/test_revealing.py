"""Too little is revealed too much: below the minimum, a second time with other noise, or after it has expired."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import func, select

from homespun.protocol.collection.constants import MODULUS
from homespun.protocol.collection.task import Aggregator, Task, encode_task
from homespun_server.collection.accepting import check_task, read_task
from homespun_server.collection.directory import open_secrets, read_pairing
from homespun_server.collection.expiring import expire
from homespun_server.collection.leader import Progress
from homespun_server.collection.messages import Collection, ShareRequest, aggregate_info, parse, parse_collection
from homespun_server.collection.peer import HelperAwayError
from homespun_server.collection.sealing import SUITE
from homespun_server.collection.settings import PAIRING_FILE
from homespun_server.errors import AggregationError
from homespun_server.store.schema import (
    collection_jobs,
    collection_payloads,
    collection_reports,
    collection_sums,
)
from tests.server.collection.conftest import Settings
from tests.server.collection.support import (
    COLLECTOR,
    SECONDS,
    Pair,
    added,
    counts_of,
    keys_of,
    opened,
    report_of,
    running,
    sum_of,
    tail_of,
    task_of,
    wait_for,
    with_aggregation,
)


def test_a_batch_below_the_minimum_is_revealed(either: Pair) -> None:
    pair, task = either, either.add(minimum_batch=4)
    pair.upload(task, range(3))
    assert pair.collect(task) == "below-minimum"
    pair.work(task)
    assert pair.collect(task) == "below-minimum"
    assert pair.parts.places.batch(pair.known(task)).state == "open"
    known = pair.helper_known(task)
    # Nor does the helper reveal it, whatever the leader asks.
    assert pair.helper.share(known, added(pair.helper_places, known)) == "below-minimum"
    # Nothing was closed, so that more may come, and then it is enough.
    pair.upload(task, [3])
    assert pair.collect(task).count == 4


def test_reports_that_do_not_hold_make_up_the_minimum(pair: Pair) -> None:
    task = pair.add(minimum_batch=4)
    good = [report_of(task, number) for number in range(3)]
    pair.take(task, [*good, replace(report_of(task, 9), helper=good[0].helper)])
    # Four wait, so that they are looked at; three hold, so that nothing is closed.
    assert pair.parts.leader.ask(pair.known(task)) == Progress(0, 4, closing=False)
    assert pair.collect(task) == "below-minimum"
    assert pair.parts.places.batch(pair.known(task)).state == "open"
    pair.upload(task, [10])
    assert pair.collect(task).count == 4


def test_a_second_collection_draws_noise_anew(either: Pair) -> None:
    pair, task = either, either.add()
    pair.upload(task, range(5))
    first = pair.collect(task)
    assert pair.collect(task) == first
    known = pair.helper_known(task)
    request = ShareRequest(count=first.count, checksum=first.checksum)
    assert [pair.helper.share(known, request) for _ in range(2)] == [first.helper] * 2
    # And other sets are not revealed beside it.
    other = msgspec.structs.replace(request, count=first.count - 1)
    assert pair.helper.share(known, other) == "mismatch"


def test_noise_that_was_drawn_at_the_same_time_is_answered_too(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    task = pair.add()
    pair.upload(task, range(5))
    pair.work(task)
    pair.parts.leader.ask(pair.known(task))
    known, leader = pair.known(task), pair.parts.leader
    ready = leader._ready(known)
    assert ready is not None
    share = pair.peer.share(known, ready[1])
    # Two processes have come so far; one of them is first.
    assert leader._reveal(known, *ready, share)
    first = leader.ask(known)
    monkeypatch.setattr(leader._sums, "read_within", lambda *_: np.zeros(task.statistic.size, np.uint64))
    assert not leader._reveal(known, *ready, share)
    assert leader.ask(known) == first


def test_an_aggregator_adds_no_noise_of_its_own(pair: Pair) -> None:
    task = pair.add(statistic=counts_of(items=120))
    pair.upload(task, range(5))
    known = pair.known(task)
    pair.work(task)
    pair.parts.leader.ask(known)
    with pair.parts.places.store.reading() as connection:
        mine = pair.parts.leader._sums.read_within(connection, known, pair.parts.places.batch(known))
    helper = pair.helper_known(task)
    with pair.helper_places.store.reading() as connection:
        theirs = pair.helper._sums.read_within(connection, helper, pair.helper_places.batch(helper))
    assert pair.parts.leader.collect(known)
    found = pair.parts.leader.ask(known)
    assert isinstance(found, bytes)
    for role, exact in (("leader", mine), ("helper", theirs)):
        noise = noise_of(task, parse_collection(found), role, exact)
        # 120 draws: the standard deviation is known to about 6.5 per cent.
        assert 0.7 < noise.std() / task.sigma < 1.3, role
        assert abs(noise.mean()) < task.sigma / 2


def noise_of(task: Task, collection: Collection, role: Any, exact: np.ndarray) -> np.ndarray:
    info = aggregate_info(role, task.id, collection.count, collection.checksum)
    share = np.frombuffer(SUITE.decrypt(getattr(collection, role), COLLECTOR, info), "<u4").astype(np.int64)
    difference = (share - exact.astype(np.int64)) % MODULUS
    centred: np.ndarray = np.where(difference > MODULUS // 2, difference - MODULUS, difference)
    return centred


def left(pair: Pair) -> list[int]:
    tables = (collection_reports, collection_payloads, collection_sums, collection_jobs)
    counts = []
    for places in (pair.parts.places, pair.helper_places):
        with places.store.reading() as connection:
            counts += [connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables]
    return counts


def test_something_outlives_the_expiry(either: Pair) -> None:
    pair, task = either, either.add()
    pair.upload(task, range(5))
    pair.work(task)
    pair.upload(task, range(5, 8))
    assert all(left(pair)[:4])
    assert expire(pair.parts.places) == ()
    pair.clock.pass_(days=8)
    assert pair.collect(task) == "expired"
    pair.work(task)
    known = pair.helper_known(task)
    assert pair.helper.share(known, added(pair.helper_places, known)) == "expired"
    for places in (pair.parts.places, pair.helper_places):
        assert [each.id for each in expire(places)] == [task.id]
        assert expire(places) == ()
    assert left(pair) == [0] * 8
    assert pair.collect(task) == "expired"


def test_what_was_collected_is_lost_with_the_expiry(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(5))
    first = pair.collect(task)
    pair.clock.pass_(days=8)
    for places in (pair.parts.places, pair.helper_places):
        expire(places)
    assert left(pair) == [0] * 8
    assert pair.collect(task) == first


def test_a_helper_that_is_away_reveals_a_half(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(5))
    known = pair.known(task)
    assert pair.parts.leader.ask(known) == Progress(0, 5, closing=False)
    pair.work(task)
    assert pair.parts.leader.ask(known) == Progress(5, 0, closing=True)
    pair.peer.away = True
    with pytest.raises(HelperAwayError):
        pair.parts.leader.collect(known)
    assert pair.parts.leader.ask(known) == Progress(5, 0, closing=True)
    pair.peer.away = False
    assert pair.collect(task).count == 5


def test_anybody_opens_a_share(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(5))
    found = pair.collect(task)
    for settings in pair.settings.values():
        private = open_secrets(settings).private
        with pytest.raises(InvalidTag):
            opened(task, found, private)
    # Nor is it taken for that of another set.
    with pytest.raises(InvalidTag):
        opened(task, msgspec.structs.replace(found, count=6))
    assert np.abs(opened(task, found) - sum_of(task, range(5))).max() <= tail_of(task)


def test_the_collection_needs_no_token(on_sqlite: Settings) -> None:
    task = task_of(keys_of(on_sqlite))
    with running(on_sqlite["leader"], works=False) as leader:
        path = f"/tasks/{task.id.hex()}/collection"
        assert leader.client.post(path).status_code == 401
        assert leader.client.post(path, headers={"Authorization": "Bearer hsp_" + "a" * 43}).status_code == 401
        assert leader.client.post(path, headers=leader.token()).status_code == 404


def test_the_helper_answers_strangers(on_sqlite: Settings) -> None:
    task = task_of(keys_of(on_sqlite))
    with running(on_sqlite["helper"]) as helper:
        job, share = f"/tasks/{task.id.hex()}/jobs/{'0' * 32}", f"/tasks/{task.id.hex()}/aggregate-share"
        assert helper.client.put(job, content=b"").status_code == 401
        wrong = {"Authorization": "Bearer " + "0" * 64}
        assert helper.client.post(share, headers=wrong).status_code == 401
        right = {"Authorization": f"Bearer {open_secrets(on_sqlite['helper']).bearer}"}
        assert helper.client.post(share, headers=right).status_code == 404
        assert right["Authorization"].split()[1] not in helper.log.getvalue()


def test_requests_of_a_leader_break_the_helper(pair: Pair) -> None:
    task = pair.add()
    settings = pair.settings["helper"]
    with running(settings) as helper:
        right = {"Authorization": f"Bearer {pair.helper_secrets.bearer}"}
        job, share = f"/tasks/{task.id.hex()}/jobs/{'0' * 32}", f"/tasks/{task.id.hex()}/aggregate-share"
        for body in (b"", b"\xc1", msgspec.msgpack.encode({"schema": 2}), b"\x91" * 2000):
            assert helper.client.put(job, content=body, headers=right).status_code == 400
            assert helper.client.post(share, content=body[:1000], headers=right).status_code == 400
        assert helper.client.put(job, content=bytes(1 << 20), headers=right).status_code == 413
        request = msgspec.msgpack.encode(ShareRequest(count=3, checksum=bytes(32)))
        answer = helper.client.post(share, content=request, headers=right)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:homespun:problem:mismatch")


def test_a_leader_and_a_helper_of_one_program_work_by_themselves(pair: Pair) -> None:
    task = pair.add()
    pair.upload(task, range(5))
    settings = with_aggregation(pair.settings["leader"], idle_seconds=0.02)
    with running(settings, clock=pair.clock, peer=pair.peer) as leader:
        token, path = leader.token(), f"/tasks/{task.id.hex()}/collection"
        answer = wait_for(lambda: done(leader.client.post(path, headers=token)))
        assert parse(answer.content, Collection).count == 5
        metrics = leader.client.get("/metrics", headers=token).text
        assert 'homespun_reports_aggregated_total{outcome="added"} 5.0' in metrics
        assert "homespun_development 0.0" in metrics


def done(answer: Any) -> Any:
    assert answer.status_code in (200, 202), answer.text
    return answer if answer.status_code == 200 else None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"minimum_batch": 2}, "batches of 2"),
        ({"development": True}, "development"),
        ({"expires": SECONDS - 1, "closes": SECONDS - 1}, "expired"),
        ({"leader": Aggregator(name="x", url="http://127.0.0.1:9001", key="ab" * 32)}, "names"),
    ],
)
def test_an_operator_takes_part_in_anything(
    on_sqlite: Settings, tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    settings = with_aggregation(on_sqlite["leader"], minimum_batch=3)
    pairing = read_pairing(settings.folder / PAIRING_FILE)
    task = task_of(keys_of(on_sqlite), **changes)
    path = tmp_path / "task.json"
    path.write_bytes(encode_task(task))
    key = open_secrets(settings).public
    with pytest.raises(AggregationError, match=why):
        check_task(read_task(path), settings, key, pairing, SECONDS)
    path.write_bytes(encode_task(task) + b" ")
    with pytest.raises(AggregationError):
        read_task(path)
