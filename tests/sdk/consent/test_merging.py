from typing import Any

from hypothesis import given

from homespun.consent import ConsentLedger, Purpose, joining, with_vetoes
from homespun.protocol.consent import ConsentRecord, permits
from tests.sdk.consent.histories import RECORDS, gpc, granted, record


def joined(stored: list[ConsentRecord], unstored: list[ConsentRecord]) -> ConsentLedger:
    ledger = ConsentLedger(stored)
    return ledger.extended(joining(ledger, unstored))


@given(RECORDS, RECORDS)
def test_joining_revives_what_the_profile_keeps_as_denied(kept: list[Any], unstored: list[Any]) -> None:
    stored, after = ConsentLedger(kept), joined(kept, unstored)
    for purpose, decided in stored.deciding.items():
        if not permits(decided) and purpose in set(Purpose):
            assert not permits(after.deciding[purpose])
            assert not after.status_of(purpose).because.startswith("granted")


@given(RECORDS, RECORDS)
def test_joining_loses_a_denial_that_could_not_be_written(kept: list[Any], unstored: list[Any]) -> None:
    after = joined(kept, unstored)
    for purpose in Purpose:
        about = [
            each for each in unstored if each.purpose in (purpose, "") and each.action not in ("signal", "declare")
        ]
        about = [each for each in about if each.purpose or not permits(each)]
        if about and not permits(about[-1]):
            assert not after.status_of(purpose).because.startswith("granted")
    signals = [each for each in unstored if each.action == "signal" and each.schema < 3]
    if signals and not permits(signals[-1]):
        assert not permits(after.signals["gpc"])


@given(RECORDS, RECORDS)
def test_a_signal_that_the_profile_keeps_is_turned_off_or_excepted_from_outside(
    kept: list[Any], unstored: list[Any]
) -> None:
    stored, after = ConsentLedger(kept), joined(kept, unstored)
    signal = stored.signals.get("gpc")
    if signal is not None and not permits(signal):
        assert not permits(after.signals["gpc"])
        forbidden = {Purpose.CONTRIBUTION, Purpose.MEASUREMENT}
        assert granted(after) & forbidden <= granted(stored)


@given(RECORDS, RECORDS)
def test_two_records_share_a_number(kept: list[Any], unstored: list[Any]) -> None:
    stored = ConsentLedger(kept)
    numbers = [each.sequence for each in joining(stored, unstored)]
    assert numbers == list(range(stored.next_sequence, stored.next_sequence + len(numbers)))
    assert all(each.sequence < stored.next_sequence for each in kept)


@given(RECORDS, RECORDS)
def test_what_is_not_written_allows_something(kept: list[Any], unstored: list[Any]) -> None:
    stored, ledger = ConsentLedger(kept), ConsentLedger(unstored)
    denied = {purpose for purpose, decided in ledger.deciding.items() if not permits(decided)}
    vetoed = with_vetoes(stored, unstored)
    for now in (None, 4.0):
        assert granted(vetoed, now) <= granted(stored, now)
    assert {each for each in granted(vetoed) if vetoed.status()[each].because.startswith("granted")}.isdisjoint(denied)


def test_a_withdrawal_that_was_taken_back_still_vetoes() -> None:
    stored = ConsentLedger([record(1, "measurement", "grant")])
    unstored = [record(1, "measurement", "withdraw"), record(2, "measurement", "grant")]
    assert with_vetoes(stored, unstored).granted(Purpose.MEASUREMENT)
    assert stored.extended(joining(stored, unstored)).granted(Purpose.MEASUREMENT)


def test_a_signal_vetoes_nothing_while_it_cannot_be_written() -> None:
    stored = ConsentLedger([record(1, "measurement", "grant"), record(1, "personalization", "grant")])
    assert granted(with_vetoes(stored, [gpc(1)])) == {Purpose.PERSONALIZATION}
    assert granted(with_vetoes(stored, [gpc(1), gpc(2, "off")])) == granted(stored)


def test_a_declaration_that_was_taken_back_comes_back_from_outside() -> None:
    kept = [record(1, "device_storage", "declare", basis=None)]
    assert not joined(kept, [record(1, "device_storage", "declare", basis="A reason.")]).may_store
    assert joined([], [record(1, "device_storage", "declare", basis="A reason.")]).may_store
    stored = ConsentLedger([record(1, "device_storage", "declare", basis="A reason.")])
    assert not with_vetoes(stored, [record(1, "device_storage", "declare", basis=None)]).may_store


def test_a_refusal_is_not_as_good_as_a_withdrawal() -> None:
    for no in ("withdraw", "refuse", "expire", "invented"):
        assert not joined([record(1, "measurement", no)], [record(1, "measurement", "grant")]).granted(
            Purpose.MEASUREMENT
        )
        assert not joined([record(1, "measurement", "grant")], [record(1, "measurement", no)]).granted(
            Purpose.MEASUREMENT
        )


def test_an_exception_from_outside_overrules_a_signal_that_the_profile_keeps() -> None:
    exception = record(1, "measurement", "grant", exception="gpc")
    assert not joined([gpc(1)], [exception]).granted(Purpose.MEASUREMENT)
    assert joined([], [gpc(1), exception]).granted(Purpose.MEASUREMENT)
