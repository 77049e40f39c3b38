"""Erasing a part at the façade: more or less than what was named goes, or the receipt claims what is not so."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import homespun as hs
from homespun.consent.parts import CACHE, EXPERIMENTS, LEARNING
from homespun.errors import InvalidEventError, MisuseError, ProfileBusyError, ReceiptError
from homespun.profile.shelf import DiskShelf
from homespun.protocol.receipts import OUT_OF_SCOPE, decode, encode, verify
from tests.sdk.people import (
    BOTH,
    DESTINATION,
    EVERY,
    NOTICE,
    STORAGE,
    Machine,
    exported,
    items_of,
    kept,
    queue,
)
from tests.sdk.profile import support
from tests.sdk.profile.erasing import MemoryKeyStore

DAY = 86_400.0
NOON = 1_700_000_000.0


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


def used(machine: Machine, **options: Any) -> hs.Personalizer:
    """Items 1 to 6 on six days, every second one bought; and everything that can be set and derived."""
    me = machine.allowed(*EVERY, **options)
    for number in range(1, 7):
        me.record(f"item-{number}", "buy" if number % 2 else "rate", weight=5.0, time=NOON + number * DAY)
    me.controls.hide_item("item-1")
    me.controls.more_like("item-2")
    me.controls.hide_tag("tag-0")
    me.controls.set_interest("tag-1", 0.5)
    me.controls.diversity(0.25)
    me.controls.frequency_cap(100, days=30)
    me.attributes.set("language", "de")
    for part in (LEARNING, CACHE, EXPERIMENTS):
        me._home.keep(part, "state", b"bytes")
    return me


def everything_in(me: hs.Personalizer, machine: Machine) -> str:
    """The whole export as text, without what the bundle says."""
    found = exported(me, machine.root / "export.zip")
    return json.dumps({name: rows for name, rows in found.items() if name != "receipts"})


# Items


def test_something_still_names_an_erased_item(machine: Machine) -> None:
    with used(machine) as me:
        me.recommend(40)
        me.erase(item="item-2")
        assert items_of(me.events()) == [f"item-{number}" for number in (1, 3, 4, 5, 6)]
        assert '"item-2"' not in everything_in(me, machine)
        assert exported(me, machine.root / "export.zip")["decisions"] == []
        # What was set about others and about nothing in particular stays.
        now = me.controls.current()
        assert now.hidden_items == {"item-1"}
        assert (now.more_like, now.diversity) == (frozenset(), 0.25)
        assert me.attributes["language"] == "de"
        # What was derived from the events is derived anew; what was not stays.
        assert (me._home.kept(LEARNING), me._home.kept(CACHE)) == ({}, {})
        assert me._home.kept(EXPERIMENTS) == {"state": b"bytes"}
        me.recommend(3)


def test_an_undone_setting_still_names_an_erased_item(machine: Machine) -> None:
    with used(machine) as me:
        me.controls.undo(1)
        me.controls.undo(7)
        me.erase(item="item-1")
        assert '"item-1"' not in everything_in(me, machine)
        assert me.controls.current().hidden_items == frozenset()
        # The log goes on from its last number.
        assert me.controls.hide_item("item-7").sequence > 6


def test_an_item_that_was_only_hidden_cannot_be_erased(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.controls.hide_item("item-30")
        me.erase(item="item-30")
        assert "item-30" not in everything_in(me, machine)
        assert me.controls.current().hidden_items == frozenset()


def test_an_item_that_was_hidden_in_memory_cannot_be_erased(machine: Machine) -> None:
    with machine.open() as me:
        me.controls.hide_item("item-30")
        me.controls.hide_item("item-31")
        me.erase(item="item-30")
        assert me.controls.current().hidden_items == {"item-31"}
        me.consent.grant(STORAGE, notice=NOTICE)
        assert "item-30" not in everything_in(me, machine)


# Tags, times, kinds, and several conditions


def test_a_tag_takes_others_items_or_misses_some(machine: Machine) -> None:
    with used(machine) as me:
        me.recommend(40)
        me.erase(tag="tag-1")  # items 1, 4, 7, 10, …
        assert items_of(me.events()) == [f"item-{number}" for number in (2, 3, 5, 6)]
        assert exported(me, machine.root / "export.zip")["decisions"] == []
        assert "tag-1" not in me.controls.current().interests
        assert me.controls.current().hidden_tags == {"tag-0"}


@pytest.mark.parametrize(
    ("between", "left"),
    [
        ((NOON + 2 * DAY, NOON + 4 * DAY), [1, 4, 5, 6]),
        ((None, NOON + 3 * DAY), [3, 4, 5, 6]),
        ((NOON + 3 * DAY, None), [1, 2]),
        ((None, None), []),
        ((NOON + 2.5 * DAY, NOON + 2.6 * DAY), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_range_of_time_takes_what_lies_outside(machine: Machine, between: Any, left: list[int]) -> None:
    with used(machine) as me:
        me.erase(between=between)
        assert items_of(me.events()) == [f"item-{number}" for number in left]


def test_a_decision_of_an_erased_time_stays(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.controls.frequency_cap(100, days=30)
        me.record("item-3", time=NOON - DAY)
        for _ in range(3):
            me.recommend(2)
            machine.clock.advance(DAY)
        me.erase(between=(NOON + 0.5 * DAY, NOON + 1.5 * DAY))
        assert [record.time for record in me.decisions] == [NOON, NOON + 2 * DAY]
        assert set(me._home.exposures(0.0).values()) == {2}
        assert items_of(me.events()) == ["item-3"]


def test_a_kind_takes_another_kind(machine: Machine) -> None:
    with used(machine) as me:
        me.erase(kind="buy")
        assert [(event.item, event.kind) for event in me.events()] == [
            ("item-2", "rate"),
            ("item-4", "rate"),
            ("item-6", "rate"),
        ]
        # Hiding is about the item, not about having bought it.
        assert me.controls.current().hidden_items == {"item-1"}


def test_several_conditions_take_what_fits_one_of_them(machine: Machine) -> None:
    with used(machine) as me:
        me.record("item-1", "rate", weight=1.0, time=NOON + 9 * DAY)
        me.erase(item="item-1", kind="buy")
        assert [(event.item, event.kind) for event in me.events() if event.item == "item-1"] == [("item-1", "rate")]
        assert len(me.events()) == 6
        me.erase(tag="tag-2", kind="rate", between=(NOON, NOON + 3 * DAY))  # item-2 only, not item-5
        assert items_of(me.events()) == ["item-3", "item-4", "item-5", "item-6", "item-1"]
        assert me.controls.current().hidden_items == {"item-1"}


def test_an_inference_is_inferred_again(machine: Machine) -> None:
    with used(machine) as me:
        found = {each.tag: each for each in me.interests()}
        assert found["tag-2"].weight == pytest.approx(1 / 3)
        me.controls.set_interest("tag-2", 0.9)
        me.erase(inference="tag-2")
        (entry,) = (each for each in me.interests() if each.tag == "tag-2")
        assert (entry.weight, entry.edited) == (0.0, True)
        # The person's own weight is gone from the log, and the events stay.
        assert [change.entry.value for change in me.controls.history() if change.entry.target == "tag-2"] == [0.0]
        assert len(me.events()) == 6
        me.record("item-8", "rate", weight=5.0)
        assert {each.tag: each.weight for each in me.interests()}["tag-2"] == 0.0


def test_nothing_that_fits_is_an_error_or_rewrites_everything(machine: Machine) -> None:
    with used(machine) as me:
        before, files = kept(me), {path.name for path in machine.folder.glob("*.db")}
        for receipt in (
            me.erase(item="item-39"),
            me.erase(tag="no such tag"),
            me.erase(kind="sell"),
            me.erase(between=(0.0, 1.0)),
        ):
            verify(receipt)
        after = kept(me)
        # What was learnt does not say from when it is, so a range of time takes it.
        assert before - after == {"state.kept": 2, "state.kept/learning": 1, "state.kept/cache": 1}
        assert len(files & {path.name for path in machine.folder.glob("epoch-*.db")}) == 1


# Where there is nothing


def test_a_part_of_no_profile_makes_one(machine: Machine) -> None:
    with machine.open() as me:
        receipt = me.erase(item="item-3")
        verify(receipt)
        assert (receipt.stores, receipt.signer, receipt.profile) == ((), "fresh", "")
        assert "There was nothing to erase." in str(receipt)
        verify(me.erase(inference="tag-1"))
        assert machine.on_disk() == set()


def test_an_ephemeral_profile_keeps_what_was_erased(machine: Machine) -> None:
    with machine.allowed(*EVERY, key=hs.Key.ephemeral()) as me:
        for number in range(3):
            me.record(f"item-{number}")
        verify(me.erase(item="item-1"))
        assert items_of(me.events()) == ["item-0", "item-2"]
        assert machine.on_disk() == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"item": ""},
        {"item": 3},
        {"tag": ""},
        {"tag": 3},
        {"inference": ""},
        {"inference": 7},
        {"kind": "Buy"},
        {"kind": 3},
        {"between": 3},
        {"between": (1.0,)},
        {"between": (2.0, 1.0)},
        {"between": (1.0, 1.0)},
        {"between": ("yesterday", None)},
        {"between": (math.nan, None)},
        {"between": (None, math.inf)},
        {"between": (True, None)},
        {"item": "item-1", "inference": "tag-1"},
    ],
    ids=str,
)
def test_a_slip_erases_something(machine: Machine, wrong: dict[str, Any]) -> None:
    with used(machine) as me:
        before = kept(me)
        with pytest.raises((MisuseError, InvalidEventError)):
            me.erase(**wrong)
        assert kept(me) == before


# Receipts


PARTS: dict[str, Callable[[hs.Personalizer], hs.Receipt]] = {
    "item": lambda me: me.erase(item="item-2"),
    "tag": lambda me: me.erase(tag="tag-1"),
    "time": lambda me: me.erase(between=(NOON, NOON + 3 * DAY)),
    "kind": lambda me: me.erase(kind="buy"),
    "inference": lambda me: me.erase(inference="tag-1"),
}


@pytest.mark.parametrize("what", PARTS)
def test_a_receipt_is_unsigned_or_hides_what_it_cannot_speak_for(machine: Machine, what: str) -> None:
    with used(machine) as me:
        store = me._home.store()
        assert store is not None
        queue(me)
        me._home.egress.send_pending()
        receipt = PARTS[what](me)
        verify(receipt, public_key=store.device_key.public_key)
        assert (receipt.signer, receipt.profile) == ("device", me._home.profile)
        assert receipt.scope.startswith(f"a part: {what} ")
        assert set(OUT_OF_SCOPE) <= set(receipt.out_of_scope)
        assert any(f"counts/round-1 to {DESTINATION} (ε = 1)" in line for line in receipt.out_of_scope)
        verify(decode(encode(receipt)))
        with pytest.raises(ReceiptError):
            verify(decode(encode(receipt).replace(b"a part: ", b"a lot:  ")))
        # A receipt names what was erased, so the profile does not keep it.
        assert exported(me, machine.root / "export.zip")["receipts"] == []


@pytest.mark.parametrize("what", PARTS)
def test_a_destroyed_key_is_claimed_though_it_lay_in_the_folder(machine: Machine, what: str) -> None:
    with used(machine) as me:
        levels = {store.level for store in PARTS[what](me).stores}
        assert levels == {"logical"}


@pytest.mark.parametrize("what", [each for each in PARTS if each != "inference"])
def test_a_key_outside_the_folder_survives_what_was_under_it(machine: Machine, what: str) -> None:
    keys = MemoryKeyStore()
    with used(machine, key_store=keys) as me:
        before = dict(keys.keys)
        assert len(before) == 2
        receipt = PARTS[what](me)
        assert {store.level for store in receipt.stores} == {"key_destroyed"}
        # The keys of the rewritten files are others now.
        assert len(keys.keys) == 2
        assert not set(before) & set(keys.keys)
        assert not set(before.values()) & set(keys.keys.values())


def test_a_file_that_cannot_be_removed_passes_for_destroyed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where somebody else has it open."""
    with used(machine) as me:
        files = {path.name for path in machine.folder.glob("epoch-*.db")}
        with monkeypatch.context() as patch:
            patch.setattr(DiskShelf, "destroy", lambda *_: False)
            receipt = me.erase(item="item-2")
        assert {store.level for store in receipt.stores} == {"unverified"}
        assert all(name in str(receipt) for name in files)
        assert len(me.events()) == 5
        assert files < {path.name for path in machine.folder.glob("epoch-*.db")}
    with machine.open() as again:
        assert files.isdisjoint(path.name for path in machine.folder.glob("epoch-*.db"))
        assert len(again.events()) == 5


