"""What the person sets: not obeyed, not reversible, not kept, or kept where nothing may be."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import homespun as hs
from homespun.errors import ClosedError, MisuseError, ProfileStorageError
from homespun.profile import ProfileStore
from homespun.protocol.controls import (
    NEUTRAL,
    ControlEntry,
    FrequencyCap,
    Steering,
    entry,
    fold,
    history,
    joined,
    undo,
)
from tests.sdk.people import (
    BOTH,
    EVERY,
    NOTICE,
    PERSONALIZATION,
    STORAGE,
    Machine,
    exported,
    items_of,
    kept,
    queue,
)
from tests.sdk.profile.support import QUICK, traces


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


Set = Callable[[hs.Personalizer], object]

SETTINGS: dict[str, tuple[Set, Set, Callable[[Steering], object], object]] = {
    "hide an item": (
        lambda me: me.controls.hide_item("item-9"),
        lambda me: me.controls.hide_item("item-9", on=False),
        lambda now: now.hidden_items,
        {"item-9"},
    ),
    "hide a tag": (
        lambda me: me.controls.hide_tag("tag-1"),
        lambda me: me.controls.hide_tag("tag-1", on=False),
        lambda now: now.hidden_tags,
        {"tag-1"},
    ),
    "more like this": (
        lambda me: me.controls.more_like("item-9"),
        lambda me: me.controls.more_like("item-9", on=False),
        lambda now: now.more_like,
        {"item-9"},
    ),
    "less like this": (
        lambda me: me.controls.less_like("item-9"),
        lambda me: me.controls.less_like("item-9", on=False),
        lambda now: now.less_like,
        {"item-9"},
    ),
    "edit an interest": (
        lambda me: me.controls.set_interest("tag-1", 0.75),
        lambda me: me.controls.set_interest("tag-1", None),
        lambda now: dict(now.interests),
        {"tag-1": 0.75},
    ),
    "veto an interest": (
        lambda me: me.controls.veto("tag-1"),
        lambda me: me.controls.set_interest("tag-1", None),
        lambda now: dict(now.interests),
        {"tag-1": 0.0},
    ),
    "pause": (
        lambda me: me.controls.pause(),
        lambda me: me.controls.resume(),
        lambda now: now.paused,
        True,
    ),
    "frequency cap": (
        lambda me: me.controls.frequency_cap(2, days=3),
        lambda me: me.controls.frequency_cap(None),
        lambda now: now.frequency_cap,
        FrequencyCap(2, 3),
    ),
    "diversity": (
        lambda me: me.controls.diversity(0.5),
        lambda me: me.controls.diversity(0),
        lambda now: now.diversity,
        0.5,
    ),
    "exploration": (
        lambda me: me.controls.exploration(0.5),
        lambda me: me.controls.exploration(None),
        lambda now: now.exploration,
        0.5,
    ),
    "non-profiled": (
        lambda me: me.controls.non_profiled(),
        lambda me: me.controls.non_profiled(on=False),
        lambda now: now.non_profiled,
        True,
    ),
    "restriction": (
        lambda me: me.controls.restrict(),
        lambda me: me.controls.restrict(on=False),
        lambda now: now.restricted,
        True,
    ),
    "objection": (
        lambda me: me.controls.object(),
        lambda me: me.controls.object(on=False),
        lambda now: now.objected,
        True,
    ),
}

each = pytest.mark.parametrize("what", SETTINGS)


@each
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "in memory"])
def test_a_control_cannot_be_set_back_listed_or_undone(machine: Machine, what: str, stored: bool) -> None:  # noqa: FBT001 - a case
    turn_on, turn_off, read, expected = SETTINGS[what]
    with machine.allowed(*BOTH * stored) as me:
        turn_on(me)
        assert read(me.controls.current()) == expected
        turn_off(me)
        assert me.controls.current() == NEUTRAL
        # Back to what was set, by taking back that it was set back.
        me.controls.undo()
        assert read(me.controls.current()) == expected
        me.controls.undo()
        assert me.controls.current() == NEUTRAL
        history = me.controls.history()
        assert [change.undone for change in history] == [True, True, False, False]
        assert all(change.text for change in history)
        with pytest.raises(MisuseError, match="nothing to undo"):
            me.controls.undo()
        assert machine.folder.exists() is stored


@each
def test_a_control_is_gone_after_a_restart_or_not_in_the_export(machine: Machine, what: str) -> None:
    turn_on, _, read, expected = SETTINGS[what]
    with machine.allowed(*BOTH) as me:
        turn_on(me)
    with machine.open() as again:
        assert read(again.controls.current()) == expected
        (row,) = exported(again, machine.root / "export.zip")["controls"]
        assert row["text"] == again.controls.history()[0].text
        assert row["sequence"] == 1


@each
def test_a_control_that_was_set_before_storage_is_lost_at_the_grant(machine: Machine, what: str) -> None:
    turn_on, turn_off, read, expected = SETTINGS[what]
    with machine.open() as me:
        turn_on(me)
        turn_off(me)
        me.controls.undo()
        assert machine.on_disk() == set()
        me.consent.grant(PERSONALIZATION, notice=NOTICE)
        assert machine.on_disk() == set()
        me.consent.grant(STORAGE, notice=NOTICE)
        assert kept(me)["state.control"] == 3
        me.controls.diversity(1)
        assert [change.entry.sequence for change in me.controls.history()] == [1, 2, 3, 4]
    with machine.open() as again:
        assert read(dataclasses.replace(again.controls.current())) == (1.0 if what == "diversity" else expected)


def test_a_first_grant_that_failed_loses_what_was_set(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ProfileStorageError("the disk is full")

    with machine.open() as me:
        me.controls.hide_item("item-9")
        me.attributes.set("language", "de")
        with monkeypatch.context() as patch:
            patch.setattr(ProfileStore, "set_attribute", refuse)
            with pytest.raises(ProfileStorageError):
                me.consent.grant(*BOTH, notice=NOTICE)
        assert machine.on_disk() - {"profile.erased", "profile.erased.lock"} == set()
        assert me.controls.current().hidden_items == {"item-9"}
        me.consent.grant(*BOTH, notice=NOTICE)
        assert me.controls.current().hidden_items == {"item-9"}
        assert kept(me)["state.control"] == 1
        assert me.attributes["language"] == "de"


def test_what_was_set_before_another_process_made_the_profile_is_lost(machine: Machine) -> None:
    with machine.open() as me, machine.open() as other:
        me.controls.hide_item("item-8")
        me.controls.hide_item("item-9")
        me.controls.undo()
        me.attributes.set("language", "de")
        other.consent.grant(*BOTH, notice=NOTICE)
        other.controls.hide_tag("tag-1")
        # Both count here, and from the next thing that is set everywhere.
        assert me.controls.current().hidden_items == {"item-8"}
        assert me.controls.current().hidden_tags == {"tag-1"}
        assert other.controls.current().hidden_items == frozenset()
        me.controls.diversity(0.5)
        for handle in (me, other):
            now = handle.controls.current()
            assert now.hidden_items == {"item-8"}
            assert now.hidden_tags == {"tag-1"}
            assert now.diversity == 0.5
            assert [change.entry.sequence for change in handle.controls.history()] == [1, 2, 3, 4, 5]
            assert [change.undone for change in handle.controls.history()] == [False, False, True, False, False]
            assert handle.attributes["language"] == "de"


def test_what_was_set_before_another_process_made_the_profile_is_lost_at_closing(machine: Machine) -> None:
    with machine.open() as me:
        me.controls.hide_item("item-9")
        with machine.open() as other:
            other.consent.grant(*BOTH, notice=NOTICE)
    with machine.open() as again:
        assert again.controls.current().hidden_items == {"item-9"}


def test_a_refusal_of_storage_forgets_what_was_hidden(machine: Machine) -> None:
    with machine.open() as me:
        me.controls.hide_item("item-9")
        me.consent.refuse(STORAGE, notice=NOTICE)
        assert "item-9" not in {entry.item for entry in me.recommend(40)}
    assert machine.on_disk() == set()


def test_what_is_set_after_the_term_of_storage_is_written(machine: Machine) -> None:
    with machine.open() as me:
        me.consent.grant(*BOTH, notice=NOTICE, valid_days=1)
        me.controls.hide_item("item-8")
        machine.clock.advance(2 * 86_400)
        before = kept(me)
        me.controls.hide_item("item-9")
        me.controls.undo(1)
        assert me.controls.current().hidden_items == {"item-9"}
        assert [change.undone for change in me.controls.history()] == [True, False, False]
        me.attributes.set("language", "de")
        assert kept(me)["state.control"] == before["state.control"] == 1
        assert kept(me)["state.attribute"] == 0
        # A renewal takes it in.
        me.consent.grant(*BOTH, notice=NOTICE, valid_days=1)
        assert kept(me)["state.control"] == 3
        assert me.controls.current().hidden_items == {"item-9"}
    with machine.open() as again:
        assert again.attributes["language"] == "de"


def test_another_process_does_not_see_what_was_set(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me, machine.open() as other:
        other.controls.pause()
        assert me.record("item-3") is False
        other.controls.resume()
        assert me.record("item-3") is True
        me.controls.hide_item("item-9")
        assert "item-9" not in {entry.item for entry in other.recommend(40)}
        # Each sees the other's entries, so that no number is used twice.
        numbers = [handle.controls.diversity(level).sequence for level in (0.1, 0.2) for handle in (me, other)]
        assert numbers == [4, 5, 6, 7]


# What each does


def test_what_is_hidden_is_listed(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.record("item-3")
        me.controls.hide_item("item-9")
        me.controls.hide_tag("tag-1")
        listed = {entry.item for entry in me.recommend(40)}
        assert "item-9" not in listed
        assert not any("tag-1" in me.bundle.tags(item) for item in listed)
        # Also in a list that uses no personal data.
        me.controls.non_profiled()
        assert {entry.item for entry in me.recommend(40)} == listed | {"item-3"}


def test_a_paused_profile_records_or_forgets(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.record("item-3")
        personal = [entry.item for entry in me.recommend(5)]
        me.controls.pause()
        assert me.record("item-4") is False
        assert me.record_many([hs.Event("item-5")]) is None
        assert [entry.item for entry in me.recommend(5)] == personal
        assert all(entry.personalized for entry in me.recommend(5))
        me.controls.resume()
        assert me.record("item-6") is True
        assert items_of(me.events()) == ["item-3", "item-6"]


def test_a_pause_is_too_late_for_events_that_are_held_in_memory(machine: Machine) -> None:
    with machine.allowed(*BOTH, settings=dataclasses.replace(QUICK, batch_events=10)) as me:
        me.record("item-3")
        me.controls.pause()
        assert me.record("item-4") is False
        # What was done before the pause was allowed.
        assert items_of(me.events()) == ["item-3"]


def test_a_private_session_leaves_a_trace(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.record("item-3", "rate", weight=5.0)
        me.controls.frequency_cap(1, days=30)
        before, entries = kept(me), me.controls.history()
        with me.controls.private_session():
            assert me._home.is_private
            assert me.record("item-27", "rate", weight=5.0) is False
            assert me.record_many([hs.Event("item-28")]) is None
            listed = me.recommend(5)
            assert not any(entry.personalized for entry in listed)
            # They allowed it, and said for now that it is not to be.
            assert "did not allow" not in listed[0].reason
            assert not me.explain("item-28").personalized
            assert me.interests() == []
        assert kept(me) == before
        assert me.controls.history() == entries
        assert items_of(me.events()) == ["item-3"]
        assert all(entry.personalized for entry in me.recommend(5))
        found = exported(me, machine.root / "export.zip")
        assert not {"item-27", "item-28"} & {row["item"] for row in found["events"]}


def test_a_private_session_without_a_profile_makes_one(machine: Machine) -> None:
    with machine.open() as me, me.controls.private_session():
        assert me.record("item-3") is False
        me.recommend(3)
        assert machine.on_disk() == set()


def test_a_private_session_goes_on_after_it_failed_or_ends_too_early(machine: Machine) -> None:
    def fail(me: hs.Personalizer) -> None:
        with me.controls.private_session():
            raise KeyError

    with machine.allowed(*BOTH) as me:
        with pytest.raises(KeyError):
            fail(me)
        assert me.record("item-3") is True
        with me.controls.private_session():
            with me.controls.private_session():
                assert me.record("item-4") is False
            assert me.record("item-4") is False
        assert me.record("item-5") is True
        assert items_of(me.events()) == ["item-3", "item-5"]


def test_a_private_session_writes_what_was_held_in_memory_late(machine: Machine) -> None:
    with machine.allowed(*BOTH, settings=dataclasses.replace(QUICK, batch_events=10)) as me:
        me.record("item-3")
        with me.controls.private_session():
            assert me.record("item-4") is False
            assert items_of(me.events()) == ["item-3"]
        assert items_of(me.events()) == ["item-3"]


def test_restricted_data_are_used_or_not_stored(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.record("item-3", "rate", weight=5.0)
        me.controls.restrict()
        assert me.record("item-4", "rate", weight=5.0) is True
        assert items_of(me.events()) == ["item-3", "item-4"]
        assert not any(entry.personalized for entry in me.recommend(5))
        assert not me.explain("item-7").personalized
        assert me.interests() == []
        assert {row["item"] for row in exported(me, machine.root / "export.zip")["events"]} == {"item-3", "item-4"}
        me.controls.restrict(on=False)
        assert all(entry.personalized for entry in me.recommend(5))


def test_an_objection_is_overheard(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.record("item-3", "rate", weight=5.0)
        queue(me)
        me.controls.object()
        assert me.record("item-4") is False
        assert not any(entry.personalized for entry in me.recommend(5))
        assert kept(me)["profile.outbox"] == 0
        assert me.ledger.entries()[-1].note == "the person set: objection"
        assert {entry.reason for entry in me.recommend(5)} != {"popular with everybody"}
        # Consent is another matter, and stays.
        assert me.consent.granted(PERSONALIZATION)


@pytest.mark.parametrize("how", ["non_profiled", "restrict", "object", "private"])
def test_a_list_without_personal_data_depends_on_the_person(machine: Machine, tmp_path: Path, how: str) -> None:
    (tmp_path / "nobody").mkdir()
    with Machine(tmp_path / "nobody", machine.bundle).open() as nobody:
        everybodys = [(entry.item, entry.score) for entry in nobody.recommend(40)]
    with machine.allowed(*EVERY) as me:
        for number in range(5):
            me.record(f"item-{number}", "rate", weight=5.0)
        me.controls.more_like("item-20")
        me.controls.set_interest("tag-2", 1.0)
        me.controls.frequency_cap(1, days=30)
        me.recommend(3)
        assert [(entry.item, entry.score) for entry in me.recommend(40)] != everybodys
        if how == "private":
            with me.controls.private_session():
                found = [(entry.item, entry.score) for entry in me.recommend(40)]
        else:
            getattr(me.controls, how)()
            found = [(entry.item, entry.score) for entry in me.recommend(40)]
        assert found == everybodys


def test_an_item_is_shown_more_often_than_the_person_wants(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.record("item-3", "rate", weight=5.0)
        # Without a cap nobody counts.
        me.recommend(3)
        assert kept(me)["epoch.exposure"] == 0
        me.controls.frequency_cap(2, days=7)
        first = [entry.item for entry in me.recommend(3)]
        assert [entry.item for entry in me.recommend(3)] == first
        third = [entry.item for entry in me.recommend(3)]
        assert not set(third) & set(first)
        machine.clock.advance(8 * 86_400)
        assert [entry.item for entry in me.recommend(3)] == first
        me.controls.frequency_cap(None)
        assert [entry.item for entry in me.recommend(3)] == first


def test_a_veto_is_inferred_again(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        for number in (1, 4, 7):
            me.record(f"item-{number}", "rate", weight=5.0)
        (found,) = (each for each in me.interests() if each.tag == "tag-1")
        assert (found.weight, found.inferred, found.edited) == (1.0, 1.0, False)
        assert items_of(found.events) == ["item-1", "item-4", "item-7"]
        me.controls.veto("tag-1")
        me.record("item-10", "rate", weight=5.0)
        (found,) = (each for each in me.interests() if each.tag == "tag-1")
        assert (found.weight, found.inferred, found.edited) == (0.0, 1.0, True)
        me.controls.undo()
        (found,) = (each for each in me.interests() if each.tag == "tag-1")
        assert (found.weight, found.edited) == (1.0, False)


def test_what_the_person_wants_more_of_goes_unnoticed_or_is_not_explained(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        before = {entry.item: entry.score for entry in me.recommend(40)}
        me.controls.more_like("item-20")
        recommended = me.recommend(40)
        assert {entry.item: entry.score for entry in recommended} != before
        parts = [part for part in me.explain(recommended[0]).attributions if part.control == "more_like"]
        assert parts
        assert sum(part.value for part in me.explain(recommended[0]).attributions) == pytest.approx(
            recommended[0].score, rel=1e-5
        )


@given(st.lists(st.sampled_from(["hide", "pause", "undo"]), max_size=8), st.integers(0, 8), st.integers(0, 3))
def test_entries_that_join_a_log_mean_something_else_there(steps: list[str], apart: int, added: int) -> None:
    """Some were made apart from the log, which grew by others' entries meanwhile."""
    made: list[ControlEntry] = []
    for number, step in enumerate(steps):
        if step == "hide":
            made.append(entry(made, "hide_item", f"item-{number}", value=True, now=1.0))
        elif step == "pause":
            made.append(entry(made, "pause", None, value=True, now=1.0))
        elif any(not change.undone and change.entry.undoes is None for change in history(made)):
            made.append(undo(made, 1.0))
    before, later = made[:apart], made[apart:]
    grown = list(before)
    for number in range(added):
        grown.append(entry(grown, "hide_item", f"other-{number}", value=True, now=1.0))
    log = joined(grown, later)
    assert [each.sequence for each in log] == list(range(1, len(log) + 1))
    expected = fold(made)
    others = {f"other-{number}" for number in range(added)}
    assert fold(log) == dataclasses.replace(expected, hidden_items=expected.hidden_items | others)


