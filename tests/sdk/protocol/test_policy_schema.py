"""The schema of policies that is published is that of the code, and lets nothing else pass."""

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from homespun.errors import PolicyError
from homespun.protocol.policy import encode_policy, json_schema, parse_policy

SHIPPED = json.loads(files("homespun.protocol").joinpath("schemas/policy.json").read_text(encoding="utf-8"))
SCHEMA = Draft202012Validator(SHIPPED)
RULE: dict[str, Any] = {
    "name": "Evening",
    "then": {"do": "boost", "by": 1.5},
    "items": {"all": [{"tag": "film"}, {"attribute": {"name": "price", "below": 10}}]},
    "when": {"any": [{"context": {"name": "hour", "at_least": 18}}, {"lifecycle": ["onboarding"]}]},
    "since": "2025-01-01T00:00:00Z",
}
POLICY: dict[str, Any] = {
    "schema": 1,
    "name": "Shop",
    "surfaces": {"home": {"stages": [{"stage": "candidates", "pool": 200}, {"stage": "rules"}]}},
    "rules": [RULE],
}


def test_the_shipped_schema_is_not_that_of_the_code() -> None:
    Draft202012Validator.check_schema(SHIPPED)
    assert json.loads(json.dumps(json_schema())) == SHIPPED, (
        "write json_schema() to protocol/schemas/policy.json, indented by two"
    )


def test_a_valid_policy_does_not_fit() -> None:
    SCHEMA.validate(POLICY)
    SCHEMA.validate(json.loads(encode_policy(parse_policy(POLICY))))


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"schema": "1"},
        {"name": ""},
        {"name": 7},
        {"code": "import os"},
        {"surfaces": []},
        {"surfaces": {"home": {}}},
        {"surfaces": {"home": {"stages": [{"stage": "eval"}]}}},
        {"surfaces": {"home": {"stages": [{"stage": "candidates", "pool": 0}]}}},
        {"surfaces": {"home": {"stages": [], "source": "elsewhere"}}},
        {"rules": [RULE | {"then": {"do": "explode"}}]},
        {"rules": [RULE | {"then": {"do": "boost"}}]},
        {"rules": [RULE | {"then": {"do": "boost", "by": -1}}]},
        {"rules": [RULE | {"items": {"tag": ""}}]},
        {"rules": [RULE | {"when": {"python": "True"}}]},
        {"rules": [RULE | {"when": {"lifecycle": ["dead"]}}]},
        {"rules": [{"name": "nothing"}]},
        {"lifecycle": {"silent_days": 0}},
    ],
    ids=str,
)
def test_the_schema_lets_anything_pass(changes: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(POLICY | changes)
    with pytest.raises(PolicyError):
        parse_policy(POLICY | changes)


@pytest.mark.parametrize("missing", ["schema", "name"])
def test_a_policy_without_its_version_or_name_passes(missing: str) -> None:
    given = {name: value for name, value in POLICY.items() if name != missing}
    assert not SCHEMA.is_valid(given)
    with pytest.raises(PolicyError):
        parse_policy(given)
