"""The log of controls: what it adds up to, and that everything in it can be taken back."""

import math
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.control_entry import MAX_TAG_LENGTH
from homespun.protocol.controls import (
    NEUTRAL,
    Control,
    ControlEntry,
    FrequencyCap,
    Steering,
    describe,
    entry,
    fold,
    history,
    undo,
)

ABOUT_ITEMS = ("hide_item", "more_like", "less_like", "ignore_item")
ABOUT_TAGS = ("hide_tag", "interest")
caps = st.none() | st.builds(FrequencyCap, st.integers(1, 1000), st.integers(1, 3650))


def settings_of(control: Control) -> st.SearchStrategy[tuple[Control, str | None, Any]]:
    names = ("item-1", "item-2") if control in ABOUT_ITEMS else ("Drama", "Жизнь") if control in ABOUT_TAGS else (None,)
    values = {"frequency_cap": caps, "interest": st.none() | st.floats(0, 1), "diversity": st.none() | st.floats(0, 1)}
    values["exploration"] = values["diversity"]
    return st.tuples(st.just(control), st.sampled_from(names), values.get(control, st.booleans()))


changes = st.sampled_from(get_args(Control)).flatmap(settings_of)
undos = st.none() | st.integers(1, 12)
actions = st.lists(changes | undos, max_size=12)


def log_of(made: list[Any], times: list[float] | None = None) -> list[ControlEntry]:
    """Make the entries of some actions; an undo of what cannot be undone is passed over."""
    log: list[ControlEntry] = []
    for place, action in enumerate(made):
        now = times[place] if times else 0.0
        if isinstance(action, tuple):
            control, target, value = action
            log.append(entry(log, control, target, value, now))
        else:
            try:
                log.append(undo(log, now, action))
            except MisuseError:
                continue
    return log


def log(*made: Any) -> list[ControlEntry]:
    return log_of(list(made))


@given(actions, changes)
def test_taking_an_entry_back_leaves_a_trace(made: list[Any], change: Any) -> None:
    before = log_of(made)
    control, target, value = change
    added = [*before, entry(before, control, target, value, 0.0)]
    assert fold([*added, undo(added, 0.0)]) == fold(before)
    assert fold([*added, undo(added, 0.0, added[-1].sequence)]) == fold(before)


@given(actions)
def test_an_undo_cannot_be_taken_back(made: list[Any]) -> None:
    before = log_of(made)
    try:
        undone = [*before, undo(before, 0.0)]
    except MisuseError:
        assert fold(before) == NEUTRAL
        return
    again = [*undone, undo(undone, 0.0, undone[-1].sequence)]
    assert fold(again) == fold(before)
    once_more = [*again, undo(again, 0.0, again[-1].sequence)]
    assert fold(once_more) == fold(undone)


@given(actions, st.data())
def test_a_wrong_clock_or_the_order_of_reading_decides(made: list[Any], data: st.DataObject) -> None:
    times = data.draw(st.lists(st.floats(0, 1e12), min_size=len(made), max_size=len(made)))
    told = log_of(made)
    assert fold(log_of(made, times)) == fold(told)
    assert fold(data.draw(st.permutations(told))) == fold(told)


@given(actions)
def test_undoing_again_and_again_does_not_end_where_nothing_is_set(made: list[Any]) -> None:
    entries = log_of(made)
    for _ in range(len(entries) + 1):
        try:
            entries.append(undo(entries, 0.0))
        except MisuseError:
            break
    assert fold(entries) == NEUTRAL
    with pytest.raises(MisuseError, match="nothing to undo"):
        undo(entries, 0.0)


@given(actions)
def test_an_entry_does_not_survive_json(made: list[Any]) -> None:
    entries = log_of(made)
    decoded = msgspec.json.decode(msgspec.json.encode(entries), type=list[ControlEntry])
    assert decoded == entries
    assert [type(each.value) for each in decoded] == [type(each.value) for each in entries]
    assert fold(decoded) == fold(entries)


@given(actions)
def test_a_history_leaves_entries_out_or_says_that_what_counts_was_taken_back(made: list[Any]) -> None:
    entries = log_of(made)
    told = history(reversed(entries))
    assert [change.entry for change in told] == entries
    assert fold(change.entry for change in told if not change.undone and change.entry.undoes is None) == fold(entries)
    assert all(change.text and "None" not in change.text for change in told)


