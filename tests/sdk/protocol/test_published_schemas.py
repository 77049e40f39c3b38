"""The schemas of what is published to devices are those of the code, and what the code writes fits them."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from homespun.protocol.channel import Channel, Release, encode_channel
from homespun.protocol.collection.task import CollectionIndex, Task
from homespun.protocol.experiment import Experiment
from homespun.protocol.golden import Golden

PUBLISHED = [
    ("channel", Channel),
    ("golden", Golden),
    ("task", Task),
    ("collection-index", CollectionIndex),
    ("experiment", Experiment),
]


def shipped(name: str) -> Any:
    return json.loads(files("homespun.protocol").joinpath(f"schemas/{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "struct"), PUBLISHED)
def test_the_shipped_schema_is_not_that_of_the_code(name: str, struct: type[msgspec.Struct]) -> None:
    schema = shipped(name)
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(msgspec.json.schema(struct))) == schema, (
        f"write the schema to protocol/schemas/{name}.json, indented by two"
    )


def test_a_channel_does_not_fit() -> None:
    release = Release(number=3, bundle="a" * 64, size=5, created="2031-02-03", share=1000, salt="b" * 32, returns_to=1)
    raw = encode_channel(Channel(application="films", stage="canary", minimum_client="0.1", releases=(release,)))
    validator = Draft202012Validator(shipped("channel"))
    validator.validate(json.loads(raw))
    assert not validator.is_valid({**json.loads(raw), "another": 1})


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("channel", "channel"),
        ("golden", "golden"),
        ("task", "task"),
        ("collection-index", "task"),
        ("experiment", "experiment"),
    ],
)
def test_a_golden_vector_does_not_fit(name: str, where: str, repository: Path) -> None:
    vector = json.loads((repository / f"tests/vectors/1/{where}.json").read_text(encoding="utf-8"))
    fitting = [each for each in _objects(vector) if Draft202012Validator(shipped(name)).is_valid(each)]
    assert fitting, f"no {name} in the golden vectors fits its schema"


def _objects(value: Any) -> list[Any]:
    """Return a value and everything in it that is an object, texts with JSON included."""
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in _objects(each))]
    if isinstance(value, list):
        return [found for each in value for found in _objects(each)]
    if isinstance(value, str) and value.startswith("{"):
        return _objects(json.loads(value))
    return []
