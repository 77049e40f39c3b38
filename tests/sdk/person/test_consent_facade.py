"""Asking and answering at the façade: what is asked twice, stands too long, or is no evidence."""

import json
import uuid
from importlib.resources import files
from pathlib import Path

import jsonschema
import msgspec
import pytest

import homespun as hs
from homespun.errors import ClosedError, MisuseError
from tests.sdk.people import (
    BOTH,
    CONTRIBUTION,
    EVERY,
    EXPLANATION_LOG,
    MEASUREMENT,
    NOTICE,
    PERSONALIZATION,
    STORAGE,
    Machine,
    items_of,
)

DAY = 86_400.0
OTHER = hs.Notice("Other words: may we?", language="en", version="2")


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


# What is off, and what is asked


def test_something_is_allowed_from_the_start(machine: Machine) -> None:
    with machine.open() as me:
        status = me.consent.status()
        assert list(status) == list(hs.Purpose)
        assert {(each.granted, each.decided_by, each.because) for each in status.values()} == {
            (False, None, "never asked")
        }
        assert me.consent.needed(NOTICE, *EVERY) == EVERY
        assert me.consent.records() == ()
        assert machine.on_disk() == set()


@pytest.mark.parametrize("purpose", EVERY)
def test_a_grant_of_one_purpose_allows_another(machine: Machine, purpose: hs.Purpose) -> None:
    with machine.open() as me:
        me.consent.grant(purpose, notice=NOTICE)
        assert [me.consent.granted(each) for each in EVERY] == [each is purpose for each in EVERY]
        assert (machine.on_disk() != set()) is (purpose is STORAGE)