def test_everything_that_is_set_counts() -> None:
    entries = log(
        ("hide_item", "a", True),
        ("hide_tag", "Horror", True),
        ("more_like", "b", True),
        ("less_like", "c", True),
        ("ignore_item", "d", True),
        ("interest", "Drama", 1),
        ("interest", "War", 0.0),
        ("pause", None, True),
        ("frequency_cap", None, FrequencyCap(3, 7)),
        ("diversity", None, np.float64(0.5)),
        ("non_profiled", None, True),
        ("restriction", None, True),
        ("objection", None, np.True_),
    )
    assert [each.sequence for each in entries] == list(range(1, 14))
    assert fold(entries) == Steering(
        hidden_items=frozenset("a"),
        hidden_tags=frozenset({"Horror"}),
        more_like=frozenset("b"),
        less_like=frozenset("c"),
        ignored_items=frozenset("d"),
        interests={"Drama": 1.0, "War": 0.0},
        paused=True,
        frequency_cap=FrequencyCap(3, 7),
        diversity=0.5,
        non_profiled=True,
        restricted=True,
        objected=True,
    )


def test_what_is_set_back_still_counts() -> None:
    made = [("hide_item", "a"), ("hide_tag", "t"), ("ignore_item", "a"), ("pause", None), ("restriction", None)]
    for control, target in made:
        assert fold(log((control, target, True), (control, target, False))) == NEUTRAL
        assert fold(log((control, target, True), (control, target, None))) == NEUTRAL
    for control, target, value in (
        ("interest", "t", 0.0),
        ("diversity", None, 1.0),
        ("frequency_cap", None, FrequencyCap(1, 1)),
    ):
        assert fold(log((control, target, value), (control, target, None))) == NEUTRAL


def test_more_and_less_of_an_item_are_wanted_at_once() -> None:
    more, less = ("more_like", "a", True), ("less_like", "a", True)
    assert fold(log(more, less)) == Steering(less_like=frozenset("a"))
    assert fold(log(more, less, None)).more_like == {"a"}
    assert fold(log(more, ("less_like", "a", False))).more_like == {"a"}
    assert fold(log(more, ("less_like", "b", True))).more_like == {"a"}


@pytest.mark.parametrize(
    ("control", "target", "value"),
    [
        ("hide", "a", True),
        ("hide_item", None, True),
        ("hide_item", "", True),
        ("hide_item", "a\nb", True),
        ("hide_item", 7, True),
        ("hide_item", "a" * 513, True),
        ("hide_item", "a", 1),
        ("hide_item", "a", "yes"),
        ("hide_tag", None, True),
        ("hide_tag", "", True),
        ("hide_tag", "a\x1bb", True),
        ("hide_tag", "a\u2028b", True),
        ("hide_tag", "\ud800", True),
        ("hide_tag", "a" * (MAX_TAG_LENGTH + 1), True),
        ("interest", "a", 1.1),
        ("interest", "a", -0.1),
        ("interest", "a", math.nan),
        ("interest", "a", True),
        ("interest", "a", "1"),
        ("interest", "a", np.timedelta64(1)),
        ("diversity", None, 2),
        ("diversity", "a", 0.5),
        ("pause", "a", True),
        ("pause", None, 0.5),
        ("frequency_cap", None, 3),
        ("frequency_cap", None, FrequencyCap(0, 7)),
        ("frequency_cap", None, FrequencyCap(3, 0)),
        ("frequency_cap", None, FrequencyCap(3, 3651)),
        ("frequency_cap", None, FrequencyCap(times=True, days=7)),
        ("frequency_cap", None, FrequencyCap(2.0, 7)),  # type: ignore[arg-type]
    ],
)
def test_a_control_is_set_to_nonsense(control: Any, target: Any, value: Any) -> None:
    with pytest.raises(MisuseError, match=r"choose from|give|make|printable characters"):
        entry([], control, target, value, 0.0)


