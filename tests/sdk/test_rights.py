"""The person's rights, one by one, in the words of the law: what an application could not do for them."""

from collections.abc import Callable
from pathlib import Path

import pytest

import homespun as hs
from homespun.consent.parts import LEARNING
from homespun.errors import InvalidEventError, MisuseError, WrongKeyError
from homespun.protocol.receipts import verify
from tests.sdk import bundles, people
from tests.sdk.people import BOTH, EVERY, NOTICE, Machine, exported, items_of, kept
from tests.sdk.profile.support import raw_key, traces, vaults_of


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


# Rectification


def test_what_is_wrong_stays_or_stands_elsewhere(machine: Machine) -> None:
    wrong, right = hs.Event("item-3", "rate", 5.0, 1.0), hs.Event("item-4", "rate", 6.0, 4.5, {"device": "tv"})
    others = [hs.Event("item-8", time=1.0), hs.Event("item-9", time=2.0)]
    with machine.allowed(*EVERY) as me:
        me.record_many([others[0], wrong, others[1]])
        machine.clock.advance(40 * 86_400)
        me.record_many([wrong])
        me.recommend(3)
        assert me._home.keep(LEARNING, "state", b"learnt")
        assert me.rectify(wrong, right) == 2
        assert me.events() == [others[0], right, others[1], right]
        # What was derived from it goes, and is derived anew.
        assert me._home.kept(LEARNING) == {}
        assert "'item-3'" not in str(exported(me, machine.root / "export.zip"))
        me.recommend(3)
    with machine.open() as again:
        assert again.events() == [others[0], right, others[1], right]
        again.check()


def test_the_wrong_event_is_still_in_a_file(machine: Machine) -> None:
    wrong, right = hs.Event("item-3", time=5.0), hs.Event("item-4", time=5.0)
    with machine.allowed(*BOTH) as me:
        me.record_many([wrong])
        (old,) = vaults_of(machine.folder, "epoch")
        me.rectify(wrong, right)
        assert not old.exists()
        assert traces(machine.root, ["item-3", "item-4"]) == []


def test_another_event_than_the_wrong_one_is_changed(machine: Machine) -> None:
    event = hs.Event("item-3", "rate", 5.0, 1.0, id="order-17")
    with machine.allowed(*BOTH) as me:
        me.record_many([event, hs.Event("item-3", "rate", 5.0, 2.0), hs.Event("item-3", "rate", 5.0, 1.0)])
        before = me.events()
        assert me.rectify(hs.Event("item-3", "rate", 5.0, 3.0), hs.Event("item-9")) == 0
        assert me.events() == before
        assert me.rectify(event, hs.Event("item-3", "rate", 5.0, 4.0, id="order-17")) == 1
        assert [each.weight for each in me.events()] == [4.0, 2.0, 1.0]
        # The id still says that it was recorded.
        me.record("item-3", "rate", id="order-17")
        assert len(me.events()) == 3


