"""Looking in the background: what it raises into the application, and when it does not end."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from homespun.model.bundle import Bundle
from homespun.sync import BackgroundUpdates, Deferred, Outcome, UpToDate

LONG = 30.0


class Looking:
    """Looks that are due until somebody has looked."""

    def __init__(self, look: Callable[[], Outcome]) -> None:
        self.look = look
        self.waits: list[float] = []
        self.permitted: list[bool] = []

    def sync(self, adopt: Callable[[Bundle], object], *, force: bool = False, permitted: bool = True) -> Outcome:
        assert not force
        self.permitted.append(permitted)
        return self.look()

    def due_in(self) -> float:
        return self.waits.pop(0) if self.waits else 1e9


def background(
    looking: Looking, observer: Callable[[Outcome], object], permitted: Callable[[], bool] = lambda: True
) -> BackgroundUpdates:
    return BackgroundUpdates(looking, Bundle.close, observer=observer, permitted=permitted)


class Told:
    """Outcomes, and whoever waits for them."""

    def __init__(self, error: Exception | None = None) -> None:
        self.outcomes: list[Outcome] = []
        self._error = error
        self._count = threading.Semaphore(0)

    def __call__(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._count.release()
        if self._error is not None:
            raise self._error

    def once_more(self) -> None:
        assert self._count.acquire(timeout=LONG)


def test_a_look_that_is_due_is_not_made() -> None:
    looking, told = Looking(UpToDate), Told()
    looking.waits = [0.0]
    with background(looking, told):
        told.once_more()
    assert told.outcomes == [UpToDate()]


def test_a_look_that_is_not_due_is_made() -> None:
    asked = threading.Event()
    looking, told = Looking(UpToDate), Told()
    looking.due_in = lambda: asked.set() or 1e9  # type: ignore[method-assign, func-returns-value]
    with background(looking, told):
        assert asked.wait(LONG)
    assert told.outcomes == []


def test_an_observer_that_raises_ends_the_updates() -> None:
    looking, told = Looking(UpToDate), Told(RuntimeError("a bug"))
    looking.waits = [0.0, 1e9, 0.0]
    with background(looking, told) as found:
        told.once_more()
        found.wake()
        told.once_more()
    assert len(told.outcomes) == 2


@pytest.mark.parametrize("where", ["look", "permitted"])
def test_something_raises_into_the_application(where: str) -> None:
    def broken() -> Any:
        raise RuntimeError("a bug")

    looking, told = Looking(broken if where == "look" else UpToDate), Told()
    looking.waits = [0.0, 1e9, 0.0]
    with background(looking, told, broken if where == "permitted" else lambda: True) as found:
        told.once_more()
        found.wake()
        told.once_more()
    assert all(isinstance(outcome, Deferred) and "a bug" in outcome.reason for outcome in told.outcomes)


def test_a_schedule_that_cannot_be_read_stops_updates_silently() -> None:
    def broken() -> float:
        raise OSError("the disk is gone")

    looking, told = Looking(lambda: Deferred("the disk is gone")), Told()
    looking.due_in = broken  # type: ignore[method-assign]
    with background(looking, told):
        told.once_more()
    assert told.outcomes == [Deferred("the disk is gone")]


def test_the_person_is_not_asked() -> None:
    looking, told = Looking(UpToDate), Told()
    looking.waits = [0.0]
    with background(looking, told, lambda: False):
        told.once_more()
    assert looking.permitted == [False]


def test_closing_waits_for_the_next_look() -> None:
    looking, told = Looking(UpToDate), Told()
    looking.waits = [0.0]
    found = background(looking, told)
    told.once_more()
    found.close(LONG)
    assert not found._thread.is_alive()
    found.close(LONG)


def test_an_observer_that_closes_waits_for_itself() -> None:
    made: list[BackgroundUpdates] = []
    ready, closed = threading.Event(), threading.Event()

    def observer(_: Outcome) -> None:
        assert ready.wait(LONG)
        made[0].close()
        closed.set()

    looking = Looking(UpToDate)
    looking.waits = [0.0]
    made.append(background(looking, observer))
    ready.set()
    assert closed.wait(LONG)
    made[0]._thread.join(LONG)
    assert not made[0]._thread.is_alive()


def test_the_thread_keeps_the_application_alive() -> None:
    with background(Looking(UpToDate), Told()) as found:
        assert found._thread.daemon
