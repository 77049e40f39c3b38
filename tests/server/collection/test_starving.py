"""A task that fails again and again keeps the others from being worked on, and is tried without a pause."""

from collections.abc import Callable
from typing import Any

import pytest

from homespun.protocol.collection.task import Task
from homespun_server.collection.expiring import expire_one
from homespun_server.collection.messages import ShareRequest
from homespun_server.collection.peer import HelperAwayError
from homespun_server.collection.places import Known
from homespun_server.collection.working import LONGEST_PAUSE, Ending, LeaderWork, Turns
from homespun_server.errors import StoreError
from tests.server.collection.support import Pair

IDLE = 1.0


class Ear:
    """Hears what is counted, logged and told."""

    def __init__(self) -> None:
        self.failed: list[Exception] = []
        self.now = 100.0

    def job(self, outcome: str) -> None: ...

    def aggregated(self, accepted: int, refused: int) -> None: ...

    def info(self, event: str, **values: Any) -> None: ...

    def error(self, event: str, **values: Any) -> None: ...

    def turns(self) -> Turns:
        return Turns(self.failed.append, IDLE, lambda: self.now)


def two(pair: Pair) -> tuple[Task, Task]:
    bad, good = pair.add(name="bad"), pair.add(name="good")
    for task in (bad, good):
        pair.upload(task, range(4))
    return bad, good


def failing(task: Task, do: Callable[..., bytes]) -> Callable[..., bytes]:
    def done(known: Known, *rest: Any) -> bytes:
        if known.id == task.id:
            raise HelperAwayError("the helper does not take part in it yet.")
        return do(known, *rest)

    return done


def test_a_task_that_the_helper_does_not_have_starves_the_next(either: Pair) -> None:
    pair, ear = either, Ear()
    bad, good = two(pair)
    pair.peer.job = failing(bad, pair.peer.job)  # type: ignore[method-assign]
    work = LeaderWork(pair.parts.leader, pair.parts.places, ear, ear, ear.turns)
    work.aggregate()
    assert pair.parts.places.batch(pair.known(good)).count == 4
    assert len(ear.failed) == 1


def test_a_collection_that_fails_starves_the_next(either: Pair) -> None:
    pair, ear = either, Ear()
    bad, good = two(pair)
    for task in (bad, good):
        pair.work(task)
        pair.parts.leader.ask(pair.known(task))

    honest = pair.peer.share

    def share(known: Known, request: ShareRequest) -> bytes:
        return failing(bad, honest)(known, request)

    pair.peer.share = share  # type: ignore[method-assign]
    work = LeaderWork(pair.parts.leader, pair.parts.places, ear, ear, ear.turns)
    assert work.collect()
    assert pair.parts.places.batch(pair.known(good)).state == "collected"
    assert pair.parts.places.batch(pair.known(bad)).state == "closing"


def test_a_task_that_cannot_be_destroyed_keeps_the_next(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear()
    bad, good = two(pair)

    def one(places: Any, known: Known, step: Any) -> bool:
        if known.id == bad.id:
            raise StoreError("the disk is full")
        return expire_one(places, known, step)

    monkeypatch.setattr("homespun_server.collection.working.expire_one", one)
    pair.clock.pass_(days=8)
    assert Ending(pair.parts.places, ear.turns()).expire()
    assert pair.parts.places.batch(pair.known(good)).state == "expired"


def test_what_fails_is_tried_again_at_once(pair: Pair) -> None:
    ear = Ear()
    bad, _ = two(pair)
    turns, tried = ear.turns(), []

    def do(_: Known) -> bool:
        tried.append(ear.now)
        raise HelperAwayError("away")

    pauses = [0.0, IDLE, 2 * IDLE, 4 * IDLE, 8 * IDLE, 16 * IDLE, 32 * IDLE, LONGEST_PAUSE, LONGEST_PAUSE]
    for pause in pauses:
        ear.now += pause / 2
        turns.each([pair.known(bad)], do)
        ear.now += pause / 2
        turns.each([pair.known(bad)], do)
    assert len(tried) == len(pauses)
    # One success, and it is like any other.
    ear.now += LONGEST_PAUSE
    assert turns.each([pair.known(bad)], lambda _: True)
    assert turns.each([pair.known(bad)], lambda _: True)


def test_threads_that_fail_together_make_a_task_rest_for_longer(pair: Pair) -> None:
    ear = Ear()
    known = pair.known(pair.add())
    turns, tried = ear.turns(), []

    def away(_: Known) -> bool:
        raise HelperAwayError("away")

    def meanwhile(_: Known) -> bool:
        # This thread is still at it while another one fails.
        turns.each([known], away)
        return away(known)

    turns.each([known], meanwhile)
    ear.now += IDLE
    turns.each([known], lambda _: bool(tried.append(ear.now)))  # type: ignore[func-returns-value]
    assert tried == [ear.now]
