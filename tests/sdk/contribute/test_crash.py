"""The process dies at every step between the queue and the confirmation, and another one takes over."""

from collections.abc import Iterator

import pytest

from tests.sdk.contribute.rig import Killed, Rig, raising


def deaths() -> Iterator[str]:
    for commit in range(1, 4):
        yield f"before commit {commit}"
        yield f"after commit {commit}"
    yield "before the bytes"
    yield "after the bytes"


def arm(rig: Rig, death: str) -> None:
    when, _, number = death.partition(" commit ")
    if number:

        def die(commits: int) -> None:
            if commits == int(number) - (when == "before"):
                raise Killed

        setattr(rig.log, f"{when}_commit", die)
    else:
        setattr(rig.wire, death.partition(" ")[0], raising(Killed()))


def disarm(rig: Rig) -> None:
    rig.log.before_commit = rig.log.after_commit = lambda _: None
    rig.wire.before = rig.wire.after = lambda: None


def killed_at(death: str, *, idempotent: bool) -> Rig:
    """Return what is left of a process that queued, sent and died on the way."""
    rig = Rig()
    arm(rig, death)
    with pytest.raises(Killed):  # noqa: PT012 - death may come in either
        rig.queue(epsilon=1, idempotent=idempotent)
        rig.egress.send_pending()
    disarm(rig)
    rig.egress = rig.another()
    return rig


@pytest.mark.parametrize("idempotent", [False, True])
@pytest.mark.parametrize("death", list(deaths()))
def test_bytes_are_out_and_the_ledger_does_not_know(death: str, *, idempotent: bool) -> None:
    rig = killed_at(death, idempotent=idempotent)
    rig.ledger.verify()
    if rig.wire.delivered:
        assert "sending" in rig.states()
        assert rig.log.entries[-1].epsilon_left == "9"
        assert rig.egress.cancel(["contribution"]).epsilon_returned == "0"
        assert rig.log.entries[-1].epsilon_left == "9"


@pytest.mark.parametrize("death", list(deaths()))
def test_what_counts_every_time_is_sent_twice(death: str) -> None:
    rig = killed_at(death, idempotent=False)
    for _ in range(3):
        assert rig.egress.send_pending().problem is None
        rig.clock.advance(10**6)
    assert len(rig.wire.delivered) <= 1
    assert rig.log.payloads == {}
    assert rig.ledger.pending() == ()
    rig.ledger.verify()


@pytest.mark.parametrize("death", list(deaths()))
def test_what_counts_once_never_arrives(death: str) -> None:
    rig = killed_at(death, idempotent=True)
    queued = rig.log.entries != ()
    for _ in range(3):
        rig.clock.advance(10**6)
        assert rig.egress.send_pending().problem is None
    assert queued == (rig.log.entries != ()) == (len(rig.wire.delivered) > 0)
    assert not queued or rig.states()[-1] == "sent"
    assert rig.log.payloads == {}
    assert len({payload for _, payload in rig.wire.delivered}) <= 1


def test_what_died_between_the_entry_and_the_bytes_counts_as_not_sent() -> None:
    rig = killed_at("before the bytes", idempotent=False)
    assert rig.wire.delivered == []
    assert rig.states() == ["queued", "sending"]
    assert rig.egress.send_pending().results == ()
    assert rig.log.payloads == {1: b"share"}
    rig.clock.advance(60)
    rig.egress.send_pending()
    assert rig.states() == ["queued", "sending", "failed"]
    assert "interrupted" in rig.log.entries[-1].note
    assert rig.log.entries[-1].epsilon_left == "9"
    assert rig.log.payloads == {}


def test_consent_was_withdrawn_while_nobody_was_running() -> None:
    rig = killed_at("after commit 2", idempotent=True)
    rig.consents.clear()
    rig.egress.send_pending()
    assert rig.wire.delivered == []
    assert rig.states() == ["queued", "sending", "cancelled"]
    assert rig.log.payloads == {}
