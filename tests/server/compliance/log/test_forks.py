"""An operator could fork the log, roll it back or rewrite it; the log refuses what it can, a witness the rest."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from homespun.errors import MisuseError, ProofError
from homespun.protocol.checkpoint import verify_log, verify_witness
from homespun.protocol.merkle import grown, leaf_hash
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.log.published import (
    Continuation,
    continuation,
    last_checkpoint,
    read_continuation,
)
from homespun_server.compliance.log.verifying import verify_store
from homespun_server.compliance.log.witness import Witness, create_witness, open_witness
from homespun_server.errors import SigningKeyError, TransparencyError
from homespun_server.store import Store, open_store
from tests.server.compliance.log.support import KEYS, fill, log_of, rewriting

LOG_KEY = KEYS.log.public_key().public_bytes_raw()


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One kind of store: what is signed of it does not depend on the kind."""
    return str(tmp_path / "store.db")


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return create_witness(tmp_path / "witness", "witness.example/w1")


def test_a_database_that_was_put_back_is_signed(tmp_path: Path) -> None:
    place, memory = tmp_path / "store.db", tmp_path / "memory.txt"
    with open_store(place) as store:
        fill(log_of(store, memory), 5)
        log_of(store, memory).checkpoint()
    shutil.copy(place, tmp_path / "backup.db")
    with open_store(place) as store:
        fill(log_of(store, memory), 3)
        log_of(store, memory).checkpoint()
    shutil.copy(tmp_path / "backup.db", place)
    with open_store(place) as store:
        log = log_of(store, memory)
        with pytest.raises(TransparencyError, match="older copy of the store was put back"):
            log.checkpoint()
        for number in range(4):  # and not even once it has grown beyond, by somebody who does not look
            log_of(store).append("consent", {}, reference=f"other {number}")
        with pytest.raises(TransparencyError, match="does not continue the checkpoint of 8"):
            log.checkpoint()
        assert [each.size for each in log.checkpoints()] == [5]
    # Nothing is held against a store that continues.
    shutil.copy(tmp_path / "backup.db", place)
    with open_store(place) as store:
        log = log_of(store, tmp_path / "another.txt")
        fill(log, 1)
        assert log.checkpoint().size == 6


def test_a_crash_between_signing_and_keeping_stops_the_log(tmp_path: Path) -> None:
    place, memory = tmp_path / "store.db", tmp_path / "memory.txt"
    with open_store(place) as store:
        fill(log_of(store, memory), 5)
        signed = log_of(store, memory).checkpoint()
        with rewriting(store) as connection:
            connection.execute(text("DELETE FROM homespun_log_checkpoints"))
        assert log_of(store, memory).checkpoint() == signed
        assert [each.size for each in log_of(store, memory).checkpoints()] == [5]


def test_a_rewritten_entry_is_signed(store: Store, log: TransparencyLog) -> None:
    fill(log, 5)
    log.checkpoint()
    rewrite(store, 2)
    with pytest.raises(TransparencyError, match="entries were changed"):
        log.checkpoint()
    with pytest.raises(TransparencyError, match="entries were changed"):
        fill(log, 1)


def rewrite(store: Store, number: int) -> None:
    """Change an entry, and every hash above it, as the operator of the database can."""
    with rewriting(store) as connection:
        query = text("SELECT hash FROM homespun_log_nodes WHERE level = 0 ORDER BY place")
        leaves = [bytes(each) for each in connection.scalars(query)]
        leaves[number] = leaf_hash(b"another")
        peaks: list[bytes] = []
        change = text("UPDATE homespun_log_nodes SET hash = :hash WHERE level = :level AND place = :place")
        for index, leaf in enumerate(leaves):
            peaks, completed = grown(peaks, index, leaf)
            for level, each in enumerate(completed):
                connection.execute(change, {"hash": each, "level": level, "place": index >> level})
        connection.execute(text("UPDATE homespun_log_head SET peaks = :peaks"), {"peaks": b"".join(peaks)})


def given(store: Store, witness: Witness) -> Continuation:
    """Return what the log gives a witness, as it reads it."""
    last = witness.last(LOG_KEY)
    return read_continuation(continuation(store, 0 if last is None else last.size).encode())


def test_what_continues_is_refused_by_a_witness(store: Store, log: TransparencyLog, witness: Witness) -> None:
    for count in (0, 3, 4, 0, 9):
        fill(log, count)
        log.checkpoint()
        found = witness.cosign(given(store, witness), LOG_KEY)
        verify_log(found, LOG_KEY)
        assert verify_witness(found, witness.name, witness.public_key) == pytest.approx(
            witness.now().timestamp(), abs=60
        )
        if count:
            log.add_cosignature(found.encode())
    last = last_checkpoint(store)
    assert last is not None
    assert (last.size, len(last.signatures)) == (16, 2)
    assert [len(each.signatures) for each in log.checkpoints()] == [1, 2, 2, 2]
    assert log.last_checkpoint() == log.checkpoints()[-1]


