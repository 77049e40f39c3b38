"""What must not happen between the queue and the wire."""

import threading
from decimal import Decimal
from typing import Any

import pytest

from homespun.contribute import EgressLimits
from homespun.contribute.beside import NothingElsewhere
from homespun.errors import MisuseError, ProfileBusyError, ProfileStorageError, TransportError
from tests.sdk.contribute.rig import DESTINATION, PURPOSE, Killed, Rig, no_connection, raising


def test_nothing_to_send_makes_entries_or_writes_to_the_disk() -> None:
    rig = Rig()
    outcome = rig.egress.send_pending()
    assert (outcome.results, outcome.problem) == ((), None)
    assert str(outcome) == "Nothing was waiting to be sent."
    assert rig.log.commits == 0


def test_bytes_leave_before_the_ledger_says_so() -> None:
    rig = Rig()
    rig.queue(b"share")
    seen: list[list[str]] = []
    rig.wire.before = lambda: seen.append(rig.states())
    outcome = rig.egress.send_pending()
    assert seen == [["queued", "sending"]]
    assert rig.states() == ["queued", "sending", "sent"]
    assert rig.wire.delivered == [(DESTINATION, b"share")]
    assert [(each.sequence, each.result) for each in outcome.results] == [(1, "sent")]
    assert str(outcome) == "1 sent, 0 failed, 0 kept, 0 cancelled."


def test_a_payload_outlives_its_sending() -> None:
    rig = Rig()
    rig.queue()
    rig.egress.send_pending()
    assert rig.log.payloads == {}


def test_something_is_sent_twice() -> None:
    rig = Rig()
    rig.queue()
    rig.egress.send_pending()
    rig.egress.send_pending()
    assert len(rig.wire.delivered) == 1


def test_the_order_of_queueing_or_the_limit_is_ignored() -> None:
    rig = Rig()
    for payload in (b"1", b"2", b"3"):
        rig.queue(payload)
    assert rig.egress.send_pending(limit=2).count("sent") == 2
    assert [payload for _, payload in rig.wire.delivered] == [b"1", b"2"]
    rig.egress.send_pending(limit=2)
    assert [payload for _, payload in rig.wire.delivered] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, None])
def test_a_limit_of_nothing_is_taken_for_all(limit: Any) -> None:
    with pytest.raises(MisuseError, match="limit is"):
        Rig().egress.send_pending(limit)


def test_consent_was_withdrawn_between_the_queue_and_the_sending() -> None:
    rig = Rig()
    rig.queue()
    del rig.consents["contribution"]
    outcome = rig.egress.send_pending()
    assert rig.wire.delivered == []
    assert rig.states() == ["queued", "cancelled"]
    assert rig.log.entries[-1].epsilon_left == "10"
    assert rig.log.payloads == {}
    assert outcome.count("cancelled") == 1


def test_consent_was_withdrawn_and_given_anew_and_the_old_contribution_goes_after_all() -> None:
    rig = Rig()
    rig.queue()
    rig.consents["contribution"] = 9
    rig.egress.send_pending()
    assert rig.wire.delivered == []
    assert "consent" in rig.log.entries[-1].note


def test_consent_was_withdrawn_between_the_entry_and_the_bytes() -> None:
    rig = Rig()
    rig.queue()

    def withdraw(commits: int) -> None:
        if commits == 2:
            rig.consents.clear()

    rig.log.after_commit = withdraw
    outcome = rig.egress.send_pending()
    assert rig.wire.delivered == []
    assert rig.states() == ["queued", "sending", "unsent", "cancelled"]
    assert rig.log.entries[-1].epsilon_spent == "0"
    assert rig.log.payloads == {}
    assert outcome.count("cancelled") == 1


def test_nobody_can_say_whether_it_is_allowed_and_it_is_sent() -> None:
    rig = Rig()
    rig.queue()

    class Broken(dict[str, int]):
        def get(self, *_: Any) -> Any:
            if rig.states() == ["queued", "sending"]:
                raise ProfileBusyError("busy")
            return 3

    rig.consents = Broken()
    outcome = rig.egress.send_pending()
    assert rig.wire.delivered == []
    assert rig.states() == ["queued", "sending", "unsent"]
    assert outcome.count("kept") == 1
    assert rig.log.payloads == {1: b"share"}


def test_a_budget_that_was_lowered_does_not_hold_back_what_waits() -> None:
    rig = Rig()
    rig.queue(epsilon=2)
    rig.queue(b"free", epsilon=0)
    rig.ceiling = Decimal(1)
    rig.egress = rig.another()
    assert [each.result for each in rig.egress.send_pending().results] == ["kept", "sent"]
    assert rig.wire.delivered == [(DESTINATION, b"free")]
    assert rig.log.entries[-1].epsilon_left == "0"


