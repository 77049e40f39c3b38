"""Clocks that are set back, or years ahead: nothing is lost for their sake, and nothing is kept for ever."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.config import Retention
from homespun.profile import Key, create
from homespun.profile.retention import CONFIRMED_AFTER_DAYS, DAY, DOUBTED_DAYS, EARLIEST, Clock
from homespun.protocol.events import Event
from tests.sdk.profile.support import NOW, QUICK, created, items_of, opened, place_at, record, vaults_of

YEAR = 365 * DAY
HOUR = 3600.0
KEPT = replace(QUICK, retention=Retention(days=60))

moments = st.floats(EARLIEST, 5e9)


@given(seen=moments, doubted=st.none() | moments, now=moments)
def test_a_clock_that_stands_earlier_is_believed(seen: float, doubted: float | None, now: float) -> None:
    told = Clock(seen, doubted).told(min(now, seen))
    assert told == Clock(seen)


@given(seen=moments, ahead=st.floats(0, DOUBTED_DAYS * DAY))
def test_a_clock_that_goes_on_is_doubted(seen: float, ahead: float) -> None:
    now = min(seen + ahead, seen + DOUBTED_DAYS * DAY)
    assert Clock(seen).told(now) == Clock(max(now, seen))


@given(seen=moments, ahead=st.floats(DOUBTED_DAYS * DAY + 1, 1e10), on=st.floats(0, 3 * DAY))
def test_a_jump_ahead_is_believed_too_early_or_never(seen: float, ahead: float, on: float) -> None:
    doubting = Clock(seen).told(seen + ahead)
    assert doubting == Clock(seen, seen + ahead)
    later = seen + ahead + on
    believed = later >= seen + ahead + CONFIRMED_AFTER_DAYS * DAY
    assert doubting.told(later) == (Clock(later) if believed else doubting)


@given(seen=moments, steps=st.lists(st.floats(DOUBTED_DAYS * DAY + 1, 1e10), min_size=1, max_size=20))
def test_a_clock_that_jumps_to_and_fro_is_believed(seen: float, steps: list[float]) -> None:
    """Ahead and ahead again within a day, in whatever order, never adds up to a belief."""
    clock = Clock(seen)
    for step in steps:
        told = clock.told(seen + step)
        assert told.seen == seen or seen + step >= (clock.doubted or 1e12) + CONFIRMED_AFTER_DAYS * DAY
        clock = Clock(seen, told.doubted)


def test_a_jump_ahead_deletes_everything_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    with created(folder, settings=KEPT) as store:
        record(store, *[Event(f"item-{number}") for number in range(10)])
    with opened(folder, settings=KEPT, now=NOW + 20 * YEAR) as store:
        assert len(store.events()) == 10
        record(store, Event("ahead"), now=NOW + 20 * YEAR)
        record(store, Event("ahead"), now=NOW + 20 * YEAR + 0.9 * DAY)
        assert len(store.events()) == 12
        store.check()
    with opened(folder, settings=KEPT, now=NOW + 20 * YEAR + 0.95 * DAY) as store:
        assert len(store.events()) == 12
    # It has gone on, so it was right: the device had been off, or its clock is right at last.
    with opened(folder, settings=KEPT, now=NOW + 20 * YEAR + 1.1 * DAY) as store:
        assert items_of(store) == ["ahead", "ahead"]
        assert len(vaults_of(folder, "epoch")) == 1


def test_a_jump_ahead_that_is_taken_back_deletes_or_keeps_something_for_ever(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    with created(folder, settings=KEPT) as store:
        record(store, Event("before"))
        record(store, Event("ahead"), now=NOW + 20 * YEAR)
        record(store, Event("ahead again"), now=NOW + 20 * YEAR + HOUR)
        assert len(store.vaults.epochs) == 2
        record(store, Event("back"), now=NOW + DAY)
        assert items_of(store) == ["before", "ahead", "ahead again", "back"]
    with opened(folder, settings=KEPT, now=NOW + 40 * DAY) as store:
        assert len(store.events()) == 4
        # Epochs go on being exchanged.
        record(store, Event("later"), now=NOW + 40 * DAY)
        assert len(store.vaults.epochs) == 3
    # What was recorded in the future that did not come counts as recorded when the clock came back.
    with opened(folder, settings=KEPT, now=NOW + 61 * DAY - HOUR) as store:
        assert items_of(store) == ["ahead", "ahead again", "back", "later"]
    with opened(folder, settings=KEPT, now=NOW + 61 * DAY + 2 * HOUR) as store:
        assert items_of(store) == ["later"]
        assert len(vaults_of(folder, "epoch")) == 1


def test_a_small_jump_ahead_that_is_taken_back_keeps_something_for_ever(tmp_path: Path) -> None:
    """It is believed, so that what was recorded meanwhile is kept for as much longer as the clock was ahead."""
    folder = tmp_path / "profile"
    with created(folder, settings=KEPT) as store:
        record(store, Event("before"))
        record(store, Event("ahead"), now=NOW + 50 * DAY)
        record(store, Event("back"), now=NOW + DAY)
        assert len(store.events()) == 3
    with opened(folder, settings=KEPT, now=NOW + 100 * DAY) as store:
        assert items_of(store) == ["ahead", "back"]
    with opened(folder, settings=KEPT, now=NOW + 111 * DAY) as store:
        assert store.events() == []


@pytest.mark.parametrize("then", [0.0, 1.0, NOW - 5 * YEAR, NOW - 2 * DAY], ids=["1970", "one", "years", "days"])
def test_a_clock_that_was_set_back_deletes_something_or_keeps_recordings_out(tmp_path: Path, then: float) -> None:
    folder = tmp_path / "profile"
    with created(folder, settings=KEPT) as store:
        record(store, Event("before"))
        for number in range(3):
            assert record(store, Event(f"meanwhile-{number}"), now=then + number * DAY) == 1
        assert len(store.events()) == 4
    with opened(folder, settings=KEPT, now=then + 4 * DAY) as store:
        assert len(store.events()) == 4
        record(store, Event("still"), now=then + 4 * DAY)
        store.check()
    with opened(folder, settings=KEPT, now=NOW + HOUR) as store:
        record(store, Event("right again"), now=NOW + HOUR)
        assert items_of(store) == ["before", *(f"meanwhile-{number}" for number in range(3)), "still", "right again"]


def test_what_was_recorded_by_a_clock_set_back_is_gone_once_it_is_right(tmp_path: Path) -> None:
    """A rule that is shorter than the time for which the clock stood wrong."""
    settings = replace(QUICK, retention=Retention(days=2))
    folder = tmp_path / "profile"
    with created(folder, settings=settings) as store:
        record(store, Event("before"))
        record(store, Event("by a clock without a battery"), now=0.0)
        record(store, Event("right again"), now=NOW + HOUR)
        assert len(store.events()) == 3
    with opened(folder, settings=settings, now=NOW + 1.9 * DAY) as store:
        assert len(store.events()) == 3
    with opened(folder, settings=settings, now=NOW + 2.2 * DAY) as store:
        assert store.events() == []


def test_a_short_rule_for_one_kind_takes_others_that_were_recorded_by_a_clock_set_back(tmp_path: Path) -> None:
    settings = replace(QUICK, retention=Retention(days=10), retention_of={"view": Retention(days=1)})
    folder = tmp_path / "profile"
    with created(folder, settings=settings) as store:
        record(store, Event("viewed"))
        record(store, Event("by a clock without a battery", "rate"), now=0.0)
        record(store, Event("right again", "rate"), now=NOW + HOUR)
    with opened(folder, settings=settings, now=NOW + 1.5 * DAY) as store:
        assert items_of(store) == ["by a clock without a battery", "right again"]
    with opened(folder, settings=settings, now=NOW + 10.5 * DAY) as store:
        assert store.events() == []


def test_what_was_recorded_before_a_first_clock_was_set_is_gone_once_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    place = place_at(folder, settings=KEPT)
    with create(place, 0.0) as store:
        store.tend(0.0)
        record(store, Event("in 1970"), now=100.0)
        store.add_exposures(lambda _: True, ["item"], 100.0)
        record(store, Event("now"), now=NOW)
        assert items_of(store) == ["in 1970", "now"]
        assert store.exposures(NOW) == {"item": 1}
    with opened(folder, settings=KEPT, now=NOW + 59 * DAY) as store:
        assert items_of(store) == ["in 1970", "now"]
    with opened(folder, settings=KEPT, now=NOW + 61 * DAY) as store:
        assert store.events() == []


@given(seen=st.floats(0, EARLIEST - 1), now=moments)
def test_a_clock_that_was_set_right_is_doubted(seen: float, now: float) -> None:
    assert Clock(seen).told(now) == Clock(now)


def test_exposures_of_a_future_that_did_not_come_count_for_ever(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    with created(folder, settings=KEPT) as store:
        store.add_exposures(lambda _: True, ["item"], NOW)
        store.tend(NOW)
        store.add_exposures(lambda _: True, ["item"], NOW + 20 * YEAR)
        store.tend(NOW + 20 * YEAR)
        store.tend(NOW + DAY)
        assert store.exposures(NOW + DAY) == {"item": 1}
        assert store.exposures(NOW + 2 * DAY) == {}


@given(steps=st.lists(st.floats(-3 * YEAR, 3 * YEAR) | st.floats(0, 2 * HOUR), min_size=1, max_size=12))
def test_no_clock_makes_recording_or_reading_fail_or_loses_what_is_new(steps: list[float]) -> None:
    """Whatever the clock does, what was recorded last is there."""
    settings, now = replace(QUICK, epoch_days=1, retention=Retention(days=2)), NOW
    with created(None, Key.ephemeral(), settings=settings) as store:
        for number, step in enumerate(steps):
            now = max(0.0, now + step)
            assert record(store, Event(f"item-{number}"), now=now) == 1
            store.tend(now)
            assert store.events()[-1].item == f"item-{number}"
        store.check()
