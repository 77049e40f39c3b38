"""What an application lets its installations contribute."""

from dataclasses import dataclass
from decimal import Decimal

from homespun.errors import MisuseError
from homespun.protocol.collection.constants import MAX_DELTA
from homespun.protocol.epsilon import epsilon_steps

DEFAULT_TASK_EPSILON = Decimal(2)
"""Most ε of one task, where an application says nothing."""

DEFAULT_TASK_DELTA = Decimal("0.00001")
"""Largest δ of one task, where an application says nothing."""

DEFAULT_LEAST_BATCH = 100
"""Smallest batch that a device is part of, where an application says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """What an application lets its installations contribute, beside what each person allows.

    The ceiling of the whole lifetime is ``Settings.lifetime_epsilon``. Tasks come from the channel of ``Updates``.

    Attributes:
        task_epsilon: Most ε that one task may cost; others are not taken part in. It is counted at a δ of 10⁻⁶,
            whatever δ it names.
        task_delta: Largest δ that a task may name, at most 0.001; others are not taken part in.
        least_batch: Smallest batch to be part of: below so many reports nothing may be revealed.
        allow_development: Whether to take part in tasks whose leader and helper run in one place, where whoever runs
            it could read every report. For development only.

    Raises:
        MisuseError: On construction, if a value is not what it should be.
    """

    task_epsilon: Decimal = DEFAULT_TASK_EPSILON
    task_delta: Decimal = DEFAULT_TASK_DELTA
    least_batch: int = DEFAULT_LEAST_BATCH
    allow_development: bool = False

    def __post_init__(self) -> None:
        """Check every value."""
        epsilon_steps(self.task_epsilon)
        if not isinstance(self.task_delta, Decimal) or not 0 < self.task_delta <= Decimal(str(MAX_DELTA)):
            raise MisuseError(f"task_delta is {self.task_delta!r}; use a Decimal above 0 and at most {MAX_DELTA}.")
        if isinstance(self.least_batch, bool) or not isinstance(self.least_batch, int) or self.least_batch < 2:  # noqa: PLR2004
            raise MisuseError(f"least_batch is {self.least_batch!r}; use a whole number from 2.")
        if not isinstance(self.allow_development, bool):
            raise MisuseError("allow_development is True or False.")
