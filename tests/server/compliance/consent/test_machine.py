"""Whatever is reported, in whatever order: a withdrawal holds at once, replays change nothing, counts are a recount.

One person with two devices, whose records are reported in any order, again, late, with any clock, and with other
content in a place that is taken, while the server's clock may be set back. What the ledger says is compared with what
is known of all that was received: with one device alone, with what that device itself would decide.
"""

import tempfile
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from homespun.consent.history import ConsentHistory
from homespun.consent.purposes import Purpose
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.consent_report import ConsentReceipt, ConsentReport
from homespun_server.errors import ConflictError
from homespun_server.store import open_store
from tests.server.compliance.consent.support import (
    ADA,
    PHONE,
    TABLET,
    Hands,
    changed,
    gpc,
    ledger_of,
    record,
    report,
    subject_of,
)

PURPOSES = ("personalization", "measurement", "contribution")
CLAIMED = st.sampled_from([0.0, 1.0, 1e9, 4e9, 2e11])
DEVICES = st.sampled_from([PHONE, TABLET])


class Reporting(RuleBasedStateMachine):
    """One person's devices, and the operator's ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.clock = Hands()
        self.store = self.stack.enter_context(open_store(folder / "store.db"))
        self.ledger = ledger_of(self.store, self.clock, logged=False)
        self.made: dict[str, list[ConsentRecord]] = {PHONE: [], TABLET: []}
        self.received: dict[tuple[str, int], tuple[ConsentReport, ConsentReceipt]] = {}
        self.refused = 0

    def teardown(self) -> None:
        self.stack.close()

    @initialize()
    def begin(self) -> None:
        self._report(PHONE, self._choose(PHONE, "device_storage", "grant", 1e9))

    def _choose(self, source: str, purpose: str, action: str, time: float) -> ConsentRecord:
        made = record(len(self.made[source]) + 1, purpose, action, time=time)
        self.made[source].append(made)
        return made

    def _report(self, source: str, made: ConsentRecord) -> ConsentReceipt:
        given = report(made, source=source)
        receipt = self.ledger.record(given)
        self.received.setdefault((source, made.sequence), (given, receipt))
        return receipt

    @rule(source=DEVICES, purpose=st.sampled_from(PURPOSES), time=CLAIMED)
    def grant(self, source: str, purpose: str, time: float) -> None:
        self._report(source, self._choose(source, purpose, "grant", time))

    @rule(source=DEVICES, purpose=st.sampled_from(PURPOSES), time=CLAIMED, no=st.sampled_from(["withdraw", "refuse"]))
    def withdraw(self, source: str, purpose: str, time: float, no: str) -> None:
        self._report(source, self._choose(source, purpose, no, time))
        assert not self.ledger.status_as_of(subject_of(self.ledger))[purpose].granted

    @rule(source=DEVICES, on=st.booleans())
    def signal(self, source: str, on: bool) -> None:  # noqa: FBT001 - drawn
        made = gpc(len(self.made[source]) + 1, on=on)
        self.made[source].append(made)
        self._report(source, made)
        if on:
            found = self.ledger.status_as_of(subject_of(self.ledger))
            assert not found["measurement"].granted
            assert not found["contribution"].granted

    @rule()
    def browse_with_the_header(self) -> None:
        before = self.ledger.size()
        self.ledger.signal(ADA, "account")
        once = self.ledger.size()
        self.ledger.signal(ADA, "account")
        assert before <= once == self.ledger.size()
        assert not self.ledger.status_as_of(subject_of(self.ledger))["measurement"].granted

    @rule(source=DEVICES, purpose=st.sampled_from(PURPOSES), action=st.sampled_from(["grant", "withdraw"]))
    def choose_and_report_later(self, source: str, purpose: str, action: str) -> None:
        self._choose(source, purpose, action, 1e9)

    @rule(data=st.data(), source=DEVICES)
    def report_late_or_again(self, data: st.DataObject, source: str) -> None:
        if self.made[source]:
            made = data.draw(st.sampled_from(self.made[source]))
            known = self.received.get((source, made.sequence))
            before = self._state() if known else None
            receipt = self._report(source, made)
            if known:
                assert (receipt, self._state()) == (known[1], before)

    @precondition(lambda self: self.received)
    @rule(data=st.data())
    def report_something_else_in_its_place(self, data: st.DataObject) -> None:
        given, _ = self.received[data.draw(st.sampled_from(sorted(self.received)))]
        before = self._state()
        with pytest.raises(ConflictError):
            self.ledger.record(changed(given, surface="somewhere else"))
        assert self._state() == before

    @rule(seconds=st.sampled_from([0, 1, 3600, 86_400, -1, -3600, -86_400]))
    def wait_or_set_the_clock_back(self, seconds: int) -> None:
        self.clock.pass_(seconds=seconds)

    def _state(self) -> object:
        subject = subject_of(self.ledger)
        return self.ledger.events_of(subject), self.ledger.counts(), self.ledger.status_as_of(subject)

    @invariant()
    def counts_are_a_recount(self) -> None:
        if self.received:
            events = self.ledger.events_of(subject_of(self.ledger))
            recount = Counter((e.received[:10], e.choice.purpose or e.choice.signal, e.choice.action) for e in events)
            counted: Counter[tuple[str, str | None, str]] = Counter()
            for each in self.ledger.counts():
                counted[each.day, each.purpose, each.action] += each.number
            assert counted == recount

    @invariant()
    def what_was_known_then_stays_known(self) -> None:
        if self.received:
            subject, early = subject_of(self.ledger), self.clock.now - timedelta(days=3650)
            assert not any(status.granted for status in self.ledger.status_as_of(subject, early).values())

    @invariant()
    def one_device_alone_is_obeyed_as_it_would_obey_itself(self) -> None:
        if self.received and {event.source for event in self.ledger.events_of(subject_of(self.ledger))} == {PHONE}:
            mine = ConsentHistory(given_record for given_record in self._received_of(PHONE))
            found = self.ledger.status_as_of(subject_of(self.ledger))
            for purpose in Purpose:
                assert found[str(purpose)].granted == mine.granted(purpose)

    def _received_of(self, source: str) -> list[ConsentRecord]:
        return [made for made in self.made[source] if (source, made.sequence) in self.received]


TestReporting = Reporting.TestCase
TestReporting.settings = hypothesis_settings(max_examples=6, stateful_step_count=12, deadline=None)