@pytest.mark.parametrize("stored", [None, b"other"])
def test_another_payload_is_sent_than_was_queued(stored: bytes | None) -> None:
    rig = Rig()
    rig.queue()
    rig.log.payloads = {} if stored is None else {1: stored}
    rig.egress.send_pending()
    assert rig.wire.delivered == []
    assert rig.states() == ["queued", "cancelled"]
    assert "payload" in rig.log.entries[-1].note


@pytest.mark.parametrize("error", [TransportError("timed out"), RuntimeError("bug"), OSError("reset")])
def test_what_may_have_arrived_is_sent_again_or_counts_as_not_sent(error: Exception) -> None:
    rig = Rig()
    rig.queue(epsilon=1)
    rig.wire.after = raising(error)
    outcome = rig.egress.send_pending()
    rig.clock.advance(10**6)
    rig.egress.send_pending()
    assert len(rig.wire.delivered) == 1
    assert rig.states() == ["queued", "sending", "failed"]
    assert str(error) in rig.log.entries[-1].note
    assert rig.log.entries[-1].epsilon_left == "9"
    assert rig.log.payloads == {}
    assert outcome.count("failed") == 1
    assert outcome.problem is None


def test_a_device_without_a_connection_loses_what_it_wanted_to_send() -> None:
    rig = Rig()
    rig.queue(epsilon=1)
    rig.wire.before = raising(no_connection())
    assert rig.egress.send_pending().count("kept") == 1
    assert rig.states() == ["queued", "sending", "unsent"]
    rig.wire.before = lambda: None
    rig.clock.advance(60)
    assert rig.egress.send_pending().count("sent") == 1
    assert rig.log.entries[-1].epsilon_left == "9"


def test_what_never_left_is_cancelled_and_its_epsilon_is_lost() -> None:
    rig = Rig()
    rig.queue(epsilon=1)
    rig.wire.before = raising(no_connection())
    rig.egress.send_pending()
    assert rig.egress.cancel(["contribution"]).epsilon_returned == "1"
    assert rig.log.entries[-1].epsilon_left == "10"


def test_a_repetition_that_counts_once_is_not_tried_or_costs_twice() -> None:
    rig = Rig()
    rig.queue(epsilon=1, idempotent=True)
    rig.wire.after = raising(TransportError("timed out"))
    assert rig.egress.send_pending().count("kept") == 1
    rig.wire.after = lambda: None
    rig.clock.advance(60)
    assert rig.egress.send_pending().count("sent") == 1
    assert rig.states() == ["queued", "sending", "failed", "sending", "sent"]
    assert rig.log.entries[-1].epsilon_left == "9"


def test_an_offline_device_fills_its_ledger_with_attempts() -> None:
    rig = Rig(limits=EgressLimits(attempts=4, retry_seconds=60, longest_retry_seconds=200))
    rig.queue(epsilon=1)
    rig.wire.before = raising(no_connection())
    moments = []
    for second in range(0, 1000, 10):
        before = len(rig.log.entries)
        rig.egress.send_pending()
        if len(rig.log.entries) > before:
            moments.append(second)
        rig.clock.advance(10)
    assert moments == [0, 60, 180, 380, 580]
    assert rig.states() == ["queued", *["sending", "unsent"] * 4, "cancelled"]
    assert "given up after 4 attempts" in rig.log.entries[-1].note
    assert rig.log.payloads == {}


def test_a_clock_that_was_set_back_stops_sending_for_years() -> None:
    rig = Rig()
    rig.queue()
    rig.wire.before = raising(no_connection())
    rig.egress.send_pending()
    rig.wire.before = lambda: None
    rig.clock.advance(-(10**8))
    assert rig.egress.send_pending().count("sent") == 1


def test_a_log_that_cannot_be_written_lets_bytes_out() -> None:
    rig = Rig()
    rig.queue()
    rig.log.before_commit = raising(ProfileBusyError("another process is writing"))
    outcome = rig.egress.send_pending()
    assert rig.wire.delivered == []
    assert outcome.problem == "another process is writing"
    assert "Sending stopped" in str(outcome)


def test_a_log_that_fails_after_the_sending_lets_the_same_bytes_out_again() -> None:
    rig = Rig()
    rig.queue(epsilon=1)
    rig.queue(b"next", epsilon=1)

    def fail(commits: int) -> None:
        if commits == 3:
            raise ProfileBusyError("full")

    rig.log.before_commit = fail
    outcome = rig.egress.send_pending()
    assert (outcome.count("sent"), outcome.problem) == (1, "full")
    rig.log.before_commit = lambda _: None
    rig.clock.advance(10**6)
    rig.egress.send_pending()
    assert [payload for _, payload in rig.wire.delivered] == [b"share", b"next"]
    assert rig.ledger.totals()[0].possibly_sent == 1
    assert rig.log.entries[-1].epsilon_left == "8"


