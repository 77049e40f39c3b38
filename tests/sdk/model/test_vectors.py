"""Bundles of released versions are opened and scored by this one, for ever.

``tests/vectors/3/bundle`` was written once by the exporter, and ``bundle.json`` beside it holds what it then
scored. Neither is ever made again: a failure here means that published bundles would change their meaning.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.events import Event

VECTORS = Path(__file__).parents[2] / "vectors" / "3"
EXPECTED: dict[str, Any] = json.loads((VECTORS / "bundle.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def released() -> Iterator[Bundle]:
    opened = Bundle.open(VECTORS / "bundle")
    yield opened
    opened.close()


def test_a_bundle_of_an_earlier_version_cannot_be_opened(released: Bundle) -> None:
    assert released.id == EXPECTED["id"]
    assert [released.title(item) for item in released.items] == EXPECTED["titles"]
    assert [list(released.tags(item)) for item in released.items] == EXPECTED["tags"]


@pytest.mark.parametrize("vector", EXPECTED["lists"], ids=lambda vector: str(vector["name"]))
def test_a_bundle_of_an_earlier_version_is_scored_otherwise(released: Bundle, vector: dict[str, Any]) -> None:
    events = [Event(item, time=time) for item, time in vector["events"]]
    ranked = released.rank(events, 12, context=vector["context"], exclude_seen=False)
    assert [entry.item for entry in ranked] == [item for item, _ in vector["ranked"]]
    expected = [float(score) for _, score in vector["ranked"]]
    assert [entry.score for entry in ranked] == pytest.approx(expected, rel=1e-9, abs=1e-12)
