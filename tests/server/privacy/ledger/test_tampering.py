"""What would go unnoticed: an event that was edited, removed, exchanged, made up, or written by a newer program."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from homespun_server.errors import BudgetError, ConflictError, LedgerError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog
from homespun_server.privacy.ledger.events import FIRST_PREVIOUS, decoded, encoded, hash_of
from homespun_server.privacy.ledger.recorder import ATTEMPTS
from tests.server.privacy.ledger.support import DIGEST, TRAINING, Rig, ledger_on, spend_of

VECTOR = Path(__file__).resolve().parents[3] / "vectors/1/budget-ledger.jsonl"
PART = Fraction(1, 1000)


class Given(MemoryLog):
    """A log that holds what it is given."""

    def __init__(self, events: list[bytes]) -> None:
        super().__init__()
        self._events["people"] = list(events)


def history() -> list[bytes]:
    """Return a ledger with an event of every kind."""
    rig = Rig(BudgetPolicy(epsilon=1.0, lifetime=4.0))
    with rig.ledger.reserve([((), PART), (TRAINING, PART)], "fit") as reservation:
        charge = reservation.spend(spend_of(PART, TRAINING))
        charge.claim()
        charge.released(DIGEST)
        reservation.spend(spend_of(PART))
    dangling = rig.ledger.reserve([((), PART)], "crashes")
    rig.ledger.cancel(dangling.number, "its program died")
    rig.ledger.change(BudgetPolicy(epsilon=2.0, period=7), "weekly")
    return rig.log.read("people")


EVENTS = history()


def replayed(events: list[bytes]) -> Any:
    return ledger_on(Given(events), lambda: 1.8e9).state()


def edited(event: bytes, **fields: Any) -> bytes:
    return json.dumps(
        {**json.loads(event), **fields}, separators=(",", ":"), sort_keys=True, ensure_ascii=False
    ).encode()


def rechained(events: list[bytes]) -> list[bytes]:
    """Return the events with hashes and numbers as somebody would write them who knows how they are made."""
    previous, made = FIRST_PREVIOUS, []
    for number, event in enumerate(events, start=1):
        made.append(edited(event, previous=previous, sequence=number))
        previous = hash_of(made[-1])
    return made


def changed(event: bytes, **fields: Any) -> bytes:
    return edited(event, what={**json.loads(event)["what"], **fields})


def test_the_untouched_history_is_refused() -> None:
    state = replayed(EVENTS)
    assert state.sequence == len(EVENTS) == 9
    assert [each.spend.path for each in state.spends] == [TRAINING, ()]
    assert rechained(EVENTS) == EVENTS


@pytest.mark.parametrize("number", range(len(EVENTS) - 1))
def test_an_event_is_removed(number: int) -> None:
    with pytest.raises(LedgerError, match="does not follow"):
        replayed(EVENTS[:number] + EVENTS[number + 1 :])


@pytest.mark.parametrize("number", range(len(EVENTS) - 1))
def test_two_events_are_exchanged(number: int) -> None:
    events = EVENTS[:]
    events[number], events[number + 1] = events[number + 1], events[number]
    with pytest.raises(LedgerError, match="does not follow"):
        replayed(events)


@pytest.mark.parametrize("number", range(len(EVENTS) - 1))
def test_an_event_is_edited(number: int) -> None:
    events = EVENTS[:]
    events[number] = edited(events[number], time=json.loads(events[number])["time"] + 1)
    with pytest.raises(LedgerError, match=f"event {number + 2} .* does not follow"):
        replayed(events)


def test_an_event_is_repeated_or_comes_from_another_data_set() -> None:
    with pytest.raises(LedgerError, match="does not follow"):
        replayed([*EVENTS, EVENTS[-1]])
    with pytest.raises(LedgerError, match="does not follow"):
        replayed([edited(EVENTS[0], data_set="others")])


@pytest.mark.parametrize(
    ("number", "forge"),
    [
        (1, lambda event: edited(event, time=1)),
        (1, lambda event: edited(event, time=10**12)),
        (2, lambda event: changed(event, reservation=1)),
        (2, lambda event: changed(event, reservation=99)),
        (2, lambda event: changed(event, spend={**json.loads(event)["what"]["spend"], "rho": "1/2000"})),
        (2, lambda event: changed(event, spend={**json.loads(event)["what"]["spend"], "mechanism": "none"})),
        (3, lambda event: changed(event, charge=2)),
        (4, lambda event: changed(EVENTS[3], charge=3)),
        (8, lambda event: edited(event, what=json.loads(EVENTS[0])["what"])),
        (7, lambda event: edited(event, what=json.loads(EVENTS[5])["what"])),
        (8, lambda event: edited(event, what={**json.loads(EVENTS[2])["what"], "reservation": 7})),
        (0, lambda event: changed(event, policy={**json.loads(event)["what"]["policy"], "delta": "1.5"})),
    ],
)
def test_an_event_is_made_up_that_cannot_have_happened(number: int, forge: Callable[[bytes], bytes]) -> None:
    with pytest.raises(LedgerError, match=f"event {number + 1} "):
        replayed(rechained([*EVENTS[:number], forge(EVENTS[number])]))


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"null",
        b"\xff",
        edited(EVENTS[0], more=1),
        edited(EVENTS[0], what={"kind": "forgiven"}),
        edited(EVENTS[0], sequence="1"),
        changed(EVENTS[0], policy={}),
        changed(EVENTS[0], policy={"epsilon": "nan", "delta": "1e-06", "period": "month", "lifetime": None}),
    ],
)
def test_something_else_passes_for_an_event(damage: bytes) -> None:
    with pytest.raises(LedgerError, match="no event of it"):
        replayed([damage])


@pytest.mark.parametrize("ratio", ["0/1", "1/0", "-1/2", "1.5", "1/2/3", "01/2", "1", "1/" + "9" * 1001])
def test_an_amount_is_no_fraction(ratio: str) -> None:
    forged = changed(EVENTS[1], amounts=[{"path": [], "rho": ratio}])
    with pytest.raises(LedgerError):
        replayed(rechained([EVENTS[0], forged]))


def test_a_newer_ledger_is_read_as_if_it_were_known() -> None:
    newer = edited(EVENTS[1], schema=2, something="new")
    with pytest.raises(LedgerError, match=r"version 2 .* knows version 1 only"):
        replayed(rechained([EVENTS[0], newer]))


def test_a_ledger_shrinks_while_it_is_used() -> None:
    log = Given(EVENTS)
    ledger = ledger_on(log, lambda: 1.8e9)
    ledger.state()
    log._events["people"].pop()
    with pytest.raises(LedgerError, match="changed while it was in use"):
        ledger.state()
    with pytest.raises(LedgerError):
        ledger.reserve([((), PART)], "fit")


def test_another_head_is_shown_than_the_last_events() -> None:
    assert replayed(EVENTS).head == hash_of(EVENTS[-1])
    assert len({replayed(EVENTS[:count]).head for count in range(1, len(EVENTS) + 1)}) == len(EVENTS)


def test_an_event_is_stored_otherwise_than_it_is_hashed() -> None:
    for event in EVENTS:
        assert encoded(decoded(event)) == event


def test_the_released_version_cannot_be_read_any_more() -> None:
    events = VECTOR.read_bytes().splitlines()
    state = replayed(events)
    assert events == EVENTS
    assert (state.sequence, len(state.spends), state.policy.period) == (9, 2, 7)
    assert state.head == "7a7eb6b9ae5aebc6fd36403fc2d5e574df0986376d1742246a4eac627ba1584e"


class Contended(MemoryLog):
    """Others are always first."""

    tries = 0

    def append(self, data_set: str, sequence: int, event: bytes) -> None:
        self.tries += 1
        raise ConflictError("not the next")


def test_a_program_that_never_gets_its_turn_waits_for_ever() -> None:
    log = Contended()
    with pytest.raises(BudgetError, match="try again"):
        BudgetLedger(log, "people", lambda: 0.0).open(BudgetPolicy())
    assert log.tries == ATTEMPTS


def test_a_gap_or_a_second_event_of_one_number_is_kept() -> None:
    log = MemoryLog()
    for sequence in (0, 2):
        with pytest.raises(ConflictError):
            log.append("people", sequence, b"x")
    log.append("people", 1, b"x")
    with pytest.raises(ConflictError):
        log.append("people", 1, b"y")
    assert log.read("people") == [b"x"]
