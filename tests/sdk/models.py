"""Models to test with, as plain tables; written by the contract alone, without the server's exporter.

``Model.scores`` is the reference: it shares no code with the client, and multiplies tables in float64.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.events import ContextValue, Event

LEVELS = 6
ALWAYS = (1.0,) * LEVELS
BOTH = ("collaborative", "content")
COLLABORATIVE = ("collaborative",)
CONTENT = ("content",)
Array = NDArray[Any]
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class LowRank:
    """S[i, j] = e_i Σ_k V_ik s_k V_jk d_j."""

    integers: Array  # [N, d], −127..127
    encoder: Array
    decoder: Array
    spectrum: Array

    @property
    def encoder_rows(self) -> Reals:
        vectors = self.integers.astype(np.float32)
        product: Reals = (vectors * self.encoder[:, None] * self.spectrum).astype(np.float64)
        return product

    @property
    def decoder_rows(self) -> Reals:
        product: Reals = (self.integers.astype(np.float32) * self.decoder[:, None]).astype(np.float64)
        return product

    @property
    def matrix(self) -> Reals:
        product: Reals = self.encoder_rows @ self.decoder_rows.T
        return product


@dataclass(frozen=True)
class Sparse:
    """S[i, j] = levels[codes[i, j]]; code 0 is 0."""

    codes: Array  # [N, N]
    levels: Array
    bits: int = 4

    @property
    def matrix(self) -> Reals:
        values: Reals = self.levels.astype(np.float64)[self.codes]
        return values


@dataclass(frozen=True)
class Part:
    name: str
    low_rank: str | None = None
    sparse: str | None = None
    weights: Sequence[float] = ALWAYS
    age: float | None = None
    gap: float | None = None
    ordered: bool = False


@dataclass(frozen=True)
class Model:
    """Everything that decides scores; see the contract."""

    parts: tuple[Part, ...]
    priors: Array  # [T, N]
    low_rank: dict[str, LowRank] = field(default_factory=dict)
    sparse: dict[str, Sparse] = field(default_factory=dict)
    prior_names: tuple[str, ...] = ("popularity",)
    prior_weights: tuple[Sequence[float], ...] = (ALWAYS,)
    contexts: tuple[tuple[str, tuple[str, ...], Sequence[float]], ...] = ()
    own: tuple[Sequence[float] | None, ...] = ()
    archetypes: tuple[int, Sequence[float]] | None = None
    context_integers: Array | None = None
    context_scales: Array | None = None
    repeats: tuple[Sequence[float], Sequence[float]] | None = None
    first_new: int | None = None
    every: int = 0

    @property
    def size(self) -> int:
        return int(self.priors.shape[1])

    def matrix(self, part: Part) -> Reals:
        found = np.zeros((self.size, self.size))
        if part.low_rank is not None:
            found = found + self.low_rank[part.low_rank].matrix
        if part.sparse is not None:
            found = found + self.sparse[part.sparse].matrix
        return found

    def context_row(self, row: int) -> Reals:
        assert self.context_integers is not None
        assert self.context_scales is not None
        values: Reals = (self.context_integers[row].astype(np.float32) * self.context_scales[row]).astype(np.float64)
        return values

    def scores(
        self,
        liked: Sequence[tuple[int, float | None]],
        *,
        counts: dict[int, int] | None = None,
        context: dict[str, str] | None = None,
        favoured: Sequence[tuple[int, Mapping[str, ContextValue]]] = (),
    ) -> Reals:
        """The scores of all items for liked positions with their times, oldest first: the formula, told again."""
        level = sum(len(liked) >= least for least in (0, 1, 3, 5, 10, 50)) - 1
        total = np.zeros(self.size)
        for part in self.parts:
            matrix = self.matrix(part)
            for (position, _), weight in zip(liked, kernel(part, [time for _, time in liked]), strict=True):
                total = total + part.weights[level] * weight * matrix[position]
        for row, weights in zip(self.priors.astype(np.float64), self.prior_weights, strict=True):
            total = total + weights[level] * row
        first = 0
        for feature, values, weights in self.contexts:
            if (context or {}).get(feature) in values:
                total = total + weights[level] * self.context_row(first + values.index((context or {})[feature]))
            first += len(values)
        if self.archetypes is not None and liked:
            rows = [self.context_row(first + taste) for taste in range(self.archetypes[0])]
            sums = [sum(row[position] for position, _ in liked) for row in rows]
            total = total + self.archetypes[1][level] * rows[sums.index(max(sums))]
        if self.repeats is not None:
            for position, times in (counts or {}).items():
                grown = np.log(times + 0.1) - np.log(0.1)
                total[position] += self.repeats[0][level] * grown + self.repeats[1][level]
        return total + self.habits(level, context or {}, favoured)

    def habits(
        self, level: int, context: dict[str, str], favoured: Sequence[tuple[int, Mapping[str, ContextValue]]]
    ) -> Reals:
        """What the person's own habits add to all items."""
        total = np.zeros(self.size)
        for (feature, values, _), own in zip(self.contexts, self.own or (None,) * len(self.contexts), strict=True):
            if own is not None and context.get(feature) in values:
                for position, odds in own_log_odds(favoured, feature, values, context[feature]).items():
                    total[position] += own[level] * odds
        return total


