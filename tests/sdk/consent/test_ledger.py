import hashlib
import random
from dataclasses import replace as changed
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.errors import MisuseError
from homespun.protocol.consent import Action, ConsentRecord, ShownNotice

NOTICE = Notice("We remember what you watch, on this device.", "en", "3")


def record(sequence: int, purpose: Any, action: Action) -> ConsentRecord:
    return ConsentRecord(
        sequence=sequence, purpose=purpose, action=action, notice=None, surface="test", method="explicit", time=0.0
    )


def granted(ledger: ConsentLedger) -> set[Purpose]:
    return {purpose for purpose in Purpose if ledger.granted(purpose)}


def test_without_records_everything_is_off() -> None:
    ledger = ConsentLedger()
    assert granted(ledger) == set()
    assert not ledger.may_store
    assert all(not status.granted and status.decided_by is None for status in ledger.status().values())
    assert list(ledger.status()) == list(Purpose)


def test_a_choice_changes_nothing_until_it_is_recorded() -> None:
    ledger = ConsentLedger()
    records = ledger.grant(Purpose.PERSONALIZATION, notice=NOTICE, now=1)
    assert granted(ledger) == set()
    assert granted(ledger.extended(records)) == {Purpose.PERSONALIZATION}


def test_the_record_holds_what_was_shown_where_and_when() -> None:
    (made,) = ConsentLedger().grant(
        Purpose.CONTRIBUTION, notice=NOTICE, now=12, surface="settings page", method="switch"
    )
    digest = hashlib.sha256(NOTICE.text.encode()).hexdigest()
    assert made == ConsentRecord(
        sequence=1,
        purpose="contribution",
        action="grant",
        notice=ShownNotice(NOTICE.text, "en", "3", digest),
        surface="settings page",
        method="switch",
        time=12.0,
    )
    assert NOTICE.sha256 == digest
    assert msgspec.json.decode(msgspec.json.encode(made), type=ConsentRecord) == made


def test_a_later_withdrawal_wins_and_a_later_grant_wins_again() -> None:
    ledger = ConsentLedger()
    ledger = ledger.extended(ledger.grant(*Purpose, notice=NOTICE, now=1))
    assert granted(ledger) == set(Purpose)
    ledger = ledger.extended(ledger.withdraw(Purpose.MEASUREMENT, Purpose.DEVICE_STORAGE, now=2))
    assert granted(ledger) == set(Purpose) - {Purpose.MEASUREMENT, Purpose.DEVICE_STORAGE}
    assert not ledger.may_store
    ledger = ledger.extended(ledger.grant(Purpose.DEVICE_STORAGE, notice=NOTICE, now=3))
    assert ledger.may_store
    assert [each.sequence for each in ledger.records] == list(range(1, len(Purpose) + 4))


def test_the_sequence_decides_and_not_the_clock() -> None:
    ledger = ConsentLedger()
    ledger = ledger.extended(ledger.grant(Purpose.PERSONALIZATION, notice=NOTICE, now=2_000_000_000))
    ledger = ledger.extended(ledger.withdraw(Purpose.PERSONALIZATION, now=1))
    assert not ledger.granted(Purpose.PERSONALIZATION)


@pytest.mark.parametrize("actions", [("grant", "withdraw"), ("withdraw", "grant")])
def test_of_two_choices_with_one_sequence_the_withdrawal_wins(actions: tuple[Action, Action]) -> None:
    ledger = ConsentLedger([record(5, "measurement", action) for action in actions])
    assert not ledger.granted(Purpose.MEASUREMENT)


def test_a_purpose_of_another_version_allows_nothing_and_is_kept() -> None:
    ledger = ConsentLedger([record(1, "telepathy", "grant")])
    assert granted(ledger) == set()
    assert len(ledger.records) == 1
    (made,) = ledger.grant(Purpose.MEASUREMENT, notice=NOTICE, now=1)
    assert made.sequence == 2


def test_one_purpose_never_allows_another() -> None:
    for purpose in Purpose:
        ledger = ConsentLedger(ConsentLedger().grant(purpose, notice=NOTICE, now=1))
        assert granted(ledger) == {purpose}


records = st.lists(
    st.builds(
        record,
        st.integers(1, 6),
        st.sampled_from([*map(str, Purpose), "telepathy"]),
        st.sampled_from(["grant", "withdraw"]),
    )
)


@given(records, st.integers())
def test_no_order_of_reading_the_records_changes_what_is_allowed(made: list[ConsentRecord], seed: int) -> None:
    shuffled = random.Random(seed).sample(made, len(made))
    assert granted(ConsentLedger(made)) == granted(ConsentLedger(shuffled))


