"""What the person declares about themselves: not set, read, exported and erased like everything else."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import homespun as hs
from homespun.errors import MisuseError
from tests.sdk.people import BOTH, EVERY, NOTICE, PERSONALIZATION, STORAGE, Machine, exported, kept
from tests.sdk.profile.support import QUICK, traces, vaults_of


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


def test_what_was_declared_is_gone_after_a_restart(machine: Machine) -> None:
    with machine.allowed(STORAGE) as me:
        me.attributes.set("language", "nynorsk")
        me.attributes.set("age_band", 4)
        me.attributes.set("language", "bokmål")
    with machine.open() as again:
        assert dict(again.attributes) == {"age_band": 4, "language": "bokmål"}
        assert list(again.attributes) == ["age_band", "language"]
        assert len(again.attributes) == 2
        assert "location" not in again.attributes
        assert repr(again.attributes) == "Attributes({'age_band': 4, 'language': 'bokmål'})"


@pytest.mark.parametrize("value", ["text", 3, 0.5, True, False, 0])
def test_a_value_becomes_another_one(machine: Machine, value: Any) -> None:
    with machine.allowed(STORAGE) as me:
        me.attributes.set("location", value)
        assert me.attributes["location"] == value
        assert type(me.attributes["location"]) is type(value)
        (row,) = exported(me, machine.root / "export.zip")["attributes"]
        assert row == {"name": "location", "value": value}


@pytest.mark.parametrize("value", [None, [], {}, "x" * 257, float("nan"), float("inf"), b"bytes", "half \ud800"])
def test_a_value_that_no_attribute_can_have_is_kept(machine: Machine, value: Any) -> None:
    with machine.allowed(STORAGE) as me:
        with pytest.raises(MisuseError):
            me.attributes.set("location", value)
        assert dict(me.attributes) == {}


def test_a_name_that_the_application_does_not_know_is_kept(machine: Machine) -> None:
    with machine.allowed(STORAGE) as me:
        with pytest.raises(MisuseError, match="age_band, language, location"):
            me.attributes.set("shoe_size", 43)
        with pytest.raises(KeyError):
            me.attributes["shoe_size"]
        with pytest.raises(MisuseError, match="nothing is declared"):
            me.attributes.remove("language")


def test_a_name_that_an_older_version_knew_cannot_be_removed(machine: Machine) -> None:
    older = dataclasses.replace(QUICK, attributes=("shoe_size",))
    with machine.allowed(STORAGE, settings=older) as me:
        me.attributes.set("shoe_size", 43)
    with machine.open() as again:
        assert dict(again.attributes) == {"shoe_size": 43}
        again.attributes.remove("shoe_size")
        assert dict(again.attributes) == {}
        assert kept(again)["state.attribute"] == 0


def test_what_was_declared_before_storage_is_written_or_lost_at_the_grant(machine: Machine) -> None:
    with machine.open() as me:
        me.attributes.set("language", "de")
        me.attributes.set("location", "Bonn")
        me.attributes.remove("location")
        assert dict(me.attributes) == {"language": "de"}
        me.consent.grant(PERSONALIZATION, notice=NOTICE)
        assert machine.on_disk() == set()
        me.consent.grant(STORAGE, notice=NOTICE)
        assert dict(me.attributes) == {"language": "de"}
    with machine.open() as again:
        assert dict(again.attributes) == {"language": "de"}


def test_what_was_taken_back_is_still_in_the_file(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.attributes.set("location", "Ljubljana")
        (old,) = vaults_of(machine.folder, "state")
        me.attributes.remove("location")
        # The file was rewritten under a new key.
        assert not old.exists()
        assert dict(me.attributes) == {}
        assert exported(me, machine.root / "export.zip")["attributes"] == []


def test_an_attribute_can_be_read_on_the_disk(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.attributes.set("location", "Ljubljana")
        assert traces(machine.root, ["Ljubljana", "location"]) == []


def test_an_attribute_outlives_the_profile(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.attributes.set("location", "Ljubljana")
        me.erase()
        assert dict(me.attributes) == {}
        me.consent.grant(STORAGE, notice=NOTICE)
        assert dict(me.attributes) == {}


def test_another_process_does_not_see_what_was_declared(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me, machine.open() as other:
        assert dict(other.attributes) == {}
        me.attributes.set("location", "Ljubljana")
        assert other.attributes["location"] == "Ljubljana"
        other.attributes.remove("location")
        assert dict(me.attributes) == {}


def test_a_withdrawal_of_personalization_takes_what_was_declared(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.attributes.set("location", "Ljubljana")
        me.consent.withdraw(PERSONALIZATION)
        assert me.attributes["location"] == "Ljubljana"
        # It is not used, and removed all the same.
        me.attributes.remove("location")
        assert dict(me.attributes) == {}
