import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.consent import ConsentLedger, Notice, Purpose, from_remembered, joining, remembered
from homespun.errors import MisuseError
from homespun.protocol.consent import permits
from tests.sdk.consent.histories import OTHER_WORDS, RECORDS, WORDS, gpc, granted, numbered, record

P = Purpose.PERSONALIZATION


def refused() -> ConsentLedger:
    return ConsentLedger(ConsentLedger().refuse(P, Purpose.DEVICE_STORAGE, notice=WORDS, now=1))


def test_who_refused_is_asked_again_at_the_next_opening() -> None:
    again = ConsentLedger(from_remembered(remembered(refused().records)))
    assert again.needed(WORDS, P, Purpose.DEVICE_STORAGE, now=2) == ()
    assert again.needed(OTHER_WORDS, P, now=2) == (P,)
    assert again.status()[P].because == "refused"


def test_the_words_themselves_are_kept_before_anything_may_be_stored() -> None:
    text = remembered(refused().records)
    assert WORDS.text not in text
    assert WORDS.sha256 in text
    assert json.loads(text)["choices"][0] == {
        "action": "refuse",
        "purpose": "device_storage",
        "notice": {"language": "en", "version": "3", "sha256": WORDS.sha256},
        "surface": "application",
        "method": "explicit",
        "time": 1.0,
    }


def test_a_grant_is_remembered() -> None:
    ledger = ConsentLedger().extended(ConsentLedger().grant(*Purpose, notice=WORDS, now=1))
    assert from_remembered(remembered(ledger.records)) == ()
    ledger = ledger.extended(ledger.withdraw(P, now=2))
    assert numbered(from_remembered(remembered(ledger.records))) == [(1, P, "withdraw")]


def test_a_signal_is_forgotten_or_its_end_remembered() -> None:
    (on,) = from_remembered(remembered([gpc(1)]))
    assert (on.signal, on.signal_value, on.outcome) == ("gpc", True, ("contribution", "measurement"))
    assert from_remembered(remembered([gpc(1), gpc(2, "off")])) == ()


def test_what_was_remembered_is_asked_again_after_storage_was_granted() -> None:
    kept = from_remembered(remembered([*refused().records, gpc(9)]))
    stored = ConsentLedger().grant(Purpose.MEASUREMENT, Purpose.DEVICE_STORAGE, notice=OTHER_WORDS, now=1)
    joined = ConsentLedger(stored).extended(joining(ConsentLedger(stored), kept))
    assert granted(joined) == set()


@given(RECORDS)
def test_what_comes_back_permits_something_or_denies_less(records: list[Any]) -> None:
    text = remembered(records)
    back = from_remembered(text)
    assert len(text) < 16_384
    assert not any(map(permits, back))
    assert remembered(back) == text
    no = {each for each, last in ConsentLedger(records).deciding.items() if last.action in ("refuse", "withdraw")}
    no = {each for each in no if ConsentLedger(records).deciding[each].schema < 3}
    assert {each.purpose for each in back} - {""} == no & set(Purpose)


def test_the_longest_words_about_a_choice_do_not_fit() -> None:
    notice = Notice("x", "é" * 100, "名" * 200)
    ledger = ConsentLedger(ConsentLedger().refuse(*Purpose, notice=notice, now=1, surface="\\" * 200, method='"' * 200))
    assert ConsentLedger(from_remembered(remembered(ledger.records))).needed(notice, *Purpose, now=2) == ()


def test_a_record_with_endless_words_cannot_be_remembered() -> None:
    notice = Notice("x").shown()
    long = type(notice)(notice.text, "en", "v" * 10_000, notice.sha256)
    (back,) = from_remembered(
        remembered([record(1, P, "refuse", notice=long, surface="s" * 10_000, time=float("nan"))])
    )
    assert (back.notice, len(back.surface), back.time) == (None, 200, 0.0)


CHOICE = {"action": "refuse", "purpose": "measurement", "surface": "s", "method": "m", "time": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"action": "grant"},
        {"action": "declare"},
        {"action": "expire"},
        {"action": "signal"},
        {"purpose": "telepathy"},
        {"purpose": None},
        {"time": -1},
        {"time": 1e20},
        {"surface": ""},
        {"method": "m" * 201},
        {"signal_value": False},
        {"notice": {"language": "en", "version": "1", "sha256": "xyz"}},
        {"exception": "gpc"},
    ],
)
def test_a_forged_memory_is_taken(change: dict[str, Any]) -> None:
    good = json.dumps({"schema": 1, "choices": [CHOICE]})
    assert numbered(from_remembered(good)) == [(1, "measurement", "refuse")]
    with pytest.raises(MisuseError, match="remembered"):
        from_remembered(json.dumps({"schema": 1, "choices": [{**CHOICE, **change}]}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"schema": 2, "choices": []}',
        json.dumps({"schema": 1, "choices": [CHOICE] * (len(Purpose) + 2)}),
        json.dumps({"schema": 1, "choices": [CHOICE], "more": 1}),
        " " * 16_384 + '{"schema": 1, "choices": []}',
        "[" * 16_000,
        "\ud800",
        b"{}",
        None,
    ],
)
def test_a_memory_that_is_none_is_taken(text: Any) -> None:
    with pytest.raises(MisuseError, match="remembered"):
        from_remembered(text)


@given(st.text(max_size=200))
def test_some_text_crashes_the_reader(text: str) -> None:
    with pytest.raises(MisuseError, match="remembered"):
        from_remembered(text)
