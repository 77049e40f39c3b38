"""What must not get into the queue, and what the queue must say."""

import enum
import hashlib
from decimal import Decimal
from typing import Any

import pytest

from homespun.consent import Purpose
from homespun.contribute import EgressLimits
from homespun.errors import BudgetError, LedgerError, MisuseError, NotPermittedError
from tests.sdk.contribute.rig import DESTINATION, Rig


def test_something_is_queued_that_the_person_never_allowed() -> None:
    rig = Rig(consents={})
    with pytest.raises(NotPermittedError, match="does not allow 'contribution'"):
        rig.queue()
    assert rig.log.entries == ()
    assert rig.log.payloads == {}


def test_something_is_queued_under_the_consent_to_something_else() -> None:
    rig = Rig(consents={"measurement": 1})
    with pytest.raises(NotPermittedError):
        rig.queue()


def test_an_entry_does_not_say_what_where_why_and_under_which_consent() -> None:
    rig = Rig()
    entry = rig.queue(b"share", epsilon=Decimal("0.25"))
    assert (entry.sequence, entry.state, entry.of) == (1, "queued", None)
    assert (entry.what, entry.size) == ("item-counts/1", 5)
    assert entry.payload_sha256 == hashlib.sha256(b"share").hexdigest()
    assert (entry.purpose, entry.consent, entry.destination) == ("contribution", 3, DESTINATION)
    assert (entry.epsilon_spent, entry.epsilon_left) == ("0.25", "9.75")
    assert entry.time == "1700000000.000"
    assert rig.log.payloads == {1: b"share"}
    assert rig.wire.delivered == []


def test_a_purpose_of_the_enumeration_is_taken_for_another() -> None:
    entry = Rig().queue(purpose=Purpose.CONTRIBUTION)
    assert type(entry.purpose) is str
    assert entry.purpose == "contribution"


def test_more_is_queued_than_the_lifetime_allows() -> None:
    rig = Rig(ceiling=Decimal("1.5"))
    rig.queue(epsilon=1)
    with pytest.raises(BudgetError, match=r"would cost ε 0\.500000000001, and ε 0\.5 is left of the lifetime's 1\.5"):
        rig.queue(epsilon=Decimal("0.500000000001"))
    assert len(rig.log.entries) == 1
    assert rig.queue(epsilon=Decimal("0.5")).epsilon_left == "0"
    assert rig.queue(epsilon=0).epsilon_left == "0"


def test_the_lifetime_is_exceeded_by_way_of_another_purpose() -> None:
    rig = Rig(ceiling=Decimal(1), consents={"contribution": 1, "measurement": 2})
    rig.queue(epsilon=1)
    with pytest.raises(BudgetError):
        rig.queue(epsilon=1, purpose="measurement")


def test_binary_fractions_let_a_tenth_slip_through() -> None:
    rig = Rig(ceiling=Decimal(1))
    for _ in range(10):
        rig.queue(epsilon=Decimal("0.1"))
    assert rig.log.entries[-1].epsilon_left == "0"
    with pytest.raises(BudgetError):
        rig.queue(epsilon=Decimal("0.1"))


def test_the_queue_fills_the_disk() -> None:
    rig = Rig(limits=EgressLimits(pending=2))
    rig.queue()
    rig.queue()
    with pytest.raises(BudgetError, match="2 contributions wait"):
        rig.queue()
    rig.egress.send_pending()
    rig.queue()


@pytest.mark.parametrize("payload", [b"", b"12345", "text", bytearray(b"1"), None])
def test_a_payload_is_empty_too_long_or_no_bytes(payload: Any) -> None:
    rig = Rig(limits=EgressLimits(payload_bytes=4))
    with pytest.raises(MisuseError, match="1 to 4 bytes"):
        rig.queue(payload)
    assert rig.queue(b"1234").size == 4


@pytest.mark.parametrize(
    "epsilon", [0.5, -1, Decimal(-1), Decimal("NaN"), Decimal("Infinity"), Decimal("1E+7"), Decimal("1E-13"), "1", True]
)
def test_an_epsilon_is_no_exact_amount(epsilon: Any) -> None:
    rig = Rig()
    with pytest.raises(MisuseError, match="ε"):
        rig.queue(epsilon=epsilon)
    assert rig.log.entries == ()


@pytest.mark.parametrize("ceiling", [1.0, Decimal("-0.1"), None])
def test_a_ceiling_is_no_exact_amount(ceiling: Any) -> None:
    with pytest.raises(MisuseError, match="ε"):
        Rig(ceiling=ceiling)


class Word(enum.StrEnum):
    BAD = "Not A Name"


@pytest.mark.parametrize("name", ["", "Item Counts", "a\x1b[2J", "a\n", "a" * 81, None, Word.BAD, "\u202eabc"])
@pytest.mark.parametrize("argument", ["what", "purpose"])
def test_a_name_could_steer_a_terminal_or_hide_something(argument: str, name: Any) -> None:
    arguments: dict[str, Any] = {"what": "item-counts", "purpose": "contribution", argument: name}
    with pytest.raises(MisuseError, match=argument):
        Rig().egress.queue(arguments.pop("what"), b"share", destination=DESTINATION, epsilon=0, **arguments)


def test_an_unknown_answer_about_repetition_passes_for_yes() -> None:
    with pytest.raises(MisuseError, match="idempotent"):
        Rig().queue(idempotent="no")  # type: ignore[arg-type]


@pytest.mark.parametrize("now", [float("nan"), float("inf"), -1.0, 1e300])
def test_a_broken_clock_puts_no_time_into_the_ledger(now: float) -> None:
    rig = Rig()
    rig.clock = lambda: now  # type: ignore[assignment]
    with pytest.raises(MisuseError, match="the time is"):
        rig.another().queue("a", b"b", purpose="contribution", destination=DESTINATION, epsilon=0)


def test_a_damaged_ledger_is_continued() -> None:
    rig = Rig()
    rig.queue()
    (entry,) = rig.log.entries
    rig.log.entries = (type(entry)(**{name: getattr(entry, name) for name in entry.__struct_fields__} | {"size": 9}),)
    with pytest.raises(LedgerError, match="Entry 1 of the ledger was changed"):
        rig.queue()


@pytest.mark.parametrize(
    "limits",
    [
        {"payload_bytes": 0},
        {"pending": True},
        {"attempts": 1.5},
        {"retry_seconds": -1},
        {"retry_seconds": 60, "longest_retry_seconds": 59},
    ],
)
def test_a_limit_is_no_limit(limits: dict[str, Any]) -> None:
    with pytest.raises(MisuseError, match="use a whole number from"):
        EgressLimits(**limits)
