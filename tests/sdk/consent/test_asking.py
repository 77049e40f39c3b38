from typing import Any

import pytest
from hypothesis import given

from homespun.consent import ConsentLedger, Purpose
from homespun.errors import MisuseError
from tests.sdk.consent.histories import DAY, OTHER_WORDS, RECORDS, WORDS, gpc, granted, numbered, record

P, M = Purpose.PERSONALIZATION, Purpose.MEASUREMENT


def test_what_is_new_is_not_asked_or_what_is_granted_is() -> None:
    ledger = ConsentLedger()
    assert ledger.needed(WORDS, P, M, P, now=1) == (P, M)
    ledger = ledger.extended(ledger.grant(P, notice=WORDS, now=1))
    assert ledger.needed(WORDS, P, M, now=2) == (M,)


def test_other_words_are_not_asked_about() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(P, notice=WORDS, now=1))
    assert ledger.needed(OTHER_WORDS, P, now=2) == (P,)
    ledger = ledger.extended(ledger.grant(P, notice=OTHER_WORDS, now=2))
    assert ledger.needed(OTHER_WORDS, P, now=3) == ()


def test_a_person_is_asked_again_with_words_that_they_refused() -> None:
    ledger = ConsentLedger(ConsentLedger().refuse(P, notice=WORDS, now=1))
    assert ledger.needed(WORDS, P, now=1e9) == ()
    assert ledger.needed(OTHER_WORDS, P, now=2) == (P,)
    ledger = ledger.extended(ledger.refuse(P, notice=OTHER_WORDS, now=2))
    assert ledger.needed(WORDS, P, now=3) == ()
    assert ledger.needed(OTHER_WORDS, P, now=3) == ()


def test_a_person_is_asked_again_with_the_words_of_a_grant_that_they_withdrew() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(P, notice=WORDS, now=1))
    ledger = ledger.extended(ledger.withdraw(P, now=2))
    assert ledger.needed(WORDS, P, now=3) == ()
    assert ledger.needed(OTHER_WORDS, P, now=3) == (P,)


def test_a_withdrawal_of_the_first_schema_does_not_know_what_it_withdrew() -> None:
    old = [record(1, P, "grant", notice=WORDS.shown(), schema=1), record(2, P, "withdraw", schema=1)]
    assert ConsentLedger(old).needed(WORDS, P, now=3) == ()
    assert ConsentLedger(old).needed(OTHER_WORDS, P, now=3) == (P,)


def test_a_no_that_was_said_without_any_words_is_asked_about() -> None:
    ledger = ConsentLedger(ConsentLedger().withdraw(P, now=1))
    assert ledger.needed(WORDS, P, now=2) == ()


def test_a_renewal_is_asked_too_late_or_from_the_first_day_on() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(P, notice=WORDS, now=0, valid_days=365))
    assert ledger.needed(WORDS, P, now=334 * DAY) == ()
    assert ledger.needed(WORDS, P, now=335 * DAY) == (P,)
    assert ledger.needed(WORDS, P, now=335 * DAY, renew_days=5) == ()
    assert ledger.needed(WORDS, P, now=366 * DAY) == (P,)
    ledger = ConsentLedger(ConsentLedger().grant(P, notice=WORDS, now=0, valid_days=8))
    assert ledger.needed(WORDS, P, now=5 * DAY) == ()
    assert ledger.needed(WORDS, P, now=6 * DAY) == (P,)


def test_what_lapsed_is_not_asked_again() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(P, notice=WORDS, now=0, valid_days=1))
    ledger = ledger.extended(ledger.lapsed(2 * DAY))
    assert ledger.needed(WORDS, P, now=2 * DAY) == (P,)
    ledger = ledger.extended(ledger.refuse(P, notice=WORDS, now=2 * DAY))
    assert ledger.needed(WORDS, P, now=3 * DAY) == ()


def test_who_sends_the_signal_is_asked_all_the_same() -> None:
    ledger = ConsentLedger([gpc(1)])
    assert ledger.needed(WORDS, P, M, Purpose.CONTRIBUTION, now=1) == (P,)


def test_what_is_necessary_is_asked_about() -> None:
    ledger = ConsentLedger(ConsentLedger().declare_necessary("A reason.", 1))
    assert ledger.needed(WORDS, Purpose.DEVICE_STORAGE, now=2) == ()


def test_what_only_a_newer_version_can_read_is_never_asked_about() -> None:
    assert ConsentLedger([record(1, P, "pause")]).needed(WORDS, P, now=1) == (P,)


def test_a_refusal_is_recorded_twice_or_leaves_a_grant_in_force() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(P, notice=WORDS, now=1))
    refused = ledger.refuse(P, M, P, notice=OTHER_WORDS, now=2, surface="dialogue", method="button")
    assert numbered(refused) == [(2, P, "refuse"), (3, M, "refuse")]
    assert refused[0].notice == OTHER_WORDS.shown()
    ledger = ledger.extended(refused)
    assert granted(ledger) == set()
    assert ledger.status()[P].because == "refused"
    assert ledger.refuse(P, notice=OTHER_WORDS, now=3) == ()
    assert numbered(ledger.refuse(P, notice=WORDS, now=3)) == [(4, P, "refuse")]


def test_a_withdrawal_does_not_say_which_words_it_ends() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(P, notice=WORDS, now=1))
    withdrawn = ledger.withdraw(P, M, now=2)
    assert [each.notice for each in withdrawn] == [WORDS.shown(), None]


@given(RECORDS)
def test_after_an_answer_the_same_question_is_asked_again(records: list[Any]) -> None:
    ledger = ConsentLedger(records)
    asked = ledger.needed(WORDS, *Purpose, now=9)
    if asked:
        assert ledger.extended(ledger.refuse(*asked, notice=WORDS, now=9)).needed(WORDS, *Purpose, now=9) == ()
        assert ledger.extended(ledger.grant(*asked, notice=WORDS, now=9)).needed(WORDS, *Purpose, now=9) == ()


@pytest.mark.parametrize("days", [0, -1, "30", None])
def test_a_renewal_in_no_number_of_days_is_asked(days: Any) -> None:
    with pytest.raises(MisuseError, match="renew_days"):
        ConsentLedger().needed(WORDS, P, now=1, renew_days=days)
    with pytest.raises(MisuseError, match="notice"):
        ConsentLedger().needed("words", P, now=1)  # type: ignore[arg-type]
    with pytest.raises(MisuseError, match="purpose"):
        ConsentLedger().needed(WORDS, now=1)
    with pytest.raises(MisuseError, match="notice"):
        ConsentLedger().refuse(P, notice=None, now=1)  # type: ignore[arg-type]
