"""The score of every item in a pool, and its exact parts.

    score(j) = Σ_c β_c Σ_i w_c(i) · S_c[i, j] + Σ_t θ_t · prior_t[j] + Σ_f γ_f · context_f[j] + repeat(j)

over float32 rows, accumulated in float64, so that the same numbers added up part by part give the same
score, up to rounding far below 1e-5 of Σ|attributions|.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.model.history import History, Positions, Reals
from homespun.model.own_rows import OwnRows, scattered
from homespun.model.session import Floats, ModelSession, Proposal, Rows, not_finite
from homespun.model.table_rows import Entries
from homespun.protocol.contract import BLOCK, Layout

Truths = NDArray[np.bool_]


@dataclass(frozen=True)
class Crossings:
    """The entries of a sparse table that lie in the rows of a history and the columns of a pool.

    Attributes:
        rows: int64 [e], places in the history.
        places: int64 [e], places in the pool.
        values: float64 [e].
    """

    rows: Positions
    places: Positions
    values: Reals

    def take(self, places: Positions, size: int) -> "Crossings":
        """Return those at ``places`` of a pool of ``size`` items."""
        moved = np.full(size, -1, np.int64)
        moved[places] = np.arange(places.size)
        target = moved[self.places]
        kept = np.flatnonzero(target >= 0)
        return Crossings(self.rows[kept], target[kept], self.values[kept])


@dataclass(frozen=True)
class Pool:
    """Scored items, with the numbers that made their scores.

    Attributes:
        positions: int64 [p], distinct.
        scores: float64 [p]; after the controls, with what edited interests add, which nothing else here holds.
        encoder: float32 [h, d] by low-rank table, the history's rows.
        decoder: float32 [p, d] by low-rank table, the items' rows.
        crossings: By sparse table.
        priors: float32 [p, T].
        context: float32 [f, p].
        repeats: float64 [p].
    """

    positions: Positions
    scores: Reals
    encoder: Mapping[str, Floats]
    decoder: Mapping[str, Floats]
    crossings: Mapping[str, Crossings]
    priors: Floats
    context: Floats
    repeats: Reals

    def take(self, places: Positions) -> "Pool":
        """Return the items at ``places`` (int64 [q], distinct, each in 0..p-1), in that order."""
        size = self.positions.size
        return Pool(
            positions=self.positions[places],
            scores=self.scores[places],
            encoder=self.encoder,
            decoder={table: rows[places] for table, rows in self.decoder.items()},
            crossings={table: crossings.take(places, size) for table, crossings in self.crossings.items()},
            priors=self.priors[places],
            context=self.context[:, places],
            repeats=self.repeats[places],
        )


@dataclass(frozen=True)
class Parts:
    """The exact parts of the scores of p items.

    Attributes:
        history: float64 [C, h, p], what each history item adds through each component.
        priors: float64 [T, p].
        context: float64 [f, p].
        repeats: float64 [p], without habits.
        habits: float64 [b, p], what each of the history's habits adds.
    """

    history: Reals
    priors: Reals
    context: Reals
    repeats: Reals
    habits: Reals


class Scorer:
    """Scores with one model session."""

    def __init__(
        self, session: ModelSession, starts: Mapping[str, NDArray[np.int32]], added: OwnRows | None = None
    ) -> None:
        """Score items.

        Args:
            session: The model.
            starts: At which blocks its sparse tables' rows start.
            added: Rows of the items at the positions behind the model's; None: there are none.
        """
        self._session = session
        self._starts = starts
        self._added = added

    def with_rows(self, added: OwnRows | None) -> "Scorer":
        """Return one for the same model that scores other items besides."""
        return Scorer(self._session, self._starts, added)

    def query(self, history: History) -> "Query":
        """Look up the history's own rows, for any number of proposals and scores."""
        return Query(self._session, history, self._starts, self._added)

    def score(self, history: History, positions: Positions) -> Pool:
        """Score the given items (int64 [p], distinct) exactly."""
        return self.query(history).score(positions)

    def taste(self, positions: Positions, first: int, count: int) -> int:
        """Return which of ``count`` rows of the context table from ``first`` on speaks most for some items.

        Args:
            positions: int64 [h], at least one, of the model's.
            first: The first row.
            count: How many rows.
        """
        rows = _finite(self._session.context(positions, np.arange(first, first + count, dtype=np.int64)))
        # Of equals, argmax takes the first.
        return int(rows.astype(np.float64).sum(axis=1).argmax())

    def decoders(self, positions: Positions) -> Mapping[str, Floats]:
        """Return the rows by which items (int64 [p]) are scored; float32 [p, d] by low-rank table."""
        known = positions < self._session.layout.items
        rows = {table: _finite(found) for table, found in self._session.decoders(positions[known]).items()}
        return rows if self._added is None else self._added.beside(rows, positions, known, self._added.decoder)

    def priors(self, positions: Positions) -> Floats:
        """Return what is the same for everybody of items (int64 [p]), 0 of those that were added; float32 [p, T]."""
        known = positions < self._session.layout.items
        return scattered(self._session.priors(positions[known]), known)

    def sources(self, positions: Positions) -> Mapping[str, Floats]:
        """Return the rows that items (int64 [p]) have in a history; float32 [p, d] by low-rank table."""
        known = positions < self._session.layout.items
        own = self._session.own(positions[known], {}).encoder
        rows = {table: _finite(found) for table, found in own.items()}
        return rows if self._added is None else self._added.beside(rows, positions, known)


