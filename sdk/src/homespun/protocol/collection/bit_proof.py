"""A proof, in shares and in zero knowledge, that secret-shared elements are all 0 or 1.

The bits stand on a grid of L wires and M calls. Wire l is the polynomial A_l of degree M + 1 with its bits at 1..M and
random masks at M + 1 and M + 2. Beside the bits and the masks, the proof has the values of C_l = A_l² at M + 1..2M + 3;
at 1..M the bits themselves stand in, because b² = b is what is to be shown. All of it is shared, and every
polynomial can be evaluated on shares. At two points t that nobody who writes proofs knows, the aggregators reveal
A_l(t) and one random combination of C_l(t), and compare: Σ μ_l A_l(t)² = Σ μ_l C_l(t).

- *Sound.* If a bit is none, A_l² − C_l is not the zero polynomial; it has degree 2M + 2. Both points miss it with a
  probability of at most ((2M + 3) / (p − 2M − 5))².
- *Zero knowledge.* The two masks make A_l(t) at two points outside 1..M uniform and independent of the bits, and what
  is said of C_l follows from them.

This is the proof system of Boneh, Boneh, Corrigan-Gibbs, Gilboa and Ishai (CRYPTO 2019) that Prio3 uses, with squares
as its gadget and two points, because the field is small.

Pure.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from homespun.protocol.collection.field import Elements, dot, multiply, total
from homespun.protocol.collection.polynomials import extension, weights
from homespun.protocol.statistics.grid import ceiling_root

POINTS = 2
"""Points at which the polynomials are compared, and so also masks of a wire."""


@dataclass(frozen=True)
class BitProof:
    """The proof for so many bits.

    Attributes:
        bits: How many, at least 1.
    """

    bits: int

    @cached_property
    def wires(self) -> int:
        """L, the wires of the grid."""
        return ceiling_root(self.bits)

    @cached_property
    def calls(self) -> int:
        """M, the bits of a wire; those past the last bit are zero and not sent."""
        return -(-self.bits // self.wires)

    @property
    def known(self) -> int:
        """Values that determine a wire's polynomial."""
        return self.calls + POINTS

    @property
    def squares(self) -> int:
        """Values that determine a square: the first ``calls`` are the bits."""
        return 2 * self.known - 1

    @property
    def size(self) -> int:
        """Elements of a proof: bits, masks, squares."""
        return self.bits + self.wires * (POINTS + self.squares - self.calls)

    def prove(self, bits: Elements, masks: Elements) -> Elements:
        """Return the proof, to be shared.

        Args:
            bits: uint64 [bits], each 0 or 1.
            masks: uint64 [wires · POINTS], uniform elements, used once.
        """
        values = np.concatenate([self._grid(bits[None])[0], masks.reshape(self.wires, POINTS)], axis=1)
        beyond = dot(values, self._extension)
        squares = multiply(*2 * (np.concatenate([values[:, self.calls :], beyond], axis=1),))
        return np.concatenate([bits, masks, squares.ravel()])

    def evaluate(self, proofs: Elements, points: Elements, multipliers: Elements) -> tuple[Elements, Elements]:
        """Return what is compared of shares of proofs.

        Args:
            proofs: uint64 [n, size], one aggregator's shares.
            points: uint64 [n, POINTS], different, beyond ``squares``.
            multipliers: uint64 [n, POINTS, wires].

        Returns:
            uint64 [n, POINTS, wires], the wires at the points, and uint64 [n, POINTS], the combined squares there.
        """
        grid = self._grid(proofs[:, : self.bits])
        masks, squares = np.split(proofs[:, self.bits :], [self.wires * POINTS], axis=1)
        values = np.concatenate([grid, masks.reshape(-1, self.wires, POINTS)], axis=2)
        wires = dot(weights(self.known, points), np.swapaxes(values, 1, 2))
        sent = squares.reshape(-1, self.wires, self.squares - self.calls)
        combined = dot(multipliers, np.concatenate([grid, sent], axis=2))
        return wires, total(multiply(combined, weights(self.squares, points)))

    @cached_property
    def _extension(self) -> Elements:
        return extension(self.known, self.squares - self.known)

    def _grid(self, bits: Elements) -> Elements:
        padded = np.zeros((bits.shape[0], self.wires * self.calls), np.uint64)
        padded[:, : self.bits] = bits
        return padded.reshape(-1, self.wires, self.calls)
