"""Cases, scores and models to learn blends from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.protocol.bundle import ACTIVITY_LEVELS, HistoryRule
from homespun_server.training.model import Component, LowRank, Model, Prior, SparseRows
from homespun_server.tuning.questions import Questions
from tests.server.publishing import decoding

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

EVERYTHING = HistoryRule(min_weight=None, max_items=1000)


def asked(levels: Sequence[int] | Integers, targets: Sequence[Sequence[int]], items: int) -> Questions:
    """Return cases about which nothing is known but their levels and what should be found."""
    nothing, none = np.zeros(0, np.int64), np.zeros(0)
    return Questions(
        items=items,
        levels=np.array(levels, np.int64),
        rows=nothing,
        columns=nothing,
        ages=none,
        gaps=none,
        timed=np.zeros(0, np.bool_),
        chosen_rows=nothing,
        chosen_columns=nothing,
        chosen=nothing,
        left_out_rows=nothing,
        left_out_columns=nothing,
        target_rows=np.repeat(np.arange(len(targets)), [len(each) for each in targets]),
        target_columns=np.array([item for each in targets for item in each], np.int64),
        contexts={},
        times=np.full(len(levels), np.nan),
    )


def planted(
    draw: np.random.Generator, levels: Integers, items: int, strengths: Mapping[str, Floats]
) -> tuple[Questions, dict[str, Floats]]:
    """Return cases with one target each, and features of noise to which the target's strength is added.

    Args:
        draw: Where the noise comes from.
        levels: int64 [q].
        items: N.
        strengths: By feature, float32 [q].
    """
    cases = np.arange(levels.size)
    targets = draw.integers(0, items, levels.size)
    features = {}
    for name, strength in strengths.items():
        features[name] = draw.normal(size=(levels.size, items)).astype(np.float32)
        features[name][cases, targets] += strength
    return asked(levels, targets[:, None].tolist(), items), features


def slow_gain(scores: Sequence[float], targets: Sequence[int], barred: Sequence[int], depth: int) -> float:
    """NDCG of one case, item by item; a target stands behind everything else that scores the same."""
    left = [item for item in range(len(scores)) if item not in barred]
    gain = 0.0
    for target in set(targets).intersection(left):
        before = sum(scores[item] >= scores[target] for item in left if item != target)
        gain += 1 / np.log2(before + 2) if before < depth else 0.0
    return float(gain / sum(1 / np.log2(place + 2) for place in range(min(len(targets), depth))))


def as_written(model: Model, folder: Path) -> Model:
    """Return the model whose numbers are those of its bundle: what rounding left of them."""
    weights = decoding.tensors(folder)
    sparse = {
        table.name: SparseRows(table.name, csr_matrix(decoding.sparse(weights, table.name)), table.bits)
        for table in model.sparse
    }
    return replace(
        model,
        components=tuple(_read(part, weights, sparse) for part in model.components),
        priors=tuple(
            Prior(prior.name, values.astype(float), prior.weights)
            for prior, values in zip(model.priors, weights["priors.values"], strict=True)
        ),
        contexts=tuple(
            replace(context, log_odds=_context(weights)[: len(context.values)]) for context in model.contexts
        ),
        archetypes=model.archetypes
        and replace(model.archetypes, log_odds=_context(weights)[-model.archetypes.count :]),
    )


def _read(part: Component, weights: dict[str, np.ndarray], sparse: dict[str, SparseRows]) -> Component:
    low_rank = part.low_rank
    if low_rank is not None:
        found = {name: weights[f"{low_rank.name}.{name}"].astype(float) for name in ("encoder", "decoder", "spectrum")}
        low_rank = LowRank(low_rank.name, weights[f"{low_rank.name}.integers"].astype(float), **found)
    return replace(part, low_rank=low_rank, sparse=None if part.sparse is None else sparse[part.sparse.name])


def _context(weights: dict[str, np.ndarray]) -> np.ndarray:
    found: np.ndarray = weights["context.integers"].astype(float) * weights["context.scales"].astype(float)[:, None]
    return found


def some_levels(count: int) -> Integers:
    """Return as many cases of each level."""
    return np.repeat(np.arange(len(ACTIVITY_LEVELS)), count)
