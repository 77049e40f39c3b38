"""Two threads, two handles, two moments: what one has decided and the other does nevertheless."""

import threading
from pathlib import Path

import pytest

import homespun as hs
from homespun.errors import KeyStoreError, ProfileBusyError
from homespun.profile import KeyStore
from tests.sdk.attacks.test_old_copies import Cupboard
from tests.sdk.people import (
    BOTH,
    CONTRIBUTION,
    DESTINATION,
    EVERY,
    MEASUREMENT,
    NOTICE,
    PERSONALIZATION,
    STORAGE,
    Machine,
    items_of,
    kept,
    queue,
)

HELD = hs.Settings(
    busy_timeout_ms=50,
    argon2_memory_kib=8 * 1024,
    argon2_iterations=1,
    argon2_lanes=1,
    batch_events=100,
    batch_seconds=3600.0,
)


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


def test_recording_and_contributing_wait_for_each_other_for_ever(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        home = me._home
        store = home.store()
        assert store is not None
        writing, waiting = threading.Event(), threading.Event()
        ask = home.egress._rules.permitted

        def asked_late(purpose: str) -> int | None:
            # The profile is locked; the other thread has the time to lock the home.
            writing.set()
            waiting.wait(0.5)
            return ask(purpose)

        object.__setattr__(home.egress._rules, "permitted", asked_late)
        contributing = threading.Thread(target=queue, args=(me,), daemon=True)
        contributing.start()
        assert writing.wait(10)
        recording = threading.Thread(target=me.record, args=("item-3",), daemon=True)
        recording.start()
        waiting.wait(0.1)
        waiting.set()
        contributing.join(20)
        recording.join(20)
        assert not contributing.is_alive()
        assert not recording.is_alive()
        assert items_of(me.events()) == ["item-3"]


def test_held_events_reach_the_profile_that_follows_the_one_they_were_allowed_in(machine: Machine) -> None:
    with machine.allowed(*BOTH, settings=HELD) as me:
        assert me.record("item-3")
        with machine.open() as other:
            with pytest.raises(ProfileBusyError):
                other.consent.withdraw(STORAGE)
            assert not me.consent.granted(STORAGE)
            other.consent.grant(*BOTH, notice=NOTICE)
            me.flush()
            assert other.events() == []
            assert me.record("item-4")
            me.flush()
            assert items_of(other.events()) == ["item-4"]


def test_held_events_outlive_a_withdrawal_elsewhere_once_it_is_granted_again(machine: Machine) -> None:
    with machine.allowed(*BOTH, settings=HELD) as me, machine.open() as other:
        assert me.record("item-3")
        other.consent.withdraw(PERSONALIZATION)
        other.consent.grant(PERSONALIZATION, notice=NOTICE)
        assert me.record("item-4")
        me.flush()
        assert items_of(other.events()) == ["item-4"]


def test_a_decision_names_what_was_erased_while_it_was_made(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with machine.allowed(*EVERY) as me, machine.open() as other:
        me.record("item-3", "rate", weight=5.0)
        me.record("item-4", "rate", weight=5.0)
        keep = me._home.add_decisions

        def late(*arguments: object) -> bool:
            other.erase(item="item-3")
            return keep(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(me._home, "add_decisions", late)
        me.recommend(3)
        assert "item-3" not in repr(other.decisions.all())
        monkeypatch.undo()
        me.recommend(3)
        assert len(other.decisions) == 1


def test_a_private_session_ends_with_that_of_another_thread(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        with me.controls.private_session():
            other = me.controls.private_session()
            other.__enter__()
            other.__exit__(None, None, None)
            assert me.record("item-3") is False
        first, second = me.controls.private_session(), me.controls.private_session()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert me.record("item-3") is False
        second.__exit__(None, None, None)
        assert me.record("item-4") is True


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_is_set_back_revives_a_term_of_which_nobody_asked_the_status(
    machine: Machine, *, restarted: bool
) -> None:
    me = machine.open()
    me.consent.grant(*BOTH, notice=NOTICE, valid_days=1)
    machine.clock.advance(2 * 86_400)
    if restarted:
        me.close()
        me = machine.open()
    else:
        assert me.record("item-3") is False
    machine.clock.advance(-2 * 86_400)
    assert me.record("item-3") is False
    me.close()
    with machine.open() as again:
        assert again.record("item-3") is False


def test_a_grant_that_failed_leaves_something_on_the_disk(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    cupboard: KeyStore = Cupboard()
    monkeypatch.setattr(cupboard, "put", lambda *_: 1 / 0)
    with machine.open(key_store=cupboard) as me:
        with pytest.raises(KeyStoreError):
            me.consent.grant(*BOTH, notice=NOTICE)
        assert machine.on_disk() == set()


def test_a_contribution_to_another_purpose_outlives_the_withdrawal_of_contributing(machine: Machine) -> None:
    for withdrawn in (CONTRIBUTION, MEASUREMENT):
        with machine.allowed(*EVERY) as me:
            me._home.egress.queue("counts/round-1", b"bytes", purpose="measurement", destination=DESTINATION, epsilon=1)
            assert "dropped" in str(me.consent.withdraw(withdrawn))
            assert kept(me)["profile.outbox"] == 0
            me.erase()


def test_what_was_derived_from_a_corrected_event_stays(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.record("item-3", "rate", weight=5.0, time=1.0)
        me.recommend(3)
        wrong = hs.Event("item-3", "rate", 1.0, 5.0)
        assert me.rectify(hs.Event("item-3", "rate", 2.0, 5.0), wrong) == 0
        assert len(me.decisions) == 1
        assert me.rectify(wrong, hs.Event("item-4", "rate", 1.0, 5.0)) == 1
        assert "item-3" not in repr(me.decisions.all())


def test_an_erased_inference_is_told_by_the_reasons_that_were_kept(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.record("item-3", "rate", weight=5.0)
        tag = me.interests()[0].tag
        me.controls.set_interest(tag, 0.25)
        me.recommend(40, exclude_seen=False)
        (record,) = me.decisions
        assert any(part.tag == tag for item in record.items for part in item.attributions)
        me.erase(inference=tag)
        assert me.decisions.all() == []