class Query:
    """One history, ready to be scored for."""

    def __init__(
        self,
        session: ModelSession,
        history: History,
        starts: Mapping[str, NDArray[np.int32]],
        added: OwnRows | None = None,
    ) -> None:
        """Look up the history's own rows; applications come here by ``Scorer.query``."""
        self.history = history
        self.layout: Layout = session.layout
        self._session = session
        self._added = added
        self._known = history.positions < self.layout.items
        blocks, self._rows = _used_blocks(self.layout, history, starts)
        # An empty history has rows too, of no items, so that one formula holds.
        own = session.own(history.positions[self._known], blocks)
        self._entries = own.entries
        self._encoder = own.encoder if added is None else added.beside(own.encoder, history.positions, self._known)
        self._wanted = [
            None if part.low_rank is None else _times(self._encoder[part.low_rank].T, weights)
            for part, weights in zip(self.layout.parts, history.weights, strict=True)
        ]
        self._repeated, self._repeats = history.repeat_arrays

    def in_circumstances(self, history: History) -> "Query":
        """Return a query for the same person in other circumstances, without looking their rows up again.

        Args:
            history: With the very same weights and positions.
        """
        if history is self.history:
            return self
        found = copy.copy(self)
        found.history = history
        found._repeated, found._repeats = history.repeat_arrays  # noqa: SLF001 - of the same class
        return found

    @property
    def items(self) -> int:
        """How many items there are: the model's, then those that were added."""
        return self.layout.items + (0 if self._added is None else self._added.size)

    def added_scores(self) -> Reals:
        """Return the scores of the items that were added: by their content, and what repeats add; float64 [L]."""
        if self._added is None:
            return np.zeros(0)
        wanted = self._wanted[self._added.part]
        scores = np.zeros(self._added.size) if wanted is None else _times(self._added.reals, wanted)
        first = int(self._repeated.searchsorted(self.layout.items))
        scores[self._repeated[first:] - self.layout.items] += self._repeats[first:]
        return scores

    @property
    def repeats(self) -> tuple[Positions, Reals]:
        """The items that repeats add something to (int64 [r], ascending), and what (float64 [r])."""
        return self._repeated, self._repeats

    def propose(self, count: int, list_count: int, new_count: int) -> Positions:
        """Return the positions of the best ``count`` items by everything but repeats, and some others, ascending.

        Approximate at the end of the order: what is needed exactly is asked for with some to spare.

        Args:
            count: How many by the total, 1..N.
            list_count: How many by each part, 1..N.
            new_count: How many of the new items, 0..N − M.
        """
        history, parts = self.history, self.layout.parts
        wanted = Proposal(
            queries={part.name: query for part, query in zip(parts, self._wanted, strict=True) if query is not None},
            entries={
                part.name: self._weighted(part.sparse, weights)
                for part, weights in zip(parts, history.weights, strict=True)
                if part.sparse is not None
            },
            priors=history.priors.astype(np.float32),
            context=history.context,
            context_weights=history.context_weights.astype(np.float32),
        )
        return self._session.propose(wanted, count, list_count, new_count)

    def score(self, positions: Positions) -> Pool:
        """Score the given items (int64 [p], distinct) exactly."""
        history = self.history
        rows = self._exact_rows(positions)
        crossings = {table: self._crossings(table, positions) for table in self.layout.sparse}
        # What is not finite in a row makes the score so: nothing else has to be looked at.
        with np.errstate(over="ignore", invalid="ignore"):
            total = _times(rows.priors, history.priors) + _times(rows.context.T, history.context_weights)
            for part, weights, wanted in zip(self.layout.parts, history.weights, self._wanted, strict=True):
                if part.low_rank is not None and wanted is not None:
                    total += _times(rows.decoder[part.low_rank], wanted)
                if part.sparse is not None:
                    found = crossings[part.sparse]
                    total += np.bincount(found.places, found.values * weights[found.rows], positions.size)
        repeats = self._repeats_of(positions)
        if not np.isfinite(total).all():
            raise not_finite()
        return Pool(
            positions=positions,
            scores=total + repeats,
            encoder=self._encoder,
            decoder=rows.decoder,
            crossings=crossings,
            priors=rows.priors,
            context=rows.context,
            repeats=repeats,
        )

    def _exact_rows(self, positions: Positions) -> Rows:
        """Return the exact numbers behind the scores of items, also of those that were added."""
        known, added = positions < self.layout.items, self._added
        found = self._session.rows(positions[known], self.history.context)
        if added is None or known.all():
            return found
        decoder = added.beside(found.decoder, positions, known, added.decoder)
        context = scattered(found.context.T, known).T
        return Rows(decoder, scattered(found.priors, known), context)

    def _weighted(self, table: str, weights: Reals) -> Entries:
        """Return the entries of all blocks, times a component's weights (float64 [h]) of their rows."""
        by_block = weights[self._rows[table]].astype(np.float32)
        entries = self._entries[table]
        return Entries(entries.indices, entries.values * by_block[:, None])

    def _crossings(self, table: str, positions: Positions) -> Crossings:
        entries = self._entries[table]
        places = np.zeros(self.items, np.int32)
        places[positions] = np.arange(1, positions.size + 1, dtype=np.int32)
        found = places[entries.indices].ravel()
        kept = np.flatnonzero(found)
        return Crossings(
            rows=self._rows[table][kept // BLOCK],
            places=found[kept].astype(np.int64) - 1,
            values=entries.values.ravel()[kept].astype(np.float64),
        )

    def _repeats_of(self, positions: Positions) -> Reals:
        added = np.zeros(positions.size)
        if self._repeated.size:
            found = np.minimum(self._repeated.searchsorted(positions), self._repeated.size - 1)
            same = self._repeated[found] == positions
            added[same] = self._repeats[found[same]]
        return added


def parts_of(history: History, pool: Pool, layout: Layout) -> Parts:
    """Take the scores of a pool apart; ``history`` is the one that it was scored for."""
    shape = (history.positions.size, pool.positions.size)
    by_history = np.zeros((len(layout.parts), *shape))
    for place, part in enumerate(layout.parts):
        if part.low_rank is not None:
            encoder, decoder = pool.encoder[part.low_rank], pool.decoder[part.low_rank]
            by_history[place] += encoder.astype(np.float64) @ decoder.astype(np.float64).T
        if part.sparse is not None:
            found = pool.crossings[part.sparse]
            flat = np.bincount(found.rows * shape[1] + found.places, found.values, shape[0] * shape[1])
            by_history[place] += flat.reshape(shape)
    habits = _habits(history, pool.positions)
    # One after the other, as they were added up: where nothing but habits is added, nothing is left.
    repeats = pool.repeats - sum(habits, np.zeros(shape[1]))
    return Parts(
        history=history.weights[:, :, None] * by_history,
        priors=history.priors[:, None] * pool.priors.astype(np.float64).T,
        context=history.context_weights[:, None] * pool.context.astype(np.float64),
        repeats=repeats,
        habits=habits,
    )


def _habits(history: History, positions: Positions) -> Reals:
    """Return what each habit adds to some items; float64 [b, p]."""
    items = positions.tolist()
    rows = [[habit.weight * habit.odds.get(item, 0.0) for item in items] for habit in history.habits]
    return np.array(rows, np.float64).reshape(len(rows), len(items))


def _finite(rows: Floats) -> Floats:
    if not np.isfinite(rows).all():
        raise not_finite()
    return rows


def _times(rows: Floats | Reals, weights: Reals) -> Reals:
    """Return float32 or float64 [n, m] times float64 [m]; float64 [n]."""
    # Not ``@``: BLAS may spread so little over threads, which takes longer than all the rest on a busy machine.
    product: Reals = np.einsum("nm,m->n", rows.astype(np.float64, copy=False), weights)
    return product


def _used_blocks(
    layout: Layout, history: History, starts: Mapping[str, NDArray[np.int32]]
) -> tuple[dict[str, Positions], dict[str, Positions]]:
    """Return the blocks of every sparse table that the history's items use, and the place of each block's item."""
    blocks, rows = {}, {}
    for table in layout.sparse:
        own = [place for place, part in enumerate(layout.parts) if part.sparse == table]
        counting = np.flatnonzero(history.weights[own].any(axis=0) & (history.positions < layout.items))
        positions = history.positions[counting]
        first = starts[table][positions].astype(np.int64)
        lengths = starts[table][positions + 1] - first
        before = np.cumsum(lengths) - lengths
        rows[table] = np.repeat(counting, lengths)
        blocks[table] = np.arange(lengths.sum(), dtype=np.int64) + np.repeat(first - before, lengths)
    return blocks, rows