def test_a_correction_takes_the_place_of_somebody_elses_event(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.record_many([hs.Event("item-3", id="a"), hs.Event("item-4", id="b"), hs.Event("item-5"), hs.Event("item-5")])
        before = me.events()
        for wrong, right in (
            (before[0], hs.Event("item-9", id="b")),
            (before[2], hs.Event("item-9", id="c")),
            (before[0], hs.Event("item-9")),
        ):
            with pytest.raises(MisuseError, match="id"):
                me.rectify(wrong, right)
        assert me.events() == before


def test_something_else_than_an_event_is_corrected(machine: Machine) -> None:
    event = hs.Event("item-3", time=5.0)
    with machine.allowed(*BOTH) as me:
        with pytest.raises(MisuseError, match="Event"):
            me.rectify("item-3", event)  # type: ignore[arg-type]
        with pytest.raises(InvalidEventError):
            me.rectify(event, hs.Event("item-3", weight=-1.0))
    with machine.open(key=hs.Key.ephemeral()) as nobody:
        assert nobody.rectify(event, event) == 0


def test_an_attribute_or_an_interest_cannot_be_corrected(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.attributes.set("language", "de")
        me.attributes.set("language", "sl")
        assert me.attributes["language"] == "sl"
        me.record("item-4", "rate", weight=5.0)
        me.controls.set_interest("tag-1", 0.25)
        assert {each.tag: each.weight for each in me.interests()}["tag-1"] == 0.25


def test_a_correction_needs_the_leave_to_record(machine: Machine) -> None:
    """What is kept may be wrong after the person paused, objected or withdrew too."""
    wrong, right = hs.Event("item-3", time=5.0), hs.Event("item-4", time=5.0)
    with machine.allowed(*BOTH) as me:
        me.record_many([wrong])
        me.controls.pause()
        me.controls.restrict()
        me.controls.object()
        me.consent.withdraw(hs.Purpose.PERSONALIZATION)
        assert me.rectify(wrong, right) == 1
        assert me.events() == [right]


# Every right without leave, in every state


@pytest.mark.parametrize("state", ["paused", "restricted", "objected", "non-profiled", "withdrawn", "private"])
def test_a_right_is_lost_by_using_another(machine: Machine, state: str) -> None:
    def use(me: hs.Personalizer) -> None:
        assert exported(me, machine.root / "export.zip")["events"]
        verify(me.erase(item="item-3"))
        assert items_of(me.events()) == ["item-4"]
        assert me.controls.history() is not None
        assert me.sizes() is not None
        me.check()
        verify(me.erase())
        assert machine.on_disk() == people.AFTERMATH | {"export.zip"}

    with machine.allowed(*EVERY) as me:
        me.record_many([hs.Event("item-3", time=5.0), hs.Event("item-4", time=6.0)])
        if state == "private":
            with me.controls.private_session():
                use(me)
            return
        begin: dict[str, Callable[[], object]] = {
            "paused": me.controls.pause,
            "restricted": me.controls.restrict,
            "objected": me.controls.object,
            "non-profiled": me.controls.non_profiled,
            "withdrawn": lambda: me.consent.withdraw(hs.Purpose.PERSONALIZATION),
        }
        begin[state]()
        use(me)


def test_a_right_needs_the_bundle_of_that_time(machine: Machine, tmp_path: Path) -> None:
    with machine.allowed(*EVERY) as me:
        me.record_many([hs.Event("item-39", time=5.0), hs.Event("item-4", time=6.0)])
        me.recommend(3)
        me.controls.hide_item("item-38")
    machine.bundle = hs.Bundle.open(bundles.write(tmp_path / "smaller", bundles.random_model(20)))
    with machine.open() as again:
        assert len(exported(again, machine.root / "export.zip")["events"]) == 2
        assert again.controls.history()
        again.interests()
        verify(again.erase(item="item-39"))
        verify(again.erase(item="item-38"))
        assert items_of(again.events()) == ["item-4"]
        assert again.controls.current().hidden_items == frozenset()
    machine.bundle.close()


# Keys


def test_a_changed_key_opens_with_the_old_one(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.record("item-3")
        me.controls.hide_item("item-9")
        me.keys.change(hs.Key.bytes(bytes(32)))
        assert me.record("item-4") is True
        me.keys.rotate()
        assert items_of(me.events()) == ["item-3", "item-4"]
        assert me.controls.current().hidden_items == {"item-9"}
        before = kept(me)
    with pytest.raises(WrongKeyError):
        machine.open()
    with machine.open(key=hs.Key.bytes(bytes(32))) as again:
        assert kept(again) == before
        assert all(again.consent.granted(purpose) for purpose in EVERY)


def test_a_lost_key_loses_the_profile_although_there_is_a_recovery_key(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.record("item-3")
        text = me.keys.export_recovery()
    with machine.open(key=hs.Key.recovery(text)) as again:
        assert items_of(again.events()) == ["item-3"]
        again.keys.change(hs.Key.bytes(bytes(32)))
    with machine.open(key=hs.Key.bytes(bytes(32))) as later:
        later.keys.revoke_recovery()
        assert items_of(later.events()) == ["item-3"]
    with pytest.raises(WrongKeyError):
        machine.open(key=hs.Key.recovery(text))
    with pytest.raises(WrongKeyError):
        machine.open(key=raw_key())


def test_a_key_of_no_profile_is_changed(machine: Machine) -> None:
    with machine.open() as me:
        for attempt in (
            lambda: me.keys.change(hs.Key.bytes(bytes(32))),
            me.keys.rotate,
            me.keys.export_recovery,
            me.keys.revoke_recovery,
        ):
            with pytest.raises(MisuseError, match="no profile"):
                attempt()
        me.consent.grant(*BOTH, notice=NOTICE)
        for wrong in (hs.Key.ephemeral(), "secret"):
            with pytest.raises(MisuseError, match="lasts"):
                me.keys.change(wrong)  # type: ignore[arg-type]
        assert me.record("item-3") is True