def test_more_is_asked_than_the_difference(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        assert me.consent.needed(NOTICE, *BOTH) == ()
        assert me.consent.needed(NOTICE, *BOTH, EXPLANATION_LOG) == (EXPLANATION_LOG,)
        me.consent.refuse(EXPLANATION_LOG, notice=NOTICE)
        assert me.consent.needed(NOTICE, *BOTH, EXPLANATION_LOG) == ()
        # Other words are another question, for all of it.
        assert me.consent.needed(OTHER, *BOTH, EXPLANATION_LOG) == (*BOTH, EXPLANATION_LOG)
        me.consent.grant(PERSONALIZATION, notice=OTHER)
        assert me.consent.needed(OTHER, *BOTH) == (STORAGE,)
        assert me.consent.needed(NOTICE, *BOTH) == (PERSONALIZATION,)
    with machine.open() as again:
        assert again.consent.needed(OTHER, *BOTH) == (STORAGE,)
        # Until they have answered, what they allowed stands.
        assert again.consent.granted(STORAGE)


def test_a_no_is_asked_again_with_the_same_words(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.consent.withdraw(PERSONALIZATION)
        assert me.consent.needed(NOTICE, *BOTH) == ()
        assert me.consent.needed(OTHER, *BOTH) == BOTH


@pytest.mark.parametrize("refused", EVERY)
def test_a_refusal_at_the_first_question_leaves_something_on_the_disk(machine: Machine, refused: hs.Purpose) -> None:
    with machine.open() as me:
        done = me.consent.refuse(refused, notice=NOTICE)
        assert done.receipt is None
        assert me.consent.status()[refused].because == "refused"
        assert machine.on_disk() == set()
        assert len(me.recommend(3)) == 3
        others = tuple(purpose for purpose in EVERY if purpose is not refused)
        me.consent.grant(*others, notice=NOTICE)
        assert [me.consent.granted(each) for each in EVERY] == [each is not refused for each in EVERY]
        assert machine.folder.exists() is (refused is not STORAGE)


# Terms


def test_a_grant_with_a_term_stands_for_ever_or_is_not_renewed(machine: Machine) -> None:
    with machine.open() as me:
        me.consent.grant(*BOTH, notice=NOTICE, valid_days=100)
        assert me.record("item-3") is True
        machine.clock.advance(80 * DAY)
        assert me.consent.needed(NOTICE, *BOTH) == BOTH
        assert me.consent.needed(NOTICE, *BOTH, renew_days=10) == ()
        assert me.consent.granted(PERSONALIZATION)
        machine.clock.advance(20 * DAY)
        assert {me.consent.status()[each].because for each in BOTH} == {"lapsed"}
        assert me.record("item-4") is False
        assert me.recommend(1)[0].personalized is False
    with machine.open() as again:
        assert not again.consent.granted(STORAGE)
        assert again.consent.needed(NOTICE, *BOTH) == BOTH
        again.consent.grant(*BOTH, notice=NOTICE, valid_days=100)
        # Nothing was lost by asking late.
        assert items_of(again.events()) == ["item-3"]
        assert again.record("item-5") is True


def test_a_clock_that_is_set_back_revives_a_grant(machine: Machine) -> None:
    with machine.open() as me:
        me.consent.grant(*BOTH, notice=NOTICE, valid_days=10)
        machine.clock.advance(11 * DAY)
        assert not me.consent.granted(PERSONALIZATION)
    machine.clock.advance(-5 * DAY)
    with machine.open() as again:
        assert not again.consent.granted(PERSONALIZATION)
        assert again.record("item-3") is False
        assert [record.action for record in again.consent.records()].count("expire") == 2


def test_a_renewal_is_taken_for_the_grant_that_there_was(machine: Machine) -> None:
    with machine.open() as me:
        me.consent.grant(*BOTH, notice=NOTICE, valid_days=10)
        machine.clock.advance(9 * DAY)
        me.consent.grant(*BOTH, notice=NOTICE, valid_days=10)
        machine.clock.advance(9 * DAY)
        assert me.consent.granted(PERSONALIZATION)
        assert len(me.consent.records()) == 4


# Evidence


def test_a_record_lacks_the_notice_the_surface_or_the_method(machine: Machine) -> None:
    with machine.open() as me:
        me.consent.grant(STORAGE, notice=OTHER, surface="settings page", method="switch")
        me.consent.withdraw(PERSONALIZATION, surface="privacy page", method="button")
        first, second = me.consent.records()
        assert first.notice is not None
        assert (first.notice.text, first.notice.language, first.notice.version) == (OTHER.text, "en", "2")
        assert first.notice.sha256 == OTHER.sha256
        assert (first.surface, first.method, first.time) == ("settings page", "switch", machine.clock())
        assert (second.surface, second.method, second.action) == ("privacy page", "button", "withdraw")
        assert [record.sequence for record in me.consent.records()] == [1, 2]


def test_what_was_allowed_at_a_time_is_told_by_the_clock(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        granted = machine.clock()
        machine.clock.advance(DAY)
        me.consent.withdraw(PERSONALIZATION)
        withdrawn = machine.clock()
        machine.clock.advance(DAY)
        me.consent.grant(PERSONALIZATION, notice=NOTICE)
        again = machine.clock()

        def allowed(time: float) -> bool:
            return me.consent.status_as_of(time)[PERSONALIZATION].granted

        assert [allowed(time) for time in (granted - 1, granted, withdrawn - 1)] == [False, True, True]
        assert [allowed(time) for time in (withdrawn, again - 1, again, again + 1)] == [False, False, True, True]


def test_a_withdrawal_with_an_earlier_clock_loses_to_the_grant(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        machine.clock.advance(-30 * DAY)
        me.consent.withdraw(PERSONALIZATION)
        assert not me.consent.granted(PERSONALIZATION)
    with machine.open() as again:
        assert not again.consent.granted(PERSONALIZATION)


def test_the_consent_record_for_auditors_is_not_valid(machine: Machine) -> None:
    controller = hs.Controller(
        identifier="https://example.org",
        name="Film Shelf Ltd.",
        address="1 Street, Town",
        contact="privacy@example.org",
        jurisdictions=("SI",),
    )
    schema = json.loads(files("homespun.protocol").joinpath("schemas/consent-record.json").read_text("utf-8"))
    with machine.allowed(*BOTH) as me:
        me.consent.refuse(MEASUREMENT, notice=NOTICE)
        me.consent.signal(gpc=True)
        me.consent.grant(CONTRIBUTION, notice=NOTICE, exception="gpc", valid_days=10)
        machine.clock.advance(20 * DAY)
        me.consent.status()
        me.consent.withdraw(PERSONALIZATION)
        document = json.loads(msgspec.json.encode(me.consent.to_27560(controller)))
        jsonschema.validate(document, schema, jsonschema.Draft202012Validator)
        assert str(uuid.UUID(me._home.profile)) in json.dumps(document)
        for word in ("ConsentGiven", "ConsentRefused", "ConsentWithdrawn", "ConsentExpired"):
            assert word in json.dumps(document)


def test_choices_that_are_in_memory_pass_for_evidence(machine: Machine) -> None:
    controller = hs.Controller(
        identifier="https://example.org", name="A", address="B", contact="C", jurisdictions=("SI",)
    )
    with machine.open() as me:
        me.consent.refuse(STORAGE, notice=NOTICE)
        with pytest.raises(MisuseError, match="no profile"):
            me.consent.to_27560(controller)


def test_a_closed_personalizer_answers_for_the_person(machine: Machine) -> None:
    me = machine.allowed(*BOTH)
    me.close()
    for attempt in (
        me.consent.records,
        me.consent.choices,
        lambda: me.consent.needed(NOTICE, STORAGE),
        lambda: me.consent.refuse(STORAGE, notice=NOTICE),
        lambda: me.consent.signal(gpc=True),
        lambda: me.consent.status_as_of(0.0),
    ):
        with pytest.raises(ClosedError):
            attempt()


@pytest.mark.parametrize("days", [0, -1, float("nan"), "ten"])
def test_a_term_that_is_none_is_taken(machine: Machine, days: float) -> None:
    with machine.open() as me:
        with pytest.raises(MisuseError, match="valid_days"):
            me.consent.grant(*BOTH, notice=NOTICE, valid_days=days)
        assert machine.on_disk() == set()
