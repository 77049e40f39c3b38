from hypothesis import given
from hypothesis import strategies as st

from homespun.consent import ConsentLedger, Purpose, joining, with_vetoes
from homespun.protocol.consent import Action, ConsentRecord


def record(sequence: int, purpose: str, action: Action) -> ConsentRecord:
    return ConsentRecord(
        sequence=sequence, purpose=purpose, action=action, notice=None, surface="test", method="explicit", time=0.0
    )


records = st.lists(
    st.builds(record, st.integers(1, 6), st.sampled_from([*map(str, Purpose)]), st.sampled_from(["grant", "withdraw"]))
)


def granted(ledger: ConsentLedger) -> set[Purpose]:
    return {purpose for purpose in Purpose if ledger.granted(purpose)}


@given(records, records)
def test_joining_revives_a_withdrawn_purpose_or_loses_a_withdrawal(
    kept: list[ConsentRecord], unstored: list[ConsentRecord]
) -> None:
    stored = ConsentLedger(kept)
    joined = stored.extended(joining(stored, unstored))
    for purpose in Purpose:
        decided = stored.deciding.get(purpose)
        if decided is not None and decided.action == "withdraw":
            assert not joined.granted(purpose)
        last = [each for each in unstored if each.purpose == purpose][-1:]
        if last and last[0].action == "withdraw":
            assert not joined.granted(purpose)


@given(records, records)
def test_two_records_share_a_number(kept: list[ConsentRecord], unstored: list[ConsentRecord]) -> None:
    stored = ConsentLedger(kept)
    numbers = [each.sequence for each in joining(stored, unstored)]
    assert numbers == list(range(stored.next_sequence, stored.next_sequence + len(numbers)))
    assert all(each.sequence < stored.next_sequence for each in kept)


@given(records, records)
def test_what_is_not_written_allows_something(kept: list[ConsentRecord], unstored: list[ConsentRecord]) -> None:
    stored = ConsentLedger(kept)
    assert granted(with_vetoes(stored, unstored)) == granted(stored) - {
        purpose
        for purpose, decided in ConsentLedger(unstored).deciding.items()
        if decided.action == "withdraw"
    }  # fmt: skip


def test_a_withdrawal_that_was_taken_back_still_vetoes() -> None:
    stored = ConsentLedger([record(1, "measurement", "grant")])
    unstored = [record(1, "measurement", "withdraw"), record(2, "measurement", "grant")]
    assert with_vetoes(stored, unstored).granted(Purpose.MEASUREMENT)
    assert stored.extended(joining(stored, unstored)).granted(Purpose.MEASUREMENT)
