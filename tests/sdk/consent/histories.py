"""Records and whole histories for the tests of consent."""

from collections.abc import Iterable
from typing import Any, Literal

from hypothesis import strategies as st

from homespun.consent import ConsentHistory, Notice, Purpose, PurposeStatus
from homespun.protocol.consent import ConsentRecord

DAY = 86400.0
WORDS = Notice("We remember what you watch, on this device.", "en", "3")
OTHER_WORDS = Notice("We remember what you watch, and count it.", "en", "4")


def record(sequence: int, purpose: str, action: str, **fields: Any) -> ConsentRecord:
    plain = {"notice": None, "surface": "test", "method": "explicit", "time": 0.0}
    return ConsentRecord(sequence=sequence, purpose=purpose, action=action, **{**plain, **fields})


def gpc(sequence: int, state: Literal["on", "off", "unsaid"] = "on", **fields: Any) -> ConsentRecord:
    value = {"on": True, "off": False, "unsaid": None}[state]
    outcome = ("contribution", "measurement") if value else ()
    return record(sequence, "", "signal", signal="gpc", signal_value=value, outcome=outcome, **fields)


def granted(history: ConsentHistory, now: float | None = None) -> set[Purpose]:
    return allowed(history.status(now))


def allowed(status: dict[Purpose, PurposeStatus]) -> set[Purpose]:
    return {purpose for purpose, each in status.items() if each.granted}


def because(history: ConsentHistory, purpose: Purpose, now: float | None = None) -> str:
    return history.status(now)[purpose].because


def numbered(records: Iterable[ConsentRecord]) -> list[tuple[int, str, str]]:
    return [(each.sequence, each.purpose, each.action) for each in records]


SEQUENCES = st.integers(1, 6)
TIMES = st.integers(0, 9).map(float)
_PURPOSES = st.sampled_from([*map(str, Purpose), "telepathy"])
_TERMS = st.none() | TIMES
_CHOICES = st.builds(
    record,
    SEQUENCES,
    _PURPOSES,
    st.sampled_from(["grant", "grant", "grant", "withdraw", "refuse", "expire", "invented"]),
    time=TIMES,
    valid_until=_TERMS,
    exception=st.none() | st.sampled_from(["gpc", "dnt"]),
    notice=st.none() | st.sampled_from([WORDS.shown(), OTHER_WORDS.shown()]),
    schema=st.sampled_from([1, 2, 2, 2, 3]),
)
_SIGNALS = st.builds(gpc, SEQUENCES, st.sampled_from(["on", "off", "unsaid"]), time=TIMES)
_DECLARATIONS = st.builds(
    record, SEQUENCES, st.just("device_storage"), st.just("declare"), time=TIMES, basis=st.none() | st.just("a reason")
)
_ANYTHING_ELSE = st.builds(record, SEQUENCES, st.just(""), st.sampled_from(["invented", "withdraw"]), time=TIMES)

RECORDS = st.lists(_CHOICES | _SIGNALS | _DECLARATIONS | _ANYTHING_ELSE, max_size=12)
"""Records of every kind, with sequences that repeat and clocks that jump."""
