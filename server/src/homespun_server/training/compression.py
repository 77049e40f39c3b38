"""Makes float tables small: what fits a budget of bytes, from tables that are as large as their square of items.

Pairs become a low-rank table and the largest entries of what it leaves over; transitions become their largest
entries, with one threshold for all rows, because a low rank loses what makes them useful. What is largest is measured
in what is added to scores. The diagonal of pairs is not corrected: what an item says for itself is no recommendation,
and repeats are a part of their own.

Which size is worth its bytes is measured by whoever has data for it: see ``size_points``.

Non-goals: rounding, which is publishing's, and how tables are trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from scipy.sparse import csr_matrix

from homespun_server.errors import TrainingError
from homespun_server.training.factoring import factored, leading, residual_of
from homespun_server.training.largest import largest_entries
from homespun_server.training.similarity import Similarity
from homespun_server.training.size_points import Bits, SizePoint
from homespun_server.training.sizes import low_rank_bytes, sparse_bytes
from homespun_server.training.tables import LowRank, SparseRows

LOW_RANK = "collaborative"
RESIDUAL = "residual"
"""Names of the tables that pairs become."""


class Step(NamedTuple):
    """A step of the ladder: a rank, and entries for each item."""

    rank: int
    residual: int
    transitions: int


LADDER = (
    Step(8, 4, 16),
    Step(16, 8, 32),
    Step(16, 8, 64),
    Step(32, 8, 64),
    Step(32, 16, 96),
    Step(32, 16, 128),
    Step(64, 16, 128),
    Step(64, 32, 192),
    Step(64, 32, 256),
    Step(96, 64, 320),
    Step(128, 128, 512),
)
"""Sizes that are worth trying, from small to large, where there are transitions: neither rank nor entries alone."""

PAIRS_LADDER = (
    Step(8, 4, 0),
    Step(16, 8, 0),
    Step(32, 8, 0),
    Step(48, 16, 0),
    Step(64, 16, 0),
    Step(64, 32, 0),
    Step(64, 64, 0),
    Step(96, 64, 0),
    Step(128, 96, 0),
    Step(128, 192, 0),
)
"""The same where there are none."""


@dataclass(frozen=True, eq=False)
class Compressed:
    """Tables at one size, over all items of a bundle; None or missing where the size leaves nothing of them."""

    low_rank: LowRank | None
    residual: SparseRows | None
    transitions: Mapping[str, SparseRows]


@dataclass(frozen=True, eq=False)
class Uncompressed:
    """Tables before compression.

    Attributes:
        items: N, items of the bundle. The tables may be about the first of them only.
        pairs: How alike items are; its core may also be in compressed rows. None: nothing is known of it.
        transitions: Tables of transitions by name, in compressed rows and canonical form.
    """

    items: int
    pairs: Similarity | None = None
    transitions: Mapping[str, csr_matrix] = field(default_factory=dict)


class Compressor:
    """Compresses tables to any size; eigenvectors, and what each rank of the ladder leaves over, are computed once.

    Attributes:
        tables: The tables.
        ladder: What ``points`` tries.
    """

    def __init__(self, tables: Uncompressed, ladder: tuple[Step, ...] | None = None) -> None:
        """Prepare the tables; ``ladder`` bounds the rank (None: one of the standard ones)."""
        self.tables = tables
        self.ladder = ladder or (LADDER if tables.transitions else PAIRS_LADDER)
        self._factors: LowRank | None = None
        self._residuals: dict[int, tuple[int, csr_matrix]] = {}
        if tables.pairs is not None:
            self._factors = factored(tables.pairs, LOW_RANK, max(step.rank for step in self.ladder))

    @property
    def factors(self) -> LowRank:
        """The low-rank table of the largest rank, over the items that pairs are about.

        Raises:
            TrainingError: If there is none.
        """
        if self._factors is None:
            raise TrainingError("no item speaks for another one, so there is no low-rank table.")
        return self._factors

    def points(self, bits: Bits = 4) -> tuple[SizePoint, ...]:
        """Return the ladder's sizes for these tables, in its order, each once."""
        return tuple(dict.fromkeys(self.at(step, bits) for step in self.ladder))

    def at(self, step: Step, bits: Bits) -> SizePoint:
        """Return what a step of the ladder comes to: no table has more than there is."""
        size = 0 if self.tables.pairs is None else self.tables.pairs.encoder.size
        widest = max((matrix.shape[0] for matrix in self.tables.transitions.values()), default=0)
        rank = 0 if self._factors is None else min(step.rank, self._factors.dimensions)
        made = self._made(rank, step.residual * size, step.transitions * widest, bits)
        residual = 0 if made.residual is None else made.residual.matrix.nnz
        transitions = max((table.matrix.nnz for table in made.transitions.values()), default=0)
        return SizePoint(rank, residual, transitions, bits, bytes_of(made))

    def compressed(self, point: SizePoint) -> Compressed:
        """Return the tables at a size."""
        return self._made(point.rank, point.residual_entries, point.transition_entries, point.bits)

    def _made(self, rank: int, residual: int, transitions: int, bits: Bits) -> Compressed:
        items = self.tables.items
        factors = leading(self._factors, rank) if self._factors is not None and rank else None
        rest = None if self.tables.pairs is None else self._residual(self.tables.pairs, factors, residual)
        largest = {name: largest_entries(matrix, transitions) for name, matrix in self.tables.transitions.items()}
        return Compressed(
            None if factors is None else factors.widened(items),
            SparseRows(RESIDUAL, rest, bits).widened(items) if rest is not None and rest.nnz else None,
            {name: SparseRows(name, matrix, bits).widened(items) for name, matrix in largest.items() if matrix.nnz},
        )

    def _residual(self, pairs: Similarity, factors: LowRank | None, count: int) -> csr_matrix:
        """Return the largest entries that are left over, out of the most that a size of this rank asks for."""
        rank = 0 if factors is None else factors.dimensions
        most = max((step.residual for step in self.ladder if step.rank == rank), default=0) * pairs.encoder.size
        asked, matrix = self._residuals.get(rank, (-1, None))
        if count > asked:
            asked = max(count, most)
            matrix = residual_of(pairs, factors, asked)
            self._residuals[rank] = asked, matrix
        return largest_entries(matrix, count)


def bytes_of(tables: Compressed) -> int:
    """Return what tables take in a bundle, exactly."""
    low_rank = tables.low_rank
    sparse = [*tables.transitions.values(), *(() if tables.residual is None else (tables.residual,))]
    dense = 0 if low_rank is None else low_rank_bytes(low_rank.size, low_rank.dimensions)
    return dense + sum(map(sparse_bytes, sparse))
