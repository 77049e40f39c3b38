"""What this version released stays what it was: digests, published weights, and what given people add."""

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from homespun.protocol.statistics.declaration import Statistic, universe_of
from homespun.protocol.statistics.encoding import Encoder, encode_metrics
from homespun.protocol.statistics.grid import clip
from homespun.protocol.statistics.published import item_weights, lag_weights
from tests.sdk.protocol.statistics.people import KINDS, Did, Person, histories, integers

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "1" / "statistics.json").read_text(encoding="utf-8")
)


def declaration(vector: dict[str, Any]) -> Statistic:
    return msgspec.convert(vector["declaration"], Statistic)


def somebody(vector: dict[str, Any]) -> Person:
    events = [
        Did(item, time, kind, math.nan if weight is None else weight, context)
        for item, time, kind, weight, context in vector["events"]
    ]
    return Person(tuple(events), bytes.fromhex(vector["secret"]))


@pytest.mark.parametrize("vector", VECTORS["statistics"], ids=lambda vector: vector["declaration"]["name"])
def test_a_contribution_differs_from_the_released_version(vector: dict[str, Any]) -> None:
    statistic = declaration(vector)
    assert statistic.digest == vector["digest"]
    assert tuple(VECTORS["kinds"]) == KINDS
    people = [somebody(one) for one in VECTORS["people"]]
    found = Encoder(statistic).encode(histories(people))
    for place, expected in enumerate(vector["contributions"]):
        own = found.owners == place
        assert np.column_stack([found.cells[own], found.values[own]]).tolist() == expected


def test_a_form_has_no_vector() -> None:
    names = {vector["declaration"]["transformation"]["type"] for vector in VECTORS["statistics"]}
    assert len(names) == 9
    for vector in VECTORS["statistics"]:
        assert any(vector["contributions"])


def test_metrics_differ_from_the_released_version() -> None:
    vector = VECTORS["metrics"]
    statistic = declaration(vector)
    assert statistic.digest == vector["digest"]
    found = encode_metrics(statistic, np.array(vector["metrics"]))
    assert found.values.reshape(-1, statistic.size).tolist() == vector["values"]


@pytest.mark.parametrize("vector", VECTORS["clip"], ids=lambda vector: str(vector["weights"]))
def test_clipping_differs_from_the_released_version(vector: dict[str, Any]) -> None:
    weights = integers(vector["weights"])
    assert clip(weights, integers([0, weights.size]), vector["bound"]).tolist() == vector["values"]


@pytest.mark.parametrize("vector", VECTORS["item_weights"], ids=lambda vector: str(vector["power"]))
def test_item_weights_differ_from_the_released_version(vector: dict[str, Any]) -> None:
    assert list(item_weights(np.array(vector["popularity"]), vector["power"])) == vector["weights"]


@pytest.mark.parametrize("vector", VECTORS["lag_weights"], ids=lambda vector: str(vector["decay"]))
def test_lag_weights_differ_from_the_released_version(vector: dict[str, Any]) -> None:
    assert list(lag_weights(vector["decay"], vector["lags"])) == vector["weights"]


def test_a_universe_differs_from_the_released_version() -> None:
    universe = universe_of(VECTORS["universe"]["ids"])
    assert universe.digest == VECTORS["universe"]["digest"]
    assert universe.items == len(VECTORS["universe"]["ids"])
