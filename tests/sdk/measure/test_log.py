"""Counts grow without bound, depend on who looks, or survive what makes them meaningless."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.measure import log as counting
from homespun.measure.log import MOST_IDS, MOST_ITEMS, Log
from homespun.measure.variety import Variety
from homespun.protocol.events import Event
from homespun.protocol.experiment import Experiment, Mean
from homespun.protocol.experiment.definition import DAY
from homespun.protocol.statistics.encoding import encode_variants
from tests.sdk.measure.support import BEGAN, MEASURES, NAMES, QUESTION, everybody_fresh, measuring

FRESH = everybody_fresh()
TODAY = BEGAN // DAY
BOUGHT = (Mean(name="ctr", measure="bought"), Mean(name="hides-per-person", measure="bought"))
CAPS = {measure.name: measure.cap for measure in MEASURES}
items = st.sampled_from([f"item-{number}" for number in range(8)])
seconds = st.integers(0, 13 * DAY)
steps = st.one_of(
    st.tuples(st.just("list"), st.lists(items, max_size=6, unique=True), st.integers(0, 15)),
    st.tuples(st.just("event"), items, st.sampled_from(["view", "buy", "dismiss", "other"])),
    st.tuples(st.just("shown"), st.lists(items, max_size=9), st.none()),
    st.tuples(st.just("dwell"), items, st.floats(0, 100)),
    st.tuples(st.just("session"), st.floats(0, 1000), st.none()),
    st.tuples(st.just("answer"), st.sampled_from(["yes", "no"]), st.none()),
)
lives = st.lists(st.tuples(seconds, steps), max_size=40)


def lived(life: list[tuple[int, tuple[object, ...]]], experiment: Experiment = FRESH) -> Log | None:
    """What is counted of a life, each step of which happens so many seconds after the beginning."""
    log: Log | None = None
    for second, (what, first, more) in life:
        now = float(BEGAN + second)
        if what == "list":
            log = counting.met(log, "fresh", now, TODAY)
            different = min(int(str(more)), 15)
            assert isinstance(first, list)
            counting.list_made(log, experiment, first, {"tags": Variety(different, 15)}, now)
        elif log is not None:
            if what == "event":
                counting.happened(log, experiment, [Event(str(first), str(more), now)], now)
            elif what == "shown":
                assert isinstance(first, list)
                counting.items_shown(log, experiment, first, now)
            elif what == "dwell":
                counting.dwelled(log, experiment, str(first), float(str(more)), now)
            elif what == "session":
                counting.session_ended(log, experiment, float(str(first)), now)
            else:
                counting.answered(log, experiment, str(first), now)
    return log


@given(lives)
def test_a_life_counts_more_than_the_caps_or_the_bound(life: list[tuple[int, tuple[object, ...]]]) -> None:
    log = lived(life)
    variant, values = counting.tally(log, FRESH, None, None)
    assert (variant is None) is (log is None)
    task = measuring(FRESH)
    vector = encode_variants(task.statistic, variant, values)
    assert int(vector @ vector) <= task.statistic.l2_bound**2
    if log is not None:
        assert all(
            count <= CAPS[name]
            for day in log.days.values()
            for name, count in day.items()
            if not name.startswith("variety")
        )
        assert dict(zip(NAMES, values, strict=True))["variety"] <= 100


@given(lives, st.lists(seconds, min_size=1, max_size=4))
def test_windows_add_up_to_another_number_than_the_whole(
    life: list[tuple[int, tuple[object, ...]]], cuts: list[int]
) -> None:
    """Of who is in every window; caps of days apart, which may cut more in the whole."""
    log = lived(sorted(life))
    everybody = everybody_fresh(windows="everybody")
    days = sorted({0, *(second // DAY for second in cuts), 14})
    parts = [counting.tally(log, everybody, BEGAN + one * DAY, BEGAN + other * DAY)[1] for one, other in pairwise(days)]
    _, whole = counting.tally(log, everybody, None, None)
    place = NAMES.index("variety")
    for number, total in enumerate(whole):
        if number != place:
            assert sum(part[number] for part in parts if part) == total


@given(lives, seconds)
def test_somebody_is_a_newcomer_twice(life: list[tuple[int, tuple[object, ...]]], cut: int) -> None:
    log = lived(sorted(life))
    one, _ = counting.tally(log, FRESH, None, BEGAN + cut)
    other, _ = counting.tally(log, FRESH, BEGAN + cut, None)
    assert (one, other).count(None) == (1 if log is not None else 2)


def test_who_met_two_variants_counts_for_one() -> None:
    log = counting.met(None, "control", BEGAN, TODAY)
    counting.list_made(log, FRESH, ["item-1"], {"tags": Variety(0, 0)}, BEGAN)
    assert counting.tally(log, FRESH, None, None)[0] == 0
    log = counting.met(log, "fresh", BEGAN + 1, TODAY)
    assert counting.tally(log, FRESH, None, None) == (None, [])
    log = counting.met(log, "control", BEGAN + 2, TODAY)
    assert counting.tally(log, FRESH, None, None) == (None, [])


def test_a_variant_that_the_definition_does_not_have_counts() -> None:
    assert counting.tally(counting.met(None, "another", BEGAN, TODAY), FRESH, None, None) == (None, [])


def test_what_is_kept_grows_for_ever() -> None:
    log = counting.met(None, "fresh", BEGAN, TODAY)
    for number in range(MOST_ITEMS + 50):
        item = f"item-{number}"
        counting.list_made(log, FRESH, [item], {"tags": Variety(1 << 40, 1 << 40)}, BEGAN)
        counting.happened(log, FRESH, [Event(item, "view", BEGAN + 1, None, None, f"id-{number}")], BEGAN + 1)
    assert len(log.items) == MOST_ITEMS
    assert log.items[-1] == f"item-{MOST_ITEMS + 49}"
    assert len(log.ids) == MOST_IDS
    assert len(msgspec.json.encode(log)) < 50_000


@pytest.mark.parametrize("time", [BEGAN - 1, FRESH.ends, FRESH.ends + DAY])
def test_an_event_of_another_time_counts(time: float) -> None:
    log = counting.met(None, "fresh", BEGAN, TODAY)
    counting.happened(log, FRESH, [Event("item-1", "buy", time)], BEGAN + 5)
    assert log.days == {}


def test_an_event_without_a_time_counts_on_another_day() -> None:
    log = counting.met(None, "fresh", BEGAN, TODAY)
    counting.happened(log, FRESH, [Event("item-1", "buy")], BEGAN + DAY + 5)
    assert log.days == {str(BEGAN // DAY + 1): {"bought": 1}}


def test_a_question_of_the_definition_is_not_asked() -> None:
    assert FRESH.survey is not None
    assert FRESH.survey.question == QUESTION


def test_one_event_counts_twice_in_one_batch() -> None:
    log = counting.met(None, "fresh", BEGAN, TODAY)
    events = [Event("item-1", "buy", BEGAN + 1, None, None, "the same")] * 2
    two = msgspec.structs.replace(FRESH, measures=(msgspec.structs.replace(MEASURES[3], cap=9),), metrics=BOUGHT)
    counting.happened(log, two, events, BEGAN + 2)
    assert log.days == {str(BEGAN // DAY): {"bought": 1}}
    counting.happened(log, two, [Event("item-1", "buy", BEGAN + 1)] * 2, BEGAN + 2)
    assert log.days == {str(BEGAN // DAY): {"bought": 3}}