@given(records)
def test_what_is_allowed_is_allowed_by_the_latest_record_and_by_no_withdrawal_beside_it(
    made: list[ConsentRecord],
) -> None:
    ledger = ConsentLedger(made)
    for purpose in Purpose:
        latest = max((each.sequence for each in made if each.purpose == purpose), default=None)
        actions = {each.action for each in made if each.purpose == purpose and each.sequence == latest}
        assert ledger.granted(purpose) is (actions == {"grant"})


@given(records)
def test_a_withdrawal_always_works(made: list[ConsentRecord]) -> None:
    ledger = ConsentLedger(made)
    assert granted(ledger.extended(ledger.withdraw(*Purpose, now=1))) == set()


def test_a_purpose_named_twice_is_recorded_once() -> None:
    ledger = ConsentLedger()
    assert len(ledger.grant(Purpose.MEASUREMENT, Purpose.MEASUREMENT, notice=NOTICE, now=1)) == 1


def test_a_grant_that_changes_nothing_is_recorded_again() -> None:
    ledger = ConsentLedger()
    ledger = ledger.extended(ledger.grant(Purpose.MEASUREMENT, notice=NOTICE, now=1))
    assert ledger.grant(Purpose.MEASUREMENT, notice=NOTICE, now=2, surface="elsewhere") == ()
    (made,) = ledger.grant(Purpose.MEASUREMENT, Purpose.CONTRIBUTION, notice=NOTICE, now=2)
    assert (made.purpose, made.sequence) == ("contribution", 2)
    (made,) = ledger.grant(Purpose.MEASUREMENT, notice=Notice("Other words."), now=2)
    assert made.notice != NOTICE.shown()
    ledger = ledger.extended(ledger.withdraw(Purpose.MEASUREMENT, now=3))
    assert len(ledger.grant(Purpose.MEASUREMENT, notice=NOTICE, now=4)) == 1


def test_a_grant_that_changes_nothing_is_not_checked() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(*Purpose, notice=NOTICE, now=1))
    with pytest.raises(MisuseError, match="now"):
        ledger.grant(Purpose.MEASUREMENT, notice=NOTICE, now=-1)


def test_consent_to_nothing_is_refused() -> None:
    with pytest.raises(MisuseError, match="at least one purpose"):
        ConsentLedger().grant(notice=NOTICE, now=1)
    with pytest.raises(MisuseError, match="at least one purpose"):
        ConsentLedger().withdraw(now=1)


@pytest.mark.parametrize("purpose", ["personalization", "telepathy", None, 1])
def test_a_purpose_that_is_none_is_refused(purpose: Any) -> None:
    with pytest.raises(MisuseError, match="not a purpose"):
        ConsentLedger().grant(purpose, notice=NOTICE, now=1)


@pytest.mark.parametrize("notice", [None, "text", ""])
def test_consent_without_a_notice_is_refused(notice: Any) -> None:
    with pytest.raises(MisuseError, match="notice"):
        ConsentLedger().grant(Purpose.MEASUREMENT, notice=notice, now=1)


@pytest.mark.parametrize("name", ["text", "language", "version"])
@pytest.mark.parametrize("value", ["", "  \n", None, 5, "\ud800"])
def test_a_notice_that_nobody_can_have_read_is_refused(name: str, value: Any) -> None:
    with pytest.raises(MisuseError, match=f"notice's {name}"):
        changed(NOTICE, **{name: value})


@pytest.mark.parametrize("now", [-1, float("nan"), float("inf"), "today", None, True])
def test_a_time_that_is_none_is_refused(now: Any) -> None:
    with pytest.raises(MisuseError, match="now"):
        ConsentLedger().withdraw(Purpose.MEASUREMENT, now=now)


@pytest.mark.parametrize("name", ["surface", "method"])
@pytest.mark.parametrize("value", ["", " ", "a\nb", None])
def test_a_choice_from_nowhere_is_refused(name: str, value: Any) -> None:
    with pytest.raises(MisuseError, match=name):
        ConsentLedger().grant(Purpose.MEASUREMENT, notice=NOTICE, now=1, **{name: value})


def test_every_purpose_says_plainly_what_it_is_for() -> None:
    descriptions = [purpose.description for purpose in Purpose]
    assert len(set(descriptions)) == len(Purpose)
    assert all(len(text) > 40 and text.endswith(".") for text in descriptions)
    assert [str(purpose) for purpose in Purpose] == [purpose.name.lower() for purpose in Purpose]