def test_a_title_is_not_told_in_the_history(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.controls.hide_item("item-9")
        me.controls.hide_item("not in this bundle")
        me.controls.frequency_cap(1, days=2)
        me.controls.undo(1)
        assert [change.text for change in me.controls.history()] == [
            "never show Title № 9",
            "never show not in this bundle",
            "show an item at most 1 time in 2 days",
            "took back entry 1 (never show Title № 9)",
        ]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda me: me.controls.hide_item(""),
        lambda me: me.controls.hide_item(3),
        lambda me: me.controls.hide_tag("two\nlines"),
        lambda me: me.controls.set_interest("tag-1", 1.5),
        lambda me: me.controls.set_interest("tag-1", "much"),
        lambda me: me.controls.diversity(-0.1),
        lambda me: me.controls.frequency_cap(0),
        lambda me: me.controls.frequency_cap(1, days=0),
        lambda me: me.controls.pause(on="yes"),
        lambda me: me.controls.undo(17),
    ],
)
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "in memory"])
def test_a_control_takes_what_it_cannot_be(machine: Machine, wrong: Any, stored: bool) -> None:  # noqa: FBT001 - a case
    with machine.allowed(*BOTH * stored) as me:
        with pytest.raises(MisuseError):
            wrong(me)
        assert me.controls.history() == []


def test_what_was_set_can_be_read_on_the_disk(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.controls.hide_item("item-9")
        me.controls.set_interest("very private tag", 1.0)
        assert traces(machine.root, ["item-9", "very private tag", "hide_item"]) == []


def test_a_closed_personalizer_takes_settings(machine: Machine) -> None:
    me = machine.allowed(*BOTH)
    me.close()
    for attempt in (
        lambda: me.controls.hide_item("item-9"),
        me.controls.current,
        me.controls.history,
        me.controls.undo,
        lambda: me.controls.private_session().__enter__(),
    ):
        with pytest.raises(ClosedError):
            attempt()
