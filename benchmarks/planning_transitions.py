"""A prototype of a model from released transitions, to measure what noise leaves of it.

Each person adds how often an item directly followed another, scaled to an L2 norm of 1; Gaussian noise of deviation
1/√(2ρ) is added to every cell. Singular values are shrunk to √(y² − 4σ²M) above the noise's edge 2σ√M, entries of the
rest by e³/(e² + (4σ)²); rows are divided by their sum to the power 0.8. A history's last six items count with
e^(−age/1.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from benchmarks.planning_data import TEST_SHARE
from homespun_server.evaluation.metrics import ndcg
from homespun_server.statistics.cohort import SPLIT_NAME, threshold

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]

DEPTH = 20
REMEMBERED = 6
DECAY = 1.5
ROW_POWER = 0.8
THRESHOLD = 4.0
LEAST_EVENTS = 3


@dataclass(frozen=True)
class Sequences:
    """People's items in order, as positions in the catalogue: those trained from, and those who are judged."""

    training: tuple[Integers, ...]
    judged: tuple[Integers, ...]
    items: int

    @property
    def counts(self) -> Integers:
        """How often each item occurs in training: int64 [items]."""
        return np.bincount(np.concatenate(self.training), minlength=self.items)


def read_sequences(interactions: Path, ids: Sequence[str], most: int) -> Sequences:
    """Read the sequences; at most ``most`` people are judged, whose last item they have not had before."""
    place = {identity: position for position, identity in enumerate(ids)}
    with duckdb.connect() as database:
        database.read_parquet(str(interactions)).create_view("part")
        rows = database.execute(_SEQUENCES, {"below": threshold(TEST_SHARE)}).fetchall()
    training: list[Integers] = []
    judged: list[Integers] = []
    for items, test in rows:
        sequence = np.array([place[item] for item in items], np.int64)
        if not test:
            training.append(sequence)
        elif sequence.size >= LEAST_EVENTS and sequence[-1] not in sequence[:-1]:
            judged.append(sequence)
    return Sequences(tuple(training), tuple(judged[:most]), len(ids))


def popularity_quality(sequences: Sequences) -> float:
    """Return mean NDCG@20 of the last item where everybody gets what is popular and new to them."""
    ranked = np.argsort(-sequences.counts, kind="stable")
    return float(np.mean([_gain(ranked, sequence) for sequence in sequences.judged]))


def transition_quality(sequences: Sequences, universe: Integers, deviation: float, seed: int) -> float:
    """Return mean NDCG@20 of the last item.

    Args:
        sequences: The people.
        universe: int64 [M], positions of the items that transitions are counted of.
        deviation: Of the noise; 0: none.
        seed: Of the noise.
    """
    matrix = _sums(sequences, universe)
    if deviation:
        matrix += np.random.default_rng(seed).normal(0, deviation, matrix.shape)
        matrix = _denoised(matrix, deviation)
    matrix = np.maximum(matrix, 0)
    weights = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), max(deviation, 1e-6)) ** ROW_POWER
    popularity = sequences.counts[universe] / max(int(sequences.counts.max()), 1)
    gains = [_gain(_ranked(sequence, universe, weights, popularity), sequence) for sequence in sequences.judged]
    return float(np.mean(gains))


def _sums(sequences: Sequences, universe: Integers) -> Reals:
    size = universe.size
    place = np.full(sequences.items, -1, np.int64)
    place[universe] = np.arange(size)
    total = np.zeros(size * size)
    for sequence in sequences.training:
        before, after = place[sequence[:-1]], place[sequence[1:]]
        counted = (before >= 0) & (after >= 0) & (before != after)
        cells, times = np.unique(before[counted] * size + after[counted], return_counts=True)
        if cells.size:
            total[cells] += times / np.sqrt((times * times).sum())
    return total.reshape(size, size)


def _denoised(matrix: Reals, deviation: float) -> Reals:
    edge = 2 * deviation * np.sqrt(len(matrix))
    left, values, right = np.linalg.svd(matrix)
    kept = values > edge
    structure = (left[:, kept] * np.sqrt(values[kept] ** 2 - edge**2)) @ right[kept]
    rest = matrix - structure
    denoised: Reals = structure + rest**3 / (rest**2 + (THRESHOLD * deviation) ** 2)
    return denoised


def _ranked(sequence: Integers, universe: Integers, weights: Reals, popularity: Reals) -> Integers:
    place = {int(item): position for position, item in enumerate(universe)}
    latest = sequence[:-1][::-1][:REMEMBERED]
    known = [(age, place[int(item)]) for age, item in enumerate(latest) if int(item) in place]
    scores = 1e-4 * popularity
    for age, item in known:
        scores = scores + np.exp(-age / DECAY) * weights[item]
    return universe[np.argsort(-scores, kind="stable")]


def _gain(ranked: Integers, sequence: Integers) -> float:
    """Return NDCG of the last item among the first that the person has not had."""
    new = ranked[: DEPTH + sequence.size]
    new = new[~np.isin(new, sequence[:-1])][:DEPTH]
    return ndcg([str(item) for item in new], {str(sequence[-1])}, DEPTH)


_SEQUENCES = f"""
SELECT
    list(item ORDER BY timestamp, item) AS items,
    ('0x' || substr(sha256('{SPLIT_NAME}:' || user), 1, 8))::UINTEGER < $below AS test
FROM part GROUP BY user ORDER BY user
"""  # noqa: S608 - own name
