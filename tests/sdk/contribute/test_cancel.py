"""Withdrawal: what is dropped, and what is claimed to be."""

from decimal import Decimal
from typing import Any

import pytest

from homespun.errors import MisuseError, TransportError
from tests.sdk.contribute.rig import Rig, raising

BOTH = {"contribution": 3, "measurement": 4}


def test_a_withdrawal_leaves_something_in_the_queue() -> None:
    rig = Rig()
    rig.queue(epsilon=1)
    rig.queue(epsilon=Decimal("0.5"))
    effects = rig.egress.cancel(["contribution"])
    assert rig.log.payloads == {}
    assert rig.log.entries[-1].epsilon_left == "10"
    assert rig.ledger.pending() == ()
    assert (len(effects.dropped), effects.stopped, effects.beyond_recall) == (2, (), ())
    assert effects.epsilon_returned == "1.5"
    assert "was dropped before anything of it left" in str(effects)
    rig.egress.send_pending()
    assert rig.wire.delivered == []


def test_a_withdrawal_takes_what_another_purpose_queued() -> None:
    rig = Rig(consents=dict(BOTH))
    rig.queue(purpose="measurement")
    rig.queue()
    assert len(rig.egress.cancel(["contribution"]).dropped) == 1
    assert [entry.purpose for entry in rig.ledger.pending()] == ["measurement"]


def test_a_withdrawal_claims_to_call_back_what_was_sent() -> None:
    rig = Rig()
    rig.queue(epsilon=1)
    rig.egress.send_pending()
    effects = rig.egress.cancel(["contribution"])
    assert (effects.dropped, effects.epsilon_returned) == ((), "0")
    assert [entry.of for entry in effects.beyond_recall] == [1]
    assert effects.lines() == (
        "Contribution 1 (item-counts/1) was sent to https://collect.example.org and cannot be called back.",
    )
    assert rig.log.entries[-1].epsilon_left == "9"


def test_what_may_have_left_gives_its_epsilon_back_when_it_is_cancelled() -> None:
    rig = Rig()
    rig.queue(epsilon=1, idempotent=True)
    rig.wire.after = raising(TransportError("timed out"))
    rig.egress.send_pending()
    effects = rig.egress.cancel(["contribution"])
    assert (effects.dropped, len(effects.stopped), len(effects.beyond_recall)) == ((), 1, 1)
    assert rig.log.entries[-1].epsilon_spent == "1"
    assert rig.log.entries[-1].epsilon_left == "9"
    assert rig.log.payloads == {}
    assert "may have been sent" in str(effects)
    rig.clock.advance(10**6)
    rig.egress.send_pending()
    assert len(rig.wire.delivered) == 1


def test_a_withdrawal_waits_for_a_slow_upload_or_forgets_that_it_arrived() -> None:
    rig = Rig()
    rig.queue(epsilon=1)
    rig.queue(b"second", epsilon=1)
    seen: list[Any] = []

    def withdraw() -> None:
        rig.consents.clear()
        seen.append(rig.egress.cancel(["contribution"]))

    rig.wire.before = withdraw
    rig.egress.send_pending()
    (effects,) = seen
    assert ([entry.of for entry in effects.dropped], [entry.of for entry in effects.stopped]) == ([2], [1])
    assert [entry.state for entry in rig.log.entries if (entry.of or entry.sequence) == 1] == [
        "queued",
        "sending",
        "cancelled",
        "sent",
    ]
    assert [payload for _, payload in rig.wire.delivered] == [b"share"]
    assert rig.log.entries[-1].epsilon_left == "9"


def test_cancelling_twice_returns_the_epsilon_twice() -> None:
    rig = Rig()
    rig.queue(epsilon=1)
    rig.egress.cancel(["contribution"])
    effects = rig.egress.cancel(["contribution"])
    assert (effects.dropped, effects.epsilon_returned) == ((), "0")
    assert str(effects) == "Nothing was waiting, and nothing had left."
    assert rig.log.entries[-1].epsilon_left == "10"


@pytest.mark.parametrize("purposes", ["contribution", [], None, [1], ["Not A Purpose"]])
def test_a_text_is_taken_for_the_purposes_that_its_letters_are(purposes: Any) -> None:
    rig = Rig()
    with pytest.raises(MisuseError):
        rig.egress.cancel(purposes)
