"""What would make the main parameters untrue: shares that do not add up, words that are not the policy's, gaps."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.explain.parameters import Parameters, PartShare, SurfaceParameters, parameters_of
from homespun.explain.shares import Variances, measure, parts_in
from homespun.model.bundle import Bundle
from homespun.model.scoring import parts_of
from homespun.protocol.control_entry import Control
from homespun.protocol.events import Event
from homespun.protocol.policy import Policy, parse_policy
from homespun.protocol.policy.stages import PHASES
from homespun.ranking.blending import part_names
from tests.sdk import bundles, models

CONTEXT = {"device": "tv", "evening": "true"}
BY_POLICY = {"device:own": "repeat", "evening:own": "repeat"}
"""What policies weigh parts by, where that is not their name."""


@pytest.fixture(scope="module")
def everything(full_folder: Path) -> Iterator[Bundle]:
    with Bundle.open(full_folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def variances(everything: Bundle) -> Variances:
    return measure(everything, 3, 1)


def policy_of(*stages: dict[str, Any], rules: tuple[dict[str, Any], ...] = (), source: str = "all") -> Policy:
    home = {"stages": list(stages), "source": source}
    return parse_policy({"schema": 1, "name": "tried", "surfaces": {"home": home}, "rules": list(rules)})


def home_of(found: Parameters) -> SurfaceParameters:
    return next(surface for surface in found.surfaces if surface.name == "home")


def shares_of(parts: tuple[PartShare, ...], place: int = 0) -> dict[str, float]:
    return {part.name: part.shares[place] for part in parts}


WEIGHTS = st.dictionaries(
    st.sampled_from(
        ["collaborative", "content", "session", "popularity", "trend-7d", "context", "device", "archetype", "repeat"]
    ),
    st.floats(0.01, 100) | st.just(0.0),
)


@given(weights=WEIGHTS)
def test_shares_do_not_add_up(variances: Variances, weights: Mapping[str, float]) -> None:
    shares = variances.shares(weights)
    assert shares.shape == (len(variances.levels), len(variances.parts))
    # Where everything that tells items apart weighs nothing, nothing has a share.
    assert all(total == pytest.approx(1.0) for total in shares.sum(axis=1)[shares.any(axis=1)])
    assert (shares >= 0).all()
    assert variances.shares({}).sum(axis=1) == pytest.approx(1.0)


@given(weights=WEIGHTS, data=st.data())
def test_what_weighs_nothing_has_a_share(variances: Variances, weights: Mapping[str, float], data: Any) -> None:
    number = data.draw(st.integers(0, len(variances.parts) - 1))
    name = variances.parts[number].name
    shares = variances.shares({**weights, BY_POLICY.get(name, name): 0.0})
    assert not shares[:, number].any()


@given(weights=WEIGHTS, data=st.data())
def test_what_weighs_more_has_a_smaller_share(variances: Variances, weights: Mapping[str, float], data: Any) -> None:
    number = data.draw(st.integers(0, len(variances.parts) - 1))
    if variances.parts[number].kind in {"habit", "repeat"}:
        return  # one weight for several parts
    name = variances.parts[number].name
    usual = {"context": 1.0, **weights}
    before = usual.get(name, usual["context"] if variances.parts[number].kind == "context" else 1.0)
    less, more = (variances.shares({**usual, name: weight})[:, number] for weight in (before, 2 * before))
    told = (less > 1e-9) & (less < 1 - 1e-9)
    assert (more[told] > less[told]).all()
    assert more[~told] == pytest.approx(less[~told])


def test_shares_are_of_other_numbers_than_explanations_have(tmp_path: Path) -> None:
    """At level 0 of a model with two priors the shares are those of two variances."""
    draw = np.random.default_rng(2)
    model = bundles.random_model(40)
    model = replace(
        model,
        priors=draw.normal(size=(2, 40)).astype(np.float32),
        prior_names=("popularity", "trend-7d"),
        prior_weights=((2.0,) * 6, (0.5,) * 6),
    )
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        shares = shares_of(home_of(parameters_of(bundle, None)).parts)
    wanted = np.var(model.priors.astype(np.float64), axis=1) * [4.0, 0.25]
    assert [shares["popularity"], shares["trend-7d"]] == pytest.approx(wanted / wanted.sum())
    assert shares["collaborative"] == shares["content"] == 0.0


def test_parts_of_a_history_are_other_numbers_than_explanations_have(everything: Bundle) -> None:
    from homespun.explain import shares

    events = [Event(f"item-{item}", "view", 9.0 * item, None, CONTEXT) for item in (3, 8, 8, 21)]
    history = everything.history(events, CONTEXT)
    pool = everything.scorer.score(history, np.arange(40, dtype=np.int64))
    found, parts = shares._by_part(everything.manifest, history, pool), parts_of(history, pool, everything.layout)
    wanted = [*parts.history.sum(axis=1), *parts.priors, *parts.context, *parts.habits, parts.repeats]
    assert found == pytest.approx(np.array(wanted))
    assert found.sum(axis=0) == pytest.approx(pool.scores)


def test_a_part_is_left_out(everything: Bundle) -> None:
    found = parameters_of(everything, None)
    shares = shares_of(home_of(found).parts, place=-1)
    assert shares.keys() >= set(part_names(everything.manifest)) - {"context"}
    assert min(shares.values()) > 0
    assert [part.name for part in parts_in(everything.manifest)] == list(shares)


def test_somebody_with_more_likes_than_items_is_told_of(everything: Bundle) -> None:
    found = parameters_of(everything, None)
    assert found.levels == (0, 1, 3, 5, 10)
    assert {len(part.shares) for part in home_of(found).parts} == {5}


def test_it_is_told_otherwise_each_time(everything: Bundle, full_folder: Path) -> None:
    with Bundle.open(full_folder) as other:
        assert parameters_of(other, None).json() == parameters_of(everything, None).json()


def test_nothing_to_tell_items_apart_breaks_it(tmp_path: Path) -> None:
    model = replace(models.with_zeros(bundles.random_model(20)), priors=np.zeros((1, 20), np.float32))
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        found = parameters_of(bundle, None)
    assert {share for part in home_of(found).parts for share in part.shares} == {0.0}
    assert "With 0 liked items: nothing tells items apart." in found.text()


def test_kinds_that_speak_against_items_are_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bundles.write(tmp_path / "bundle", bundles.random_model(20))
    with Bundle.open(folder) as bundle:
        rule = msgspec.structs.replace(bundle.manifest.history, negative_kinds=("view", "choose", "hide"))
        monkeypatch.setattr(bundle, "manifest", msgspec.structs.replace(bundle.manifest, history=rule))
        assert shares_of(home_of(parameters_of(bundle, None)).parts, place=-1)["collaborative"] > 0


def test_weights_of_a_policy_do_not_count(everything: Bundle) -> None:
    blend = {
        "stage": "blend",
        "weights": {"popularity": 0.0},
        "switch": [{"when": {"likes": {"below": 3}}, "weights": {"collaborative": 0.0, "content": 50.0}}],
    }
    usual = home_of(parameters_of(everything, None))
    home = home_of(parameters_of(everything, policy_of(blend)))
    assert shares_of(home.parts)["popularity"] == 0.0 < shares_of(usual.parts)["popularity"]
    (case,) = home.cases
    assert case.personal
    assert case.when == "the number of liked items is below 3"
    assert shares_of(case.parts, 1)["collaborative"] == 0.0
    # A case stands in place of the usual weights.
    assert shares_of(case.parts)["popularity"] == pytest.approx(shares_of(usual.parts)["popularity"])
    assert shares_of(case.parts, 1)["content"] > shares_of(usual.parts, 1)["content"]


STAGES: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    ({"stage": "candidates", "pool": 70, "include": ["a", "b"], "exclude": ["c"]}, ("70", "2 items", "1 item are")),
    ({"stage": "seen", "kinds": {"view": 7, "buy": 0}, "others": None}, ("7 days", "'view'", "'buy'", "at once")),
    ({"stage": "frequency", "times": 4, "days": 9}, ("4 times", "9 days")),
    ({"stage": "blend", "weights": {"popularity": 0.25}}, ("'popularity'", "0.25")),
    ({"stage": "rules"}, ("no rule",)),
    ({"stage": "recency", "attribute": "published", "weight": 1.5, "half_life_days": 12}, ("'published'", "1.5", "12")),
    ({"stage": "learning", "weight": 2.0, "least_events": 60}, ("60 liked items", "0.4")),
    ({"stage": "learning", "weight": 0.0}, ("Nothing",)),
    ({"stage": "popularity", "dial": -0.5}, ("against", "0.5")),
    ({"stage": "cascade", "top": 33, "weights": {"content": 3.0}}, ("33", "'content'", "3 times")),
    ({"stage": "diversity", "unlike": 0.3, "calibration": 0.6}, ("0.3", "0.6")),
    ({"stage": "exploration", "method": "off"}, ("Chance has no part",)),
    ({"stage": "exploration", "method": "epsilon", "share": 0.2, "epsilon": 0.07}, ("20%", "7%", "random")),
    ({"stage": "exploration", "method": "thompson", "share": 0.15}, ("15%", "draw")),
    ({"stage": "caps", "each": 4, "tags": {"shoes": 2}}, ("4 of each other tag", "2 tagged 'shoes'")),
    ({"stage": "caps"}, ("No tag",)),
)


@pytest.mark.parametrize(
    ("stage", "words"), STAGES, ids=lambda value: value["stage"] if isinstance(value, dict) else ""
)
def test_a_stage_is_told_without_its_numbers(everything: Bundle, stage: dict[str, Any], words: tuple[str, ...]) -> None:
    found = parameters_of(everything, policy_of(stage))
    (told,) = home_of(found).stages
    assert told.stage == stage["stage"]
    assert [word for word in words if word not in told.text] == []
    assert told.text[0].isupper()
    assert told.text.endswith(".")
    assert told.text in found.text()


def test_a_kind_of_stage_is_not_told() -> None:
    kinds = {msgspec.inspect.type_info(kind).tag for phase in PHASES for kind in phase}  # type: ignore[attr-defined]
    assert kinds == {stage["stage"] for stage, _ in STAGES}


RULES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"then": {"do": "boost", "by": 1.5}}, "adds 1.5 standard deviations of the scores to all items"),
    ({"then": {"do": "bury", "by": 2}, "items": {"tag": "old"}}, "from items tagged 'old'"),
    (
        {"then": {"do": "filter"}, "items": {"tag": "wine"}, "when": {"context": {"name": "hour", "below": 18}}},
        "keeps out items tagged 'wine', when 'hour' is below 18",
    ),
    (
        {"then": {"do": "pin", "at": 2}, "items": {"items": ["item-1"]}},
        "the best of items with the id 'item-1' at place 2",
    ),
    ({"then": {"do": "cap", "at_most": 3}, "items": {"tag": "new"}}, "at most 3 of items tagged 'new'"),
    (
        {"then": {"do": "reserve", "share": 0.25}, "items": {"tag": "new"}, "until": "2030-01-01T00:00:00Z"},
        "at least 25% of the places to items tagged 'new', until 2030-01-01T00:00:00+00:00",
    ),
)


@pytest.mark.parametrize(
    ("rule", "words"), RULES, ids=lambda value: value["then"]["do"] if isinstance(value, dict) else ""
)
def test_a_rule_is_told_without_what_it_does(everything: Bundle, rule: dict[str, Any], words: str) -> None:
    found = parameters_of(everything, policy_of({"stage": "rules"}, rules=({"name": "tried", **rule},)))
    (told,) = home_of(found).rules
    assert words in told.text
    assert "The rule 'tried'" in told.text
    assert not told.personal
    assert told.text in found.text()
    assert "1 rule of the publisher" in home_of(found).stages[0].text


def test_rules_that_never_act_are_told_of(everything: Bundle) -> None:
    rule = {"name": "elsewhere", "then": {"do": "filter"}, "items": {"tag": "old"}, "surfaces": ["similar"]}
    raw = {
        "schema": 1,
        "name": "tried",
        "surfaces": {"home": {"stages": [{"stage": "rules"}]}, "similar": {"stages": []}},
        "rules": [rule],
    }
    found = parameters_of(everything, parse_policy(raw))
    assert not any(surface.rules for surface in found.surfaces)


@pytest.mark.parametrize(
    "when",
    [
        {"lifecycle": ["onboarding"]},
        {"likes": {"at_least": 2}},
        {"not": {"history": {"at_least": 1}}},
        {"all": [{"context": {"name": "hour", "below": 9}}, {"any": [{"likes": {"below": 1}}]}]},
    ],
)
def test_what_a_rule_asks_about_the_person_is_not_told(everything: Bundle, when: dict[str, Any]) -> None:
    rule = {"name": "prying", "then": {"do": "filter"}, "items": {"tag": "old"}, "when": when}
    found = parameters_of(everything, policy_of({"stage": "rules"}, rules=(rule,)))
    assert home_of(found).rules[0].personal
    assert "the rule 'prying'" in found.without_profile


def test_a_list_without_a_profile_is_told_to_use_one(everything: Bundle) -> None:
    found = parameters_of(everything, None)
    assert home_of(found).non_profiled == ("popularity", "trend-7d", "device", "evening")
    told = {surface.name: surface.non_profiled for surface in found.surfaces}
    assert told["similar"] == told["continue"] == ()
    assert "the rule" not in found.without_profile


def test_the_default_surfaces_are_left_out(everything: Bundle) -> None:
    names = [surface.name for surface in parameters_of(everything, policy_of()).surfaces]
    assert names == [surface.name for surface in parameters_of(everything, None).surfaces]


def test_places_for_new_items_are_not_told(everything: Bundle) -> None:
    assert parameters_of(everything, None).new_items.startswith("4 of the 40 items count as new")
    assert "one place in 3 " in parameters_of(everything, None).new_items


def test_a_control_is_not_told_or_does_not_exist(everything: Bundle) -> None:
    found = parameters_of(everything, policy_of(*({"stage": name} for name in ("rules", "diversity"))))
    assert found.controls.keys() == {*get_args(Control), "erasure"}
    assert all(text.endswith(".") for text in found.controls.values())
    named = {control for surface in found.surfaces for part in surface.parts for control in part.controls}
    named.update(control for surface in found.surfaces for stage in surface.stages for control in stage.controls)
    assert named <= found.controls.keys()
    assert "diversity" in named


def test_what_is_written_cannot_be_read(everything: Bundle) -> None:
    found = parameters_of(everything, policy_of({"stage": "rules"}))
    assert json.loads(found.json()) == found.data()
    assert found.data()["bundle"] == everything.id
    text = found.text()
    assert text.count("Parts of the score count as on 'home'.") == 2
    assert all(control in text for control in found.controls.values())


def test_a_share_is_rounded_to_all_or_nothing() -> None:
    from homespun.explain.parameter_words import percent

    told = [percent(share) for share in (0.0, 1e-9, 0.004, 0.123, 0.996, 1.0)]
    assert told == ["0%", "less than 1%", "less than 1%", "12%", "more than 99%", "100%"]