def test_a_time_that_no_calendar_has_breaks_the_receipt(machine: Machine) -> None:
    with used(machine) as me:
        receipt = me.erase(between=(-1e300, 1e300))
        verify(receipt)
        assert me.events() == []


def test_a_reader_keeps_the_old_file_and_the_receipt_does_not_say_so(machine: Machine) -> None:
    with used(machine) as me, machine.open() as other:
        assert len(other.events()) == 6
        receipt = me.erase(item="item-2")
        left = {path.name for path in machine.folder.glob("epoch-*.db")}
        levels = {store.level for store in receipt.stores}
        assert levels == ({"logical"} if len(left) == 1 else {"unverified"})
        # The other one goes on without it.
        assert "item-2" not in items_of(other.events())
        assert other.record("item-9") is True
        assert items_of(me.events())[-1] == "item-9"


def test_somebody_who_writes_loses_what_was_to_be_erased_or_makes_it_wait_for_ever(machine: Machine) -> None:
    with used(machine) as me:
        with support.opened(machine.folder) as somebody:
            support.connection_of(somebody).execute("BEGIN IMMEDIATE")
            with pytest.raises(ProfileBusyError):
                me.erase(item="item-2")
            support.connection_of(somebody).execute("ROLLBACK")
        assert len(me.events()) == 6
        me.erase(item="item-2")
        assert len(me.events()) == 5


