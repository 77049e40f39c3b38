import copy
from collections.abc import Callable
from typing import Any

import pytest

from homespun.errors import MisuseError, PolicyError
from homespun.protocol.policy import encode_policy, parse_policy
from homespun.protocol.policy.policy import MAX_BYTES, MAX_DEPTH

EVENING = {"context": {"name": "hour", "at_least": 18, "below": 23}}
POLICY: dict[str, Any] = {
    "schema": 1,
    "name": "shop",
    "surfaces": {
        "home": {
            "stages": [
                {"stage": "candidates", "pool": 200, "exclude": ["item-1"]},
                {"stage": "seen", "kinds": {"view": 0, "buy": 30}},
                {"stage": "frequency", "times": 5, "days": 7},
                {"stage": "blend", "switch": [{"when": {"likes": {"below": 3}}, "weights": {"content": 2}}]},
                {"stage": "rules"},
                {"stage": "recency", "attribute": "published", "weight": 0.5, "half_life_days": 30},
                {"stage": "learning"},
                {"stage": "popularity", "dial": -0.2},
                {"stage": "cascade", "top": 20, "weights": {"sequential": 0}},
                {"stage": "diversity", "calibration": 0.3},
                {"stage": "exploration", "method": "epsilon"},
                {"stage": "caps", "each": 3, "tags": {"shoes": 1}},
            ]
        },
        "similar": {"stages": [{"stage": "rules"}], "source": "similar"},
    },
    "rules": [
        {
            "name": "summer",
            "then": {"do": "boost", "by": 1.5},
            "items": {"all": [{"tag": "summer"}, {"not": {"attribute": {"name": "price", "at_least": 100}}}]},
            "when": {"any": [EVENING, {"lifecycle": ["lapsing", "returning"]}]},
            "since": "2026-06-01T00:00:00Z",
            "until": "2026-09-01T00:00:00+02:00",
            "surfaces": ["home"],
        },
        {
            "name": "enough shoes",
            "then": {"do": "filter"},
            "items": {"tag": "shoes"},
            "when": {"history": {"kinds": ["view"], "items": {"tag": "shoes"}, "days": 7, "at_least": 4}},
        },
    ],
    "lifecycle": {"onboarding_below": 3},
}


def test_a_policy_changes_when_it_is_written_and_read() -> None:
    policy = parse_policy(POLICY)
    assert parse_policy(encode_policy(policy)) == policy
    assert [rule.name for rule in policy.rules] == ["summer", "enough shoes"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda policy: policy["rules"][0]["then"].update(by=-1), "at rules[0].then.by: Expected"),
        (lambda policy: policy["rules"][0]["then"].update(by=float("inf")), "at rules[0].then.by: Expected"),
        (lambda policy: policy["rules"][0].update(then={"do": "explode"}), "at rules[0].then.do: Invalid value"),
        (lambda policy: policy["rules"][0].update(since="2026-06-01T00:00:00"), "at rules[0].since"),
        (lambda policy: policy["rules"][0].update(until="2026-06-01T00:00:00Z"), "at rules[0]: 'since' is not before"),
        (lambda policy: policy["rules"][0]["when"]["any"][0].update(likes={"below": 1}), "at rules[0].when.any[0]:"),
        (lambda policy: policy["rules"][0]["when"]["any"][0].clear(), "here stands nothing"),
        (lambda policy: policy["rules"][0]["items"]["all"][1]["not"]["attribute"].pop("at_least"), "give either 'is'"),
        (lambda policy: policy["rules"][1].update(name="summer"), "rules[1]: there is a rule called 'summer' before"),
        (lambda policy: policy["rules"][1].update(surfaces=["cellar"]), "rules[1].surfaces: there is no surface"),
        (lambda policy: policy["rules"][1]["when"]["history"].pop("at_least"), "at rules[1].when.history: give"),
        (lambda policy: policy["rules"][1]["when"]["history"].update(below=4), "no number is at least 4 and below 4"),
        (lambda policy: policy["surfaces"]["home"]["stages"].reverse(), "at surfaces.home: the stage"),
        (lambda policy: policy["surfaces"]["home"]["stages"].append({"stage": "caps"}), "'caps' stands there twice"),
        (lambda policy: policy["surfaces"]["home"]["stages"][0].update(pool=1), "at surfaces.home.stages[0].pool"),
        (lambda policy: policy["surfaces"]["home"]["stages"][0].update(pol=100), "at surfaces.home.stages[0]: Object"),
        (lambda policy: policy["surfaces"]["similar"].update(source="web"), "at surfaces.similar.source"),
        (lambda policy: policy.update(surfaces=[]), "at surfaces: Expected"),
        (lambda policy: policy.update(schema=2), "at schema"),
        (lambda policy: policy.update(name="sh\x1bop"), "holds a control character"),
    ],
)
def test_an_error_does_not_say_where_in_the_policy_it_is(change: Callable[[Any], object], told: str) -> None:
    policy = copy.deepcopy(POLICY)
    change(policy)
    with pytest.raises(PolicyError) as caught:
        parse_policy(policy)
    assert told in str(caught.value)
    assert isinstance(caught.value, MisuseError)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b"\xff", "\ud800", b"\xef\xbb\xbf{}", b'{"a":' * 100_000, b'"' + b" " * MAX_BYTES],
)
def test_what_is_no_policy_escapes_as_another_error(raw: bytes | str) -> None:
    with pytest.raises(PolicyError):
        parse_policy(raw)


@pytest.mark.parametrize("levels", [MAX_DEPTH, 300, 900])
def test_conditions_without_end_exhaust_the_stack(levels: int) -> None:
    condition: dict[str, Any] = {"likes": {"below": 1}}
    for _ in range(levels):
        condition = {"not": condition}
    policy = {**POLICY, "rules": [{"name": "deep", "then": {"do": "filter"}, "when": condition}]}
    with pytest.raises(PolicyError, match="nested"):
        parse_policy(policy)
