"""What is due, and when: a fleet that asks together, clocks that are set, and what nobody permits."""

from pathlib import Path
from statistics import pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.protocol.channel import SHARES, Channel, Release
from homespun.sync import Deferred, Updates
from homespun.sync.plan import Due, downloaded_by_all, due_at, plan
from homespun.sync.schedule import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, next_look, wait_seconds
from homespun.sync.state import State

NOW = 1_750_000_000.0
HOUR = 3600.0
UPDATES = Updates(url="https://example.org", channel="films/production", root=b"{}", folder=Path("updates"))
METERED = Updates(
    url="https://example.org", channel="films/production", root=b"{}", folder=Path("updates"), metered=True
)


def planned(state: State, now: float = NOW, **changes: object) -> Due | Deferred:
    asked: dict[str, object] = {"connection": "unmetered", "permitted": True, "force": False, **changes}
    return plan(UPDATES, state, now=now, **asked)  # type: ignore[arg-type]


def test_a_new_device_waits() -> None:
    assert planned(State()) == Due(files=True)
    assert due_at(UPDATES, State(), NOW) == NOW


def test_a_device_asks_again_at_once() -> None:
    found = planned(State(attempted=NOW - 1))
    assert isinstance(found, Deferred)
    assert found.until == NOW - 1 + 6 * HOUR
    assert planned(State(attempted=NOW - 1), force=True) == Due(files=True)
    assert planned(State(attempted=NOW - 6 * HOUR)) == Due(files=True)


@pytest.mark.parametrize("force", [False, True])
def test_a_wish_overrules_the_person(force: bool) -> None:  # noqa: FBT001
    assert isinstance(planned(State(), permitted=False, force=force), Deferred)


@pytest.mark.parametrize("force", [False, True])
def test_a_device_without_a_connection_asks(force: bool) -> None:  # noqa: FBT001
    assert isinstance(planned(State(), connection="offline", force=force), Deferred)


def test_a_metered_connection_is_used_for_bundles() -> None:
    assert planned(State(), connection="metered", force=True) == Due(files=False)
    found = plan(METERED, State(), now=NOW, connection="metered", permitted=True, force=False)
    assert found == Due(files=True)


def test_a_clock_that_was_set_back_stops_updates_for_ever() -> None:
    ahead = State(attempted=NOW + 3650 * 24 * HOUR, failures=9)
    assert planned(ahead) == Due(files=True)


def test_a_fleet_that_started_together_asks_together() -> None:
    looks = [next_look(State(attempted=NOW, draw=draw / 100), 6 * HOUR, 0.2, NOW) for draw in range(101)]
    assert min(looks) == pytest.approx(NOW + 4.8 * HOUR)
    assert max(looks) == pytest.approx(NOW + 7.2 * HOUR)
    assert pstdev(looks) > 0.5 * HOUR


def test_a_failing_repository_is_asked_as_often_as_ever() -> None:
    waits = [wait_seconds(HOUR, 0.2, failures=failures, draw=1.0) for failures in range(1, 60)]
    assert waits[:4] == [FIRST_RETRY_SECONDS * 2**n for n in range(4)]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_RETRY_SECONDS


@given(
    interval=st.floats(1, 1e7),
    jitter=st.floats(0, 0.5),
    failures=st.integers(0, 10**9),
    draw=st.floats(0, 1),
    since=st.floats(-1e9, 1e9),
)
def test_a_look_is_never_due(interval: float, jitter: float, failures: int, draw: float, since: float) -> None:
    state = State(attempted=NOW - since, failures=failures, draw=draw)
    at = next_look(state, interval, jitter, NOW)
    assert NOW <= at <= NOW + max(1.5 * interval, LONGEST_RETRY_SECONDS)


def release(number: int, share: int = SHARES, *, paused: bool = False, least: str | None = None) -> Release:
    return Release(
        number=number,
        bundle=f"{number:064x}",
        size=1,
        created="2025-01-01",
        share=share,
        salt="0" * 32,
        paused=paused,
        minimum_client=least,
    )


def fetched(*releases: Release, held: int | None = None, least: str | None = None) -> list[int]:
    channel = Channel(application="films", stage="production", releases=releases, minimum_client=least)
    return [each.number for each in downloaded_by_all(channel, client="1.2.0", held=held)]


def test_a_download_for_all_depends_on_the_bucket_or_fetches_too_much() -> None:
    staged = (release(1), release(2), release(3, 100), release(4, 200, paused=True), release(5, 0, least="2.0"))
    assert fetched(*staged) == [3, 2]
    assert fetched(*staged, held=2) == [3]
    assert fetched(*staged, held=3) == []
    assert fetched(*staged, release(6, 1)) == [6, 3, 2]
    assert fetched(*staged, least="1.3") == []
    assert fetched() == []
