"""A no that does not hold, holds too late, or does not reach everything that rests on the yes before it."""

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import pytest

import homespun as hs
from homespun.consent.parts import CACHE, CONTRIBUTIONS, DECISIONS, EVENTS, EXPERIMENTS, LEARNING, PARTS
from homespun.contribute.egress import Egress
from homespun.errors import (
    LedgerError,
    MisuseError,
    NotPermittedError,
    ProfileBusyError,
    ProfileStorageError,
    TransportError,
)
from homespun.person.consent import Consent
from homespun.profile import ProfileStore
from homespun.protocol.receipts import verify
from homespun.withdrawal import affected
from tests.sdk import people
from tests.sdk.people import (
    BOTH,
    CONTRIBUTION,
    DESTINATION,
    EVERY,
    EXPLANATION_LOG,
    MEASUREMENT,
    NOTICE,
    PERSONALIZATION,
    STORAGE,
    Machine,
    exported,
    items_of,
    kept,
    kept_by,
    queue,
)
from tests.sdk.profile import support
from tests.sdk.profile.support import QUICK


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


def used(machine: Machine) -> hs.Personalizer:
    """A profile in which every part keeps something."""
    me = machine.allowed(*EVERY)
    me.record("item-3", "rate", weight=5.0)
    me.recommend(3)
    for part in (LEARNING, CACHE, EXPERIMENTS):
        assert me._home.keep(part, "state", b"bytes")
    queue(me)
    return me


def refusing(*_: object, **__: object) -> None:
    raise ProfileStorageError("the disk is full")


# As easy as granting


def test_a_withdrawal_needs_more_calls_or_words_than_a_grant(machine: Machine) -> None:
    """One call each, and nothing that has to be given to withdraw that does not have to be to grant."""

    def required(method: object) -> set[str]:
        parameters = inspect.signature(method).parameters.values()  # type: ignore[arg-type]
        return {each.name for each in parameters if each.default is each.empty and each.kind is not each.VAR_POSITIONAL}

    assert required(Consent.withdraw) <= required(Consent.grant)
    with machine.open() as me:
        me.consent.grant(*EVERY, notice=NOTICE)
        assert all(status.granted for status in me.consent.status().values())
        me.consent.withdraw(*EVERY)
        assert not any(status.granted for status in me.consent.status().values())


@pytest.mark.parametrize("purpose", EVERY)
def test_a_withdrawal_reaches_further_than_its_purpose(machine: Machine, purpose: hs.Purpose) -> None:
    with machine.allowed(*EVERY) as me:
        withdrawal = me.consent.withdraw(purpose)
        assert withdrawal.purposes == (purpose,)
        if purpose is not STORAGE:
            others = [each for each in EVERY if each is not purpose]
            assert all(me.consent.granted(each) for each in others)
            assert not me.consent.granted(purpose)


def test_what_was_never_granted_cannot_be_withdrawn(machine: Machine) -> None:
    with machine.open() as me:
        withdrawal = me.consent.withdraw(PERSONALIZATION)
        assert (withdrawal.purposes, withdrawal.receipt) == ((PERSONALIZATION,), None)
        assert me.consent.withdraw(STORAGE).receipt is None
        assert machine.on_disk() == set()


@pytest.mark.parametrize("wrong", [(), ("personalization",), (None,)])
def test_a_withdrawal_that_names_nothing_does_something(machine: Machine, wrong: tuple[Any, ...]) -> None:
    settings = dataclasses.replace(QUICK, batch_events=10)
    with machine.allowed(*BOTH, settings=settings) as me:
        assert me.record("item-3") is True
        before = me.consent.records()
        with pytest.raises(MisuseError):
            me.consent.withdraw(*wrong)
        assert me.consent.records() == before
        # What is held in memory is still there to be written.
        assert items_of(me.events()) == ["item-3"]


# The cascade, in the same call


def test_scoring_goes_on_with_what_was_withdrawn(machine: Machine) -> None:
    with used(machine) as me:
        recommended = me.recommend(5)
        assert all(entry.personalized for entry in recommended)
        withdrawal = me.consent.withdraw(PERSONALIZATION)
        assert [entry.personalized for entry in me.recommend(5)] == [False] * 5
        assert me.interests() == []
        with pytest.raises(MisuseError, match="forbidden"):
            me.explain(recommended[0])
        # What was recorded stays the person's, and they are told so.
        assert items_of(me.events()) == ["item-3"]
        told = {effect.part: effect for effect in withdrawal.effects}
        assert "stays in the profile" in told["events"].text
        assert {part.name for part in affected([PERSONALIZATION])} == told.keys()
        assert all(effect.done for effect in withdrawal.effects)


