"""The exported bundle opens on a device and scores what was trained, within what 8 bits lose."""

from contextlib import closing
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun_server.publishing.onnx_export import quantize
from homespun_server.statistics.items import Items
from homespun_server.training.model import LowRank, Model
from tests.conftest import Runs
from tests.server.publishing.support import description_of, model_of, publish
from tests.server.support import catalogue

Floats = NDArray[np.float64]


def exact_scores(model: Model, history: list[int]) -> Floats:
    total = model.bias.copy()
    for part in model.components:
        total += part.weight * part.decoder @ part.encoder[history].sum(axis=0)
    return total


def largest_error(model: Model, history: list[int]) -> Floats:
    """Bound the error of each item's score.

    With steps s_i and t_j, |ê_i − e_i| ≤ s_i/2 and |d̂_j − d_j| ≤ t_j/2 in every entry, so
    |⟨ê_i, d̂_j⟩ − ⟨e_i, d_j⟩| ≤ s_i/2 · ‖d_j‖₁ + t_j/2 · (‖e_i‖₁ + k·s_i/2). The last factor and the final
    term are the rounding of scales, products and the bias to 24 bits.
    """
    total = np.abs(model.bias) * 2.0**-22
    for part in model.components:
        steps, widths = (quantize(rows)[1].astype(np.float64) for rows in (part.encoder, part.decoder))
        decoder = np.abs(part.decoder).sum(axis=1)
        for item in history:
            encoder = np.abs(part.encoder[item]).sum() + part.encoder.shape[1] * steps[item] / 2
            error = steps[item] / 2 * decoder + widths / 2 * encoder
            total += part.weight * (error * (1 + 1e-5) + 2.0**-20 * encoder * decoder)
    return total


def scores_on_device(folder: Path, items: list[str]) -> Floats:
    with closing(Bundle.open(folder)) as bundle:
        history = bundle.history([Event(item) for item in items])
        found: Floats = bundle.scorer.score(history, np.arange(bundle.manifest.items)).scores
        return found


def test_a_device_scores_something_else_than_was_trained(tmp_path: Path, runs: Runs) -> None:
    for number in runs("export parity", 60):
        draw = np.random.default_rng(number)
        model = model_of(int(draw.integers(2, 60)), both=bool(number % 2))
        size = model.items.size
        folder = tmp_path / str(number)
        publish(folder, model)
        history = draw.choice(size, min(size, int(draw.integers(0, 10))), replace=False).tolist()
        ids = [f"item-{model.items[row]}" for row in history]
        expected = exact_scores(model, history)
        error = np.abs(scores_on_device(folder, ids) - expected)
        assert np.all(error <= largest_error(model, history)), number


def test_the_bound_on_the_error_is_too_wide_to_find_any() -> None:
    model = model_of(50)
    spread = exact_scores(model, [1, 2]).std()
    assert np.median(largest_error(model, [1, 2])) < 0.15 * spread


def test_rows_are_exported_in_another_order_than_the_catalogue(tmp_path: Path) -> None:
    model = model_of(12)
    tagged = catalogue(12)
    items = Items(tagged.ids, tagged.titles, [(f"tag {n}", "ж|,") for n in range(12)], tagged.texts)
    publish(tmp_path / "bundle", model, items=items)
    with closing(Bundle.open(tmp_path / "bundle")) as bundle:
        assert bundle.items == tuple(f"item-{position}" for position in model.items)
        for item in bundle.items:
            number = item.removeprefix("item-")
            assert bundle.title(item) == f"Title {number}"
            assert bundle.tags(item) == (f"tag {number}", "ж|,")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_tiny_model_is_refused_by_the_device(size: int, tmp_path: Path) -> None:
    publish(tmp_path / "bundle", model_of(size))
    with closing(Bundle.open(tmp_path / "bundle")) as bundle:
        assert len(bundle.rank([], k=10)) == size
        assert len(bundle.rank([Event("item-0")], k=10)) == size - 1


def test_zero_rows_poison_a_score(tmp_path: Path) -> None:
    rows = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    model = Model(np.arange(3), (LowRank("content", rows, rows),), np.zeros(3))
    publish(tmp_path / "bundle", model)
    assert scores_on_device(tmp_path / "bundle", ["item-0"]).tolist() == [0.0, 0.0, 0.0]
    assert scores_on_device(tmp_path / "bundle", ["item-1"]) == pytest.approx([0, 5, 0], abs=0.05)


@pytest.mark.parametrize("least", [0.3, 0.1, 3.5, 1e-9, 5.0])
def test_a_device_likes_less_than_training_did(least: float, tmp_path: Path) -> None:
    manifest = publish(tmp_path / "bundle", description=description_of(min_weight=least))
    assert manifest.history.min_weight == Decimal(least)
    below = float(np.nextafter(least, 0))
    with closing(Bundle.open(tmp_path / "bundle")) as bundle:
        history = bundle.history([Event("item-1", weight=least), Event("item-2", weight=below), Event("item-3")])
    assert [event.item for event in history.events] == ["item-1", "item-3"]
