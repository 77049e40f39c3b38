"""What leaves as the person's own: under its own purpose, apart from contributions, and not after a withdrawal."""

from pathlib import Path

import pytest

import homespun as hs
from homespun.consent.parts import IDENTIFIED
from homespun.contribute.uploads import CONSENTS, INTAKE, encode_intake, parse_upload
from homespun.errors import MisuseError, NotPermittedError
from tests.sdk.people import BOTH, CONTRIBUTION, DESTINATION, STORAGE, Machine, queue

IDENTITIES = [hs.Purpose.CONSENT_PROOF, hs.Purpose.REQUESTS]
identified = pytest.mark.parametrize("purpose", IDENTITIES)


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


def tell(me: hs.Personalizer, purpose: hs.Purpose, payload: bytes = b"as myself") -> None:
    me._home.egress.queue("told/1", payload, purpose=purpose, destination=DESTINATION, epsilon=0)


def states(me: hs.Personalizer) -> dict[str, str]:
    return {entry.purpose: entry.state for entry in me.ledger.entries()}


def test_a_purpose_is_identified_and_not_tested_here() -> None:
    assert set(IDENTIFIED) == set(IDENTITIES)


@identified
def test_an_upload_of_ones_own_needs_the_leave_to_contribute(machine: Machine, purpose: hs.Purpose) -> None:
    with machine.allowed(STORAGE, purpose) as me:
        tell(me, purpose)
        assert me._home.egress.send_pending().count("sent") == 1
        assert machine.wire.delivered == [b"as myself"]
        entry = me.ledger.entries()[-1]
        assert (entry.purpose, entry.epsilon_spent) == (purpose, "0")


@identified
@pytest.mark.parametrize("granted", [*IDENTITIES, CONTRIBUTION])
def test_another_purpose_lets_an_upload_of_ones_own_out(
    machine: Machine, purpose: hs.Purpose, granted: hs.Purpose
) -> None:
    if granted is purpose:
        return
    with machine.allowed(*BOTH, granted) as me:
        with pytest.raises(NotPermittedError):
            tell(me, purpose)
        assert me.ledger.entries() == ()


@identified
def test_a_contribution_leaves_by_the_leave_to_tell_something_as_oneself(machine: Machine, purpose: hs.Purpose) -> None:
    with machine.allowed(*BOTH, purpose) as me, pytest.raises(NotPermittedError):
        queue(me)


@identified
def test_what_waits_leaves_after_the_withdrawal(machine: Machine, purpose: hs.Purpose) -> None:
    with machine.allowed(STORAGE, purpose) as me:
        tell(me, purpose)
        withdrawal = me.consent.withdraw(purpose)
        assert any("dropped" in effect.text for effect in withdrawal.effects)
        assert me._home.egress.send_pending().results == ()
        assert states(me) == {purpose: "cancelled"}
    assert machine.wire.delivered == []


@identified
def test_the_end_of_contributing_ends_what_is_told_as_oneself(machine: Machine, purpose: hs.Purpose) -> None:
    with machine.allowed(STORAGE, CONTRIBUTION, purpose) as me:
        tell(me, purpose)
        queue(me)
        me.consent.withdraw(CONTRIBUTION)
        assert states(me) == {purpose: "queued", CONTRIBUTION: "cancelled"}
        me._home.egress.send_pending()
    assert machine.wire.delivered == [b"as myself"]


@identified
def test_ending_both_at_once_leaves_one_of_them_waiting(machine: Machine, purpose: hs.Purpose) -> None:
    with machine.allowed(STORAGE, CONTRIBUTION, purpose) as me:
        tell(me, purpose)
        queue(me)
        me.consent.withdraw(CONTRIBUTION, purpose)
        assert states(me) == {purpose: "cancelled", CONTRIBUTION: "cancelled"}


@identified
def test_gpc_keeps_the_person_from_proving_it(machine: Machine, purpose: hs.Purpose) -> None:
    with machine.allowed(STORAGE, purpose) as me:
        me.consent.signal(gpc=True)
        assert me.consent.granted(purpose)
        tell(me, purpose)


@identified
def test_one_burst_links_a_contribution_to_a_name(machine: Machine, purpose: hs.Purpose) -> None:
    with machine.allowed(STORAGE, CONTRIBUTION, purpose) as me:
        queue(me)
        tell(me, purpose)
        me._home.egress.send_pending(is_meant=IDENTIFIED.__contains__)
        assert machine.wire.delivered == [b"as myself"]
        me._home.egress.send_pending(is_meant=lambda each: each not in IDENTIFIED)
        assert machine.wire.delivered == [b"as myself", b"a bounded statistic"]


@identified
@pytest.mark.parametrize(("said", "handed_on"), [(b"{}", b"{}"), (None, b""), (bytes(70_000), b"")])
def test_an_answer_is_lost_or_too_long(
    machine: Machine, purpose: hs.Purpose, said: bytes | None, handed_on: bytes
) -> None:
    class Answering:
        def send(self, destination: str, payload: bytes) -> bytes | None:
            return said

    with machine.allowed(STORAGE, purpose, transport=Answering()) as me:
        tell(me, purpose)
        (result,) = me._home.egress.send_pending().results
        assert (result.result, result.said) == ("sent", handed_on)


def test_an_upload_goes_anywhere() -> None:
    for path in INTAKE:
        assert parse_upload(encode_intake(path, b"{}")) == (path, b"{}")
    with pytest.raises(MisuseError):
        encode_intake("/intake/v1/other", b"{}")
    for line in (b"POST /intake/v1/other\n{}", b"GET /intake/v1/consents\n{}", b"POST /intake/v1/consents?a=1\n{}"):
        with pytest.raises(MisuseError):
            parse_upload(line)
    assert CONSENTS in INTAKE
