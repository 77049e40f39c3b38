"""What everybody knows of the shares of a statistic: what is checked of them, and how long they are.

Statistics of few numbers, such as metrics, have every number checked: it lies in 0..c, where c is the most that one
cell may be. Of others random projections are checked, which are small for a vector within the bound and for no other
(``projections``): those lie within ``TAIL`` times the bound. Lengths depend on the statistic alone, so that no
report tells anything by its length.

Pure.
"""

from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import Self

from homespun.errors import MisuseError
from homespun.protocol.collection.bit_proof import POINTS, BitProof
from homespun.protocol.collection.constants import PROJECTIONS, TAIL
from homespun.protocol.collection.field import ELEMENT_BYTES
from homespun.protocol.collection.projections import MAX_NUMBERS
from homespun.protocol.collection.ranges import Range
from homespun.protocol.statistics.declaration import Metrics, Statistic
from homespun.protocol.statistics.variants import Variants

MAX_COUNTED = 128
"""Numbers of a statistic up to which every one of them is checked, and no projections."""

BLIND_BYTES = 16
"""Bytes that hide what a commitment is to."""

SEED_BYTES = 32
"""Bytes that the helper's share is expanded from."""

COMMITMENT_BYTES = 32
"""Bytes of a commitment, SHA-256."""

PUBLIC_BYTES = 2 * COMMITMENT_BYTES
"""Bytes of the public part of a report: the commitments to both shares."""


@dataclass(frozen=True)
class ShareForm:
    """The form of the shares of one statistic.

    Attributes:
        size: Numbers of a report.
        bound: Largest L2 norm of a report, in grid steps.
        largest: Most that one number may be, in grid steps; where projections are checked, the bound.

    Raises:
        MisuseError: On construction, if there are too many numbers.
    """

    size: int
    bound: int
    largest: int

    def __post_init__(self) -> None:
        """Refuse what could not be projected exactly."""
        if not 1 <= self.size <= MAX_NUMBERS:
            raise MisuseError(f"{self.size:,} numbers; the shares of 1 to {MAX_NUMBERS:,} can be checked.")

    @classmethod
    def of(cls, statistic: Statistic) -> Self:
        """Return the form of a statistic's shares.

        Raises:
            MisuseError: If it has too many numbers.
        """
        return cls(statistic.size, statistic.l2_bound, largest_cell(statistic))

    @property
    def projected(self) -> bool:
        """Whether projections are checked, and not every number."""
        return self.size > MAX_COUNTED

    @property
    def numbers(self) -> int:
        """How many numbers are checked."""
        return PROJECTIONS if self.projected else self.size

    @property
    def offset(self) -> int:
        """What is added to a number before it is checked, so that none is negative."""
        return TAIL * self.bound if self.projected else 0

    @cached_property
    def range(self) -> Range:
        """Where the checked numbers lie, the offset added."""
        return Range(2 * self.offset if self.projected else self.largest)

    @cached_property
    def proof(self) -> BitProof:
        """The proof that their bits are bits."""
        return BitProof(self.numbers * self.range.bits)

    @property
    def leader_bytes(self) -> int:
        """Length of the leader's share: a blind, the vector and the proof."""
        return BLIND_BYTES + ELEMENT_BYTES * (self.size + self.proof.size)

    @property
    def helper_bytes(self) -> int:
        """Length of the helper's share: a seed and a blind."""
        return SEED_BYTES + BLIND_BYTES

    @property
    def verifier_bytes(self) -> int:
        """Length of what one aggregator tells the other of a report."""
        return ELEMENT_BYTES * POINTS * (self.proof.wires + 2)


def largest_cell(statistic: Statistic) -> int:
    """Return the most that one person adds to one number of a statistic, in grid steps."""
    match statistic.transformation:
        case Metrics():
            return isqrt(statistic.l2_bound**2 // statistic.size)
        case Variants() as form:
            return form.unit(statistic.l2_bound)
        case _:
            return statistic.l2_bound
