"""The score of every item in a pool, and its exact parts.

    score(j) = Σ_c β_c ⟨Σ_i w_i E_c[i], D_c[j]⟩ + bias_j

where w_i is 1 for what the person liked, and what a control says for an item that the person named,
over float32 rows, accumulated in float64, so that the same numbers added up item by item give the same
score: Σ_i attribution(i, j) + bias_j, up to rounding far below 1e-5 of Σ|attributions|.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homespun.model.session import Floats, ModelSession
from homespun.protocol.bundle import Component, HistoryRule
from homespun.protocol.events import Event, in_order

Positions = NDArray[np.int64]
Reals = NDArray[np.float64]
Truths = NDArray[np.bool_]

SPARE_CANDIDATES = 100
"""Proposed beyond what is asked for, because proposals are ordered by quantized products."""


class Wish(NamedTuple):
    """An item that the person wants more or less like of."""

    item: str
    control: Literal["more_like", "less_like"]


@dataclass(frozen=True)
class History:
    """The model's input: the distinct items that a person likes, oldest first, then those that they named.

    Attributes:
        events: The event behind each of the first items.
        positions: int64 [h], the items' positions in the bundle.
        weights: float64 [C, h], β_c · w_i per component.
        wishes: What is behind each of the other items.
    """

    events: tuple[Event, ...]
    positions: Positions
    weights: Reals
    wishes: tuple[Wish, ...] = ()


@dataclass(frozen=True)
class Pool:
    """Scored items, with the rows that made their scores.

    Attributes:
        positions: int64 [p].
        scores: float64 [p]; after the controls, with what edited interests add, which no row holds.
        decoder: float32 [p, d_c] per component, the items' rows.
        bias: float32 [p].
        encoder: float32 [h, d_c] per component, the history's rows.
    """

    positions: Positions
    scores: Reals
    decoder: tuple[Floats, ...]
    bias: Floats
    encoder: tuple[Floats, ...]

    def take(self, places: Positions) -> "Pool":
        """Return the items at ``places`` (int64 [q], each in 0..p-1), in that order."""
        decoder = tuple(rows[places] for rows in self.decoder)
        return Pool(self.positions[places], self.scores[places], decoder, self.bias[places], self.encoder)


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
    """Return the event that stands for every item that the person likes by the bundle's rule, oldest first.

    It is the item's last event with a weight, or its last event if none has one.

    Raises:
        MisuseError: If something else than an Event is among the events.
    """
    # A float, as weights are: the decimal 0.3 is a touch more than the weight 0.3.
    least = None if rule.min_weight is None else float(rule.min_weight)
    negative = frozenset(rule.negative_kinds)
    last: dict[str, str] = {}
    standing: dict[str, Event] = {}
    for event in in_order(events):
        last[event.item] = event.kind
        before = standing.get(event.item)
        if before is None or before.weight is None or event.weight is not None:
            standing.pop(event.item, None)
            standing[event.item] = event
    return [
        event
        for item, event in standing.items()
        if last[item] not in negative and (least is None or event.weight is None or event.weight >= least)
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

    def pool(self, history: History, count: int, left_out: Positions) -> Pool:
        """Propose at least ``count`` items (all, if there are fewer) and score them exactly.

        Args:
            history: The model's input.
            count: How many items are wanted.
            left_out: int64 [e], distinct positions that are not scored.

        Returns:
            The scored items, by ascending position.
        """
        positions = self.propose(history, count + left_out.size + SPARE_CANDIDATES)
        excluded: Truths = np.zeros(self._items, np.bool_)
        excluded[left_out] = True
        return self.score(history, positions[~excluded[positions]])

    def propose(self, history: History, count: int) -> Positions:
        """Return the positions of the best ``count`` items (all, if there are fewer) and some others, ascending.

        Approximate at the end of the order: what is needed exactly is asked for with SPARE_CANDIDATES more.
        """
        asked = min(self._items, count)
        return self._session.propose(history.positions, history.weights.astype(np.float32), asked)

    def score(self, history: History, positions: Positions) -> Pool:
        """Score the given items (int64 [p]) exactly."""
        rows = self._session.rows(positions)
        # An empty history has rows too, of no items, so that one formula holds.
        encoder = self._session.rows(history.positions).encoder
        total = rows.bias.astype(np.float64)
        for weights, own, decoder in zip(history.weights, encoder, rows.decoder, strict=True):
            total = total + decoder.astype(np.float64) @ (weights @ own.astype(np.float64))
        return Pool(positions, total, rows.decoder, rows.bias, encoder)


def parts_of(history: History, pool: Pool) -> Parts:
    """Take the scores of a pool apart; ``history`` is the one that it was scored for."""
    products = [
        own.astype(np.float64) @ decoder.astype(np.float64).T
        for own, decoder in zip(pool.encoder, pool.decoder, strict=True)
    ]
    return Parts(history.weights[:, :, None] * np.array(products), pool.bias.astype(np.float64))
