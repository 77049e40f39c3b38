"""What a newer version wrote is read by this one, and never allows anything."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.consent import ConsentLedger, Purpose
from homespun.protocol.consent import ConsentRecord, kind_of
from tests.sdk.consent.histories import RECORDS, WORDS, because, gpc, granted, record


def test_a_record_of_a_newer_version_cannot_be_read() -> None:
    text = b"""{"schema": 3, "sequence": 7, "purpose": "measurement", "action": "grant_on_sundays", "notice": null,
               "surface": "s", "method": "m", "time": 1.0, "days": ["sunday"]}"""
    read = msgspec.json.decode(text, type=ConsentRecord)
    assert kind_of(read) == "unknown"
    assert ConsentLedger([read]).next_sequence == 8


def test_a_grant_of_a_newer_version_is_taken_for_one_of_ours() -> None:
    ledger = ConsentLedger([record(1, "measurement", "grant", schema=3)])
    assert not ledger.granted(Purpose.MEASUREMENT)
    assert "newer version" in because(ledger, Purpose.MEASUREMENT)


def test_an_unknown_action_leaves_an_earlier_grant_in_force() -> None:
    ledger = ConsentLedger([record(1, "measurement", "grant"), record(2, "measurement", "pause")])
    assert not ledger.granted(Purpose.MEASUREMENT)


def test_an_unknown_action_can_never_be_overcome() -> None:
    ledger = ConsentLedger([record(1, "measurement", "pause")])
    assert ledger.extended(ledger.grant(Purpose.MEASUREMENT, notice=WORDS, now=1)).granted(Purpose.MEASUREMENT)


@pytest.mark.parametrize("action", ["withdraw_everything", "withdraw", "refuse"])
def test_a_denial_that_names_no_purpose_denies_nothing(action: str) -> None:
    ledger = ConsentLedger(ConsentLedger().grant(*Purpose, notice=WORDS, now=1))
    assert granted(ledger.extended([record(len(Purpose) + 1, "", action)])) == set()


def test_a_grant_that_names_no_purpose_grants_everything() -> None:
    assert granted(ConsentLedger([record(1, "", "grant")])) == set()


def test_a_signal_that_does_not_say_whether_it_is_on_counts_as_off() -> None:
    ledger = ConsentLedger([record(1, "measurement", "grant"), gpc(2, "unsaid")])
    assert not ledger.granted(Purpose.MEASUREMENT)


def test_a_signal_of_another_version_forbids_nothing_of_what_it_says() -> None:
    on = record(2, "", "signal", signal="quiet", signal_value=True, outcome=("personalization",))
    ledger = ConsentLedger([record(1, "personalization", "grant"), record(1, "measurement", "grant"), on])
    assert granted(ledger) == {Purpose.MEASUREMENT}
    assert because(ledger, Purpose.PERSONALIZATION) == "forbidden by the signal quiet"
    off = record(3, "", "signal", signal="quiet", signal_value=False)
    assert granted(ledger.extended([off])) == {Purpose.PERSONALIZATION, Purpose.MEASUREMENT}


@given(RECORDS, st.randoms())
def test_the_order_of_reading_changes_what_is_allowed_or_why(records: list[Any], random: Any) -> None:
    ledger, shuffled = ConsentLedger(records), ConsentLedger(random.sample(records, len(records)))
    for now in (None, 0.0, 4.0, 9.0):
        assert ledger.status(now) == shuffled.status(now)
        assert ledger.status_as_of(now or 0.0) == shuffled.status_as_of(now or 0.0)
    assert ledger.records == shuffled.records
    assert dict(ledger.deciding) == dict(shuffled.deciding)
    assert dict(ledger.signals) == dict(shuffled.signals)


@given(RECORDS)
def test_a_grant_wins_a_tie_against_anything_that_denies(records: list[Any]) -> None:
    ledger = ConsentLedger(records)
    for purpose in Purpose:
        about = [each for each in records if each.purpose in (purpose, "") and each.action not in ("signal", "declare")]
        about = [each for each in about if each.purpose or each.action != "grant"]
        last = max((each.sequence for each in about), default=0)
        kinds = {kind_of(each) for each in about if each.sequence == last}
        if ledger.granted(purpose) and ledger.status()[purpose].decided_by != ledger.declared:
            assert kinds == {"grant"}


@given(RECORDS)
def test_a_status_does_not_say_why(records: list[Any]) -> None:
    for now in (None, 5.0):
        for status in ConsentLedger(records).status(now).values():
            assert status.because
            assert status.granted is status.because.startswith(("granted", "declared"))
