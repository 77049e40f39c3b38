"""A thousand random histories: what ranks is exactly what the weights say, and what explains adds up to it.

The reference shares no code with the client: it reads ``weights.bin`` by the graphs' declarations and
multiplies in float64, item by item.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from homespun.explain.attribution import explain
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import ROWS, WEIGHTS
from homespun.protocol.events import Event
from homespun.ranking.decision import decide
from tests.sdk import bundles

HISTORIES = 1000
ITEMS = 1500
MIN_WEIGHT = 3.0
MAX_ITEMS = 60
TYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 2: np.dtype("u1"), 3: np.dtype("i1")}
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """The tables of a bundle, dequantized in float32 as the contract says, held in float64."""

    encoders: dict[str, Reals]
    decoders: dict[str, Reals]
    bias: Reals

    def scores(self, bundle: Bundle, liked: list[int]) -> Reals:
        total = self.bias.copy()
        for component in bundle.manifest.components:
            query = self.encoders[component.name][liked].sum(axis=0)
            total = total + float(component.weight) * (self.decoders[component.name] @ query)
        return total


def read_reference(folder: Path) -> Reference:
    content = (folder / WEIGHTS).read_bytes()
    tables: dict[str, NDArray[np.float32]] = {}
    for tensor in onnx.ModelProto.FromString((folder / ROWS).read_bytes()).graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        if place:
            start = int(place["offset"])
            raw = np.frombuffer(content[start : start + int(place["length"])], TYPES[tensor.data_type])
            tables[tensor.name] = raw.reshape(tuple(tensor.dims)).astype(np.float32)
    names = {name.split(".")[0] for name in tables} - {"bias"}
    return Reference(
        {name: dequantized(tables, f"{name}.encoder", tables[f"{name}.encoder.integers"]) for name in names},
        {name: dequantized(tables, f"{name}.decoder", tables[f"{name}.decoder.integers"].T - 128) for name in names},
        tables["bias.values"].astype(np.float64),
    )


def dequantized(tables: dict[str, NDArray[np.float32]], name: str, integers: NDArray[np.float32]) -> Reals:
    product: Reals = (integers * tables[f"{name}.scales"][:, None]).astype(np.float64)
    return product


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bundle, Reference]]:
    folder = tmp_path_factory.mktemp("scored") / "bundle"
    bundles.write(folder, bundles.random_model(ITEMS, 24, seed=7), min_weight=MIN_WEIGHT)
    bundles.edit_manifest(folder, lambda manifest: manifest["history"].update(max_items=MAX_ITEMS))
    bundle = Bundle.open(folder)
    yield bundle, read_reference(folder)
    bundle.close()


def random_events(number: int) -> list[Event]:
    """A history of up to 120 events with repetitions, dislikes, unknown items, missing times and weights."""
    draw = np.random.default_rng(number)
    size = int(draw.choice([0, 1, 2, 5, 20, 120]))
    events = []
    for _ in range(size):
        weight = None if draw.random() < 0.3 else float(draw.integers(1, 6))
        time = None if draw.random() < 0.1 else float(draw.integers(0, 1000))
        kind = ("rate", "rate", "view", "hide")[draw.integers(0, 4)]
        # From few items as often as from all, so that items have many events.
        item = draw.integers(0, 20 if draw.random() < 0.5 else ITEMS + 50)
        events.append(Event(f"item-{item}", kind, time, weight))
    return events


def liked_items(events: list[Event]) -> list[int]:
    """The bundle's rule, told again: positions of the latest likes, oldest first."""
    ordered = sorted(events, key=lambda event: -1.0 if event.time is None else event.time)
    liked: list[tuple[int, str]] = []
    for item in {event.item for event in events}:
        own = [(place, event) for place, event in enumerate(ordered) if event.item == item]
        weighed = [(place, event) for place, event in own if event.weight is not None]
        place, standing = (weighed or own)[-1]
        if own[-1][1].kind != "hide" and (standing.weight is None or standing.weight >= MIN_WEIGHT):
            liked.append((place, item))
    positions = [int(item.removeprefix("item-")) for _, item in sorted(liked)]
    return [position for position in positions if position < ITEMS][-MAX_ITEMS:]


