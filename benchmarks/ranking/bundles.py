"""Bundles of any size with every kind of part, with random weights, written by the real exporter.

Time does not depend on what the weights say, but on how many there are and where they lie. The catalogue's tags are
as uneven as real ones: tag number k is carried in proportion to 1/k.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun_server.privacy.provenance import fixed, public
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.statistics.items import Items
from homespun_server.training.model import (
    LEVELS,
    STEADY,
    Component,
    Context,
    Kernel,
    LowRank,
    Model,
    Prior,
    Repeats,
    SparseRows,
)

DIMENSIONS = 64
ENTRIES = 64
"""Entries of a row of transitions."""

TAGS = 40
TAGS_OF_ITEM = 3
EVEN = (1.0,) * LEVELS
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYTIMES = ("morning", "noon", "evening", "night")


def write_full_bundle(items: int, folder: Path, rng: np.random.Generator, now: datetime) -> None:
    """Write a bundle with long-term, short-term, content, trend, context and repeat parts to ``folder``."""
    transitions = SparseRows("transitions", _transitions(items, rng), 4)
    model = Model(
        items=np.arange(items),
        learned=items,
        components=(
            Component(
                "collaborative", _low_rank("collaborative", items, rng), None, Kernel(50.0, None, ordered=False), EVEN
            ),
            Component("session", None, transitions, Kernel(1.5, None, ordered=True), EVEN),
            Component("sequential", None, transitions, Kernel(8.0, 60.0, ordered=True), EVEN),
            Component("content", _unit("content", items, rng), None, STEADY, EVEN),
        ),
        priors=tuple(Prior(name, rng.standard_normal(items), EVEN) for name in ("popularity", "trend-2d", "trend-14d")),
        contexts=tuple(
            Context(name, values, rng.standard_normal((len(values), items)), EVEN)
            for name, values in (("weekday", WEEKDAYS), ("daytime", DAYTIMES))
        ),
        repeats=Repeats(EVEN, EVEN),
    )
    description = Description(f"made up, {items} items", now, fixed(None), None, {})
    write_bundle(public(model, "random numbers"), public(_catalogue(items, rng), "invented items"), description, folder)


def _low_rank(name: str, items: int, rng: np.random.Generator) -> LowRank:
    encoder, decoder = np.exp(rng.standard_normal((2, items)) / 2)
    spectrum = np.linspace(2.0, 0.2, DIMENSIONS)
    return LowRank(name, rng.standard_normal((items, DIMENSIONS)) / DIMENSIONS, encoder, decoder, spectrum)


def _unit(name: str, items: int, rng: np.random.Generator) -> LowRank:
    rows = rng.standard_normal((items, DIMENSIONS))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return LowRank(name, rows, np.ones(items), np.ones(items), np.full(DIMENSIONS, 0.1))


def _transitions(items: int, rng: np.random.Generator) -> csr_matrix:
    entries = min(ENTRIES, items)
    # One entry in each of as many equal parts of the catalogue: distinct and ascending without a search.
    parts = (np.arange(entries) * items) // entries
    widths = np.diff(parts, append=items)
    columns = parts + rng.integers(0, widths, (items, entries))
    values = rng.gamma(1.0, 0.3, items * entries)
    starts = np.arange(items + 1) * entries
    return csr_matrix((values, columns.ravel(), starts), shape=(items, items))


def _catalogue(items: int, rng: np.random.Generator) -> Items:
    ids = [f"item-{number:07d}" for number in range(items)]
    titles = [f"Title of item {number}" for number in range(items)]
    return Items(
        ids,
        titles,
        list(_tags(items, rng)),
        [""] * items,
        {
            "published": (1.7e9 - 86_400.0 * rng.integers(0, 700, items)).tolist(),
            "price": rng.integers(1, 500, items).astype(float).tolist(),
        },
    )


def _tags(items: int, rng: np.random.Generator) -> Iterator[tuple[str, ...]]:
    shares = 1 / np.arange(1, TAGS + 1)
    drawn: NDArray[np.int64] = rng.choice(TAGS, (items, TAGS_OF_ITEM), p=shares / shares.sum())
    for row in drawn.tolist():
        yield tuple(dict.fromkeys(f"tag-{number}" for number in row))
