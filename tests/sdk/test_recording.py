"""Recording: what is kept twice, not at all, in another order, or although it means nothing."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import homespun as hs
from homespun.config import Retention
from homespun.errors import InvalidEventError, MisuseError, ProfileStorageError
from homespun.profile import ProfileStore
from tests.sdk import bundles
from tests.sdk.people import BOTH, EVERY, PERSONALIZATION, STORAGE, Machine, items_of, kept
from tests.sdk.profile.support import QUICK

BATCHED = dataclasses.replace(QUICK, batch_events=5, batch_seconds=3600.0)


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


@pytest.fixture
def strict(tmp_path: Path, bundle_folder: Path) -> Iterator[hs.Bundle]:
    """A bundle whose publisher declares which kinds of events there are."""
    folder = bundles.copy(bundle_folder, tmp_path)
    bundles.edit_manifest(
        folder, lambda manifest: manifest["history"].update(kinds=["view", "rate"], negative_kinds=["dislike"])
    )
    opened = hs.Bundle.open(folder)
    yield opened
    opened.close()


# Items and kinds against the bundle


def test_an_item_of_a_later_bundle_is_forgotten_or_never_used(machine: Machine, tmp_path: Path) -> None:
    larger = hs.Bundle.open(bundles.write(tmp_path / "later", bundles.random_model(60)))
    with machine.allowed(*BOTH) as me:
        assert me.record("item-50", "rate", weight=5.0) is True
        # It was read, and what is listed is the same for everybody.
        assert [entry.score for entry in me.recommend(5)] == [entry.score for entry in me.bundle.rank([], 5)]
        assert me.interests() == []
    machine.bundle = larger
    with machine.open() as again:
        assert items_of(again.events()) == ["item-50"]
        assert "because you rated Title № 50" in {entry.reason for entry in again.recommend(10)}
        assert "item-50" not in {entry.item for entry in again.recommend(60)}
        assert {each.tag for each in again.interests()} >= {"tag-2"}
    larger.close()


@pytest.mark.parametrize("allowed", [True, False])
def test_a_kind_that_the_bundle_does_not_know_is_kept(
    machine: Machine,
    strict: hs.Bundle,
    allowed: bool,  # noqa: FBT001 - a case
) -> None:
    machine.bundle = strict
    with machine.allowed(*BOTH * allowed) as me:
        for attempt in (
            lambda: me.record("item-3", "buy"),
            lambda: me.record_many([hs.Event("item-3"), hs.Event("item-4", "buy")]),
            lambda: me.rectify(hs.Event("item-3"), hs.Event("item-3", "buy")),
        ):
            with pytest.raises(InvalidEventError, match="view, rate, dislike"):
                attempt()
        assert me.events() == []
        assert me.record("item-3", "dislike") is allowed


# Once, and all or none


def test_an_event_that_is_recorded_twice_counts_twice(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        assert me.record("item-3", "rate", weight=5.0, id="order-17") is True
        assert me.record("item-4", "view", id="order-17") is True
        assert me.record("item-3", "rate", weight=5.0) is True
        assert me.record("item-3", "rate", weight=5.0) is True
        (first, *others) = me.events()
        assert (first.item, first.kind, first.weight, first.id) == ("item-3", "rate", 5.0, "order-17")
        assert len(others) == 2
    with machine.open() as again:
        assert again.record("item-9", id="order-17") is True
        assert len(again.events()) == 3


def test_an_id_is_forgotten_when_a_new_epoch_begins(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.record("item-3", id="order-17")
        machine.clock.advance(40 * 86_400)
        me.record("item-4")
        assert kept(me)["epoch.mark"] == 2
        assert me.record("item-5", id="order-17") is True
        assert me.record_many([hs.Event("item-6", id="order-17"), hs.Event("item-7", id="order-18")]) == 1
        assert items_of(me.events()) == ["item-3", "item-4", "item-7"]


def test_of_two_processes_each_records_the_same_event(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me, machine.open() as other:
        for handle in (me, other, me):
            assert handle.record("item-3", id="order-17") is True
        assert len(me.events()) == len(other.events()) == 1


def test_many_events_are_recorded_in_part_or_in_another_order(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [hs.Event(f"item-{number % 40}", time=float(number), id=f"n-{number}") for number in range(2500)]
    with machine.allowed(*BOTH) as me:
        with pytest.raises(MisuseError, match="Event"):
            me.record_many([*events[:3], "item-4"])  # type: ignore[list-item]
        assert me.events() == []
        with monkeypatch.context() as patch:
            patch.setattr("homespun.profile.epochs._INSERT", "INSERT INTO nowhere VALUES (?, ?, ?, ?, ?, ?, ?)")
            with pytest.raises(hs.HomespunError):
                me.record_many(events[:3])
        assert me.events() == []
        assert me.record_many(event for event in events) == 2500
        assert me.record_many(events[2490:] + [hs.Event("item-1", id="new")] * 2) == 1
        assert me.events() == [*events, hs.Event("item-1", id="new")]
        assert me.events(3) == me.events()[-3:]
        assert me.record_many([]) == 0


@pytest.mark.parametrize("missing", BOTH)
def test_many_events_are_recorded_without_a_purpose(machine: Machine, missing: hs.Purpose) -> None:
    with machine.allowed(*(purpose for purpose in BOTH if purpose is not missing)) as me:
        assert me.record_many([hs.Event("item-3")]) is None
        assert me.events() == []
        assert kept(me)["epoch.mark"] == 0


def test_an_event_that_may_not_be_kept_begins_a_file(machine: Machine) -> None:
    with machine.allowed(STORAGE) as me:
        me.record("item-3")
        me.controls.frequency_cap(1)
        me.recommend(3)
        assert not list(machine.folder.glob("epoch-*"))


@pytest.mark.parametrize("last", [-1, 1.5, "3", True])
def test_a_number_of_events_that_is_none(machine: Machine, last: Any) -> None:
    with machine.allowed(*BOTH) as me:
        with pytest.raises(MisuseError, match="last"):
            me.events(last)
        assert me.events(0) == []


@pytest.mark.parametrize("durability", ["never", None, "power"])
def test_a_durability_that_there_is_not(machine: Machine, durability: Any) -> None:
    with machine.allowed(*BOTH) as me:
        if durability == "never":
            with pytest.raises(MisuseError, match="durability"):
                me.record("item-3", durability=durability)
            with pytest.raises(MisuseError, match="durability"):
                me.record_many([hs.Event("item-3")], durability=durability)
            assert me.events() == []
        else:
            assert me.record("item-3", durability=durability) is True
            assert me.record_many([hs.Event("item-4")], durability=durability) == 1


def test_too_many_events_are_kept(machine: Machine) -> None:
    few = dataclasses.replace(QUICK, retention=Retention(events=20))
    with machine.allowed(*BOTH, settings=few) as me:
        for number in range(50):
            me.record(f"item-{number % 40}", time=float(number))
        kept_now = me.events()
        assert 10 <= len(kept_now) <= 20
        assert [event.time for event in kept_now] == [float(number) for number in range(50 - len(kept_now), 50)]


# Held in memory


def test_more_than_the_stated_number_is_lost_when_the_process_dies(machine: Machine) -> None:
    me = machine.allowed(*BOTH, settings=BATCHED)
    for number in range(13):
        assert me.record(f"item-{number}") is True
    with machine.open() as other:
        # Killed now, at most the latest 4 are lost.
        assert items_of(other.events()) == [f"item-{number}" for number in range(10)]
        # Asking writes them.
        assert len(me.events()) == len(other.events()) == 13
    me.close()


@pytest.mark.parametrize(
    "asking",
    [
        lambda me: me.flush(),
        lambda me: me.events(),
        lambda me: me.recommend(3),
        lambda me: me.sizes(),
        lambda me: me.record("item-5", durability="power"),
        lambda me: me.record_many([hs.Event("item-5")]),
        lambda me: me.controls.pause(),
        lambda me: me.close(),
    ],
    ids=["flush", "events", "recommend", "sizes", "power", "many", "pause", "close"],
)
def test_what_is_held_in_memory_is_missed(machine: Machine, asking: Callable[[hs.Personalizer], object]) -> None:
    with machine.allowed(*BOTH, settings=BATCHED) as me:
        me.record("item-3")
        asking(me)
        with machine.open() as other:
            assert items_of(other.events())[0] == "item-3"


def test_what_is_held_in_memory_is_never_written(machine: Machine) -> None:
    with (
        machine.allowed(*BOTH, settings=dataclasses.replace(BATCHED, batch_seconds=0.02)) as me,
        machine.open() as other,
    ):
        me.record("item-3")
        deadline = time.monotonic() + 10
        while not other.events() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert items_of(other.events()) == ["item-3"]
        me.record("item-4")
        me.flush()
        assert items_of(other.events()) == ["item-3", "item-4"]


def test_what_is_held_in_memory_is_recorded_twice_or_without_its_id(machine: Machine) -> None:
    with machine.allowed(*BOTH, settings=BATCHED) as me:
        for _ in range(3):
            assert me.record("item-3", id="order-17") is True
        assert [(event.item, event.id) for event in me.events()] == [("item-3", "order-17")]
        assert me.record("item-3", id="order-17") is True
        me.flush()
        assert len(me.events()) == 1


def test_what_is_held_in_memory_is_kept_after_another_process_withdrew(machine: Machine) -> None:
    with machine.allowed(*BOTH, settings=BATCHED) as me, machine.open() as other:
        me.record("item-3")
        other.consent.withdraw(PERSONALIZATION)
        me.flush()
        assert me.events() == []
        assert me.record("item-4") is False


def test_a_disk_that_refuses_loses_what_is_held_in_memory(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ProfileStorageError("the disk is full")

    with machine.allowed(*BOTH, settings=BATCHED) as me:
        me.record("item-3")
        with monkeypatch.context() as patch:
            patch.setattr(ProfileStore, "add_events_if", refuse)
            with pytest.raises(ProfileStorageError):
                me.flush()
        me.flush()
        assert items_of(me.events()) == ["item-3"]


def test_an_erased_profile_gets_what_was_held_in_memory(machine: Machine) -> None:
    with machine.allowed(*EVERY, settings=BATCHED) as me:
        me.record("item-3")
        me.erase()
        me.consent.grant(*BOTH, notice=hs.Notice("Again?"))
        me.flush()
        assert me.events() == []


def test_the_time_of_a_held_event_is_that_of_its_writing(machine: Machine) -> None:
    with machine.allowed(*BOTH, settings=BATCHED) as me:
        before = machine.clock()
        me.record("item-3")
        machine.clock.advance(60)
        me.flush()
        assert [event.time for event in me.events()] == [before]
