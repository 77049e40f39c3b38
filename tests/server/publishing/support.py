"""Models, statements and bundles to publish in tests."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from homespun.protocol.bundle import Manifest
from homespun_server.privacy.provenance import Sourced, fixed, public
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.statistics.items import Items
from homespun_server.training.model import (
    LEVELS,
    STEADY,
    Archetypes,
    Component,
    Context,
    Kernel,
    LowRank,
    Model,
    Prior,
    Repeats,
    SparseRows,
)
from tests.server.support import catalogue

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)

EVEN = (1.0,) * LEVELS


def low_rank_of(name: str, size: int, dimensions: int, draw: np.random.Generator) -> LowRank:
    vectors, _ = np.linalg.qr(draw.normal(size=(max(size, dimensions), dimensions)))
    return LowRank(
        name,
        vectors[:size],
        draw.lognormal(size=size),
        draw.lognormal(size=size),
        draw.normal(size=dimensions) * np.geomspace(1, 0.1, dimensions),
    )


def sparse_of(name: str, size: int, entries: int, draw: np.random.Generator, *, bits: int = 4) -> SparseRows:
    """Random entries, of one sign with 4 bits and of both with 8; some rows are empty, some columns far apart."""
    places = np.unique(draw.integers(0, size * size, entries))
    values = draw.lognormal(size=places.size) * (draw.choice((-1.0, 1.0), places.size) if bits == 8 else 1)
    matrix = csr_matrix((values, np.divmod(places, size)), shape=(size, size))
    matrix.sort_indices()
    return SparseRows(name, matrix, bits)  # type: ignore[arg-type]


def model_of(size: int, *, everything: bool = True, new: int = 0, seed: int = 0) -> Model:
    """A model with every part that there is, or of pairs and a prior alone.

    Args:
        size: Items.
        everything: Whether it has all parts.
        new: How many items are known by their content only.
        seed: Of its numbers.
    """
    draw = np.random.default_rng([size, seed])
    pairs = low_rank_of("collaborative", size, 6, draw)
    collaborative = Component("collaborative", pairs, None, STEADY, EVEN)
    popularity = Prior("popularity", draw.normal(size=size), EVEN)
    items = np.arange(size)[::-1].copy()
    if not everything:
        return Model(items, size - new, (collaborative,), (popularity,), new_items_every=3 if new else 0)
    residual = sparse_of("residual", size, 3 * size, draw, bits=8)
    transitions = sparse_of("transitions", size, 20 * size, draw)
    rising = tuple(np.linspace(0.1, 1, LEVELS).tolist())
    return Model(
        items,
        size - new,
        (
            Component("collaborative", pairs, residual, Kernel(50.0, None, ordered=False), EVEN),
            Component("sequential", None, transitions, Kernel(8.0, 3600.0, ordered=True), rising),
            Component("session", None, transitions, Kernel(1.5, 60.0, ordered=True), rising[::-1]),
            Component("content", low_rank_of("content", size, 4, draw), None, STEADY, (0.25,) * LEVELS),
        ),
        (popularity, Prior("trend-7d", draw.normal(size=size), rising)),
        (Context("daytime", ("morning", "night"), draw.normal(size=(2, size)), EVEN, rising),),
        Archetypes(draw.normal(size=(3, size)), rising),
        Repeats(EVEN, (0.5,) * LEVELS),
        new_items_every=3 if new else 0,
    )


def description_of(*, created: datetime = NOON, min_weight: float | None = None, name: str = "tiny") -> Description:
    return Description(name, created, fixed(min_weight), None, {"dimensions": fixed("6")})


def publish(
    folder: Path,
    model: Model | Sourced[Model] | None = None,
    *,
    items: Items | None = None,
    description: Description | None = None,
) -> Manifest:
    model = model or model_of(12)
    sourced = model if isinstance(model, Sourced) else public(model, "random numbers")
    listed = public(items or catalogue(sourced.value.items.size), "a catalogue")
    return write_bundle(sourced, listed, description or description_of(), folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
