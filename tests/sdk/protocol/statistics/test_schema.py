"""The schema that is published is that of the declarations, and lets nothing else pass."""

import json
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from homespun.protocol.statistics import standard
from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.schema import json_schema
from homespun.protocol.statistics.standard import STANDARD
from tests.sdk.protocol.statistics.declarations import FORMS, declared, universe

SHIPPED = json.loads(files("homespun.protocol").joinpath("schemas/statistic.json").read_text(encoding="utf-8"))
SCHEMA = Draft202012Validator(SHIPPED)
COUNTS = json.loads(msgspec.json.encode(standard.item_counts(universe(3))))


def test_the_shipped_schema_is_not_that_of_the_code() -> None:
    Draft202012Validator.check_schema(SHIPPED)
    assert json.loads(json.dumps(json_schema())) == SHIPPED, (
        "write json_schema() to protocol/schemas/statistic.json, indented by two"
    )


@pytest.mark.parametrize("statistic", STANDARD, ids=lambda statistic: statistic.name)
def test_a_standard_declaration_does_not_fit(statistic: Statistic) -> None:
    SCHEMA.validate(json.loads(msgspec.json.encode(statistic)))


@given(st.sampled_from(FORMS).flatmap(declared))
def test_a_valid_declaration_does_not_fit(statistic: Statistic) -> None:
    SCHEMA.validate(json.loads(msgspec.json.encode(statistic)))


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"name": "Item counts"},
        {"name": "item-counts\n"},
        {"l2_bound": 0},
        {"l2_bound": "8192"},
        {"width": 16},
        {"max_people": 0},
        {"secret": 1},
        {"shape": []},
        {"universe": {"items": 3}},
        {"universe": {"items": 3, "digest": "0"}},
        {"transformation": {"type": "eval"}},
        {"transformation": {"type": "item-counts", "max_items": 0}},
        {"transformation": {"type": "item-counts", "max_items": 1, "code": "x"}},
        {"transformation": {"type": "transitions", "lag_weights": [1025], "max_events": 2}},
    ],
    ids=str,
)
def test_a_schema_lets_anything_pass(changes: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(COUNTS | changes)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(COUNTS | changes, Statistic)


@pytest.mark.parametrize("missing", ["name", "universe", "shape", "transformation", "rule", "purpose", "retention"])
def test_a_declaration_without_a_purpose_or_a_rule_passes(missing: str) -> None:
    assert not SCHEMA.is_valid({name: value for name, value in COUNTS.items() if name != missing})