# Everything


def test_consent_or_a_setting_survives_the_erasure_of_everything(machine: Machine) -> None:
    with used(machine) as me:
        verify(me.erase())
        assert me.consent.records() == ()
        assert me.controls.history() == []
        assert dict(me.attributes) == {}
        assert me.sizes() is None
        # They are asked again, as on the first day.
        assert me.consent.needed(NOTICE, *BOTH) == BOTH


def test_an_erasure_that_was_completed_later_is_not_told(machine: Machine) -> None:
    with used(machine) as me:
        profile = me._home.profile
        copy = {path.name: path.read_bytes() for path in machine.folder.iterdir() if path.suffix != ".lock"}
        me.erase()
        assert me.completed_erasure is None
    # A backup is put back.
    machine.folder.mkdir()
    for name, data in copy.items():
        (machine.folder / name).write_bytes(data)
    with machine.open() as again:
        receipt = again.completed_erasure
        assert receipt is not None
        verify(receipt)
        assert receipt.profile == profile
        assert again.events() == []
        assert not machine.folder.exists()
        # A new profile in the same place is left alone.
        again.consent.grant(*BOTH, notice=NOTICE)
        again.record("item-9")
    with machine.open() as fresh:
        assert fresh.completed_erasure is None
        assert items_of(fresh.events()) == ["item-9"]