@pytest.mark.parametrize("now", [math.nan, math.inf, -1.0, "now", True, None])
def test_a_time_is_none(now: Any) -> None:
    with pytest.raises(MisuseError, match="1970"):
        entry([], "pause", None, value=True, now=now)


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 0},
        {"undoes": 1},
        {"undoes": 0},
        {"undoes": 2},
        {"control": "spy"},
        {"value": 0.5},
        {"value": {"times": 1, "days": 1}},
        {"target": "a"},
        {"time": -1},
        {"more": 1},
    ],
)
def test_json_from_elsewhere_makes_an_entry_that_no_call_makes(change: dict[str, Any]) -> None:
    good = msgspec.to_builtins(entry([], "pause", None, value=True, now=5.0))
    assert msgspec.convert(good, ControlEntry).value is True
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(good | change), type=ControlEntry)


def test_tags_of_any_language_are_refused() -> None:
    for tag in ("Film-Noir", "каждый", "日本", "👩‍👩‍👧", "no-break\u00a0space"):
        assert fold(log(("hide_tag", tag, True))).hidden_tags == {tag}


def test_what_was_never_made_or_is_taken_back_already_is_undone() -> None:
    for entries in ([], log(("pause", None, True), None)):
        with pytest.raises(MisuseError, match="nothing to undo"):
            undo(entries, 0.0)
    entries = log(("pause", None, True), ("diversity", None, 0.5), 1)
    with pytest.raises(MisuseError, match="entry 1 was taken back already"):
        undo(entries, 0.0, 1)
    with pytest.raises(MisuseError, match="entry 9 does not exist"):
        undo(entries, 0.0, 9)
    assert undo(entries, 0.0).undoes == 2


def test_a_forged_undo_of_a_later_entry_or_of_itself_counts() -> None:
    for undoes in (2, 3):
        with pytest.raises(MisuseError, match="only an earlier entry"):
            ControlEntry(sequence=2, time=0.0, control="pause", value=True, undoes=undoes)


def test_an_entry_is_not_told_in_plain_words() -> None:
    entries = log(
        ("hide_item", "item-1", True),
        ("hide_item", "item-1", False),
        ("hide_tag", "Horror", True),
        ("more_like", "item-1", True),
        ("less_like", "item-2", True),
        ("ignore_item", "item-1", True),
        ("interest", "Drama", 0.4),
        ("interest", "Drama", 0.0),
        ("interest", "Drama", None),
        ("pause", None, True),
        ("frequency_cap", None, FrequencyCap(1, 7)),
        ("frequency_cap", None, None),
        ("diversity", None, 0.25),
        None,
        14,
    )
    told = [change.text for change in history(entries, {"item-1": "Alien", "Horror": "no title of a tag"})]
    assert told == [
        "never show Alien",
        "may show Alien again",
        "never show anything tagged Horror",
        "more like Alien",
        "less like item-2",
        "what I did with Alien says nothing of my taste",
        "interest in Drama 40%",
        "no interest in Drama",
        "interest in Drama as inferred",
        "record nothing new",
        "show an item at most 1 time in 7 days",
        "show an item as often as it fits",
        "diversity 25%",
        "took back entry 13 (diversity 25%)",
        "took back entry 14 (diversity 25%)",
    ]
    assert [change.undone for change in history(entries)] == [False] * 13 + [True, False]
    assert describe(entries[0]) == "never show item-1"


def test_what_a_person_may_not_be_shown_from_is_kept_without_personal_data() -> None:
    steering = Steering(
        hidden_items=frozenset("a"),
        hidden_tags=frozenset("t"),
        more_like=frozenset("b"),
        less_like=frozenset("c"),
        ignored_items=frozenset("d"),
        interests={"t": 1.0},
        frequency_cap=FrequencyCap(1, 1),
        diversity=0.5,
    )
    kept = Steering(hidden_items=frozenset("a"), hidden_tags=frozenset("t"), diversity=0.5)
    assert steering.without_personal_data() == kept
    assert (steering.has_tastes, kept.has_tastes, kept.changes_lists, NEUTRAL.changes_lists) == (
        True,
        False,
        True,
        False,
    )


def test_the_strongest_right_is_not_the_one_that_is_told() -> None:
    assert NEUTRAL.refusal is None
    assert Steering(paused=True).refusal is None
    assert Steering(non_profiled=True).refusal == "non_profiled"
    assert Steering(non_profiled=True, restricted=True).refusal == "restriction"
    assert Steering(non_profiled=True, restricted=True, objected=True).refusal == "objection"