def test_attributions_do_not_add_up_to_the_score_that_ranked(scored: tuple[Bundle, Reference]) -> None:
    bundle, _ = scored
    largest = 0.0
    for number in range(HISTORIES):
        decision = decide(bundle, random_events(number), k=5, now=0.0)
        ranked = decision.ranked
        for position, score in zip(ranked.positions.tolist(), ranked.scores.tolist(), strict=True):
            explanation = explain(decision, bundle.items[position])
            values = [part.value for part in explanation.attributions]
            magnitude = sum(map(abs, values))
            assert explanation.score == score
            assert abs(score - sum(values)) <= 1e-5 * magnitude
            assert explanation.residual == pytest.approx(score - sum(values), abs=1e-12 * magnitude)
            assert len(values) == 2 * decision.history.positions.size + 1
            largest = max(largest, abs(explanation.residual) / magnitude)
    # float32 rows, float64 sums: far better than promised.
    assert largest < 1e-12


def test_the_list_differs_from_a_brute_force_ranking(scored: tuple[Bundle, Reference]) -> None:
    bundle, reference = scored
    found = wanted = 0
    for number in range(HISTORIES):
        events = random_events(number)
        liked = liked_items(events)
        assert bundle.history(events).positions.tolist() == liked
        scores = reference.scores(bundle, liked)
        seen = {bundle.position(event.item) for event in events if event.item in bundle}
        exact = [position for position in np.argsort(-scores, kind="stable").tolist() if position not in seen][:10]
        ranked = bundle.rank(events, 10)
        positions = [bundle.position(entry.item) for entry in ranked]
        assert not seen & set(positions)
        tolerance = 1e-11 * (np.abs(scores).max() + 1)
        np.testing.assert_allclose([entry.score for entry in ranked], scores[positions], rtol=0, atol=tolerance)
        assert [entry.score for entry in ranked] == sorted((entry.score for entry in ranked), reverse=True)
        found += len(set(exact) & set(positions))
        wanted += len(exact)
    assert wanted == 10 * HISTORIES
    assert found / wanted >= 0.999


def test_many_excluded_items_leave_the_list_short_or_wrong(scored: tuple[Bundle, Reference]) -> None:
    bundle, reference = scored
    exact = np.argsort(-reference.scores(bundle, [1, 2, 3]), kind="stable").tolist()
    for left_out in (100, 400, 1495):
        events = [Event(f"item-{position}") for position in (1, 2, 3)]
        excluded = [f"item-{position}" for position in exact[:left_out]]
        ranked = bundle.rank(events, 10, exclude=excluded, exclude_seen=False)
        assert [bundle.position(entry.item) for entry in ranked] == exact[left_out : left_out + 10]


def test_a_small_catalogue_is_not_ranked_whole_and_exactly(bundle: Bundle, bundle_folder: Path) -> None:
    reference = read_reference(bundle_folder)
    draw = np.random.default_rng(3)
    for _ in range(100):
        liked = draw.choice(40, size=int(draw.integers(0, 12)), replace=False).tolist()
        scores = reference.scores(bundle, liked)
        ranked = bundle.rank([Event(f"item-{position}") for position in liked], 40, exclude_seen=False)
        assert [bundle.position(entry.item) for entry in ranked] == np.argsort(-scores, kind="stable").tolist()
        np.testing.assert_allclose([entry.score for entry in ranked], np.sort(scores)[::-1], rtol=0, atol=1e-10)


def test_the_same_history_gives_another_list(scored: tuple[Bundle, Reference]) -> None:
    bundle, _ = scored
    for number in range(0, HISTORIES, 50):
        events = random_events(number)
        assert bundle.rank(events, 20) == bundle.rank(list(events), 20)


def test_the_dequantized_tables_are_far_from_the_model(scored: tuple[Bundle, Reference]) -> None:
    _, reference = scored
    for component in bundles.random_model(ITEMS, 24, seed=7).components:
        for table, exact in (
            (reference.encoders[component.name], component.encoder),
            (reference.decoders[component.name], component.decoder),
        ):
            steps = np.abs(exact).max(axis=1, keepdims=True) / 127
            assert (np.abs(table - exact) <= 0.5001 * steps).all()