def test_a_note_breaks_the_table() -> None:
    rig = Rig()
    rig.queue()
    rig.wire.before = raising(TransportError("first\nsecond\x1b[2J\ud800" + "x" * 1000))
    rig.egress.send_pending()
    assert rig.states()[-1] == "failed"
    note = rig.log.entries[-1].note
    assert note.isprintable()
    assert len(note) <= 200


def test_the_user_interrupts_and_it_counts_as_not_sent() -> None:
    rig = Rig()
    rig.queue()
    rig.wire.before = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        rig.egress.send_pending()
    assert rig.states() == ["queued", "sending"]
    assert rig.ledger.totals()[0].possibly_sent == 1


def test_two_threads_send_the_same() -> None:
    rig = Rig()
    for number in range(8):
        rig.queue(b"%d" % number)
    ways = [rig.another() for _ in range(3)]
    barrier = threading.Barrier(len(ways) * 2)

    def run(number: int) -> None:
        barrier.wait(30)
        ways[number % len(ways)].send_pending()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(ways) * 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(payload for _, payload in rig.wire.delivered) == [b"%d" % number for number in range(8)]
    rig.ledger.verify()


def test_another_process_settles_what_is_still_under_way_and_the_answer_is_lost() -> None:
    rig = Rig()
    rig.queue()

    def meanwhile() -> None:
        rig.clock.advance(10**6)
        rig.another().send_pending()

    rig.wire.before = meanwhile
    assert rig.egress.send_pending().count("sent") == 1
    assert rig.states() == ["queued", "sending", "failed", "sent"]
    assert len(rig.wire.delivered) == 1


def test_a_slow_attempt_that_did_not_leave_hides_another_that_may_have() -> None:
    rig = Rig()
    rig.queue(epsilon=1, idempotent=True)

    def meanwhile() -> None:
        rig.clock.advance(10**6)
        rig.wire.before = raising(Killed())
        with pytest.raises(Killed):
            rig.another().send_pending()
        raise no_connection()

    rig.wire.before = meanwhile
    rig.egress.send_pending()
    assert rig.states() == ["queued", "sending", "sending", "unsent"]
    assert rig.egress.cancel(["contribution"]).epsilon_returned == "0"
    assert rig.log.entries[-1].epsilon_left == "9"


@pytest.mark.parametrize("idempotent", [False, True])
def test_another_process_was_faster_and_it_is_sent_twice(*, idempotent: bool) -> None:
    rig = Rig()
    rig.queue(epsilon=1, idempotent=idempotent)

    def faster(_: int) -> None:
        rig.log.before_commit = lambda _: None
        rig.wire.after = raising(TransportError("timed out"))
        rig.another().send_pending()
        rig.wire.after = lambda: None

    rig.log.before_commit = faster
    assert rig.egress.send_pending().count("kept") == 1
    assert rig.states() == ["queued", "sending", "failed"]
    assert len(rig.wire.delivered) == 1


class Beside(NothingElsewhere):
    """Keeps marks; fails where a test says so."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.marks: list[bool] = []

    def has_left(self, what: str) -> bool:
        return bool(self.marks) and self.marks[-1]

    def mark(self, what: str, *, left: bool) -> bool:
        if self.fails:
            raise ProfileStorageError("the disk is full")
        before = self.has_left("")
        self.marks.append(left)
        return before


def test_something_leaves_before_it_is_marked_beside_the_ledger() -> None:
    beside = Beside(fails=True)
    rig = Rig(elsewhere=beside)
    rig.queue()
    assert "the disk is full" in rig.egress.send_pending().results[0].detail
    assert rig.wire.delivered == []
    assert rig.states() == ["queued", "sending", "unsent"]
    beside.fails = False
    rig.clock.advance(3600)
    rig.wire.before = lambda: beside.marks.append(beside.marks[-1])
    assert rig.egress.send_pending().count("sent") == 1
    assert beside.marks == [True, True]


def test_a_mark_of_an_earlier_attempt_is_taken_back_by_one_that_sent_nothing() -> None:
    beside = Beside()
    rig = Rig(elsewhere=beside)
    rig.wire.before = raising(no_connection())
    rig.queue()
    rig.egress.send_pending()
    assert beside.marks == [True, False]
    beside.marks.append(True)
    rig.clock.advance(3600)
    rig.egress.send_pending()
    assert beside.has_left("")
    effects = rig.egress.cancel([PURPOSE])
    assert effects.dropped == ()
    assert effects.epsilon_returned == "0"
    assert rig.states()[-2:] == ["sending", "cancelled"]
    assert rig.log.entries[-1].epsilon_spent == "1"
