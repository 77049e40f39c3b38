"""The log could lose an entry, add one twice, tell what is secret, keep what is forgotten, or be changed."""

import multiprocessing
from pathlib import Path

import pytest
from sqlalchemy import Executable, Table, delete, text, update
from sqlalchemy.exc import IntegrityError

from homespun.errors import MisuseError, ProofError
from homespun.protocol.merkle import root_of, verify_consistency, verify_inclusion
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.log.entries import Opening, decoded, verify_opening
from homespun_server.errors import StoreError, TransparencyError
from homespun_server.store import Store, open_store
from homespun_server.store.schema_log import log_checkpoints, log_entries, log_head, log_nodes, log_openings
from tests.server.compliance.log.support import ANOTHER, SOMEBODY, fill, log_of, rewriting

MANY = 33


def test_a_root_or_a_proof_is_wrong_at_some_size(log: TransparencyLog) -> None:
    fill(log, MANY)
    leaves = [entry.leaf for entry in log.entries(limit=MANY)]
    roots = [root_of(leaves[:size]) for size in range(MANY + 1)]
    assert [log.root(size) for size in range(MANY + 1)] == roots
    for size in range(1, MANY + 1):
        for index in (0, size // 3, size // 2, size - 1):
            verify_inclusion(index, size, leaves[index], log.inclusion(index, size), roots[size])
            verify_consistency(index, size, roots[index], roots[size], log.consistency(index, size))


def test_the_same_is_added_twice(log: TransparencyLog) -> None:
    assert log.append("consent", {"a": 1}, reference="one") == 0
    assert log.append("receipt", {"a": 1}, reference="one") == 1
    assert log.append("consent", {"a": 2}, reference="one") == 0
    assert log.size() == 2


def test_an_entry_stays_of_a_transaction_that_was_undone(store: Store, log: TransparencyLog) -> None:
    fill(log, 3)

    def broken() -> None:
        with store.writing() as connection:
            log.append_within(connection, "consent", {}, reference="undone")
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        broken()
    assert (log.size(), log.append("consent", {}, reference="next")) == (3, 3)


def test_an_entry_tells_what_it_commits_to(log: TransparencyLog) -> None:
    content = {"purpose": "analytics", "subject": SOMEBODY}
    log.append("consent", content, reference="one", subject=SOMEBODY)
    log.append("consent", content, reference="two", subject=SOMEBODY)
    first, second = log.entries()
    assert b"analytics" not in first.entry
    assert SOMEBODY.encode() not in first.entry
    # Nobody sees that two entries say the same.
    assert first.entry != second.entry
    assert decoded(first.entry).kind == "consent"


def test_an_opening_says_something_else(log: TransparencyLog) -> None:
    fill(log, 1)
    (entry,) = log.entries()
    assert entry.opening is not None
    verify_opening(entry.entry, entry.opening)
    for other in (
        Opening(entry.opening.salt, b'{"number":1}'),
        Opening(bytes(32), entry.opening.content),
        Opening(b"", entry.opening.content),
    ):
        with pytest.raises(ProofError, match="commits to something else"):
            verify_opening(entry.entry, other)
    for forged in (b"{}", b"", entry.entry + b" ", entry.entry.replace(b"consent", b"secret1")):
        with pytest.raises(ProofError):
            verify_opening(forged, entry.opening)


def test_what_is_forgotten_can_still_be_opened_or_breaks_the_tree(store: Store, log: TransparencyLog) -> None:
    fill(log, 5, SOMEBODY)
    fill(log, 2, ANOTHER)
    before = log.checkpoint()
    with store.writing() as connection:
        assert log.forget_within(connection, SOMEBODY) == 5
        assert log.forget_within(connection, SOMEBODY) == 0
    assert [entry.opening is None for entry in log.entries()] == [True] * 5 + [False] * 2
    assert log.checkpoint() == before
    assert root_of(entry.leaf for entry in log.entries()) == before.root


@pytest.mark.parametrize("table", [log_entries, log_nodes, log_checkpoints])
@pytest.mark.parametrize("change", ["update", "delete"])
def test_what_was_added_is_changed(store: Store, log: TransparencyLog, table: Table, change: str) -> None:
    fill(log, 2)
    log.checkpoint()
    column = {log_entries: "kind", log_nodes: "level", log_checkpoints: "moment"}[table]
    statements: dict[str, Executable] = {
        "update": update(table).values({column: text(column)}),
        "delete": delete(table),
    }
    with pytest.raises((StoreError, IntegrityError), match="only added to"), store.writing() as connection:
        connection.execute(statements[change])


def test_openings_are_changed_or_the_head_goes_back(store: Store, log: TransparencyLog) -> None:
    fill(log, 2)
    for statement in (
        update(log_openings).values(subject=ANOTHER),
        update(log_head).values(size=1),
        update(log_head).values(size=2),
        delete(log_head),
    ):
        with pytest.raises((StoreError, IntegrityError), match="only added to"), store.writing() as connection:
            connection.execute(statement)


def _append(place: str, who: int, begun: "object") -> None:
    with open_store(place) as store:
        log = log_of(store)
        begun.wait()  # type: ignore[attr-defined]
        for number in range(20):
            log.append("consent", {"who": who}, reference=f"{number if number % 2 else (who, number)}")


def test_programs_that_append_at_once_lose_or_fork(place: str) -> None:
    spawning = multiprocessing.get_context("spawn")
    begun = spawning.Barrier(3)
    with open_store(place) as store:
        programs = [spawning.Process(target=_append, args=(place, who, begun)) for who in range(3)]
        for program in programs:
            program.start()
        for program in programs:
            program.join(60)
            assert program.exitcode == 0
        log = log_of(store)
        entries = log.entries(limit=1000)
        # Ten of each that are each one's own, and ten that all of them have.
        assert len(entries) == log.size() == 40
        assert [entry.index for entry in entries] == list(range(40))
        assert log.root(40) == root_of(entry.leaf for entry in entries)


def test_an_entry_that_there_is_not_is_returned(log: TransparencyLog) -> None:
    fill(log, 2)
    for index in (-1, 2):
        with pytest.raises(MisuseError, match="has no entry"):
            log.entry(index)
    assert log.entry(1).index == 1
    assert [entry.index for entry in log.entries(after=0, limit=1)] == [1]


def test_a_name_passes_for_a_pseudonym(log: TransparencyLog) -> None:
    with pytest.raises(MisuseError, match="pseudonym"):
        log.append("consent", {}, reference="one", subject="somebody@example.org")
    assert log.size() == 0


def test_nothing_is_signed_of_a_tree_that_lacks_a_hash(store: Store, log: TransparencyLog) -> None:
    fill(log, 4)
    log.checkpoint()
    fill(log, 2)
    with rewriting(store) as connection:
        connection.execute(text("DELETE FROM homespun_log_nodes WHERE level = 2"))
    with pytest.raises(TransparencyError, match="damaged"):
        log.checkpoint()


def test_the_memory_is_no_checkpoint(store: Store, log: TransparencyLog, tmp_path: Path) -> None:
    fill(log, 1)
    (tmp_path / "memory.txt").write_text("nothing")
    with pytest.raises(TransparencyError, match=r"memory\.txt"):
        log.checkpoint()
