"""Global Privacy Control at the façade: a signal that is not heard, not kept, or not what the person wants."""

from pathlib import Path
from typing import Any

import pytest

import homespun as hs
from homespun.consent.parts import EXPERIMENTS
from homespun.errors import MisuseError, NotPermittedError
from homespun.protocol.consent import GPC
from tests.sdk.people import (
    BOTH,
    CONTRIBUTION,
    EVERY,
    MEASUREMENT,
    NOTICE,
    PERSONALIZATION,
    STORAGE,
    Machine,
    exported,
    kept,
    queue,
)

FORBIDDEN = (CONTRIBUTION, MEASUREMENT)


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


def measured(me: hs.Personalizer) -> bool:
    return me._home.keep(EXPERIMENTS, "arm", b"B")


def test_the_signal_does_not_stop_what_was_granted_before(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.record("item-3")
        queue(me, b"waits")
        assert measured(me)
        withdrawal = me.consent.signal(gpc=True)
        assert withdrawal.purposes == FORBIDDEN
        assert {effect.part for effect in withdrawal.effects} == {"contributions", "experiments", "ledger", "meetings"}
        counts = kept(me)
        assert (counts["profile.outbox"], counts["state.kept"]) == (0, 0)
        assert me._home.egress.send_pending().results == ()
        assert machine.wire.delivered == []
        assert measured(me) is False
        with pytest.raises(NotPermittedError):
            queue(me)
        # What stays on the device goes on.
        assert [me.consent.granted(purpose) for purpose in EVERY] == [each not in FORBIDDEN for each in EVERY]
        assert all(entry.personalized for entry in me.recommend(3))


def test_a_later_yes_without_an_exception_overrules_the_signal(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        me.consent.signal(gpc=True)
        me.consent.grant(*FORBIDDEN, notice=NOTICE)
        status = me.consent.status()
        assert [status[each].granted for each in FORBIDDEN] == [False, False]
        assert {status[each].because for each in FORBIDDEN} == {"forbidden by Global Privacy Control"}
        assert measured(me) is False
        with pytest.raises(NotPermittedError):
            queue(me)


def test_an_explicit_exception_does_not_count_or_cannot_be_withdrawn(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.consent.signal(gpc=True)
        me.consent.grant(CONTRIBUTION, notice=NOTICE, exception="gpc")
        assert me.consent.granted(CONTRIBUTION)
        assert not me.consent.granted(MEASUREMENT)
        assert "exception" in me.consent.status()[CONTRIBUTION].because
        queue(me, b"sent as an exception")
        assert me._home.egress.send_pending().count("sent") == 1
        queue(me, b"never sent")
        # Withdrawn like every grant, in one call.
        me.consent.withdraw(CONTRIBUTION)
        assert not me.consent.granted(CONTRIBUTION)
        assert kept(me)["profile.outbox"] == 0
        assert machine.wire.delivered == [b"sent as an exception"]


def test_the_signal_that_comes_with_every_start_ends_the_exception(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.consent.signal(gpc=True)
        me.consent.grant(CONTRIBUTION, notice=NOTICE, exception="gpc")
        queue(me)
    with machine.open() as again:
        before = again.consent.records()
        withdrawal = again.consent.signal(gpc=True)
        assert withdrawal.purposes == ()
        assert withdrawal.effects == ()
        assert again.consent.records() == before
        assert again.consent.granted(CONTRIBUTION)
        assert kept(again)["profile.outbox"] == 1
        assert again._home.egress.send_pending().count("sent") == 1


def test_a_new_signal_is_overruled_by_an_old_exception(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me:
        me.consent.signal(gpc=True)
        me.consent.grant(CONTRIBUTION, notice=NOTICE, exception="gpc")
        me.consent.signal(gpc=False)
        assert me.consent.granted(CONTRIBUTION)
        me.consent.signal(gpc=True)
        assert not me.consent.granted(CONTRIBUTION)


def test_an_exception_to_what_is_not_forbidden_is_accepted(machine: Machine) -> None:
    with machine.open() as me:
        with pytest.raises(MisuseError, match="without an exception"):
            me.consent.grant(PERSONALIZATION, notice=NOTICE, exception="gpc")
        with pytest.raises(MisuseError, match="name the signal"):
            me.consent.grant(CONTRIBUTION, notice=NOTICE, exception="dnt")
        assert me.consent.records() == ()


def test_the_end_of_the_signal_grants_what_was_never_granted(machine: Machine) -> None:
    with machine.allowed(*BOTH, CONTRIBUTION) as me:
        me.consent.signal(gpc=True)
        assert me.consent.signal(gpc=False).purposes == ()
        assert me.consent.granted(CONTRIBUTION)
        assert not me.consent.granted(MEASUREMENT)


def test_the_signal_the_choice_or_the_outcome_is_not_recorded(machine: Machine) -> None:
    with machine.allowed(STORAGE, CONTRIBUTION) as me:
        me.consent.signal(gpc=True, surface="browser", method="Sec-GPC header")
        me.consent.signal(gpc=False)
        on, off = me.consent.records()[-2:]
        assert (on.action, on.signal, on.signal_value) == ("signal", GPC, True)
        assert (on.surface, on.method, on.time) == ("browser", "Sec-GPC header", machine.clock())
        assert on.choices == (str(CONTRIBUTION),)
        assert on.outcome == tuple(map(str, FORBIDDEN))
        assert (off.signal_value, off.outcome) == (False, ())
        rows = exported(me, machine.root / "export.zip")["consents"]
        assert [row["signal_value"] for row in rows if row["action"] == "signal"] == [True, False]


def test_the_signal_before_storage_leaves_something_on_the_disk_or_is_lost(machine: Machine) -> None:
    with machine.open() as me:
        assert me.consent.signal(gpc=True).purposes == FORBIDDEN
        assert machine.on_disk() == set()
        me.consent.grant(*EVERY, notice=NOTICE)
        # It came before the yes, which is no exception to it.
        assert not me.consent.granted(CONTRIBUTION)
    with machine.open() as again:
        assert not again.consent.granted(CONTRIBUTION)
        assert again.consent.granted(PERSONALIZATION)


def test_the_signal_is_asked_about_again(machine: Machine) -> None:
    with machine.allowed(*BOTH) as me:
        rest = (hs.Purpose.EXPLANATION_LOG, hs.Purpose.CONSENT_PROOF, hs.Purpose.REQUESTS)
        assert me.consent.needed(NOTICE, *EVERY) == (CONTRIBUTION, MEASUREMENT, *rest)
        me.consent.signal(gpc=True)
        assert me.consent.needed(NOTICE, *EVERY) == rest


@pytest.mark.parametrize("wrong", [1, "true", None])
def test_something_else_than_a_signal_is_heard(machine: Machine, wrong: Any) -> None:
    with machine.allowed(*EVERY) as me:
        with pytest.raises(MisuseError, match="gpc"):
            me.consent.signal(gpc=wrong)
        assert me.consent.granted(CONTRIBUTION)


def test_another_process_does_not_hear_the_signal(machine: Machine) -> None:
    with machine.allowed(*EVERY) as me, machine.open() as other:
        assert other.consent.granted(CONTRIBUTION)
        me.consent.signal(gpc=True)
        assert not other.consent.granted(CONTRIBUTION)
        with pytest.raises(NotPermittedError):
            queue(other)
