"""The charge of a task: recorded before anything is revealed, good for one set of numbers, whoever asks for them."""

from collections.abc import Callable

from homespun_server.errors import BudgetError
from homespun_server.privacy.ledger.state import RecordedSpend
from homespun_server.privacy.spend import Spend


class TaskCharge:
    """One task's charge; ``BudgetLedger.charge_task`` makes or finds it."""

    def __init__(self, recorded: RecordedSpend, record: Callable[[int, str], None]) -> None:
        """Do not construct it; ``BudgetLedger.charge_task`` does.

        Args:
            recorded: The ledger's record.
            record: Records the digest of what a charge released.
        """
        self._recorded = recorded
        self._record = record

    @property
    def number(self) -> int:
        """Its number in the ledger."""
        return self._recorded.charge

    @property
    def task(self) -> str:
        """The task's SHA-256, lower-case hexadecimal."""
        return self._recorded.task or ""

    @property
    def spend(self) -> Spend:
        """What was charged."""
        return self._recorded.spend

    @property
    def released_before(self) -> str | None:
        """The digest of the numbers that it released before; None: none yet."""
        return self._recorded.released

    def released(self, digest: str) -> None:
        """Record what was released; the same once more is nothing new.

        Raises:
            BudgetError: If other numbers were released of this task: leader or helper drew noise a second time.
        """
        if self.released_before is None:
            self._record(self.number, digest)
        elif self.released_before != digest:
            raise BudgetError(
                f"task {self.task} was collected before, with other numbers. Leader and helper draw their noise once; "
                "two sets of numbers tell more than was charged. Nothing was used: ask both operators what became of "
                "their stores."
            )
