"""Requests for newer bundles in the ledger of what left."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import homespun as hs
from homespun.contribute.requests import NO_CONSENT, PURPOSE, request_text
from homespun.errors import MisuseError, NotPermittedError
from tests.sdk.people import EVERY, NOTICE, STORAGE, Machine, queue

URL = "https://models.example.org/films/metadata/timestamp.json"
HEADERS = {"If-None-Match": '"abc"', "User-Agent": "homespun"}


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


@pytest.fixture
def me(machine: Machine) -> Iterator[hs.Personalizer]:
    with machine.allowed(*EVERY) as opened:
        yield opened


def begin(me: hs.Personalizer, what: str = "timestamp.json") -> int:
    return me._home.requests.begin(what, URL, HEADERS)


def test_a_request_is_made_before_it_is_written_down(machine: Machine) -> None:
    with machine.allowed(STORAGE) as me:
        number = begin(me)
    with machine.open() as again:
        queued, sending = again.ledger.entries()
        assert (queued.sequence, queued.state, sending.state) == (number, "queued", "sending")
        again.ledger.verify()


def test_the_entry_does_not_tell_what_was_sent(me: hs.Personalizer) -> None:
    begin(me)
    entry = me.ledger.entries()[0]
    text = b'GET /films/metadata/timestamp.json\nif-none-match: "abc"\nuser-agent: homespun'
    assert request_text(URL, HEADERS) == text
    assert (entry.size, entry.payload_sha256) == (len(text), hashlib.sha256(text).hexdigest())
    assert (entry.what, entry.destination) == ("update/timestamp.json", "https://models.example.org")
    assert (entry.purpose, entry.consent, entry.epsilon_spent) == (PURPOSE, NO_CONSENT, "0")


@pytest.mark.parametrize("state", ["sent", "failed"])
def test_the_end_of_a_request_is_forgotten(me: hs.Personalizer, state: str) -> None:
    me._home.requests.end(begin(me), state, "the server said 500")  # type: ignore[arg-type]
    assert [entry.state for entry in me.ledger.entries()] == ["queued", "sending", state]
    assert me.ledger.entries()[-1].note == "the server said 500"
    me.ledger.verify()


def test_a_request_that_never_left_waits_to_be_sent_by_somebody_else(me: hs.Personalizer, machine: Machine) -> None:
    me._home.requests.end(begin(me), "unsent", "no connection")
    assert me.ledger.pending() == ()
    machine.clock.advance(1e6)
    assert me._home.egress.send_pending().results == ()
    assert machine.wire.delivered == []


def test_a_request_that_a_crash_cut_off_counts_as_unsent(me: hs.Personalizer, machine: Machine) -> None:
    begin(me)
    machine.clock.advance(1e6)
    me._home.egress.send_pending()
    assert me.ledger.entries()[-1].state == "failed"
    assert me.ledger.totals()[0].possibly_sent == 1


def test_requests_before_there_is_a_profile_leave_no_entry(machine: Machine) -> None:
    with machine.open() as me:
        me._home.requests.end(begin(me), "sent")
        assert [entry.state for entry in me.ledger.entries()] == ["queued", "sending", "sent"]
        assert machine.on_disk() == set()
        me.ledger.verify()


def test_requests_before_the_profile_are_lost_when_it_comes(machine: Machine) -> None:
    with machine.open() as me:
        first = begin(me)
        me.consent.grant(*EVERY, notice=NOTICE)
        me._home.requests.end(first, "sent")
        queue(me)
        states = [(entry.what, entry.state) for entry in me.ledger.entries()]
    asked = "update/timestamp.json"
    assert states == [(asked, "queued"), (asked, "sending"), (asked, "sent"), ("counts/round-1", "queued")]
    with machine.open() as again:
        assert [(entry.what, entry.state) for entry in again.ledger.entries()] == states
        again.ledger.verify()


def test_requests_of_two_processes_break_the_chain(machine: Machine) -> None:
    with machine.open() as early:
        begin(early)
        with machine.allowed(*EVERY) as other:
            queue(other)
        number = begin(early)
        early._home.requests.end(number, "sent")
        early.ledger.verify()
        states = [entry.state for entry in early.ledger.entries()]
        assert states == ["queued", "queued", "sending", "queued", "sending", "sent"]


def test_a_private_session_leaves_a_trace_in_the_ledger(me: hs.Personalizer) -> None:
    with me.controls.private_session(), pytest.raises(NotPermittedError, match="private session"):
        begin(me)
    assert me.ledger.entries() == ()


def test_a_contribution_leaves_without_a_profile(machine: Machine) -> None:
    with machine.open() as me, pytest.raises(NotPermittedError):
        queue(me)


def test_an_erased_profile_comes_back_with_the_memory(machine: Machine) -> None:
    with machine.open() as me:
        begin(me)
        me.erase()
        assert me.ledger.entries() == ()


def test_a_receipt_says_that_requests_were_data_of_the_person(me: hs.Personalizer) -> None:
    me._home.requests.end(begin(me), "sent")
    assert me._home.released() == []
    told = "No contribution has left this device. 1 request for what is published went out: it brings nothing"
    assert me.ledger.summary().startswith(told)


def test_a_request_for_a_list_or_a_task_is_told_as_one_for_a_bundle(me: hs.Personalizer) -> None:
    begin(me, "list.bin")
    begin(me, "tasks.json")
    told = me.ledger.summary()
    assert "bundle" not in told
    assert "2 requests for what is published went out: they bring nothing from the profile, and show" in told


@pytest.mark.parametrize("url", ["http://models.example.org/x", "https://user@models.example.org/x", "ftp://x/y"])
def test_somebody_is_asked_in_the_clear(me: hs.Personalizer, url: str) -> None:
    with pytest.raises(MisuseError):
        me._home.requests.begin("x", url, {})
    assert me.ledger.entries() == ()
