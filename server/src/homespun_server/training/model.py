"""What training yields and publishing exports: additive terms over one list of items, linear in the history.

    score(j) = Σ_c β_c Σ_i w_c(i) · S_c[i, j] + Σ_t θ_t · prior_t[j] + Σ_f γ_f · context_f[v_f, j] + repeats(j)

β, θ and γ are one number for each of the ``ACTIVITY_LEVELS``; w_c is the component's kernel. Items
0..learned−1 were learned from people, those behind them are known by their content only.

These are plain arrays. Publishing takes a ``Sourced[Model]`` only, which says what they were derived from.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.bundle import ACTIVITY_LEVELS, own_name
from homespun.protocol.content import ContentEncoder
from homespun_server.training.tables import Floats, LowRank, SparseRows, check, check_finite, check_name

__all__ = [
    "LEVELS",
    "STEADY",
    "Archetypes",
    "Component",
    "Context",
    "Kernel",
    "LowRank",
    "Model",
    "Prior",
    "Repeats",
    "SparseRows",
]

Weights = tuple[float, ...]
ComponentName = Literal["collaborative", "sequential", "session", "content"]

LEVELS = len(ACTIVITY_LEVELS)
"""How many numbers each weight has: one per activity level."""

TableT = TypeVar("TableT", LowRank, SparseRows)


@dataclass(frozen=True)
class Kernel:
    """How much an item of the history weighs: exp(−age_i / age − gap_i / gap).

    Attributes:
        age: In items: age_i is how many distinct liked items came after i. None: no such decay.
        gap: In seconds: gap_i is the time between i's event and the latest one. None: no such decay.
        ordered: Whether events without a time weigh 0, because they have no order; else they weigh 1.
    """

    age: float | None
    gap: float | None
    ordered: bool

    def __post_init__(self) -> None:
        """Refuse decays that are none."""
        for decay in (self.age, self.gap):
            check(decay is None or (math.isfinite(decay) and decay > 0), f"a kernel decays over {decay}")


STEADY = Kernel(age=None, gap=None, ordered=False)
"""Every item of the history weighs the same."""


@dataclass(frozen=True, eq=False)
class Component:
    """A part of the score that is linear in the history: the sum of a low-rank and a sparse table.

    Attributes:
        name: What explanations call it.
        low_rank: The low-rank table; None if there is none.
        sparse: The sparse table; None if there is none. Components may share one.
        kernel: How much each item of the history weighs.
        weights: β, one per activity level.
    """

    name: ComponentName
    low_rank: LowRank | None
    sparse: SparseRows | None
    kernel: Kernel
    weights: Weights

    def __post_init__(self) -> None:
        """Refuse a component without a table."""
        check(self.low_rank is not None or self.sparse is not None, f"the component {self.name!r} has no table")
        _check_weights(self.name, self.weights)

    @property
    def tables(self) -> "tuple[LowRank | SparseRows, ...]":
        """Its tables, one or two."""
        return tuple(table for table in (self.low_rank, self.sparse) if table is not None)


@dataclass(frozen=True, eq=False)
class Prior:
    """A part of the score that depends on the item alone.

    Attributes:
        name: What explanations call it, such as ``popularity`` or ``trend-7d``.
        values: float64 [N].
        weights: θ, one per activity level.
    """

    name: str
    values: Floats
    weights: Weights

    def __post_init__(self) -> None:
        """Refuse what no device could score with."""
        check_name(self.name)
        check(self.values.ndim == 1, f"the prior {self.name!r} is no vector")
        check_finite(self.name, self.values)
        _check_weights(self.name, self.weights)


@dataclass(frozen=True, eq=False)
class Context:
    """A part of the score that depends on the item and on a circumstance, such as the time of day.

    Attributes:
        feature: The circumstance's name.
        values: What it can be, each once.
        log_odds: float64 [values, N].
        weights: γ, one per activity level.
        own_weights: δ, by which devices multiply what a person's own habits say; None: they add nothing.
    """

    feature: str
    values: tuple[str, ...]
    log_odds: Floats
    weights: Weights
    own_weights: Weights | None = None

    def __post_init__(self) -> None:
        """Refuse what no device could score with."""
        check(bool(self.feature and self.values), "a context has no name or no values")
        check(len(set(self.values)) == len(self.values), f"the context {self.feature!r} has a value twice")
        check(
            self.log_odds.ndim == 2 and self.log_odds.shape[0] == len(self.values),  # noqa: PLR2004 - a matrix
            f"the context {self.feature!r} has another number of rows than of values",
        )
        check_finite(self.feature, self.log_odds)
        _check_weights(self.feature, self.weights)
        _check_weights(self.feature, self.weights if self.own_weights is None else self.own_weights)


@dataclass(frozen=True, eq=False)
class Archetypes:
    """Tastes that people fall into: a person's is the row with the largest sum over what they like.

    Attributes:
        log_odds: float64 [K, N].
        weights: One per activity level.
    """

    log_odds: Floats
    weights: Weights

    def __post_init__(self) -> None:
        """Refuse what no device could score with."""
        check(self.log_odds.ndim == 2 and self.log_odds.shape[0] > 0, "archetypes are no rows")  # noqa: PLR2004
        check_finite("archetypes", self.log_odds)
        _check_weights("archetypes", self.weights)

    @property
    def count(self) -> int:
        """K."""
        return int(self.log_odds.shape[0])


@dataclass(frozen=True)
class Repeats:
    """What n earlier events of an item add to its score: count · (log(n + .1) − log(.1)) + seen, where n > 0.

    Attributes:
        count_weights: One per activity level.
        seen_weights: One per activity level.
    """

    count_weights: Weights
    seen_weights: Weights

    def __post_init__(self) -> None:
        """Refuse what no device could score with."""
        _check_weights("repeats", self.count_weights)
        _check_weights("repeats", self.seen_weights)


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model.

    Attributes:
        items: int64 [N], catalogue positions of the model's items, each once, in the order of the tables' rows.
        learned: M: items 0..M−1 were learned from people, the others are known by their content only.
        components: The parts that are linear in the history.
        priors: The parts that depend on the item alone, at least one.
        contexts: The parts that depend on circumstances.
        archetypes: Tastes that people fall into; None if there are none.
        repeats: What earlier events of the same item add; None: nothing.
        new_items_every: Every so-manieth place of a list is for an item that is known by its content only; 0: none.
        words: By which devices score items that an application adds; None: they cannot.

    Raises:
        MisuseError: On construction, if the parts are not about the same items or two have one name.
    """

    items: NDArray[np.int64]
    learned: int
    components: tuple[Component, ...]
    priors: tuple[Prior, ...]
    contexts: tuple[Context, ...] = ()
    archetypes: Archetypes | None = None
    repeats: Repeats | None = None
    new_items_every: int = 0
    words: ContentEncoder | None = None

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together."""
        size = self.items.size
        check(self.items.ndim == 1 and size > 0, "the model has no items")
        check(np.unique(self.items).size == size, "the model has an item twice")
        check(0 <= self.learned <= size, f"{self.learned} of {size} items are learned")
        check(self.new_items_every >= 0, f"new items have every place {self.new_items_every}")
        check(self.learned < size or not self.new_items_every, "places are reserved for new items, and there are none")
        check(bool(self.components) and bool(self.priors), "the model has no component or no prior")
        check(all(found == size for found in self._sizes()), f"not every part of the model is about {size} items")
        check(self.words is None or self._knows(self.words), "the words are not those of the content component")
        own = any(context.own_weights is not None for context in self.contexts)
        check(self.repeats is not None or not own, "habits are about what was chosen before, and no repeats are scored")
        for names in self._names():
            check(len(set(names)) == len(names), f"the model has a name twice: {', '.join(names)}")

    @property
    def low_rank(self) -> tuple[LowRank, ...]:
        """The low-rank tables, each once, in the order of the components."""
        return _distinct(part.low_rank for part in self.components)

    @property
    def sparse(self) -> tuple[SparseRows, ...]:
        """The sparse tables, each once, in the order of the components."""
        return _distinct(part.sparse for part in self.components)

    def _knows(self, words: ContentEncoder) -> bool:
        """Return whether an item's vector by these words can stand beside the rows of the content component."""
        table = next((part.low_rank for part in self.components if part.name == "content"), None)
        if table is None or words.vectors.shape[1] != table.dimensions:
            return False
        # Rounding stretches columns where the spectrum is not even, and then a row would not be an item's vector.
        is_even = bool(np.ptp(np.abs(table.spectrum)) == 0)
        return is_even and bool((table.encoder == 1).all() and (table.decoder == 1).all())

    def _sizes(self) -> Iterator[int]:
        yield from (table.size for table in self.low_rank)
        yield from (table.size for table in self.sparse)
        yield from (prior.values.size for prior in self.priors)
        yield from (context.log_odds.shape[1] for context in self.contexts)
        if self.archetypes is not None:
            yield self.archetypes.log_odds.shape[1]

    def _names(self) -> Iterator[list[str]]:
        yield [part.name for part in self.components]
        yield [*(table.name for table in self.low_rank), *(table.name for table in self.sparse)]
        yield [prior.name for prior in self.priors]
        own = [own_name(context.feature) for context in self.contexts if context.own_weights is not None]
        yield [*(context.feature for context in self.contexts), *own]


def _distinct(tables: Iterable[TableT | None]) -> tuple[TableT, ...]:
    return tuple({id(table): table for table in tables if table is not None}.values())


def _check_weights(name: str, weights: Weights) -> None:
    check(len(weights) == LEVELS, f"{name!r} has {len(weights)} weights; one per activity level is needed: {LEVELS}")
    check(all(math.isfinite(weight) for weight in weights), f"a weight of {name!r} is not finite")
