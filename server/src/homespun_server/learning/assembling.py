"""From terms to a model: compressed to the bytes that it may have, scaled, and weighed by a blend."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from homespun_server.errors import TrainingError
from homespun_server.learning.options import FitOptions
from homespun_server.learning.terms import Terms
from homespun_server.training.blend import ARCHETYPES, REPEATED, SEEN, Blend, context_term, own_context_term
from homespun_server.training.cold import placed
from homespun_server.training.compression import LADDER, PAIRS_LADDER, Compressed, Compressor, Uncompressed
from homespun_server.training.context import LearnedContext
from homespun_server.training.factoring import leading
from homespun_server.training.model import Component, ComponentName, Context, Model, Repeats
from homespun_server.training.scaling import (
    scaled_low_rank,
    scaled_rows,
    spread_of_content,
    spread_of_similarity,
    spread_of_transitions,
)
from homespun_server.training.scorers import Scorer
from homespun_server.training.size_points import Measured, SizePoint, best, choose
from homespun_server.training.sizes import low_rank_bytes
from homespun_server.training.tables import LowRank, SparseRows

TRANSITIONS = "transitions"


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of components at one size, scaled to a spread of 1."""

    low_rank: LowRank | None
    residual: SparseRows | None
    transitions: SparseRows | None
    content: LowRank | None

    @property
    def components(self) -> tuple[tuple[ComponentName, LowRank | None, SparseRows | None], ...]:
        """Which components there could be, and the tables that each has."""
        return (
            ("collaborative", self.low_rank, self.residual),
            ("sequential", None, self.transitions),
            ("session", None, self.transitions),
            ("content", self.content, None),
        )


class Assembly:
    """Assembles models of any size and blend from the same terms."""

    def __init__(self, terms: Terms, options: FitOptions, scorer: Scorer | None = None) -> None:
        """Prepare the tables.

        Args:
            terms: The terms.
            options: What a fit may vary.
            scorer: Which of the terms' similarities; None, or where it is missing: the default.
        """
        self._terms, self._options = terms, options
        default = next(iter(terms.similarities.values()), None)
        self._pairs = default if scorer is None else terms.similarities.get(scorer, default)
        transitions = {} if terms.transitions is None else {TRANSITIONS: terms.transitions}
        ladder = LADDER if transitions else PAIRS_LADDER
        bounded = tuple(step._replace(rank=min(step.rank, options.dimensions)) for step in ladder)
        self._compressor = Compressor(Uncompressed(terms.size, self._pairs, transitions), bounded)

    @property
    def points(self) -> tuple[SizePoint, ...]:
        """The sizes that are worth trying, from small to large."""
        return self._compressor.points() if self._pairs is not None or self._terms.transitions is not None else ()

    @property
    def other_bytes(self) -> int:
        """What all that is not compressed takes in the model files, about."""
        terms = self._terms
        rows = sum(len(context.values) for context in terms.contexts)
        rows += 0 if terms.archetypes is None else terms.archetypes.log_odds.shape[0]
        content = 0 if terms.content is None else low_rank_bytes(terms.size, terms.content.shape[1])
        return content + 4 * terms.size * len(terms.priors) + rows * (terms.size + 4) + GRAPH_BYTES

    @property
    def budget(self) -> int:
        """Bytes that the options leave to what is compressed."""
        return self._options.model_bytes - self.other_bytes

    def measured(self, curve: Sequence[Measured]) -> tuple[Measured, ...]:
        """Return how good each size of these tables is, by what was measured on other data; empty if it is unknown."""
        points = self.points
        if len(curve) != len(points):
            return ()
        return tuple(Measured(point, each.quality) for point, each in zip(points, curve, strict=True))

    def chosen(self, curve: Sequence[Measured] = ()) -> SizePoint | None:
        """Return the size to take; None where there is nothing to compress.

        Args:
            curve: How good each size is, if that was measured, also on other data; else the largest one is taken.

        Raises:
            TrainingError: If none is small enough.
        """
        points = self.points
        if not points:
            return None
        measured = self.measured(curve)
        return best(measured, self.budget).point if measured else choose(points, self.budget)

    def tables(self, point: SizePoint | None) -> Tables:
        """Return the tables at a size."""
        made = Compressed(None, None, {}) if point is None else self._compressor.compressed(point)
        transitions = made.transitions.get(TRANSITIONS)
        low_rank = None if made.low_rank is None else leading(self._tastes, made.low_rank.dimensions)
        return Tables(
            low_rank=None if low_rank is None else scaled_low_rank(low_rank, 1 / self._pair_spread),
            residual=None if made.residual is None else scaled_rows(made.residual, 1 / self._pair_spread),
            transitions=None if transitions is None else scaled_rows(transitions, 1 / self._transition_spread),
            content=self._content,
        )

    def model(self, tables: Tables, blend: Blend) -> Model:
        """Return a model of these tables.

        Raises:
            TrainingError: If there is nothing that scores by the history.
        """
        terms, options = self._terms, self._options
        components = tuple(
            Component(name, low_rank, sparse, blend.kernel(name), blend.weight(name))
            for name, low_rank, sparse in tables.components
            if not (low_rank is None and sparse is None)
        )
        if not components:
            raise TrainingError("nothing can be learned that scores by a history. " + " ".join(terms.left_out))
        repeats = Repeats(blend.weight(REPEATED), blend.weight(SEEN)) if options.repeats else None
        return Model(
            items=terms.items,
            learned=terms.learned,
            components=components,
            priors=tuple(prior.weighted(blend.weight(prior.name)) for prior in terms.priors),
            contexts=tuple(self._context(context, blend) for context in terms.contexts),
            archetypes=None if terms.archetypes is None else terms.archetypes.weighted(blend.weight(ARCHETYPES)),
            repeats=repeats,
            new_items_every=options.new_items_every if terms.learned < terms.size else 0,
            words=None if tables.content is None else terms.words,
        )

    def _context(self, context: LearnedContext, blend: Blend) -> Context:
        own = blend.weight(own_context_term(context.feature)) if self._options.repeats else None
        return context.weighted(blend.weight(context_term(context.feature)), own)

    @cached_property
    def _tastes(self) -> LowRank:
        """The low-rank table of the largest rank over all items; smaller ones are its first dimensions."""
        table, terms = self._compressor.factors, self._terms
        if terms.content is None or terms.learned == terms.size:
            return table.widened(terms.size)
        return placed(table, terms.content)

    @cached_property
    def _content(self) -> LowRank | None:
        content = self._terms.content
        return None if content is None else _content(content, self._terms.learned)

    @cached_property
    def _pair_spread(self) -> float:
        return 1.0 if self._pairs is None else spread_of_similarity(self._pairs)

    @cached_property
    def _transition_spread(self) -> float:
        matrix = self._terms.transitions
        return 1.0 if matrix is None else spread_of_transitions(matrix, self._terms.learned)


GRAPH_BYTES = 20_000
"""What the two graphs take, generously."""


def _content(vectors: np.ndarray[tuple[int, int], np.dtype[np.float64]], learned: int) -> LowRank:
    size, dimensions = vectors.shape
    table = LowRank("content", vectors, np.ones(size), np.ones(size), np.ones(dimensions))
    return scaled_low_rank(table, 1 / spread_of_content(vectors, learned))