def test_the_log_of_effects_does_not_say_what_was_destroyed(machine: Machine) -> None:
    with used(machine) as me:
        withdrawal = me.consent.withdraw(EXPLANATION_LOG)
        assert [effect.part for effect in withdrawal.effects] == [DECISIONS.name]
        assert "Destroyed: 1 row" in str(withdrawal)
        assert "explanation_log" in str(withdrawal)
        assert me.decisions.all() == []
        me.recommend(3)
        assert me.decisions.all() == []


def test_caches_and_what_was_learnt_survive_the_withdrawal(machine: Machine) -> None:
    with used(machine) as me:
        me.consent.withdraw(PERSONALIZATION)
        counts = kept(me)
        assert (kept_by(LEARNING, counts), kept_by(CACHE, counts), kept_by(EXPERIMENTS, counts)) == (0, 0, 1)
        assert kept_by(DECISIONS, counts) == 1


def test_the_state_of_experiments_survives_the_withdrawal(machine: Machine) -> None:
    with used(machine) as me:
        me.consent.withdraw(MEASUREMENT)
        counts = kept(me)
        assert (kept_by(LEARNING, counts), kept_by(CACHE, counts), kept_by(EXPERIMENTS, counts)) == (1, 1, 0)


def test_what_waits_leaves_after_the_withdrawal(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        queue(me, b"gone already")
        assert me._home.egress.send_pending().count("sent") == 1
        queue(me, b"waiting")
        withdrawal = me.consent.withdraw(CONTRIBUTION)
        told = [effect.text for effect in withdrawal.effects if effect.part == CONTRIBUTIONS.name]
        assert any("was dropped before anything of it left" in text for text in told)
        # What a closed round holds cannot be called back, and they are told that too.
        assert any(f"was sent to {DESTINATION} and cannot be called back" in text for text in told)
        assert kept(me)["profile.outbox"] == 0
        assert me._home.egress.send_pending().results == ()
        with pytest.raises(NotPermittedError):
            queue(me)
        assert machine.wire.delivered == [b"gone already"]
        states = [entry.state for entry in me.ledger.entries()]
        assert states == ["queued", "sending", "sent", "queued", "cancelled"]


def test_an_upload_that_is_under_way_is_sent_after_the_withdrawal(machine: Machine) -> None:
    """The withdrawal comes between the beginning of a sending and the moment when bytes would go."""
    machine.wire = _Late(machine)
    with machine.allowed(*EVERY) as me, machine.open() as other:
        machine.wire.withdraw = lambda: other.consent.withdraw(CONTRIBUTION)
        queue(me, b"first")
        queue(me, b"second")
        outcome = me._home.egress.send_pending()
        # The first one was on its way; nothing follows it.
        assert machine.wire.delivered == [b"first"]
        assert outcome.count("sent") == 1
        assert kept(me)["profile.outbox"] == 0


class _Late(people.Wire):
    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
        self.withdraw: Any = None

    def send(self, destination: str, payload: bytes) -> None:
        super().send(destination, payload)
        self.withdraw()


def test_what_waits_for_another_purpose_leaves_after_its_withdrawal(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me._home.egress.queue("outcomes/week-1", b"measured", purpose="measurement", destination=DESTINATION, epsilon=1)
        queue(me, b"counted")
        withdrawal = me.consent.withdraw(MEASUREMENT)
        assert any("outcomes/week-1" in effect.text and "dropped" in effect.text for effect in withdrawal.effects)
        assert me._home.egress.send_pending().count("sent") == 1
        assert machine.wire.delivered == [b"counted"]


def test_an_application_without_a_transport_sends(machine: Machine) -> None:
    key = support.raw_key()
    with hs.Personalizer.open(machine.folder, key=key, bundle=machine.bundle, settings=QUICK) as me:
        me.consent.grant(*EVERY, notice=NOTICE)
        queue(me)
        outcome = me._home.egress.send_pending()
        assert outcome.count("kept") == 1
        assert "sends nothing" in outcome.results[0].detail
        assert me.ledger.entries()[-1].state == "unsent"


def test_nothing_can_be_sent_and_the_withdrawal_fails_for_it(machine: Machine) -> None:
    class Dead:
        def send(self, destination: str, payload: bytes) -> None:
            raise TransportError(f"no way to {destination} for {len(payload)} bytes", may_have_left=False)

    with machine.allowed(*EVERY, transport=Dead()) as me:
        queue(me)
        assert me._home.egress.send_pending().count("sent") == 0
        withdrawal = me.consent.withdraw(CONTRIBUTION)
        assert all(effect.done for effect in withdrawal.effects)
        assert kept(me)["profile.outbox"] == 0


def test_events_that_are_held_in_memory_are_recorded_after_the_withdrawal(machine: Machine) -> None:
    settings = dataclasses.replace(QUICK, batch_events=10, batch_seconds=0.01)
    with machine.allowed(*BOTH, settings=settings) as me:
        assert me.record("item-3")
        me.consent.withdraw(PERSONALIZATION)
        me.flush()
        assert me.events() == []
    with machine.open() as again:
        assert again.events() == []


def test_a_grant_brings_back_what_was_destroyed(machine: Machine) -> None:
    with used(machine) as me:
        me.consent.withdraw(EXPLANATION_LOG, MEASUREMENT, CONTRIBUTION, PERSONALIZATION)
        me.consent.grant(*EVERY, notice=NOTICE)
        counts = kept(me)
        for part in PARTS:
            if part.cleared:
                assert kept_by(part, counts) == 0
        # What was not destroyed is used again.
        assert items_of(me.events()) == ["item-3"]
        assert all(entry.personalized for entry in me.recommend(3))


def test_a_refusal_leaves_what_a_withdrawal_would_clear(machine: Machine) -> None:
    with used(machine) as me:
        done = me.consent.refuse(EXPLANATION_LOG, notice=hs.Notice("Other words"))
        assert done.purposes == (EXPLANATION_LOG,)
        assert me.decisions.all() == []
        # Saying it again changes nothing.
        assert me.consent.refuse(EXPLANATION_LOG, notice=hs.Notice("Other words")).effects == ()


def test_a_term_that_ends_leaves_what_a_withdrawal_would_clear(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.consent.grant(EXPLANATION_LOG, notice=NOTICE, valid_days=10)
        me.recommend(3)
        assert len(me.decisions) == 1
        machine.clock.advance(10 * 86_400)
        status = me.consent.status()[EXPLANATION_LOG]
        assert (status.granted, status.because) == (False, "lapsed")
        assert me.decisions.all() == []
        # A clock that is set back revives nothing.
        machine.clock.advance(-5 * 86_400)
        assert not me.consent.granted(EXPLANATION_LOG)
        me.recommend(3)
        assert me.decisions.all() == []


# Withdrawing storage is complete erasure


@pytest.mark.parametrize("how", ["withdraw", "refuse"])
def test_the_proof_of_the_erasure_is_missing_or_another_profiles(machine: Machine, how: str) -> None:
    with used(machine) as me:
        profile, key = me._home.profile, me._home.store()
        assert key is not None
        public = key.device_key.public_key
        assert me._home.egress.send_pending().count("sent") == 1
        receipt = (
            me.consent.withdraw(STORAGE) if how == "withdraw" else me.consent.refuse(STORAGE, notice=NOTICE)
        ).receipt
        assert receipt is not None
        verify(receipt, public_key=public)
        assert (receipt.profile, receipt.signer, receipt.scope) == (profile, "device", "everything")
        # What left is told with its ε.
        assert any(f"counts/round-1 to {DESTINATION} (ε = 1)" in line for line in receipt.out_of_scope)
        assert machine.on_disk() == people.AFTERMATH
        assert kept(me) == {}
        assert me._home.profile == ""
        assert not any(status.granted for status in me.consent.status().values())


def test_the_mark_of_an_erasure_says_something_about_the_person(machine: Machine) -> None:
    with used(machine) as me:
        profile = me._home.profile
        me.consent.withdraw(STORAGE)
    mark = (machine.root / "profile.erased").read_text(encoding="utf-8")
    assert profile in mark
    assert support.traces(machine.root, ["item-3", "Title", "rate", NOTICE.text, "personalization", "counts"]) == []


def test_a_new_yes_finds_something_of_the_old_profile(machine: Machine) -> None:
    with used(machine) as me:
        me.controls.hide_item("item-9")
        me.attributes.set("language", "de")
        old = me._home.profile
        me.consent.withdraw(STORAGE)
        assert me.controls.current().hidden_items == frozenset()
        assert dict(me.attributes) == {}
        me.consent.grant(*EVERY, notice=NOTICE)
        assert me._home.profile not in {"", old}
        found = exported(me, machine.root / "export.zip")
        assert {name: rows for name, rows in found.items() if rows and name != "consents"} == {}
        # Only the new yes is in the new profile.
        assert [row["action"] for row in found["consents"]] == ["grant"] * len(EVERY)


# Interrupted


@pytest.mark.parametrize("purpose", [EXPLANATION_LOG, MEASUREMENT, PERSONALIZATION, CONTRIBUTION])
def test_a_cascade_that_was_interrupted_is_never_completed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, purpose: hs.Purpose
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with used(machine) as me, monkeypatch.context() as patch:
        patch.setattr(ProfileStore, "clear", die)
        patch.setattr(Egress, "cancel", die)
        with pytest.raises(Killed):
            me.consent.withdraw(purpose)
        # It holds all the same.
        assert not me.consent.granted(purpose)
        # As a process that is gone: nothing is tidied up.
        me._home.custody.store.close()  # type: ignore[union-attr]
        me._home.is_closed = True
    with machine.open() as again:
        counts = kept(again)
        for part in affected([purpose]):
            if part.cleared:
                assert kept_by(part, counts) == 0, part.name
        assert again._home.store().due() == ()  # type: ignore[union-attr]
        assert kept_by(EVENTS, counts) == 1


def test_a_disk_that_refuses_to_clear_stops_the_withdrawal(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with used(machine) as me:
        with monkeypatch.context() as patch:
            patch.setattr(ProfileStore, "clear", refusing)
            withdrawal = me.consent.withdraw(EXPLANATION_LOG, MEASUREMENT)
        assert withdrawal.purposes == (MEASUREMENT, EXPLANATION_LOG)
        assert [(effect.part, effect.done) for effect in withdrawal.effects] == [
            ("decisions", False),
            ("experiments", False),
            ("meetings", True),
        ]
        assert "pending until the next opening" in str(withdrawal)
        assert not me.consent.granted(EXPLANATION_LOG)
        me.recommend(3)
        assert len(me.decisions) == 1
    with machine.open() as again:
        assert again.decisions.all() == []
        assert kept_by(EXPERIMENTS, kept(again)) == 0


def test_what_was_cleared_is_not_known_to_be(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with used(machine) as me:
        with monkeypatch.context() as patch:
            patch.setattr(ProfileStore, "settle", refusing)
            withdrawal = me.consent.withdraw(EXPLANATION_LOG)
        assert [(effect.part, effect.done) for effect in withdrawal.effects] == [("decisions", True), ("index", False)]
        assert me.decisions.all() == []
    with machine.open() as again:
        assert again._home.store().due() == ()  # type: ignore[union-attr]


def test_what_is_kept_after_a_new_yes_is_cleared_for_the_old_no(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with used(machine) as me:
        with monkeypatch.context() as patch:
            patch.setattr(ProfileStore, "clear", refusing)
            me.consent.withdraw(EXPLANATION_LOG)
        me.consent.grant(EXPLANATION_LOG, notice=NOTICE)
        assert me.decisions.all() == []
        me.recommend(2)
    with machine.open() as again:
        assert len(again.decisions) == 1


def test_a_withdrawal_that_could_not_be_stored_clears_nothing_when_it_is(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with used(machine) as me:
        with monkeypatch.context() as patch:
            patch.setattr(ProfileStore, "extend_consent", refusing)
            with pytest.raises(ProfileStorageError, match="holds in this process"):
                me.consent.withdraw(EXPLANATION_LOG)
        assert not me.consent.granted(EXPLANATION_LOG)
        assert len(me.decisions) == 1
        # The next writing stores it, and clears.
        assert me.record("item-5")
        assert me.decisions.all() == []
        assert [record.action for record in me.consent.records()][-1] == "withdraw"
    with machine.open() as again:
        assert not again.consent.granted(EXPLANATION_LOG)


def test_a_withdrawal_that_could_not_be_stored_clears_nothing_at_closing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with used(machine) as me, monkeypatch.context() as patch:
        patch.setattr(ProfileStore, "extend_consent", refusing)
        with pytest.raises(ProfileStorageError):
            me.consent.withdraw(EXPLANATION_LOG)
        patch.undo()
    with machine.open() as again:
        assert again.decisions.all() == []
        assert not again.consent.granted(EXPLANATION_LOG)


def test_a_damaged_ledger_keeps_the_rest_from_being_cleared_or_the_profile_from_opening(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise LedgerError("entry 1 of the ledger was changed")

    monkeypatch.setattr(Egress, "cancel", damaged)
    with used(machine) as me:
        withdrawal = me.consent.withdraw(EXPLANATION_LOG, CONTRIBUTION)
        done = {effect.part: effect.done for effect in withdrawal.effects}
        assert done == {"decisions": True, "contributions": False, "ledger": True}
        assert me.decisions.all() == []
    with machine.open() as again:
        assert not again.consent.granted(CONTRIBUTION)
        with pytest.raises(NotPermittedError):
            queue(again)


def test_somebody_who_writes_makes_a_withdrawal_wait_for_ever(machine: Machine) -> None:
    with used(machine) as me:
        with support.opened(machine.folder) as somebody:
            support.connection_of(somebody).execute("BEGIN IMMEDIATE")
            with pytest.raises(ProfileBusyError, match="holds in this process"):
                me.consent.withdraw(EXPLANATION_LOG)
            support.connection_of(somebody).execute("ROLLBACK")
        me.recommend(3)
        assert len(me.decisions) == 1
        me.consent.withdraw(MEASUREMENT)
        assert me.decisions.all() == []


# What the application remembers


def test_a_no_is_forgotten_between_starts(machine: Machine) -> None:
    with machine.open() as me:
        me.consent.refuse(*BOTH, notice=NOTICE)
        me.consent.signal(gpc=True)
        choices = me.consent.choices()
        assert me.consent.needed(NOTICE, *BOTH, CONTRIBUTION) == ()
    assert machine.on_disk() == set()
    with machine.open() as forgetful:
        assert forgetful.consent.needed(NOTICE, *BOTH) == BOTH
    with machine.open(choices=choices) as again:
        assert again.consent.needed(NOTICE, *BOTH, CONTRIBUTION, MEASUREMENT) == ()
        assert {status.because for status in again.consent.status().values()} == {
            "refused",
            "forbidden by Global Privacy Control",
            "never asked",
        }
        # Other words are another question.
        assert again.consent.needed(hs.Notice("Other words"), *BOTH) == BOTH
        assert again.consent.choices() == choices
        assert machine.on_disk() == set()


def test_what_the_application_remembers_allows_something_or_names_somebody(machine: Machine) -> None:
    with used(machine) as me:
        profile = me._home.profile
        me.consent.withdraw(STORAGE)
        choices = me.consent.choices()
    for word in ("item", "grant", profile, NOTICE.text):
        assert word not in choices
    with pytest.raises(MisuseError, match="remembered"):
        machine.open(choices=choices.replace("withdraw", "grant"))
    with machine.open(choices=choices) as again:
        assert not any(status.granted for status in again.consent.status().values())
        assert again.consent.status()[STORAGE].because == "withdrawn"


def test_a_remembered_no_overrules_a_later_yes(machine: Machine) -> None:
    with machine.open() as me:
        me.consent.refuse(*EVERY, notice=NOTICE)
        choices = me.consent.choices()
    with machine.open(choices=choices) as me:
        me.consent.grant(*BOTH, notice=NOTICE)
        assert me.record("item-3") is True
        assert [me.consent.granted(purpose) for purpose in EVERY] == [purpose in BOTH for purpose in EVERY]
        # The earlier no is in the profile now, as the history that it is.
        assert [record.action for record in me.consent.records()].count("refuse") >= len(EVERY) - 1
    with machine.open() as again:
        assert [again.consent.granted(purpose) for purpose in EVERY] == [purpose in BOTH for purpose in EVERY]


def test_a_remembered_no_clears_what_was_kept_after_a_yes(machine: Machine) -> None:
    with machine.open() as me:
        me.consent.refuse(*EVERY, notice=NOTICE)
        choices = me.consent.choices()
    with machine.open(choices=choices) as me:
        me.consent.grant(*EVERY, notice=NOTICE)
        me.recommend(3)
        assert me._home.keep(LEARNING, "state", b"learnt")
        queue(me)
    with machine.open() as again:
        counts = kept(again)
        assert [kept_by(part, counts) for part in (DECISIONS, LEARNING, CONTRIBUTIONS)] == [1, 1, 1]


def test_a_remembered_no_is_lost_where_there_is_a_profile(machine: Machine) -> None:
    """It was said while the profile was elsewhere, for instance on a disk that was not plugged in."""
    with machine.open() as me:
        me.consent.refuse(PERSONALIZATION, notice=NOTICE)
        choices = me.consent.choices()
    with machine.allowed(*BOTH) as me:
        assert me.record("item-3")
    with machine.open(choices=choices) as again:
        assert not again.consent.granted(PERSONALIZATION)
        assert again.record("item-4") is False
        assert items_of(again.events()) == ["item-3"]
