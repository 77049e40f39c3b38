"""What the encoder is given: the events of one person or of several, in one batch of arrays.

A device encodes a batch of one; a table is read in batches of many. What a person adds depends on their own
entries alone, never on who else is in the batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.statistics.grid import Integers, owners_of

SECRET_LENGTH = 32
"""Bytes of a person's secret."""

UNKNOWN = -1
"""Stands for an item outside the universe, an unknown time, and a kind or context value that is not declared."""


@dataclass(frozen=True)
class Histories:
    """Events, person after person; each person's in the order of time, unknown times first.

    Attributes:
        starts: int64 [people + 1]: person p has the entries starts[p] to starts[p + 1].
        items: int64 [n], indices into the universe; −1 for an item outside it.
        times: int64 [n], whole seconds since 1970 UTC, rounded down; −1 where unknown.
        kinds: int64 [n], indices into ``kind_names``; −1 for any other kind.
        weights: float64 [n], finite and ≥ 0; NaN where there is none.
        secrets: One secret of 32 bytes a person, which keys what is sampled of them.
        kind_names: The kinds that are told apart.
        contexts: int64 [n] by feature, indices into the values that a statistic declares for it; −1 for others.

    Raises:
        MisuseError: On construction, if lengths, ranges or the order of times are not as said.
    """

    starts: Integers
    items: Integers
    times: Integers
    kinds: Integers
    weights: NDArray[np.float64]
    secrets: Sequence[bytes] = field(repr=False)
    kind_names: tuple[str, ...] = ()
    contexts: Mapping[str, Integers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what the bounds rest on."""
        columns: list[NDArray[np.int64] | NDArray[np.float64]] = [self.items, self.times, self.kinds, self.weights]
        columns += self.contexts.values()
        ends = (int(self.starts[0]), int(self.starts[-1])) if self.starts.size else None
        if ends != (0, self.items.size) or (np.diff(self.starts) < 0).any():
            raise MisuseError(f"starts must ascend from 0 to the number of entries, {self.items.size}.")
        if {column.shape for column in columns} != {(self.items.size,)} or len(self.secrets) != self.people:
            raise MisuseError("every column needs one entry an event, and every person one secret.")
        if any(len(secret) != SECRET_LENGTH for secret in self.secrets):
            raise MisuseError(f"a person's secret has {SECRET_LENGTH} bytes.")
        self._check_values()

    def _check_values(self) -> None:
        integers = (self.items, self.times, self.kinds, *self.contexts.values())
        if any(column.dtype != np.int64 or (column < UNKNOWN).any() for column in (self.starts, *integers)):
            raise MisuseError("items, times, kinds and contexts are int64, and −1 where nothing is known.")
        if self.weights.dtype != np.float64 or np.isinf(self.weights).any() or (self.weights < 0).any():
            raise MisuseError(
                "weights are float64, finite and not negative; leave such an event out, or its weight (NaN)."
            )
        if (self.kinds >= len(self.kind_names)).any():
            raise MisuseError("a kind has no name.")
        within = self.owners[1:] == self.owners[:-1]
        if (self.times[1:] < self.times[:-1])[within].any():
            raise MisuseError("a person's events must be in the order of time, those without a time first.")

    @property
    def people(self) -> int:
        """How many people there are."""
        return self.starts.size - 1

    @cached_property
    def owners(self) -> Integers:
        """Which person each event belongs to: int64 [n]."""
        return owners_of(self.starts)

    def mask_of(self, kinds: Sequence[str]) -> NDArray[np.bool_]:
        """Return which events are of one of these kinds: bool [n]."""
        codes = [code for code, name in enumerate(self.kind_names) if name in kinds]
        return np.isin(self.kinds, codes)
