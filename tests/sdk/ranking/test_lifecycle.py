from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.protocol.events import Event
from homespun.protocol.policy import Lifecycle
from homespun.ranking.lifecycle import Visits, lifecycle_of

DAY = 86_400.0
NOW = 400 * DAY
RULE = Lifecycle(onboarding_below=3, silent_days=30, returning_days=7)


def days_ago(*days: float) -> list[Event]:
    return [Event("item", time=NOW - day * DAY) for day in days]


@pytest.mark.parametrize(
    ("events", "stage"),
    [
        ([], "active"),
        ([Event("item")], "active"),  # nobody knows when
        (days_ago(0), "active"),
        (days_ago(29.9), "active"),
        (days_ago(30), "lapsing"),
        (days_ago(300, 31), "lapsing"),
        (days_ago(40, 6.9), "returning"),  # after a silence of 33.1 days
        (days_ago(40, 10.1), "active"),  # of 29.9 days
        (days_ago(40, 7), "active"),  # that is over
        (days_ago(100, 40, 6, 5, 0), "returning"),
        (days_ago(200, 100, 8, 1), "active"),
        (days_ago(-5, 40), "returning"),  # a clock that was ahead
    ],
)
def test_a_person_is_taken_for_who_they_are_not(events: list[Event], stage: str) -> None:
    assert lifecycle_of(events, 3, NOW, RULE) == stage
    assert lifecycle_of(events[::-1], 3, NOW, RULE) == stage
    assert lifecycle_of(events, 2, NOW, RULE) == "onboarding"


@given(st.lists(st.none() | st.floats(0, 2 * NOW), max_size=8), st.floats(0, 400), st.floats(0.1, 400))
def test_an_untimed_event_moves_a_person(times: list[float | None], shift: float, silent_days: float) -> None:
    rule = Lifecycle(onboarding_below=0, silent_days=silent_days)
    events = [Event("item", time=time) for time in times]
    now = NOW + shift * DAY
    timed = [event for event in events if event.time is not None]
    assert lifecycle_of(events, 0, now, rule) == lifecycle_of(timed, 0, now, rule)


@given(st.lists(st.floats(0, 2 * NOW), max_size=12), st.floats(0, 400), st.floats(0.5, 100), st.floats(0.5, 100))
def test_what_was_prepared_once_differs_from_looking_at_every_silence(
    times: list[float], day: float, silent_days: float, returning_days: float
) -> None:
    now, rule = day * DAY, Lifecycle(onboarding_below=0, silent_days=silent_days, returning_days=returning_days)
    known = sorted(min(time, now) for time in times)
    ended = [after for before, after in pairwise(known) if after - before >= silent_days * DAY]
    wanted = "active"
    if known and now - known[-1] >= silent_days * DAY:
        wanted = "lapsing"
    elif ended and now - ended[-1] < returning_days * DAY:
        wanted = "returning"
    visits = Visits.of([Event("item", time=time) for time in times])
    assert visits.times == tuple(sorted(times))
    assert visits.stage(0, now, rule) == wanted
    # Asked again, at another time, it remembers nothing.
    visits.stage(0, now + DAY, rule)
    assert visits.stage(0, now, rule) == wanted
