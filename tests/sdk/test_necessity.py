"""Strict necessity: an application that declares it, and one that uses it to get around a no."""

import dataclasses
from pathlib import Path

import pytest

import homespun as hs
from homespun.errors import MisuseError
from tests.sdk import people
from tests.sdk.people import BOTH, EVERY, NOTICE, PERSONALIZATION, STORAGE, Machine, exported, items_of, kept
from tests.sdk.profile.support import QUICK

REASON = "The person asked for a watch list, which cannot be kept without storing it."
NECESSARY = dataclasses.replace(QUICK, strictly_necessary=REASON)


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


def test_something_is_on_the_disk_though_nobody_declared_it_necessary(machine: Machine) -> None:
    with machine.open() as me:
        me.record("item-3")
        me.recommend(3)
        me.controls.hide_item("item-9")
        me.attributes.set("language", "de")
        me.consent.grant(PERSONALIZATION, notice=NOTICE)
        me.consent.refuse(STORAGE, notice=NOTICE)
        people.exported(me, machine.root / "export.zip")
        assert machine.on_disk() == {"export.zip"}


def test_a_declaration_is_not_recorded_or_not_told(machine: Machine) -> None:
    with machine.open(settings=NECESSARY) as me:
        (record,) = me.consent.records()
        assert (record.action, record.purpose, record.basis) == ("declare", "device_storage", REASON)
        assert record.notice is None
        status = me.consent.status()[STORAGE]
        assert (status.granted, status.decided_by) == (True, record)
        assert status.because == "declared strictly necessary by the application"
        assert machine.folder.is_dir()
        assert exported(me, machine.root / "export.zip")["consents"][0]["basis"] == REASON


def test_a_declaration_allows_more_than_storage(machine: Machine) -> None:
    with machine.open(settings=NECESSARY) as me:
        assert [me.consent.granted(purpose) for purpose in EVERY] == [each is STORAGE for each in EVERY]
        assert me.record("item-3") is False
        assert me.recommend(3)[0].personalized is False
        assert me.consent.needed(NOTICE, *BOTH) == (PERSONALIZATION,)
        me.controls.hide_item("item-9")
        assert kept(me)["state.control"] == 1
        me.consent.grant(PERSONALIZATION, notice=NOTICE)
        assert me.record("item-3") is True


def test_a_declaration_at_every_start_makes_the_profile_grow(machine: Machine) -> None:
    for _ in range(3):
        with machine.open(settings=NECESSARY) as me:
            assert len(me.consent.records()) == 1


def test_a_declaration_that_changed_or_was_taken_back_still_counts(machine: Machine) -> None:
    with machine.open(settings=NECESSARY):
        pass
    other = dataclasses.replace(QUICK, strictly_necessary="Another reason.")
    with machine.open(settings=other) as me:
        assert [record.basis for record in me.consent.records()] == [REASON, "Another reason."]
    with machine.open() as me:
        assert [record.basis for record in me.consent.records()] == [REASON, "Another reason.", None]
        assert not me.consent.granted(STORAGE)
        # What there is stays until the person or the application erases it, and nothing is added.
        before = kept(me)
        me.controls.hide_item("item-9")
        me.attributes.set("language", "de")
        assert kept(me) == before
        assert me.controls.current().hidden_items == {"item-9"}
        me.erase()
    assert machine.on_disk() == people.AFTERMATH


@pytest.mark.parametrize("how", ["refuse", "withdraw"])
def test_a_declaration_overrules_a_no(machine: Machine, how: str) -> None:
    with machine.open(settings=NECESSARY) as me:
        me.controls.hide_item("item-9")
        done = me.consent.withdraw(STORAGE) if how == "withdraw" else me.consent.refuse(STORAGE, notice=NOTICE)
        assert done.receipt is not None
        assert not me.consent.granted(STORAGE)
        assert machine.on_disk() == people.AFTERMATH
        choices = me.consent.choices()
        assert me.record("item-3") is False
    with machine.open(settings=NECESSARY, choices=choices) as again:
        assert not again.consent.granted(STORAGE)
        assert machine.on_disk() == people.AFTERMATH
        # A new yes is a yes.
        again.consent.grant(*BOTH, notice=NOTICE)
        assert again.record("item-3") is True
        assert items_of(again.events()) == ["item-3"]


@pytest.mark.parametrize("reason", ["", " ", "two\nlines"])
def test_a_declaration_without_a_reason_counts(reason: str) -> None:
    with pytest.raises(MisuseError, match="strictly_necessary"):
        dataclasses.replace(QUICK, strictly_necessary=reason)


def test_a_declaration_of_two_processes_is_recorded_twice(machine: Machine) -> None:
    with machine.open(settings=NECESSARY) as one, machine.open(settings=NECESSARY) as other:
        assert one.consent.records() == other.consent.records()
        assert len(other.consent.records()) == 1


def test_an_ephemeral_profile_is_declared_on_the_disk(machine: Machine) -> None:
    with machine.open(settings=NECESSARY, key=hs.Key.ephemeral()) as me:
        assert me.consent.granted(STORAGE)
        assert machine.on_disk() == set()
