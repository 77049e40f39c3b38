"""Which policy is in force: a bad one changes nothing, and what is known of the time of day is what the zone says."""

from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

import homespun as hs
from homespun.errors import MisuseError, PolicyError
from homespun.person.items import Items
from homespun.policies import Policies
from homespun.protocol.policy import Policy, encode_policy, parse_policy
from homespun.ranking.default import DEFAULT
from homespun.testing import FakeClock
from tests.sdk import bundles

NOW = 1_700_000_000.0
"""A Tuesday, 22:13:20 UTC."""

SHELF: dict[str, Any] = {"schema": 1, "name": "ours", "surfaces": {"shelf": {"stages": [{"stage": "seen"}]}}}
BAD: list[tuple[Any, str]] = [
    ({**SHELF, "surfaces": {"shelf": {"stages": [{"stage": "sene"}]}}}, r"surfaces\.shelf.*stages\[0\]"),
    (
        {**SHELF, "surfaces": {"shelf": {"stages": [{"stage": "seen"}] * 2}}},
        r"surfaces\.shelf.*'seen' stands there twice",
    ),
    ({**SHELF, "surfaces": {"a": {"stages": [{"stage": "rules"}, {"stage": "seen"}]}}}, "'seen' has to come before"),
    ({**SHELF, "rules": [{"name": "r", "then": {"do": "filter"}, "surfaces": ["none"]}]}, r"rules\[0\]\.surfaces"),
    ({**SHELF, "schema": 2}, "schema"),
    ("{", "no JSON"),
    (b"\xff", "no JSON"),
    ([], "the policy"),
]


@pytest.fixture
def policies(bundle: hs.Bundle) -> Policies:
    return Policies(Items(bundle, 10), None, None)


@pytest.fixture(scope="module")
def with_policy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hs.Bundle]:
    folder: Path = tmp_path_factory.mktemp("policy") / "bundle"
    policy = encode_policy(parse_policy({**SHELF, "name": "the publisher's"}))
    with hs.Bundle.open(bundles.write(folder, bundles.random_model(40), policy=policy)) as opened:
        yield opened


@pytest.mark.parametrize(("bad", "words"), BAD)
def test_a_bad_policy_takes_the_place_of_the_one_before(policies: Policies, bad: Any, words: str) -> None:
    ours = policies.use(SHELF)
    before = policies.compiled
    with pytest.raises(PolicyError, match=words):
        policies.use(bad)
    assert policies.current is ours
    assert policies.compiled is before
    assert policies.compiled.surface("shelf").name == "shelf"


def test_a_personalizer_goes_on_with_a_bad_policy_or_opens_with_one(bundle: hs.Bundle) -> None:
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle, clock=FakeClock(NOW), policy=SHELF) as me:
        before = [each.item for each in me.recommend(5, surface="shelf")]
        with pytest.raises(PolicyError):
            me.policy.use({**SHELF, "schema": 9})
        assert [each.item for each in me.recommend(5, surface="shelf")] == before
        me.policy.use(None)
        with pytest.raises(MisuseError, match="the policy 'default' has no surface 'shelf'; use one of 'home'"):
            me.recommend(5, surface="shelf")
    with pytest.raises(PolicyError):
        hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle, policy={})


def test_the_application_does_not_come_before_the_publisher_or_goes_for_ever(with_policy: hs.Bundle) -> None:
    policies = Policies(Items(with_policy, 10), None, None)
    assert policies.current.name == "the publisher's"
    policies.use(SHELF)
    assert (policies.current.name, policies.compiled.policy.name) == ("ours", "ours")
    assert policies.use(None).name == policies.current.name == "the publisher's"


def test_a_policy_loses_the_surfaces_that_every_application_has(policies: Policies) -> None:
    assert policies.current == DEFAULT
    policies.use(SHELF)
    for name in DEFAULT.surfaces:
        assert policies.compiled.surface(name).stages == DEFAULT.surfaces[name].stages


@pytest.mark.parametrize(
    "given", [parse_policy(SHELF), SHELF, msgspec.json.encode(SHELF), encode_policy(parse_policy(SHELF)).decode()]
)
def test_one_way_to_give_a_policy_is_not_taken(policies: Policies, given: Any) -> None:
    assert policies.use(given) == parse_policy(SHELF)
    assert isinstance(policies.current, Policy)


def test_items_that_are_added_are_ranked_by_what_there_was_before(bundle: hs.Bundle) -> None:
    items = Items(bundle, 10)
    policies = Policies(items, SHELF, None)
    before = policies.compiled
    assert policies.compiled is before
    items.update([{"id": "item-3", "title": "Another"}])
    assert policies.compiled is not before
    assert policies.compiled.bundle.title("item-3") == "Another"
    assert policies.compiled.policy is before.policy


def test_it_is_another_hour_or_weekday_where_the_person_is(bundle: hs.Bundle) -> None:
    for hours, hour, weekday in ((0, 22, "tuesday"), (2, 0, "wednesday"), (-23, 23, "monday"), (5.5, 3, "wednesday")):
        policies = Policies(Items(bundle, 10), None, timezone(timedelta(hours=hours)))
        assert policies.circumstances({"device": "tv"}, NOW) == {"hour": hour, "weekday": weekday, "device": "tv"}
    # What the application says counts.
    assert policies.circumstances({"hour": 9}, NOW) == {"hour": 9, "weekday": "wednesday"}
    assert Policies(Items(bundle, 10), None, None).circumstances({}, NOW) == {}


def test_a_zone_that_is_none_is_found_at_the_first_list(bundle: hs.Bundle) -> None:
    for wrong in ("Europe/Berlin", 2, timedelta(hours=2)):
        with pytest.raises(MisuseError, match="zone is of type"):
            Policies(Items(bundle, 10), None, wrong)  # type: ignore[arg-type]


def test_a_rule_about_the_hour_does_not_hold_at_that_hour(bundle: hs.Bundle) -> None:
    night = {"context": {"name": "hour", "at_least": 22}}
    policy = {
        "schema": 1,
        "name": "by night",
        "surfaces": {"home": {"stages": [{"stage": "rules"}]}},
        "rules": [{"name": "rest", "then": {"do": "filter"}, "items": {"tag": "tag-1"}, "when": night}],
    }
    clock = FakeClock(NOW)
    utc = timezone(timedelta())
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle, clock=clock, policy=policy, zone=utc) as me:

        def rests() -> bool:
            return not any("tag-1" in bundle.tags(each.item) for each in me.recommend(40))

        assert rests()
        assert not any("tag-1" in bundle.tags(each.item) for each in me.recommend(40, context={"device": "tv"}))
        assert any("tag-1" in bundle.tags(each.item) for each in me.recommend(40, context={"hour": 9}))
        assert me.explain("item-1").moves == ("kept out of this list by the rule 'rest'",)
        clock.advance(3 * 3600)
        assert not rests()
