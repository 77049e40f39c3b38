"""Explanation records: kept without leave, not those of the list, or left behind by an erasure."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

import homespun as hs
from homespun.config import Retention
from homespun.protocol.records import parse_record
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
from tests.sdk.profile.support import QUICK, traces

LOGGED = (*BOTH, EXPLANATION_LOG)


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


def test_a_decision_is_kept_without_leave(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.record("item-3")
        me.recommend(5)
        assert me.decisions.all() == []
        assert kept(me)["epoch.decision"] == 0


def test_a_kept_decision_is_not_that_of_the_list(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        me.record("item-3", "rate", weight=5.0)
        made = me.recommend(5)
        records = me.decisions.all()
        (record,) = records
        assert record == record.sealed()
        assert (record.bundle, record.time, record.personalized) == (machine.bundle.id, machine.clock(), True)
        allowed = {purpose for purpose in LOGGED if me.consent.granted(purpose)}
        assert record.consents.keys() == {purpose.value for purpose in allowed}
        for told, entry in zip(record.items, made, strict=True):
            explained = me.explain(entry)
            assert (told.item, float(told.score), told.reason) == (entry.item, entry.score, entry.reason)
            assert told.attributions == tuple(part.entry() for part in explained.attributions)
            assert told.moves == explained.moves
            assert explained.consents == record.consents
            parts = [float(part.value) for part in told.attributions]
            assert sum(parts) + float(told.residual) == pytest.approx(float(told.score), rel=1e-12)
        # Looking at a reason is no decision.
        me.explain(made[0])
        me.explain("item-7")
        assert me.decisions.all() == records
    with machine.open() as again:
        assert again.decisions.all() == records


def test_a_decision_without_personal_data_is_not_kept(machine: Machine) -> None:
    with machine.allowed(STORAGE, EXPLANATION_LOG) as me:
        me.recommend(3)
        (record,) = me.decisions
        assert (record.personalized, len(record.items)) == (False, 3)
        assert record.inputs is not None
        assert record.inputs.events is None


def test_a_decision_is_not_exported_or_without_its_title(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        me.record("item-3", "rate", weight=5.0)
        made = me.recommend(2)
        (row,) = exported(me, machine.root / "export.zip")["decisions"]
        assert (row["titles"], row["personalized"]) == ([entry.title for entry in made], True)
        assert [told["item"] for told in row["items"]] == [entry.item for entry in made]
        assert [Decimal(told["score"]) for told in row["items"]] == [
            Decimal(format(each.score, ".17g")) for each in made
        ]
        del row["titles"]
        assert parse_record(json.dumps(row)) == me.decisions[0]


def test_decisions_of_several_epochs_lose_their_order(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        for _ in range(3):
            me.record("item-3")
            me.recommend(2)
            machine.clock.advance(40 * 86_400)
        times = [record.time for record in me.decisions.all()]
        assert times == sorted(times)
        assert len(set(times)) == len(times) == 3


def test_what_was_decided_because_of_an_erased_item_stays(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        me.record("item-3", "rate", weight=5.0)
        me.recommend(3)
        me.erase(item="item-3")
        # It was made from it.
        assert me.decisions.all() == []
        me.record("item-4", "rate", weight=5.0)
        listed = [entry.item for entry in me.recommend(3)]
        others = me.recommend(2, exclude=listed)
        me.erase(item=listed[0])
        # What was asked for names it as left out, as the other list names it as listed.
        assert me.decisions.all() == []
        assert listed[0] not in json.dumps(exported(me, machine.root / "export.zip"))
        me.recommend(2, exclude=listed[1:])
        kept_list = me.decisions.all()
        me.erase(item="item-39" if others[0].item != "item-39" else "item-38")
        assert me.decisions.all() == kept_list


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
            times = [float(record.time) for record in again.decisions.all()]
        assert times
        assert min(times) >= machine.clock() - 366 * 86_400


def test_a_list_that_could_not_be_logged_is_logged_late(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.recommend(2)
        me.consent.grant(EXPLANATION_LOG, notice=NOTICE)
        assert me.decisions.all() == []
        me.recommend(1)
        assert len(me.decisions) == 1


def test_another_process_logs_after_the_withdrawal(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me, machine.open() as other:
        other.recommend(2)
        assert len(me.decisions) == 1
        me.consent.withdraw(EXPLANATION_LOG)
        other.recommend(2)
        assert other.decisions.all() == me.decisions.all() == []


def test_an_attribute_that_was_taken_back_stays_in_what_it_was_used_for(machine: Machine) -> None:
    with machine.allowed(*LOGGED) as me:
        me.recommend(2)
        me.attributes.set("language", "de")
        me.recommend(2)
        assert [record.inputs.attributes for record in me.decisions if record.inputs] == [{}, {"language": "de"}]
        me.attributes.remove("language")
        (left,) = me.decisions
        assert left.inputs is not None
        assert left.inputs.attributes == {}
        assert '"de"' not in json.dumps(exported(me, machine.root / "export.zip"))


def test_a_record_keeps_what_happened_for_longer_than_the_profile(tmp_path: Path, bundle: hs.Bundle) -> None:
    machine = Machine(tmp_path, bundle)
    settings = replace(QUICK, retention_of={"rate": Retention(days=10)})
    with machine.allowed(*LOGGED, settings=settings) as me:
        me.record("item-4", "view", context={"device": "stays"})
        me.recommend(3)
        me.record("item-3", "rate", weight=5.0, context={"device": "goes"})
        me.recommend(3)
        before = me.decisions.all()
        machine.clock.advance(11 * 86_400)
        me.record("item-5")
        assert [event.item for event in me.events()] == ["item-4", "item-5"]
        first, second = me.decisions
        assert first == before[0]
        # What it told of its items stays, without what could be made again.
        assert (second.items, second.inputs) == (before[1].items, None)
        assert second.digest == second.computed_digest() != before[1].digest
        assert "goes" not in repr(second)
    with machine.open(settings=settings) as again:
        assert again.decisions.all() == [first, second]


def test_more_decisions_are_kept_than_there_may_be(machine: Machine) -> None:
    settings = replace(QUICK, decisions=40, epoch_days=1.0)
    with machine.allowed(*LOGGED, settings=settings) as me:
        me.record("item-3")
        for number in range(100):
            machine.clock.advance(3600.0)
            me.recommend(1, exclude=[f"item-{number % 10}"])
            assert len(me.decisions) <= 40
        times = [record.time for record in me.decisions]
        # The latest ones, in their order, and never far fewer than allowed.
        assert times == sorted(times)
        assert len(times) > 35
        assert times[-1] == machine.clock()
    with machine.open(settings=settings) as again:
        assert [record.time for record in again.decisions] == times
    with pytest.raises(hs.errors.MisuseError, match="decisions"):
        replace(QUICK, decisions=0)