def kernel(part: Part, times: Sequence[float | None]) -> list[float]:
    known = [time for time in times if time is not None]
    weights = []
    for place, time in enumerate(times):
        if time is None:
            weights.append(0.0 if part.ordered else 1.0)
            continue
        exponent = 0.0
        if part.age is not None:
            exponent += (len(times) - 1 - place) / part.age
        if part.gap is not None:
            exponent += (known[-1] - time) / part.gap
        weights.append(float(np.exp(-exponent)))
    most = max(weights, default=0.0)
    return [weight if weight >= most / 1024 else 0.0 for weight in weights]


def liked_items(events: Sequence[Event], size: int, least: float, most: int) -> list[tuple[int, float | None]]:
    """The bundle's rule, told again: positions and times of the latest likes, oldest first."""
    ordered = sorted(events, key=lambda event: -1.0 if event.time is None else event.time)
    liked: list[tuple[int, str, float | None]] = []
    for item in {event.item for event in events}:
        own = [(place, event) for place, event in enumerate(ordered) if event.item == item]
        weighed = [(place, event) for place, event in own if event.weight is not None]
        place, standing = (weighed or own)[-1]
        if own[-1][1].kind != "hide" and (standing.weight is None or standing.weight >= least):
            liked.append((place, item, standing.time))
    found = [(int(item.removeprefix("item-")), time) for _, item, time in sorted(liked, key=lambda each: each[0])]
    return [(position, time) for position, time in found if position < size][-most:]


def favoured_items(events: Sequence[Event], size: int, least: float) -> list[tuple[int, Mapping[str, ContextValue]]]:
    """Position and circumstances of every event in favour."""
    places = [int(event.item.removeprefix("item-")) for event in events]
    return [
        (position, event.context or {})
        for position, event in zip(places, events, strict=True)
        if position < size and event.kind != "hide" and (event.weight is None or event.weight >= least)
    ]


def counts_in_favour(events: Sequence[Event], size: int, least: float) -> dict[int, int]:
    counts: dict[int, int] = {}
    for position, _ in favoured_items(events, size, least):
        counts[position] = counts.get(position, 0) + 1
    return counts


def named(value: ContextValue) -> str:
    """A circumstance's value as manifests have it, told again."""
    if isinstance(value, str):
        return value
    return json.dumps(int(value) if isinstance(value, float) and value == int(value) else value)


