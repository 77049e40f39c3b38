"""A witness is asked twice at once, or gets late what was honest."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest

from homespun.errors import MisuseError, ProofError
from homespun.protocol.checkpoint import Checkpoint
from homespun_server.compliance.log.memory import Memory
from homespun_server.compliance.log.published import Continuation, continuation
from homespun_server.compliance.log.witness import Witness, create_witness, open_witness
from homespun_server.store import open_store
from tests.server.compliance.log.support import KEYS, fill, log_of

LOG_KEY = KEYS.log.public_key().public_bytes_raw()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return create_witness(tmp_path / "witness", "witness.example/w1")


def forked(tmp_path: Path) -> list[Continuation]:
    """Return the two sides of a fork: as large, and not the same."""
    found = []
    for side in ("one", "other"):
        with open_store(tmp_path / f"{side}.db") as store:
            log = log_of(store)
            log.append("consent", {"side": side}, reference=side)
            fill(log, 2)
            log.checkpoint()
            found.append(continuation(store, 0))
    return found


def test_both_sides_of_a_fork_are_cosigned_at_once(
    tmp_path: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides, both_read, real = forked(tmp_path), Barrier(2), Memory.read

    def read(memory: Memory) -> Checkpoint | None:
        found = real(memory)
        with suppress(BrokenBarrierError):  # Without a lock both have read here before either goes on.
            both_read.wait(0.5)
        return found

    def cosigned(side: Continuation) -> bool:
        try:
            open_witness(witness.folder).cosign(side, LOG_KEY)
        except ProofError:
            return False
        return True

    monkeypatch.setattr(Memory, "read", read)
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(cosigned, sides)) == [False, True]
    assert len(list(witness.folder.glob("*fork-3*"))) == 1


def test_an_honest_checkpoint_that_comes_late_is_held_against_the_log(tmp_path: Path, witness: Witness) -> None:
    with open_store(tmp_path / "store.db") as store:
        log, given = log_of(store), []
        for _ in range(2):
            fill(log, 2)
            log.checkpoint()
            given.append(continuation(store, 0))
    early, late = given
    witness.cosign(late, LOG_KEY)
    with pytest.raises(MisuseError, match="it is older"):
        witness.cosign(early, LOG_KEY)
    assert list(witness.folder.glob("*fork*")) == []
    last = witness.last(LOG_KEY)
    assert last is not None
    assert last.size == 4
