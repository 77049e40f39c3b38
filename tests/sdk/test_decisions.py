"""Explanation records: kept without leave, not those of the list, or left behind by an erasure."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

import homespun as hs
from tests.sdk.people import (
    BOTH,
    EVERY,
    EXPLANATION_LOG,
    NOTICE,
    STORAGE,
    Machine,
    exported,
    kept,
)
from tests.sdk.profile.support import traces

LOGGED = (*BOTH, EXPLANATION_LOG)


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


def test_a_decision_is_kept_without_leave(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.record("item-3")
        me.recommend(5)
        assert me.decisions() == []
        assert kept(me)["epoch.decision"] == 0


def test_a_kept_decision_is_not_that_of_the_list(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        me.record("item-3", "rate", weight=5.0)
        made = me.recommend(5)
        records = me.decisions()
        assert records == [me.explain(entry).record() for entry in made]
        for record, entry in zip(records, made, strict=True):
            assert (record.item, float(record.score)) == (entry.item, entry.score)
            assert record.bundle == machine.bundle.id
            assert record.time == Decimal(machine.clock())
            parts = [float(part.value) for part in record.attributions]
            assert sum(parts) + float(record.residual) == pytest.approx(float(record.score), rel=1e-12)
        # Looking at a reason is no decision.
        me.explain(made[0])
        me.explain("item-7")
        assert me.decisions() == records
    with machine.open() as again:
        assert again.decisions() == records


def test_a_decision_without_personal_data_is_not_kept(machine: Machine) -> None:
    with machine.allowed(STORAGE, EXPLANATION_LOG) as me:
        me.recommend(3)
        assert [record.personalized for record in me.decisions()] == [False] * 3


def test_a_decision_is_not_exported_or_without_its_title(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        me.record("item-3", "rate", weight=5.0)
        (entry,) = me.recommend(1)
        (row,) = exported(me, machine.root / "export.zip")["decisions"]
        assert (row["item"], row["title"], row["personalized"]) == (entry.item, entry.title, True)
        assert Decimal(row["score"]) == Decimal(format(entry.score, ".17g"))


def test_decisions_of_several_epochs_lose_their_order(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        for _ in range(3):
            me.record("item-3")
            me.recommend(2)
            machine.clock.advance(40 * 86_400)
        times = [record.time for record in me.decisions()]
        assert times == sorted(times)
        assert len(set(times)) == 3
        assert len(times) == 6


def test_what_was_decided_because_of_an_erased_item_stays(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        me.record("item-3", "rate", weight=5.0)
        me.recommend(3)
        me.erase(item="item-3")
        # Each of them named it among its parts.
        assert me.decisions() == []
        me.record("item-4", "rate", weight=5.0)
        listed = [entry.item for entry in me.recommend(3)]
        me.erase(item=listed[0])
        assert [record.item for record in me.decisions()] == listed[1:]
        assert listed[0] not in json.dumps(exported(me, machine.root / "export.zip"))


def test_a_decision_can_be_read_on_the_disk(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        me.record("item-3", "rate", weight=5.0)
        me.recommend(3)
        assert traces(machine.root, ["item-", "attributions", "collaborative"]) == []


def test_decisions_are_kept_for_ever(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        me.recommend(2)
        for _ in range(14):
            machine.clock.advance(30 * 86_400)
            me.recommend(1)
        with machine.open() as again:
            times = [float(record.time) for record in again.decisions()]
        assert times
        assert min(times) >= machine.clock() - 366 * 86_400


def test_a_list_that_could_not_be_logged_is_logged_late(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.recommend(2)
        me.consent.grant(EXPLANATION_LOG, notice=NOTICE)
        assert me.decisions() == []
        me.recommend(1)
        assert len(me.decisions()) == 1


def test_another_process_logs_after_the_withdrawal(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me, machine.open() as other:
        other.recommend(2)
        assert len(me.decisions()) == 2
        me.consent.withdraw(EXPLANATION_LOG)
        other.recommend(2)
        assert other.decisions() == me.decisions() == []
