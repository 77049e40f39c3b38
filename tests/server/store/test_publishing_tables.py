"""What an older store held could be lost, and what is recorded could be changed, twice, or by nobody."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, Executable, create_engine, delete, insert, make_url, select, text, update
from sqlalchemy.exc import IntegrityError

from homespun.errors import MisuseError
from homespun.testing import FakeClock
from homespun_server.errors import ConflictError, StoreError, TokenError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.store import Actor, AuditLog, Runs, SqlLog, Store, Tokens, open_store
from homespun_server.store import versions as store_versions
from homespun_server.store.schema import audit, bundles
from homespun_server.store.sqlite import APPLICATION_ID
from homespun_server.store.versions import version_of
from tests.server.privacy.ledger.support import DIGEST, spend_of

WHO = Actor("a test", "command")
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    with open_store(place) as opened:
        yield opened


def engine_of(place: str) -> Engine:
    url = make_url(place).set(drivername="postgresql+psycopg") if "://" in place else make_url(f"sqlite:///{place}")
    return create_engine(url)


def older(place: str) -> None:
    """Make the tables of the first version, as the program of that time did."""
    config = Config()
    config.set_main_option("script_location", str(Path(store_versions.__file__).parent / "migrations"))
    engine = engine_of(place)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        assert version_of(connection) == "0001"
    engine.dispose()


def test_a_budget_of_the_first_version_is_lost_or_another(place: str, tmp_path: Path) -> None:
    # The events of a ledger are what they were; a newer program writes them into the older tables.
    with open_store(tmp_path / "newer.db") as newer:
        ledger = BudgetLedger(SqlLog(newer), "people", FakeClock())
        ledger.open(BudgetPolicy(epsilon=2.0))
        with ledger.reserve([((), Fraction(1, 100))], "a fit") as reservation:
            charge = reservation.spend(spend_of(Fraction(1, 100)))
            charge.claim()
            charge.released(DIGEST)
        before, events, secret = ledger.state(), SqlLog(newer).read("people"), ledger.secret
        with newer.reading() as connection:
            head = connection.execute(text("SELECT head FROM homespun_budget_data_sets")).scalar()
    older(place)
    engine = engine_of(place)
    with engine.begin() as connection:
        rows = {"name": "people", "events": len(events), "head": head}
        connection.execute(text("INSERT INTO homespun_budget_data_sets VALUES (:name, :events, :head)"), rows)
        for sequence, event in enumerate(events, 1):
            row = {"data_set": "people", "sequence": sequence, "event": event}
            connection.execute(text("INSERT INTO homespun_budget_events VALUES (:data_set, :sequence, :event)"), row)
        connection.execute(text("INSERT INTO homespun_sampling_secrets VALUES ('people', :secret)"), {"secret": secret})
    engine.dispose()
    with open_store(place, create=False) as store:
        ledger = BudgetLedger(SqlLog(store), "people", FakeClock())
        assert ledger.state() == before
        assert ledger.secret == secret
        # What is new works beside it.
        assert Runs(store).runs() == ()
        Tokens(store).create("auditor", days=1, note="", actor=WHO)
        assert len(AuditLog(store).entries()) == 1
    open_store(place, create=False).close()


def test_programs_that_migrate_at_once_break_it(place: str) -> None:
    older(place)
    threads, begun = 4, threading.Barrier(4)

    def migrate(_: int) -> int:
        begun.wait()
        with open_store(place, create=False) as store:
            return len(Runs(store).runs())

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(migrate, range(threads))) == [0] * threads


@pytest.mark.parametrize("change", ["update", "delete", "truncate"])
def test_the_record_of_changes_is_changed(store: Store, change: str) -> None:
    log = AuditLog(store, lambda: NOON)
    log.add(WHO, "pause", "films/canary", {"release": 3})
    statements: dict[str, Executable] = {
        "update": update(audit).values(who="nobody"),
        "delete": delete(audit),
        "truncate": text("TRUNCATE homespun_audit"),
    }
    with (
        pytest.raises((StoreError, IntegrityError), match=r"only added to|syntax error"),
        store.writing() as connection,
    ):
        connection.execute(statements[change])
    (entry,) = log.entries()
    assert (entry.who, entry.role, entry.action, entry.subject) == ("a test", "command", "pause", "films/canary")
    assert (entry.detail, entry.moment) == ({"release": 3}, "2025-03-01T12:00:00+00:00")


def test_entries_are_skipped_or_told_twice(store: Store) -> None:
    log = AuditLog(store)
    for number in range(25):
        log.add(WHO, "something", str(number))
    found: list[str] = []
    after = 0
    while entries := log.entries(after=after, limit=10):
        found += [entry.subject for entry in entries]
        after = entries[-1].sequence
    assert found == [str(number) for number in range(25)]


def test_a_change_is_recorded_that_was_not_made(store: Store) -> None:
    log = AuditLog(store)

    def begin() -> None:
        with store.writing() as connection:
            log.add_within(connection, WHO, "something", "somewhere")
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        begin()
    assert log.entries() == ()


def test_a_token_is_good_for_too_long_or_after_it_was_revoked(store: Store) -> None:
    now = [NOON]
    tokens = Tokens(store, lambda: now[0])
    secret, token = tokens.create("publisher", days=2, note="a pipeline", actor=WHO)
    assert tokens.check(secret) == token
    (kept,) = tokens.tokens()
    assert (kept.last_used, kept.note, kept.role) == ("2025-03-01", "a pipeline", "publisher")
    now[0] = NOON + timedelta(days=2) - timedelta(seconds=1)
    assert tokens.check(secret).id == token.id
    now[0] = NOON + timedelta(days=2)
    with pytest.raises(TokenError, match="expired"):
        tokens.check(secret)
    now[0] = NOON
    revoked = tokens.revoke(token.id, WHO)
    assert revoked.revoked == "2025-03-01T12:00:00+00:00"
    now[0] = NOON + timedelta(hours=1)
    assert tokens.revoke(token.id, WHO).revoked == revoked.revoked
    with pytest.raises(TokenError, match="revoked"):
        tokens.check(secret)
    with pytest.raises(TokenError, match="no token"):
        tokens.revoke("0" * 16, WHO)
    assert [entry.action for entry in AuditLog(store).entries()] == ["create-token", "revoke-token"]
    with pytest.raises(MisuseError):
        tokens.create("publisher", days=0, note="", actor=WHO)


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + "A", lambda s: s.swapcase(), lambda s: " " + s])
def test_a_token_that_is_nearly_one_is_good(store: Store, change: "type[str]") -> None:
    tokens = Tokens(store, randomness=lambda size: bytes(range(100, 100 + size)))
    secret, _ = tokens.create("auditor", days=1, note="", actor=WHO)
    with pytest.raises(TokenError, match="no token of this service"):
        tokens.check(change(secret))


def test_a_run_is_begun_twice_or_ends_without_beginning(store: Store) -> None:
    now = [NOON]
    runs = Runs(store, lambda: now[0])
    runs.begin("one", "films", {"a": 1})
    with pytest.raises(ConflictError, match="already"):
        runs.begin("one", "films")
    with pytest.raises(ConflictError, match="no run"):
        runs.end("two", "done")
    now[0] = NOON + timedelta(minutes=1)
    runs.end("one", "done", bundle="0" * 64)
    found = runs.get("one")
    assert found is not None
    run, record = found
    assert (run.state, run.bundle, record) == ("done", "0" * 64, {"a": 1})
    assert (run.started, run.ended) == ("2025-03-01T12:00:00+00:00", "2025-03-01T12:01:00+00:00")
    assert runs.get("two") is None
    assert runs.runs() == (run,)


def test_connections_that_are_kept_see_an_older_moment_or_stay_open(place: str) -> None:
    with open_store(place, kept=2) as service, open_store(place) as other:
        threads, begun = 8, threading.Barrier(8)

        def write(number: int) -> None:
            begun.wait()
            for each in range(5):
                AuditLog(service).add(WHO, "something", f"{number} {each}")

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(write, range(threads)))
        AuditLog(other).add(WHO, "something", "another program's")
        assert len(AuditLog(service).entries()) == 41
        with service.writing() as connection, pytest.raises(RuntimeError, match="broken"):
            raise RuntimeError("broken")
        AuditLog(other).add(WHO, "something", "after it")
        assert AuditLog(service).entries()[-1].subject == "after it"
    # Nobody holds the file any more: it can be moved.
    if "://" not in place:
        Path(place).rename(f"{place}.moved")
    assert connection.closed


def test_a_bundle_without_a_name_is_kept(store: Store) -> None:
    row = dict.fromkeys((column.name for column in bundles.columns), "x") | {"version": 1, "size": 1}
    with pytest.raises(IntegrityError), store.writing() as connection:
        connection.execute(insert(bundles).values(row))
    with store.reading() as connection:
        assert connection.execute(select(bundles)).all() == []