def test_a_fork_is_cosigned(tmp_path: Path, witness: Witness) -> None:
    with open_store(tmp_path / "one.db") as one, open_store(tmp_path / "other.db") as other:
        for store, count in ((one, 5), (other, 8)):
            fill(log_of(store), count)
            log_of(store).checkpoint()
        witness.cosign(given(one, witness), LOG_KEY)
        # The operator shows others another log, signed with the same key.
        with pytest.raises(ProofError, match="forked or rewritten"):
            witness.cosign(given(other, witness), LOG_KEY)
        last = witness.last(LOG_KEY)
        assert last is not None
        assert last.size == 5
        (evidence,) = witness.folder.glob("*fork-8*")
        assert evidence.read_bytes() == log_of(other).checkpoint().encode()


def test_a_rollback_is_cosigned(tmp_path: Path, witness: Witness) -> None:
    with open_store(tmp_path / "one.db") as one, open_store(tmp_path / "older.db") as older:
        for store, count in ((one, 5), (older, 4)):
            fill(log_of(store), count)
            log_of(store).checkpoint()
        witness.cosign(given(one, witness), LOG_KEY)
        with pytest.raises(MisuseError, match="it shows that entries were taken back"):
            continuation(older, 5)
        rolled_back = Continuation(0, (), log_of(older).checkpoint())
        with pytest.raises(MisuseError, match="it is older, and was not cosigned"):
            witness.cosign(rolled_back, LOG_KEY)


def test_another_size_or_key_is_cosigned(store: Store, log: TransparencyLog, witness: Witness) -> None:
    fill(log, 5)
    log.checkpoint()
    first = given(store, witness)
    witness.cosign(first, LOG_KEY)
    fill(log, 5)
    log.checkpoint()
    with pytest.raises(MisuseError, match="begins at 0"):
        witness.cosign(continuation(store, 0), LOG_KEY)
    with pytest.raises(ProofError, match="is of the log"):
        witness.cosign(given(store, witness), witness.public_key)


def test_a_cosignature_is_kept_of_nobody_or_of_another_log(
    store: Store, log: TransparencyLog, witness: Witness
) -> None:
    fill(log, 5)
    note = log.checkpoint()
    with pytest.raises(ProofError, match="nobody cosigned"):
        log.add_cosignature(note.encode())
    found = witness.cosign(given(store, witness), LOG_KEY)
    fill(log, 1)
    assert log.checkpoint().size == 6
    assert len(log.add_cosignature(found.encode()).signatures) == 2
    assert [len(each.signatures) for each in log.checkpoints()] == [2, 1]


@pytest.mark.parametrize(
    "data", [b"", b"old 1\n", b"old -1\n\n", b"old 1\nxx\n\n", b"old 1\n" + b"QQ==\n" * 70 + b"\n", b"x" * 40_000]
)
def test_noise_is_a_proof(data: bytes) -> None:
    with pytest.raises(ProofError):
        read_continuation(data)


def test_a_witness_is_made_twice_or_opened_without_a_key(tmp_path: Path, witness: Witness) -> None:
    with pytest.raises(MisuseError, match="already"):
        create_witness(witness.folder, "another")
    assert open_witness(witness.folder).public_key == witness.public_key
    with pytest.raises(SigningKeyError, match="cannot be read"):
        open_witness(tmp_path)
    with pytest.raises(MisuseError, match="no name"):
        create_witness(tmp_path / "another", "with space")
    assert (witness.folder / "witness.json").stat().st_mode & 0o077 == 0


def found_wrong(store: Store) -> set[str]:
    return {each.name for each in verify_store(store, LOG_KEY) if each.failed}


def test_verify_finds_nothing_wrong_or_everything(store: Store, log: TransparencyLog) -> None:
    assert found_wrong(store) == set()
    for _ in range(3):
        fill(log, 5, "5e" * 32)
        log.checkpoint()
    with store.writing() as connection:
        log.forget_within(connection, "5e" * 32)
    fill(log, 2)
    checks = verify_store(store, LOG_KEY)
    assert [each.outcome for each in checks] == ["pass"] * 4 + ["nothing"] + ["pass"] * 2
    assert [each.figure.split()[0] for each in checks] == ["17", "32", "2", "3", "0", "3", "2"]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM homespun_log_entries WHERE number = 2", {"entries", "tree", "checkpoints"}),
        ("UPDATE homespun_log_nodes SET hash = peaks FROM homespun_log_head WHERE place + level = 0", {"tree"}),
        ("UPDATE homespun_log_openings SET salt = content WHERE number = 3", {"entries", "tree", "checkpoints"}),
        ("DELETE FROM homespun_log_nodes WHERE level = 1", {"tree", "consistency"}),
    ],
)
def test_verify_overlooks_what_was_changed(store: Store, log: TransparencyLog, statement: str, found: set[str]) -> None:
    fill(log, 3)
    log.checkpoint()
    fill(log, 3)
    log.checkpoint()
    with rewriting(store) as connection:
        connection.execute(text("DELETE FROM homespun_log_openings WHERE number = 2"))
        connection.execute(text(statement))
    assert found_wrong(store) == found


def test_verify_overlooks_a_rewritten_tree(store: Store, log: TransparencyLog) -> None:
    fill(log, 6)
    log.checkpoint()
    rewrite(store, 2)
    assert "tree" in found_wrong(store)
    assert {each.name for each in verify_store(store, bytes(32)) if each.failed} >= {"signatures"}