def own_log_odds(
    favoured: Sequence[tuple[int, Mapping[str, ContextValue]]], feature: str, values: Sequence[str], value: str
) -> dict[int, float]:
    """The person's own log-odds of a value for each item, told again."""
    told = [(position, named(given[feature])) for position, given in favoured if feature in given]
    told = [(position, text) for position, text in told if text in values]
    share = (sum(text == value for _, text in told) + 1) / (len(told) + len(values))
    found = {}
    for position in {position for position, _ in told}:
        own = [text == value for place, text in told if place == position]
        found[position] = float(np.log(sum(own) + 5 * share) - np.log(len(own) + 5) - np.log(share))
    return found


def random_low_rank(draw: np.random.Generator, items: int, dimensions: int) -> LowRank:
    spectrum = draw.normal(size=dimensions).astype(np.float32)
    return LowRank(
        draw.integers(-127, 128, (items, dimensions)),
        (draw.lognormal(size=items) / 127).astype(np.float32),
        (draw.lognormal(size=items) / 127).astype(np.float32),
        spectrum,
    )


def random_sparse(draw: np.random.Generator, items: int, *, bits: int = 4, density: float = 0.05) -> Sparse:
    codes = draw.integers(1, 1 << bits, (items, items)) * (draw.random((items, items)) < density)
    codes[draw.random(items) < 0.1] = 0  # rows without any entry
    levels = np.concatenate([[0.0], draw.lognormal(size=(1 << bits) - 1)]).astype(np.float32)
    return Sparse(codes, levels, bits)


def random_model(items: int, dimensions: int = 8, *, seed: int = 0, names: Sequence[str] = BOTH) -> Model:
    """Low-rank components of different lengths, scales and weights, so that no mix-up goes unseen."""
    draw = np.random.default_rng(seed)
    return Model(
        tuple(Part(name, name, weights=((1.0, 0.25)[index],) * LEVELS) for index, name in enumerate(names)),
        draw.normal(size=(1, items)).astype(np.float32),
        {name: random_low_rank(draw, items, dimensions + index) for index, name in enumerate(names)},
    )


def full_model(items: int, dimensions: int = 8, *, seed: int = 0, every: int = 0, density: float = 0.05) -> Model:
    """Everything that the contract has, and no two weights alike."""
    draw = np.random.default_rng(seed)

    def weights(scale: float = 1.0) -> tuple[float, ...]:
        return tuple(round(float(value), 3) for value in scale * draw.uniform(0.2, 1, LEVELS))

    parts = (
        Part("collaborative", "shared", "residual", weights(), age=50.0),
        Part("sequential", None, "transitions", weights(3), age=8.0, gap=300.0, ordered=True),
        Part("session", None, "transitions", weights(4), age=1.5, ordered=True),
        Part("content", "words", None, weights(), gap=2000.0),
    )
    rows = 3 + 2 + 4
    model = Model(
        parts,
        draw.normal(size=(2, items)).astype(np.float32),
        {"shared": random_low_rank(draw, items, dimensions), "words": random_low_rank(draw, items, dimensions + 3)},
        {
            "residual": random_sparse(draw, items, bits=8, density=density),
            "transitions": random_sparse(draw, items, bits=4, density=density),
        },
        ("popularity", "trend-7d"),
        (weights(), weights(2)),
        (("device", ("tv", "phone", "3"), weights()), ("evening", ("true", "false"), weights())),
        archetypes=(4, weights()),
        context_integers=draw.integers(-127, 128, (rows, items)),
        context_scales=(draw.lognormal(size=rows) / 127).astype(np.float32),
        repeats=(weights(), tuple(-value for value in weights())),
        first_new=items - max(1, items // 10),
        every=every,
    )
    return replace(model, own=(weights(3), tuple(-value for value in weights())))


def with_zeros(model: Model) -> Model:
    """The same model with nothing in its tables but the priors."""
    low_rank = {
        name: replace(table, encoder=np.zeros_like(table.encoder), decoder=np.zeros_like(table.decoder))
        for name, table in model.low_rank.items()
    }
    return replace(model, low_rank=low_rank)
