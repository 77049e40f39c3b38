"""The score of every item in a pool, and its exact parts.

    score(j) = Σ_c β_c ⟨Σ_i w_i E_c[i], D_c[j]⟩ + bias_j

over float32 rows, accumulated in float64, so that the same numbers added up item by item give the same
score: Σ_i attribution(i, j) + bias_j, up to rounding far below 1e-5 of Σ|attributions|.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.model.session import ModelSession
from homespun.protocol.bundle import Component, HistoryRule
from homespun.protocol.events import Event, latest_per_item

Positions = NDArray[np.int64]
Reals = NDArray[np.float64]

_SPARE_CANDIDATES = 100
"""Proposed beyond what is asked for, because proposals are ordered by quantized products."""


@dataclass(frozen=True)
class History:
    """The model's input: the distinct items that a person likes, oldest first.

    Attributes:
        events: The event behind each item.
        positions: int64 [h], the items' positions in the bundle.
        weights: float64 [C, h], β_c · w_i per component.
    """

    events: tuple[Event, ...]
    positions: Positions
    weights: Reals


@dataclass(frozen=True)
class Pool:
    """Scored candidates.

    Attributes:
        positions: int64 [p], ascending.
        scores: float64 [p].
    """

    positions: Positions
    scores: Reals


@dataclass(frozen=True)
class Parts:
    """The exact parts of the scores of p items.

    Attributes:
        history: float64 [C, h, p], what each history item adds through each component.
        bias: float64 [p], what the prior adds.
    """

    history: Reals
    bias: Reals


def likes(events: Iterable[Event], rule: HistoryRule) -> list[Event]:
    """Return the last event of every item that the person likes by the bundle's rule, oldest first."""
    # A float, as weights are: the decimal 0.3 is a touch more than the weight 0.3.
    least = None if rule.min_weight is None else float(rule.min_weight)
    return [
        event for event in latest_per_item(events) if least is None or event.weight is None or event.weight >= least
    ]


def make_history(
    events: Iterable[Event],
    known: Mapping[str, int],
    rule: HistoryRule,
    components: tuple[Component, ...],
) -> History:
    """Turn events into the model's input.

    Args:
        events: Any events; items that the bundle does not know are passed over.
        known: Position of every item of the bundle.
        rule: The bundle's rule.
        components: The bundle's components, for their weights β.
    """
    used = [event for event in likes(events, rule) if event.item in known][-rule.max_items :]
    positions = np.array([known[event.item] for event in used], np.int64)
    betas = np.array([float(component.weight) for component in components])
    return History(tuple(used), positions, np.repeat(betas[:, None], len(used), axis=1))


class Scorer:
    """Scores with one model session."""

    def __init__(self, session: ModelSession, items: int) -> None:
        """Score the ``items`` items of ``session``'s model."""
        self._session = session
        self._items = items

    def pool(self, history: History, count: int) -> Pool:
        """Propose at least ``count`` items (all, if there are fewer) and score them exactly."""
        asked = min(self._items, count + _SPARE_CANDIDATES)
        weights = history.weights.astype(np.float32)
        positions = self._session.propose(history.positions, weights, asked)
        return self.score(history, positions)

    def score(self, history: History, positions: Positions) -> Pool:
        """Score the given items (int64 [p]) exactly."""
        rows = self._session.rows(positions)
        total = rows.bias.astype(np.float64)
        if history.positions.size:
            own = self._session.rows(history.positions)
            for weights, encoder, decoder in zip(history.weights, own.encoder, rows.decoder, strict=True):
                query = weights @ encoder.astype(np.float64)
                total = total + decoder.astype(np.float64) @ query
        return Pool(positions, total)

    def parts(self, history: History, positions: Sequence[int]) -> Parts:
        """Take the scores of the given items apart."""
        rows = self._session.rows(np.array(positions, np.int64))
        bias = rows.bias.astype(np.float64)
        if not history.positions.size:
            return Parts(np.zeros((*history.weights.shape, len(positions))), bias)
        own = self._session.rows(history.positions)
        products = [
            encoder.astype(np.float64) @ decoder.astype(np.float64).T
            for encoder, decoder in zip(own.encoder, rows.decoder, strict=True)
        ]
        return Parts(history.weights[:, :, None] * np.array(products), bias)
