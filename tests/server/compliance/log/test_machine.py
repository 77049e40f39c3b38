"""Whatever happens in whatever order, what was signed never forks, and the budget in it never goes back.

An operator appends, spends, forgets people, signs, puts older copies of the store back, and lets the log begin anew.
What is signed is compared with all that was signed before by comparing the entries themselves, not by proofs.
"""

import json
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from homespun.errors import HomespunError, MisuseError
from homespun.protocol.checkpoint import Checkpoint, epoch_of
from homespun.protocol.merkle import root_of
from homespun_server.compliance.log.memory import Memory
from homespun_server.compliance.log.published import predecessors
from homespun_server.compliance.log.verifying import verify_store
from homespun_server.errors import BudgetError, TransparencyError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.store import Actor, SqlLog, Store, open_store
from tests.server.compliance.log.support import ANOTHER, SOMEBODY, log_of
from tests.server.privacy.ledger.support import spend_of

OPERATOR = Actor("command log begin-anew", "command")
POLICY = BudgetPolicy(epsilon=1.0, lifetime=1.5)


class Operating(RuleBasedStateMachine):
    """A log and a budget in one store, and everything that was ever signed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="homespun-log-"))
        self.place, self.backup = self.folder / "store.db", self.folder / "backup.db"
        self.signed: list[tuple[int, tuple[bytes, ...], Fraction]] = []
        self.number = 0
        self.released = 0
        self.store: Store = open_store(self.place)
        self.open()

    def open(self) -> None:
        self.store = open_store(self.place)
        self.log = log_of(self.store, self.folder / "memory.txt")
        self.ledger = BudgetLedger(SqlLog(self.store), "people", lambda: 1_741_564_800.0)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.ledger.open(POLICY)

    @rule(subject=st.sampled_from([None, SOMEBODY, ANOTHER]), again=st.booleans())
    def append(self, subject: str | None, *, again: bool) -> None:
        self.number += not again
        before = self.log.size()
        if self.is_older():
            with pytest.raises(TransparencyError):
                self.log.append("consent", {"number": self.number}, reference=str(self.number), subject=subject)
            assert self.log.size() == before
            return
        index = self.log.append("consent", {"number": self.number}, reference=str(self.number), subject=subject)
        assert index == before or self.log.size() == before

    @rule(parts=st.integers(1, 40), released=st.booleans())
    def spend(self, parts: int, *, released: bool) -> None:
        spent = spend_of(Fraction(parts, 2000))
        try:
            with self.ledger.reserve([((), spent.rho)], "a fit") as reservation:
                charge = reservation.spend(spent)
                charge.claim()
                if released:
                    self.released += 1
                    charge.released(f"{self.released:064x}")
        except BudgetError:
            pass

    @rule(subject=st.sampled_from([SOMEBODY, ANOTHER]))
    def forget(self, subject: str) -> None:
        size = self.log.size()
        with self.store.writing() as connection:
            self.log.forget_within(connection, subject)
        assert self.log.size() == size
        assert subject not in {each.opening.subject for each in self.log.entries(limit=1000) if each.opening}

    @rule()
    def sign(self) -> None:
        if self.is_older():
            # It is refused, and only if something that was signed would not be continued.
            for refused in (self.log.catch_up, self.log.checkpoint):
                with pytest.raises(TransparencyError):
                    refused()
            return
        self.log.catch_up()
        self.check_signed(self.log.checkpoint())
        assert self.log.catch_up() == 0

    @rule()
    def begin_anew(self) -> None:
        if not self.is_older():
            with pytest.raises(MisuseError):
                self.log.begin_anew("a restore", OPERATOR)
            return
        epoch, ended, _ = self.signed[-1]
        checkpoint = self.log.begin_anew("a restore", OPERATOR)
        self.check_signed(checkpoint)
        begun = predecessors(self.store).verified(self.log.public_key)[1][-1]
        # What ended is named, with all of it that is lost.
        assert (begun.ended.size, begun.ended.root) == (len(ended), root_of(ended))
        assert ended[: begun.first_lost] == self.leaves()[: begun.first_lost]
        assert begun.epoch == epoch + 1

    def check_signed(self, checkpoint: Checkpoint) -> None:
        """Check that a checkpoint is of these entries, and of a log that never had others."""
        leaves, spent = self.leaves(), self.ledger.state().lifetime_spent
        assert (checkpoint.size, checkpoint.root) == (len(leaves), root_of(leaves))
        epoch = epoch_of(checkpoint, self.log.public_key)
        for other, earlier, before in self.signed:
            assert other <= epoch
            if other == epoch:
                assert leaves[: len(earlier)] == earlier
                assert spent >= before
        memory = Memory(self.folder / "memory.txt", self.log.public_key)
        assert not [each for each in verify_store(self.store, self.log.public_key, memory) if each.failed]
        self.signed.append((epoch, leaves, spent))

    def leaves(self) -> tuple[bytes, ...]:
        return tuple(each.leaf for each in self.log.entries(limit=1000))

    def is_older(self) -> bool:
        """Return whether what was signed last is not in the store any more."""
        if not self.signed:
            return False
        said = [each.opening.content for each in self.log.entries(limit=1000) if each.kind == "log" and each.opening]
        epoch = json.loads(said[-1])["epoch"] if said else 1
        last, earlier, _ = self.signed[-1]
        return bool(epoch != last or self.leaves()[: len(earlier)] != earlier)

    @rule()
    def back_up(self) -> None:
        self.store.close()
        shutil.copy(self.place, self.backup)
        self.open()

    @precondition(lambda self: self.backup.exists())
    @rule()
    def put_back(self) -> None:
        self.store.close()
        for path in self.folder.glob("store.db*"):
            path.unlink()
        shutil.copy(self.backup, self.place)
        self.open()

    @invariant()
    def the_budget_holds(self) -> None:
        try:
            state = self.ledger.state()
        except HomespunError:
            return  # it was not opened yet
        assert 0 <= state.spent <= state.lifetime_spent
        assert all(state.used(ever=ever) <= ceiling for ceiling, ever in state.ceilings)
        left = state.left()
        assert left is None or left >= 0


def test_what_is_signed_forks_or_the_budget_goes_back(pytestconfig: pytest.Config) -> None:
    examples = 300 if pytestconfig.getoption("--soak") else 6
    run_state_machine_as_test(
        Operating, settings=settings(max_examples=examples, stateful_step_count=16, deadline=None)
    )


def test_catching_up_misses_or_repeats_something(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        log = log_of(store)
        ledger = BudgetLedger(SqlLog(store), "people", lambda: 1_741_564_800.0)
        ledger.open(POLICY)
        assert (log.catch_up(), log.catch_up()) == (1, 0)  # the ledger as it stands
        spent = spend_of(Fraction(1, 100))
        with ledger.reserve([((), spent.rho)], "a fit") as reservation:
            charge = reservation.spend(spent)
            charge.claim()
            assert log.catch_up() == 1
            charge.released("ab" * 32)
        assert (log.catch_up(), log.catch_up()) == (2, 0)
        contents = [each.opening.content.decode() for each in log.entries() if each.opening]
        release = next(each for each in contents if '"what":"release"' in each)
        for told in ('"released":"' + "ab" * 32, f'"sigma":{spent.sigma}', '"charge":3', spent.declaration):
            assert told in release
        assert f'"head":"{ledger.state().head}"' in contents[-1]
