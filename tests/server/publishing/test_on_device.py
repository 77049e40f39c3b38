"""A device ranks by what was written: against a sum in float64, number by number, from the file and the contract."""

import math
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun_server.training.model import Kernel, Model
from tests.conftest import Runs
from tests.server.publishing import decoding
from tests.server.publishing.support import description_of, model_of, publish

Matrix = np.ndarray

LATEST = 1_700_000_000.0


def level_of(liked: int) -> int:
    return max(place for place, least in enumerate((0, 1, 3, 5, 10, 50)) if least <= liked)


def kernel_weights(kernel: Kernel, times: list[float | None]) -> list[float]:
    """w of each item of a history, oldest first."""
    found = []
    for place, time in enumerate(times):
        if time is None:
            found.append(0.0 if kernel.ordered else 1.0)
            continue
        age = len(times) - 1 - place
        exponent = 0.0 if kernel.age is None else age / kernel.age
        exponent += 0.0 if kernel.gap is None else (LATEST - time) / kernel.gap
        found.append(math.exp(-exponent))
    least = max(found, default=0.0) / 1024
    return [weight if weight >= least else 0.0 for weight in found]


def expected(model: Model, folder: Path, rows: list[int], times: list[float | None], daytime: str | None) -> Matrix:
    """The score of every item, from all parts but repeats."""
    weights, level = decoding.tensors(folder), level_of(len(rows))
    total = np.zeros(model.items.size)
    for component in model.components:
        for table in component.tables:
            decode = decoding.low_rank if table is component.low_rank else decoding.sparse
            dense = decode(weights, table.name)
            for row, weight in zip(rows, kernel_weights(component.kernel, times), strict=True):
                total += component.weights[level] * weight * dense[row]
    for prior, values in zip(model.priors, weights["priors.values"].astype(float), strict=True):
        total += prior.weights[level] * values
    if "context.scales" in weights:
        context = weights["context.integers"].astype(float) * weights["context.scales"].astype(float)[:, None]
        if daytime is not None:
            total += model.contexts[0].weights[level] * context[model.contexts[0].values.index(daytime)]
        if model.archetypes is not None and rows:
            tastes = context[-model.archetypes.count :]
            total += model.archetypes.weights[level] * tastes[tastes[:, rows].sum(axis=1).argmax()]
    return total


def events_of(model: Model, rows: list[int], times: list[float | None]) -> list[Event]:
    return [Event(f"item-{model.items[row]}", time=time) for row, time in zip(rows, times, strict=True)]


def times_of(count: int, draw: np.random.Generator, *, untimed: int) -> list[float | None]:
    """Oldest first; the oldest have no time."""
    before = np.sort(draw.exponential(2000, count))[::-1]
    before[-1:] = 0.0
    return [None if place < untimed else LATEST - float(gap) for place, gap in enumerate(before)]


def test_a_device_ranks_by_something_else_than_was_written(tmp_path: Path, runs: Runs) -> None:
    for number in runs("on device", 60):
        draw = np.random.default_rng(number)
        size = int(draw.integers(2, 120))
        model = model_of(size, everything=bool(number % 3), seed=number)
        folder = tmp_path / str(number)
        publish(folder, model)
        count = int(draw.integers(0, min(size, 70)))
        rows = draw.choice(size, count, replace=False).tolist()
        times = times_of(count, draw, untimed=int(draw.integers(0, count + 1)) if number % 2 else 0)
        daytime = (None, "morning", "night")[number % 3] if model.contexts else None
        scores = expected(model, folder, rows, times, daytime)
        context = {} if daytime is None else {"daytime": daytime}
        with closing(Bundle.open(folder)) as bundle:
            ranked = bundle.rank(events_of(model, rows, times), k=10, context=context)
            places = [bundle.position(found.item) for found in ranked]
        left = np.setdiff1d(np.arange(size), rows)
        assert len(set(places)) == len(places) == min(10, left.size), number
        assert set(places) <= set(left.tolist()), number
        tolerance = 1e-5 * (1 + np.abs(scores).max())
        assert [found.score for found in ranked] == pytest.approx(scores[places].tolist(), abs=tolerance), number
        best = np.sort(scores[left])[::-1][: len(places)]
        assert scores[places] == pytest.approx(best, abs=2 * tolerance), number


def test_repeats_add_something_else(tmp_path: Path) -> None:
    model = model_of(20)
    publish(tmp_path / "bundle", model)
    rows = [4, 11, 7]
    times: list[float | None] = [LATEST - 500, LATEST - 100, LATEST]
    # Each earlier event of an item leaves its place in the order where its last one is.
    again = [Event(f"item-{model.items[4]}", time=LATEST - 900), Event(f"item-{model.items[4]}", time=LATEST - 800)]
    scores = expected(model, tmp_path / "bundle", rows, times, None)
    assert model.repeats is not None
    level = level_of(3)
    for row, count in ((4, 3), (11, 1), (7, 1)):
        scores[row] += model.repeats.count_weights[level] * (math.log(count + 0.1) - math.log(0.1))
        scores[row] += model.repeats.seen_weights[level]
    with closing(Bundle.open(tmp_path / "bundle")) as bundle:
        ranked = bundle.rank([*again, *events_of(model, rows, times)], k=20, exclude_seen=False)
        places = [bundle.position(found.item) for found in ranked]
    assert sorted(places) == list(range(20))
    assert [found.score for found in ranked] == pytest.approx(scores[places].tolist(), abs=1e-4)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_tiny_model_is_refused_by_the_device(size: int, tmp_path: Path) -> None:
    publish(tmp_path / "bundle", model_of(size))
    with closing(Bundle.open(tmp_path / "bundle")) as bundle:
        assert len(bundle.rank([], k=10)) == size
        assert len(bundle.rank([Event("item-0")], k=10)) == size - 1


@pytest.mark.parametrize("least", [0.3, 0.1, 3.5, 1e-9, 5.0])
def test_a_device_likes_less_than_training_did(least: float, tmp_path: Path) -> None:
    manifest = publish(tmp_path / "bundle", description=description_of(min_weight=least))
    assert manifest.history.min_weight == Decimal(least)
    below = float(np.nextafter(least, 0))
    with closing(Bundle.open(tmp_path / "bundle")) as bundle:
        history = bundle.history([Event("item-1", weight=least), Event("item-2", weight=below), Event("item-3")])
    assert [event.item for event in history.events] == ["item-1", "item-3"]
