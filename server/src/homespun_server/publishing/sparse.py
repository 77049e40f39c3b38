"""Encodes sparse tables: blocks of 16 places, with few levels for all values of a table.

Entries are rounded to the nearest of 15 or 255 levels other than 0. Level 0 is 0: what stands in places without an
entry. Levels are fitted to the values by Lloyd's algorithm (Lloyd 1982), once from levels at equal ratios and once
from levels at equal steps, and those with the smaller squared error are taken.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.contract import BLOCK, LARGEST_GAP
from homespun_server.training.blocks import Blocks, blocks, fillers
from homespun_server.training.model import SparseRows

ROUNDS = 2000
"""Rounds of Lloyd's algorithm; it stops earlier where nothing changes any more."""

BINS = 4096
"""Parts of the range of values that may be without one."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Encoded:
    """A sparse table as it is published.

    Attributes:
        starts: int32 [N+1]: row i has the blocks starts[i]..starts[i+1]−1.
        bases: int32 [B], the index of each block's first entry.
        gaps: uint8 [B, 16], each place's distance from the one before.
        codes: uint8 [B, 8] or [B, 16], each place's level; with 4 bits, places 0..7 are in the low halves.
        levels: float32 [16] or [256]; the first is 0.
    """

    starts: NDArray[np.int32]
    bases: NDArray[np.int32]
    gaps: NDArray[np.uint8]
    codes: NDArray[np.uint8]
    levels: NDArray[np.float32]

    @property
    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The tensors of the weights file by the last part of their name."""
        return {
            "starts": self.starts,
            "bases": self.bases,
            "gaps": self.gaps,
            "codes": self.codes,
            "levels": self.levels,
        }


def encode(table: SparseRows) -> Encoded:
    """Encode a table; one without any entry gets a block of zeros, because tensors must not be empty."""
    cut = blocks(table.matrix)
    fitted = levels(cut.matrix.data, 2**table.bits - 1)
    codes = np.zeros((max(cut.firsts.size, 1), BLOCK), np.uint8)
    codes[cut.numbers, cut.places] = 1 + nearest(cut.matrix.data, fitted)
    starts = cut.starts.astype(np.int32)
    starts[-1] = codes.shape[0]
    bases = np.zeros(codes.shape[0], np.int32)
    bases[: cut.firsts.size] = cut.matrix.indices[cut.firsts]
    packed = codes[:, : BLOCK // 2] | codes[:, BLOCK // 2 :] << np.uint8(4) if table.bits == 4 else codes  # noqa: PLR2004
    padding = 2**table.bits - 1 - fitted.size
    return Encoded(starts, bases, _gaps(cut), packed, np.pad(fitted, (1, padding)).astype(np.float32))


def levels(values: Floats, count: int) -> Floats:
    """Return at most ``count`` levels for values other than 0, ascending; the values themselves if they are few."""
    ordered = np.sort(values)
    distinct = np.unique(ordered)
    if distinct.size <= count:
        return distinct
    fits = [_lloyd(ordered, start) for start in (_equal_ratios(ordered, count), _equal_steps(ordered, count))]
    return min(fits, key=lambda fit: float(((ordered - fit[nearest(ordered, fit)]) ** 2).sum()))


def nearest(values: Floats, fitted: Floats) -> NDArray[np.int64]:
    """Return the number of the nearest level for each value."""
    return np.searchsorted((fitted[1:] + fitted[:-1]) / 2, values)


def _lloyd(ordered: Floats, start: Floats) -> Floats:
    """Move each level to the mean of the values that are nearest to it, until nothing moves."""
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    fitted = start
    for _ in range(ROUNDS):
        edges = np.searchsorted(ordered, (fitted[1:] + fitted[:-1]) / 2, side="right")
        bounds = np.concatenate([[0], edges, [ordered.size]])
        counts = np.diff(bounds)
        means = np.divide(np.diff(sums[bounds]), counts, out=fitted.copy(), where=counts > 0)
        if np.array_equal(means, fitted):
            break
        fitted = np.sort(means)
    return fitted


def _equal_steps(ordered: Floats, count: int) -> Floats:
    """Return levels at equal steps of those parts of the range where there are values."""
    numbers, edges = np.histogram(ordered, BINS)
    covered = np.concatenate([[0.0], np.cumsum(numbers > 0)])
    return np.unique(np.interp((np.arange(count) + 0.5) / count * covered[-1], covered, edges))


def _equal_ratios(ordered: Floats, count: int) -> Floats:
    """Return levels at equal steps of the logarithm, over both signs with one step between them."""
    smallest = np.abs(ordered).min()
    ends = [np.sign(end) * (1 + np.log(abs(end) / smallest)) for end in (ordered[0], ordered[-1])]
    steps = np.linspace(ends[0], ends[1], count)
    magnitude = smallest * np.exp(np.maximum(np.abs(steps), 1.0) - 1)
    return np.unique(np.where(steps < 0, -magnitude, magnitude))


def _gaps(cut: Blocks) -> NDArray[np.uint8]:
    """Return the distances between places: of entries what fillers left over, of fillers the largest possible."""
    gaps = np.zeros((max(cut.firsts.size, 1), BLOCK), np.uint8)
    before = np.where(cut.places > 0, fillers(cut.matrix), 0)
    distances = np.diff(cut.matrix.indices.astype(np.int64), prepend=0) - before * LARGEST_GAP
    gaps[cut.numbers, cut.places] = np.where(cut.places > 0, distances, 0)
    number = np.repeat(cut.numbers, before)
    back = np.arange(number.size) - np.repeat(np.cumsum(before) - before, before)
    gaps[number, np.repeat(cut.places, before) - 1 - back] = LARGEST_GAP
    return gaps
