"""Coordinate ascent on NDCG: one weight at a time, first for everybody, then for each level of activity.

Few numbers are learned, each from a short list of factors, and a level gets its own only where that is better beyond
chance: learned on half of its cases and judged on the other half, and the other way round, by more than one standard
error of the paired differences. Judged on the very cases that they were learned from, half of all levels would get
weights of their own where there is nothing to learn, and lose by them. Likelihood is not used: it rewards what nobody
sees.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun_server.training.model import LEVELS
from homespun_server.tuning.questions import Questions

Floats = NDArray[np.float32]
Reals = NDArray[np.float64]

FACTORS = (0.0, 0.25, 0.5, 0.8, 1.25, 2.0, 4.0)
"""What a weight is multiplied by."""

BEGINNINGS = (0.05, 0.2, 0.5, 2.0)
"""What is tried where a weight is 0."""

ROUNDS = 5
LEAST_GAIN = 1e-4
"""A round that gains less in mean NDCG is the last one."""

BEYOND_CHANCE = 1.0
"""Standard errors by which a level's own weights must be better than everybody's."""

LEAST_CASES = 100
"""Cases of a level with fewer do not get weights of their own."""

_BARRED = np.float32(-1e30)
_PAIRS_AT_ONCE = 1 << 24

Features = Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges scores by the discounted gain of the first k.

    Attributes:
        questions: The cases.
        depth: k.
    """

    questions: Questions
    depth: int

    def barred(self) -> Floats:
        """Return what is added to scores so that nothing is recommended that must not be: float32 [q, N]."""
        bars = np.zeros((self.questions.count, self.questions.items), np.float32)
        bars[self.questions.left_out_rows, self.questions.left_out_columns] = _BARRED
        return bars

    def gains(self, scores: Floats) -> Reals:
        """Return every case's NDCG: float64 [q], for float32 [q, N]."""
        asked = self.questions
        targets = scores[asked.target_rows, asked.target_columns]
        ranks = np.empty(targets.size, np.int64)
        step = max(1, _PAIRS_AT_ONCE // max(asked.items, 1))
        for start in range(0, targets.size, step):
            part = slice(start, start + step)
            # Equals count as before: a score that tells nothing apart must not look good.
            above = scores[asked.target_rows[part]] >= targets[part, None]
            ranks[part] = np.count_nonzero(above, axis=1) - 1
        found = (ranks < self.depth) & (targets > _BARRED / 2)
        gain = np.bincount(asked.target_rows, np.where(found, 1 / np.log2(ranks + 2), 0.0), asked.count)
        ideal = np.cumsum(1 / np.log2(np.arange(2, self.depth + 2)))
        wanted = np.bincount(asked.target_rows, minlength=asked.count)
        result: Reals = gain / ideal[np.minimum(np.maximum(wanted, 1), self.depth) - 1]
        return result


@dataclass(frozen=True, eq=False)
class Found:
    """Weights, and the gains that they give: float64 [q]."""

    weights: dict[str, float]
    gains: Reals


def ascend(judge: Judge, features: Features, start: Mapping[str, float], bars: Floats) -> Found:
    """Return the best weights that coordinate ascent finds.

    Args:
        judge: Who judges.
        features: float32 [q, N] by term.
        start: Where to begin; terms that it does not name begin at 0.
        bars: What ``judge.barred`` gives.
    """
    weights = {term: start.get(term, 0.0) for term in features}
    total = bars.copy()
    for term, weight in weights.items():
        if weight:
            total += np.float32(weight) * features[term]
    best = judge.gains(total)
    for _ in range(ROUNDS):
        before = best.mean()
        for term, values in features.items():
            total, best, weights[term] = _better(judge, total, best, values, weights[term])
        if best.mean() - before < LEAST_GAIN:
            break
    return Found(weights, best)


def _better(judge: Judge, total: Floats, best: Reals, values: Floats, weight: float) -> tuple[Floats, Reals, float]:
    tried = [factor * weight for factor in FACTORS] if weight else list(BEGINNINGS)
    chosen = weight
    for candidate in tried:
        gains = judge.gains(total + np.float32(candidate - weight) * values)
        if gains.mean() > best.mean():
            chosen, best = candidate, gains
    return (total if chosen == weight else total + np.float32(chosen - weight) * values), best, chosen


def by_level(
    judge: Judge, features: Features, pooled: Mapping[str, float], bars: Floats, progress: Callable[[], None]
) -> dict[str, list[float]]:
    """Return weights for every level: the pooled ones, and a level's own where they are better beyond chance.

    Args:
        judge: Who judges.
        features: float32 [q, N] by term.
        pooled: Weights that were found for everybody.
        bars: What is added so that nothing is recommended that must not be.
        progress: Called after each level.
    """
    weights = {term: [pooled.get(term, 0.0)] * LEVELS for term in features}
    for level in range(LEVELS):
        chosen = np.flatnonzero(judge.questions.levels == level)
        if chosen.size >= LEAST_CASES:
            own = _Level(judge, features, bars, chosen)
            gained = np.concatenate([own.gained(pooled, half, 1 - half) for half in (0, 1)])
            if gained.mean() > BEYOND_CHANCE * gained.std() / np.sqrt(gained.size):
                found = own.part(slice(None)).ascended(pooled)
                for term in features:
                    weights[term][level] = found[term]
        progress()
    return weights


class _Level:
    """Some of the cases, apart from all others."""

    def __init__(self, judge: Judge, features: Features, bars: Floats, chosen: NDArray[np.int64]) -> None:
        self._whole = judge, features, bars, chosen
        self._judge = Judge(subset(judge.questions, chosen), judge.depth)
        self._features = {term: np.ascontiguousarray(values[chosen]) for term, values in features.items()}
        self._bars = bars[chosen]

    def part(self, which: slice) -> "_Level":
        """Return some of them."""
        judge, features, bars, chosen = self._whole
        return _Level(judge, features, bars, chosen[which])

    def ascended(self, start: Mapping[str, float]) -> dict[str, float]:
        """Return the best weights for them that are found from these on."""
        return ascend(self._judge, self._features, start, self._bars).weights

    def gains(self, weights: Mapping[str, float]) -> Reals:
        """Return what weights give in each case."""
        return self._judge.gains(weighted(self._features, weights, self._bars))

    def gained(self, start: Mapping[str, float], learned: int, judged: int) -> Reals:
        """Return what weights that are learned on every other case gain in the cases between."""
        own = self.part(slice(learned, None, 2)).ascended(start)
        other = self.part(slice(judged, None, 2))
        return other.gains(own) - other.gains(start)


def weighted(features: Features, weights: Mapping[str, float], bars: Floats) -> Floats:
    """Return the scores that weights give: float32 [q, N]."""
    total = bars.copy()
    for term, values in features.items():
        if weights.get(term):
            total += np.float32(weights[term]) * values
    return total


def subset(questions: Questions, chosen: NDArray[np.int64]) -> Questions:
    """Return some of the cases (int64 [c], ascending), for judging alone: without their histories."""
    place = np.full(questions.count, -1, np.int64)
    place[chosen] = np.arange(chosen.size)
    left_out = place[questions.left_out_rows] >= 0
    target = place[questions.target_rows] >= 0
    nothing, none = np.zeros(0, np.int64), np.zeros(0)
    return Questions(
        items=questions.items,
        levels=questions.levels[chosen],
        rows=nothing,
        columns=nothing,
        ages=none,
        gaps=none,
        timed=np.zeros(0, np.bool_),
        chosen_rows=nothing,
        chosen_columns=nothing,
        chosen=nothing,
        left_out_rows=place[questions.left_out_rows[left_out]],
        left_out_columns=questions.left_out_columns[left_out],
        target_rows=place[questions.target_rows[target]],
        target_columns=questions.target_columns[target],
        contexts={},
        times=questions.times[chosen],
    )
