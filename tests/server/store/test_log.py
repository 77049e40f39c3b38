"""What would go unnoticed in the store's rows, and what would tell the secret."""

import hashlib
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import text

from homespun_server.errors import ConflictError, LedgerError, StoreError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.store import SqlLog, open_store
from tests.server.privacy.ledger.support import spend_of
from tests.server.store.test_opening import run

PART = Fraction(1, 1000)


@pytest.fixture
def used(place: str) -> str:
    """A store with a ledger of four events."""
    with open_store(place) as store:
        ledger = BudgetLedger(SqlLog(store), "people", clock=lambda: 1.7e9)
        ledger.open(BudgetPolicy(epsilon=1.0))
        with ledger.reserve([((), PART)], "fit") as reservation:
            reservation.spend(spend_of(PART)).claim()
        assert ledger.state().sequence == 4
    return place


def replay(place: str) -> int:
    with open_store(place, create=False) as store:
        return BudgetLedger(SqlLog(store), "people", clock=lambda: 1.7e9).state().sequence


def test_an_untouched_store_is_refused(used: str) -> None:
    assert replay(used) == 4


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_row_is_removed(used: str, number: int) -> None:
    run(used, f"DELETE FROM homespun_budget_events WHERE sequence = {number}")  # noqa: S608
    with pytest.raises(LedgerError, match=r"should hold 4 events of 'people' and holds 3"):
        replay(used)


def test_a_row_is_removed_and_counted_out(used: str) -> None:
    run(used, "DELETE FROM homespun_budget_events WHERE sequence = 4")
    run(used, "UPDATE homespun_budget_data_sets SET events = 3")
    with pytest.raises(LedgerError, match="or another last one"):
        replay(used)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_row_is_edited(used: str, number: int) -> None:
    with open_store(used) as store:
        event = SqlLog(store).read("people")[number - 1].replace(b'"time":1700000000', b'"time":1700000001')
        with store.writing() as connection:
            statement = text("UPDATE homespun_budget_events SET event = :event WHERE sequence = :number")
            connection.execute(statement, {"event": event, "number": number})
    with pytest.raises(LedgerError, match=r"some were removed or changed|does not follow"):
        replay(used)


def test_two_rows_are_exchanged(used: str) -> None:
    for old, new in ((2, 99), (3, 2), (99, 3)):
        run(used, f"UPDATE homespun_budget_events SET sequence = {new} WHERE sequence = {old}")  # noqa: S608
    with pytest.raises(LedgerError, match="does not follow"):
        replay(used)


def test_all_events_are_removed_and_a_new_ledger_opened(used: str) -> None:
    run(used, "DELETE FROM homespun_budget_events")
    with open_store(used) as store:
        ledger = BudgetLedger(SqlLog(store), "people")
        for use in (ledger.state, lambda: ledger.open(BudgetPolicy())):
            with pytest.raises(LedgerError, match="holds 0"):
                use()


def test_a_gap_or_a_second_event_of_one_number_is_kept(used: str) -> None:
    with open_store(used) as store:
        log = SqlLog(store)
        before = log.read("people")
        for sequence in (1, 2, 4, 6):
            with pytest.raises(ConflictError):
                log.append("people", sequence, b"x")
        with pytest.raises(ConflictError):
            log.append("others", 2, b"x")
        assert log.read("people") == before
        assert log.read("others") == []


def test_the_head_of_a_ledger_is_another_hash_than_documented(used: str) -> None:
    with open_store(used) as store, store.reading() as connection:
        row = connection.execute(text("SELECT events, head FROM homespun_budget_data_sets")).one()
        assert tuple(row) == (4, hashlib.sha256(SqlLog(store).read("people")[-1]).hexdigest())


def test_a_secret_changes_or_is_told(place: str) -> None:
    with open_store(place) as store:
        log = SqlLog(store, randomness=lambda count: bytes(range(count)))
        ledger = BudgetLedger(log, "people")
        with pytest.raises(LedgerError, match="no secret"):
            _ = ledger.secret
        ledger.open(BudgetPolicy())
        ledger.change(BudgetPolicy(lifetime=1.0), "why not")
        assert ledger.secret == bytes(range(32))
    with open_store(place, create=False) as store:
        again = BudgetLedger(SqlLog(store), "people")
        assert again.secret == bytes(range(32))
        events = b"".join(SqlLog(store).read("people"))
    assert bytes(range(32)) not in events
    assert bytes(range(32)).hex().encode() not in events


def test_a_secret_is_in_an_error_of_the_database(used: str) -> None:
    run(used, "DROP TABLE homespun_sampling_secrets")
    with open_store(used) as store:
        log = SqlLog(store, randomness=lambda count: b"geheim" * 6)
        with pytest.raises(StoreError, match="cannot be used") as refused:
            log.append("others", 1, b"{}")
        with pytest.raises(StoreError):
            log.secret("people")
    assert refused.value.__cause__ is not None
    for told in (str(refused.value), str(refused.value.__cause__)):
        assert "geheim" not in told
    with open_store(used) as store:
        assert SqlLog(store).data_sets() == ["people"]


def test_a_full_disk_or_a_lock_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homespun_server.store.opening.BUSY_SECONDS", 0.0)
    path = tmp_path / "store.db"
    with open_store(path) as one, open_store(path) as other:
        with one.writing(), pytest.raises(StoreError, match="Another program has held it"):
            SqlLog(other).append("people", 1, b"{}")
        assert SqlLog(other).read("people") == []
