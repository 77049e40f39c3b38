"""Records of the built-in sample, made as a device makes them."""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from homespun.explain.recording import record_of
from homespun.model.bundle import Bundle
from homespun.model.sample import open_sample, sample_folder
from homespun.protocol.controls import Steering
from homespun.protocol.events import Event
from homespun.protocol.records import ExplanationRecord
from homespun.ranking.decision import decide
from homespun.ranking.default import DEFAULT
from homespun.ranking.request import Inputs, Request
from homespun.ranking.surfaces import Compiled
from homespun_server.compliance.explanations.executed import Remaker


@pytest.fixture(scope="module")
def bundle() -> Iterator[Bundle]:
    opened = open_sample()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def folder() -> Path:
    return sample_folder()


@pytest.fixture(scope="module")
def remaker(bundle: Bundle) -> Remaker:
    return Remaker(bundle)


@pytest.fixture(scope="module")
def records(bundle: Bundle) -> tuple[ExplanationRecord, ...]:
    """Of somebody with likes, of somebody with settings, and of somebody of whom nothing may be used."""
    compiled, rng = Compiled(bundle, DEFAULT), random.Random(5)
    items = rng.sample(bundle.items, 12)
    events = [Event(item, "like", 1.7e9 + 3600 * at) for at, item in enumerate(items)]
    steering = Steering(more_like=frozenset(items[:1]), hidden_items=frozenset(items[1:2]), diversity=0.3)
    given = (Inputs(events, Steering(), {}), Inputs(events[:3], steering, {}), Inputs(None, Steering(), {}))
    made = []
    for number, inputs in enumerate(given):
        request = Request(k=5, now=1.71e9 + number, surface="home", seed=number)
        made.append(record_of(decide(compiled.beside(), inputs, request), {"personalization": 1}))
    return tuple(made)


@pytest.fixture
def lines(records: tuple[ExplanationRecord, ...], tmp_path: Path) -> Path:
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    return path
