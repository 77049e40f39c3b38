"""Models, statements and bundles to publish in tests."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from homespun.protocol.bundle import Manifest
from homespun_server.privacy.provenance import Sourced, fixed, public
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.statistics.items import Items
from homespun_server.training.model import LowRank, Model
from tests.server.support import catalogue

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def model_of(size: int, *, both: bool = True) -> Model:
    draw = np.random.default_rng(size)

    def part(dimensions: int) -> np.ndarray:
        rows: np.ndarray = draw.normal(size=(size, dimensions)) * draw.lognormal(size=(size, 1))
        return rows

    components = (LowRank("collaborative", part(6), part(6)), LowRank("content", part(4), part(4), weight=0.25))
    return Model(np.arange(size)[::-1].copy(), components if both else components[:1], draw.normal(size=size))


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
