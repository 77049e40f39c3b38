"""Each stage of a policy by itself does what it says, in a small case that is told again by hand."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from homespun.errors import MisuseError, UnknownItemError
from homespun.explain.explaining import explain
from homespun.model.bundle import Bundle
from homespun.protocol.controls import FrequencyCap, Steering
from homespun.protocol.events import Event
from homespun.protocol.policy import Policy, Source, Surface
from homespun.protocol.policy import rules as actions
from homespun.protocol.policy.conditions import Condition, ItemTest, Likes
from homespun.protocol.policy.policy import Lifecycle
from homespun.protocol.policy.rules import Rule
from homespun.protocol.policy.stages import (
    Blend,
    Candidates,
    Caps,
    Cascade,
    Case,
    Diversity,
    Exploration,
    Frequency,
    Learning,
    Popularity,
    Recency,
    Rules,
    Seen,
    Stage,
)
from homespun.ranking.calibration import divergence
from homespun.ranking.decision import Decision
from homespun.ranking.exploration import epsilon_greedy, explored_places, thompson
from homespun.ranking.moving import LARGEST_UNLIKE
from tests.sdk.deciding import decide
from tests.sdk.ranking.engine_strategies import DAY, ITEMS, NOW, shop

EVENTS = [Event("item-3", "view", NOW - 5 * DAY), Event("item-8", "buy", NOW - DAY), Event("item-20", "view", NOW)]
EVERYTHING = 80


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    with shop(tmp_path_factory.mktemp("stages")) as opened:
        yield opened


def policy_of(*stages: Stage, source: Source = "all", rules: Sequence[Rule] = (), surface: str = "home") -> Policy:
    return Policy(1, "by hand", {surface: Surface(stages, source)}, tuple(rules))


def made(bundle: Bundle, *stages: Stage, k: int = EVERYTHING, events: Any = EVENTS, **others: Any) -> Decision:
    """The home list by some stages and no other."""
    given = {name: others.pop(name) for name in ("source", "rules") if name in others}
    surface = others.get("surface", "home")
    return decide(
        bundle, events, k=k, now=others.pop("now", NOW), policy=policy_of(*stages, surface=surface, **given), **others
    )


def items(decision: Decision) -> list[str]:
    return [decision.bundle.items[position] for position in decision.ranked.positions.tolist()]


def scores(decision: Decision) -> dict[str, float]:
    """Of every candidate."""
    names = [decision.bundle.items[position] for position in decision.pool.positions.tolist()]
    return dict(zip(names, decision.scores.tolist(), strict=True))


def by_part(decision: Decision, item: str) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for part in explain(decision, item).attributions:
        name = part.source if part.source in {"context", "archetype", "repeat"} else part.component or part.source
        found[name] = found.get(name, 0.0) + part.value
    return found


def added(decision: Decision, plain: Decision) -> dict[str, float]:
    """What the scores have more than without the stage."""
    before = scores(plain)
    return {item: score - before[item] for item, score in scores(decision).items()}


# Candidates


def test_what_a_policy_includes_is_not_looked_at_or_what_it_excludes_is_listed(bundle: Bundle) -> None:
    worst = items(made(bundle))[-1]
    few = made(bundle, Candidates(pool=10), k=3)
    assert worst not in scores(few)
    assert worst in scores(made(bundle, Candidates(pool=10, include=(worst, "unknown")), k=3))
    best = items(few)[0]
    without = made(bundle, Candidates(pool=10, exclude=(best,)), k=3)
    assert best not in items(without)
    assert [bar.control for bar in without.bars.of(best)] == ["excluded"]


def test_an_included_item_is_listed_although_it_is_hidden(bundle: Bundle) -> None:
    decision = made(bundle, Candidates(include=("item-5",)), steering=Steering(hidden_items=frozenset({"item-5"})))
    assert "item-5" not in items(decision)


# Seen


@pytest.mark.parametrize(
    ("stage", "left_out"),
    [
        (Seen(), {"item-3", "item-8", "item-20"}),
        (Seen(kinds={"view": 0}), {"item-8"}),
        (Seen(kinds={"view": 4.0}), {"item-8", "item-20"}),
        (Seen(kinds={"view": 5.0}), {"item-3", "item-8", "item-20"}),
        (Seen(kinds={"buy": None}, others=0), {"item-8"}),
        (Seen(kinds={"buy": 0.5}, others=2), {"item-20"}),
        (Seen(others=0), set()),
        (Seen(others=1.5), {"item-8", "item-20"}),
    ],
)
def test_what_was_seen_long_ago_stays_out_or_what_was_just_seen_comes_back(
    bundle: Bundle, stage: Seen, left_out: set[str]
) -> None:
    known = {event.item for event in EVENTS}
    assert known - set(items(made(bundle, stage))) == left_out
    assert known & set(items(made(bundle, stage, exclude_seen=False))) == known
    assert not known & set(items(made(bundle, stage, exclude_seen=True)))


def test_an_event_without_a_time_counts_as_if_it_were_of_today(bundle: Bundle) -> None:
    untimed = [Event("item-3", "view"), Event("item-8", "view")]
    assert {"item-3", "item-8"} <= set(items(made(bundle, Seen(others=3650), events=untimed)))
    assert not {"item-3", "item-8"} & set(items(made(bundle, Seen(), events=untimed)))


def test_an_old_event_lets_an_item_come_back_that_was_seen_again(bundle: Bundle) -> None:
    twice = [
        Event("item-3", "view", NOW),
        Event("item-3", "view", NOW - 20 * DAY),
        Event("item-3", "buy", NOW - 9 * DAY),
    ]
    assert "item-3" not in items(made(bundle, Seen(others=2), events=twice))
    assert "item-3" in items(made(bundle, Seen(kinds={"view": 0}, others=2), events=twice))


@pytest.mark.parametrize("exclude_seen", [None, True, False])
def test_what_somebody_spoke_against_is_listed(bundle: Bundle, exclude_seen: bool | None) -> None:  # noqa: FBT001
    events = [*EVENTS, Event("item-3", "dismiss", NOW)]
    for stages in ((), (Seen(others=0),)):
        decision = made(bundle, *stages, events=events, exclude_seen=exclude_seen)
        assert "item-3" not in items(decision)
        assert "disliked" in {bar.control for bar in decision.bars.of("item-3")}
    # Who chooses it after that likes it again.
    again = [*events, Event("item-3", "view", NOW + 1)]
    assert "item-3" in items(made(bundle, events=again))


# Frequency


def test_a_policys_frequency_cap_does_not_hold_or_overrules_the_persons(bundle: Bundle) -> None:
    stage, shown = Frequency(2, 7), {"item-30": 2, "item-31": 1}
    decision = made(bundle, stage, shown=shown)
    assert "item-30" not in items(decision)
    assert "item-31" in items(decision)
    assert decision.bars.cap == FrequencyCap(2, 7)
    assert decision.personalized is True
    own = made(bundle, stage, shown=shown, steering=Steering(frequency_cap=FrequencyCap(1, 3)))
    assert {"item-30", "item-31"}.isdisjoint(items(own))
    assert own.bars.cap == FrequencyCap(1, 3)
    nobody = made(bundle, stage, shown=shown, events=None)
    assert (nobody.bars.cap, nobody.personalized) == (None, False)
    assert "item-30" in items(nobody)


# Blend


def test_a_part_counts_otherwise_than_the_policy_weighs_it(bundle: Bundle) -> None:
    context = {"device": "tv"}
    plain = made(bundle, context=context)
    weights = {"collaborative": 0.0, "content": 2.0, "popularity": 3.0, "context": 0.5, "archetype": 0.0, "repeat": 4.0}
    weighed = made(bundle, Blend(weights=weights), context=context)
    assert items(weighed) != items(plain)
    for item in ("item-3", "item-9", items(plain)[0]):
        before, after = by_part(plain, item), by_part(weighed, item)
        for name, value in before.items():
            assert after[name] == pytest.approx(weights.get(name, 1.0) * value, abs=1e-12)
        assert scores(weighed)[item] == pytest.approx(sum(after.values()))


def test_a_circumstance_of_its_own_name_is_weighed_as_all_are(bundle: Bundle) -> None:
    context: dict[str, Any] = {"device": "tv", "evening": True}
    plain = made(bundle, context=context)
    weighed = made(bundle, Blend(weights={"context": 0.0, "device": 2.0}), context=context)

    def circumstances(decision: Decision) -> dict[str | None, float]:
        parts = explain(decision, items(plain)[0]).attributions
        return {part.component: part.value for part in parts if part.source == "context" and part.often is None}

    before, after = circumstances(plain), circumstances(weighed)
    assert after == pytest.approx({"device": 2 * before["device"], "evening": 0.0})


def test_a_policy_for_other_bundles_is_refused_or_changes_something(bundle: Bundle) -> None:
    assert scores(made(bundle, Blend(weights={"no such part": 0.0}))) == scores(made(bundle))


def test_switching_takes_the_wrong_case(bundle: Bundle) -> None:
    def likes(least: int) -> Condition:
        return Condition(likes=Likes(at_least=least))

    blend = Blend(
        weights={"popularity": 9.0},
        switch=(Case(likes(3), {"popularity": 0.0}), Case(likes(1), {"popularity": 2.0})),
    )
    for size, case, factor in ((0, None, 9.0), (1, 1, 2.0), (2, 1, 2.0), (3, 0, 0.0)):
        decision = made(bundle, blend, events=EVENTS[:size])
        assert decision.case == case
        plain = made(bundle, events=EVENTS[:size])
        item = items(plain)[0]
        assert by_part(decision, item)["popularity"] == pytest.approx(factor * by_part(plain, item)["popularity"])


def test_switching_by_lifecycle_takes_everybody_for_new(bundle: Bundle) -> None:
    blend = Blend(switch=(Case(Condition(lifecycle=("lapsing",)), {"popularity": 5.0}),))
    policy = Policy(1, "by hand", {"home": Surface((blend,))}, (), Lifecycle(2, 30.0, 7.0))
    for later, case in ((0.0, None), (31 * DAY, 0)):
        assert decide(bundle, EVENTS, k=3, now=NOW + later, policy=policy).case == case
    # Of whom nothing may be used nobody knows where they stand.
    assert decide(bundle, None, k=3, now=NOW + 31 * DAY, policy=policy).case is None


# Rules


def test_a_boost_is_measured_by_another_spread(bundle: Bundle) -> None:
    rules = [
        Rule("up", actions.Boost(1.5), ItemTest(tag="tag-1")),
        Rule("down", actions.Bury(0.5), ItemTest(items=("item-4", "item-9"))),
    ]
    plain, decision = made(bundle), made(bundle, Rules(), rules=rules)
    spread = float(plain.pool.scores.std())
    wanted = {"item-1": 1.5, "item-4": 1.0, "item-9": -0.5, "item-2": 0.0, "new-0": 1.5}
    found = added(decision, plain)
    assert {item: found[item] for item in wanted} == pytest.approx(
        {item: each * spread for item, each in wanted.items()}
    )
    told = {part.component: part.value for part in explain(decision, "item-4").attributions if part.source == "rule"}
    assert told == pytest.approx({"up": 1.5 * spread, "down": -0.5 * spread})
    # Without the stage rules rest.
    assert scores(made(bundle, rules=rules)) == scores(plain)


def test_a_rule_filters_pins_or_reserves_something_else(bundle: Bundle) -> None:
    worst = items(made(bundle))[-1]
    rules = [
        Rule("out", actions.Filter(), ItemTest(tag="half")),
        Rule("here", actions.Pin(2), ItemTest(items=(worst, "item-2"))),
        Rule("some", actions.Reserve(0.5), ItemTest(tag="tag-2")),
    ]
    rules[0] = Rule(
        "out", actions.Filter(), ItemTest(all=(ItemTest(tag="half"), ItemTest(not_=ItemTest(items=(worst,)))))
    )
    decision = made(bundle, Candidates(pool=10), Rules(), rules=rules, k=8)
    assert not any("half" in bundle.tags(item) for item in items(decision) if item != worst)
    placed = decision.assembled.places[1]
    assert placed.cause == "pin"
    assert items(decision)[1] in {worst, "item-2"}
    assert sum("tag-2" in bundle.tags(item) for item in items(decision)) >= 4
    assert decision.assembled.unmet == frozenset()
    explanation = explain(decision, items(decision)[1])
    assert explanation.reason == "placed here: here"
    assert explanation.moves[-1] == "put at place 2 by the rule 'here'"


# Recency


def test_how_new_an_item_is_adds_another_amount(bundle: Bundle) -> None:
    plain, decision = made(bundle), made(bundle, Recency("published", 2.0, 10.0))
    spread = float(plain.pool.scores.std())
    found = added(decision, plain)
    # item-n was published 2n − 3 days ago; of item-8 and item-17 it is not known, and item-0 and item-1 will be.
    ages = {"item-2": 1, "item-4": 5, "item-14": 25, "item-40": 77}
    wanted = {item: 2.0 * spread * 2 ** (-age / 10.0) for item, age in ages.items()}
    assert {item: found[item] for item in wanted} == pytest.approx(wanted)
    assert [found[item] for item in ("item-17", "item-0", "item-1", "new-0")] == [0.0] * 4
    (part,) = [part for part in explain(decision, "item-2").attributions if part.source == "recency"]
    assert part.component == "published"
    assert part.value == pytest.approx(wanted["item-2"])
    assert scores(made(bundle, Recency("no such attribute", 2.0, 10.0))) == scores(plain)


# Popularity


@pytest.mark.parametrize("dial", [-1.0, -0.3, 0.7])
def test_the_dial_for_popularity_adds_another_amount(bundle: Bundle, dial: float) -> None:
    plain, decision = made(bundle), made(bundle, Popularity(dial))
    spread = float(plain.pool.scores.std())
    popular = plain.pool.priors[:, 0].astype(float)
    wanted = dial * spread * (popular - popular.mean()) / popular.std()
    found = list(added(decision, plain).values())
    assert found == pytest.approx(wanted.tolist())
    assert float(np.std(found)) == pytest.approx(abs(dial) * spread)
    assert scores(made(bundle, Popularity(0.0))) == scores(plain)


def test_a_dial_against_popularity_lists_what_is_popular(bundle: Bundle) -> None:
    def mean(dial: float) -> float:
        return float(made(bundle, Popularity(dial), k=10).ranked.priors[:, 0].mean())

    assert mean(-1.0) < mean(0.0) < mean(1.0)


# Learning


def test_learning_begins_too_early_or_counts_otherwise_than_it_is_weighed(bundle: Bundle) -> None:
    plain = made(bundle)
    assert made(bundle, Learning(least_events=4)).additions == ()
    once, twice = made(bundle, Learning(1.0, 1)), made(bundle, Learning(2.0, 1))
    assert [addition.stage for addition in once.additions] == ["learning", "returns"]
    values = once.additions[0].values(once.pool)
    assert values.any()
    np.testing.assert_allclose(twice.additions[0].values(once.pool), 2 * values, atol=1e-9)
    assert made(bundle, Learning(0.0, 1)).scores.tolist() == plain.scores.tolist()
    parts = [part for part in explain(once, items(once)[0]).attributions if part.source == "learning"]
    assert {part.event for part in parts} == set(EVENTS)
    assert made(bundle, Learning(1.0, 1), events=None).additions == ()


# Cascade


def test_a_cascade_orders_more_or_less_than_the_top(bundle: Bundle) -> None:
    plain = made(bundle)
    by_content = {"collaborative": 0.0, "session": 0.0, "sequential": 0.0, "popularity": 0.0, "trend-7d": 0.0}
    decision = made(bundle, Cascade(8, by_content))
    other = scores(made(bundle, Blend(weights=by_content)))
    first, second = decision.steps
    order, before = ([bundle.items[decision.pool.positions[n]] for n in step.order] for step in (second, first))
    assert before[:8] != order[:8] == sorted(before[:8], key=lambda item: -other[item])
    assert order[8:] == before[8:]
    # Places change and scores do not.
    assert scores(decision) == scores(plain)
    moved = next(item for item in items(decision)[:3] if before.index(item) > items(decision).index(item))
    assert any("ordered once more" in move for move in explain(decision, moved).moves)


# Diversity


def test_a_persons_dial_does_not_overrule_the_policys(bundle: Bundle) -> None:
    by_policy = made(bundle, Diversity(unlike=LARGEST_UNLIKE * 0.5**2, calibration=0), k=12)
    assert items(by_policy) == items(made(bundle, k=12, steering=Steering(diversity=0.5)))
    both = made(bundle, Diversity(unlike=0.5, calibration=1.0), k=12, steering=Steering(diversity=0.9))
    assert items(both) == items(made(bundle, k=12, steering=Steering(diversity=0.9))) != items(by_policy)
    assert [step.stage for step in both.steps] == ["score", "diversity"]


def test_a_persons_dial_for_exploration_is_not_theirs_to_turn(bundle: Bundle) -> None:
    stage = Exploration("epsilon", share=0.5, epsilon=1.0)
    plain, by_policy = made(bundle, k=12), made(bundle, stage, k=12, seed=7)
    # Turned to nothing, it ends what the policy wants; turned up, chance has its part where the policy wants none.
    assert items(made(bundle, stage, k=12, seed=7, steering=Steering(exploration=0.0))) == items(plain)
    assert items(made(bundle, k=12, seed=7, steering=Steering(exploration=1.0))) == items(by_policy) != items(plain)
    assert items(made(bundle, k=12, steering=Steering(exploration=None))) == items(plain)
    # An order that was asked for is no place for chance.
    given = [bundle.items[number] for number in range(12)]
    asked = partial(made, bundle, k=12, surface="search", ids=given, source="given")
    assert items(asked(steering=Steering(exploration=1.0))) == items(asked())


def test_a_calibrated_list_is_farther_from_the_person_than_another(bundle: Bundle) -> None:
    events = [Event(f"item-{number}", "buy", NOW - number) for number in (1, 4, 10, 13, 2)]

    def distance(decision: Decision) -> float:
        shares = decision.person.tag_shares
        target = np.array(list(shares.values()))
        rows = [[(tag in tags) / len(tags) for tag in shares] for tags in map(bundle.tags, items(decision))]
        return float(divergence(target, np.array(rows).mean(axis=0)[None])[0])

    found = [distance(made(bundle, Diversity(calibration=dial), events=events, k=9)) for dial in (0.0, 0.5, 1.0)]
    assert found[2] < found[0]
    assert found[2] <= found[1] <= found[0]
    # tag-1 on 4 of 5, tag-2 on one; every second with the tag half; all with that of all.
    shares = made(bundle, events=events).person.tag_shares
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["tag-1"] > shares["tag-2"] > 0
    assert [step.stage for step in made(bundle, Diversity(calibration=0.5), events=[]).steps] == ["score"]


# Exploration


def test_propensities_do_not_sum_to_one_over_the_candidates() -> None:
    candidates = [7, 3, 9, 1]
    for epsilon in (0.0, 0.25, 1.0):
        pick = epsilon_greedy(epsilon, 0)
        told = dict(pick(candidates) for _ in range(2000))
        expected = {each: (1 - epsilon) * (each == 7) + epsilon / 4 for each in candidates}
        assert told == {each: expected[each] for each in candidates if expected[each]}
        assert sum(told.values()) == pytest.approx(1.0)
    draws = np.random.default_rng(0).normal(size=(200, 10)) + np.arange(10) / 5
    pick = thompson(draws)
    told = dict(pick(candidates) for _ in range(200))
    assert sum(told.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("method", ["epsilon", "thompson"])
def test_a_place_for_exploring_does_not_say_how_likely_it_was(bundle: Bundle, method: Any) -> None:
    stages = (Learning(10.0, 1), Exploration(method, share=0.3, epsilon=1.0))
    assert explored_places(10, 0.3) == {4, 7, 10}
    explored, lists = {}, set()
    for seed in range(30):
        decision = made(bundle, *stages, k=10, seed=seed)
        for number, placed in enumerate(decision.assembled.places, 1):
            # The fourth place is kept for what is new.
            assert placed.propensity == 1 or number in {7, 10}
            assert placed.cause != "explore" or number in {7, 10}
            if placed.cause == "explore":
                explored[number] = decision
        lists.add(tuple(items(decision)))
    assert explored.keys() == {7, 10}
    assert len(lists) > {"epsilon": 10, "thompson": 2}[method]
    for number, decision in explored.items():
        explanation = explain(decision, items(decision)[number - 1])
        assert explanation.propensity == decision.assembled.places[number - 1].propensity
        assert explanation.reason == "chosen to find out whether you like it"
        if method == "epsilon":
            # All that are left are as likely.
            assert explanation.propensity == pytest.approx(1 / (decision.pool.positions.size - number + 1))


@pytest.mark.parametrize("method", ["off", "thompson"])
def test_chance_decides_where_nothing_is_explored(bundle: Bundle, method: Any) -> None:
    plain = made(bundle, k=10)
    for seed in range(3):
        # Without anything learned there is nothing to draw from.
        decision = made(bundle, Exploration(method, share=1.0), k=10, seed=seed)
        assert items(decision) == items(plain)
        assert {placed.propensity for placed in decision.assembled.places} == {1.0}


def test_more_places_are_explored_than_their_share() -> None:
    assert explored_places(10, 0.0) == explored_places(3, 0.3) == frozenset()
    assert len(explored_places(10, 0.3)) == 3
    assert 1 not in explored_places(10, 0.9)
    assert explored_places(4, 1.0) == frozenset({1, 2, 3, 4})


# Caps


def test_a_tags_cap_is_exceeded_or_counts_another_tag(bundle: Bundle) -> None:
    decision = made(bundle, Caps(each=4, tags={"tag-1": 2, "каждый": 9, "half": 0}))
    found = [bundle.tags(item) for item in items(decision)]
    numbers = {tag: sum(tag in tags for tags in found) for tag in ("tag-0", "tag-1", "tag-2", "каждый", "half")}
    assert numbers == {"tag-0": 4, "tag-1": 2, "tag-2": 3, "каждый": 9, "half": 0} or numbers["каждый"] == 9
    assert numbers["tag-1"] <= 2
    assert max(numbers["tag-0"], numbers["tag-2"]) <= 4
    assert numbers["half"] == 0
    # Only item-7 carries no tag.
    assert len(found) == numbers["каждый"] + 1
    named = made(bundle, Caps(tags={"tag-1": 0}))
    assert {"tag-0", "tag-2"} <= {tag for item in items(named) for tag in bundle.tags(item)}
    assert not any("tag-1" in bundle.tags(item) for item in items(named))


def test_a_cap_leaves_a_list_short_although_there_is_more_further_down(bundle: Bundle) -> None:
    decision = made(bundle, Candidates(pool=10), Caps(tags={"tag-0": 0, "tag-1": 0}), k=12)
    assert len(items(decision)) == 12
    assert all("tag-2" in bundle.tags(item) or not bundle.tags(item) for item in items(decision))


# Surfaces


def test_items_like_one_are_ordered_by_somebodys_taste(bundle: Bundle) -> None:
    policy = policy_of(source="similar", surface="similar")
    for item in ("item-5", "item-57", "new-0"):
        lists = [
            decide(bundle, events, k=10, now=NOW, policy=policy, surface="similar", item=item)
            for events in (EVENTS, [], None)
        ]
        assert items(lists[0]) == items(lists[1]) == items(lists[2])
        assert (
            items(lists[0])
            == [entry.item for entry in bundle.similar(item, 12) if entry.item not in {"item-11", "item-12", "new-1"}][
                :10
            ]
        )
        reason = explain(lists[0], items(lists[0])[0]).reason
        assert reason == f"because it is like {bundle.title(item)}"


def test_given_items_are_not_ranked_or_others_are_listed(bundle: Bundle) -> None:
    ids = ["item-40", "item-3", "unknown", "item-7", "item-3", "item-11"]
    policy = policy_of(source="given", surface="search")
    decision = decide(bundle, EVENTS, k=10, now=NOW, policy=policy, surface="search", ids=ids)
    assert sorted(items(decision)) == ["item-3", "item-40", "item-7"]
    everything = [item for item in items(made(bundle)) if item in ids]
    # Places that are kept for new items are for lists of everything.
    assert items(decision) == sorted(everything, key=lambda item: -scores(made(bundle))[item])
    assert len(decide(bundle, EVENTS, k=1, now=NOW, policy=policy, surface="search", ids=ids).places) == 1
    assert items(decide(bundle, EVENTS, k=1, now=NOW, policy=policy, surface="search", ids=[])) == []


def test_what_somebody_did_not_touch_is_there_to_go_on_with(bundle: Bundle) -> None:
    policy = policy_of(source="history", surface="continue")
    events = [*EVENTS, Event("item-30", "dismiss", NOW), Event("unknown", "view", NOW), Event("item-11", "view", NOW)]
    decision = decide(bundle, events, k=10, now=NOW, policy=policy, surface="continue")
    assert sorted(items(decision)) == ["item-20", "item-3", "item-8"]
    assert decide(bundle, None, k=10, now=NOW, policy=policy, surface="continue").places.size == 0
    refused = decide(
        bundle, events, k=10, now=NOW, policy=policy, surface="continue", steering=Steering(restricted=True)
    )
    assert refused.places.size == 0


@pytest.mark.parametrize(
    ("surface", "given", "words"),
    [
        ("similar", {}, "name it: similar_items"),
        ("search", {}, "name them: search"),
        ("home", {"item": "item-3"}, "not about one item"),
        ("home", {"ids": ["item-3"]}, "not about given items"),
        ("nowhere", {}, "no surface 'nowhere'; use one of 'home', 'similar', 'search', 'continue'"),
    ],
)
def test_a_surface_is_asked_for_what_it_is_not(bundle: Bundle, surface: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        decide(bundle, EVENTS, k=3, now=NOW, surface=surface, **given)


def test_an_unknown_item_has_something_like_it(bundle: Bundle) -> None:
    with pytest.raises(UnknownItemError):
        decide(bundle, EVENTS, k=3, now=NOW, surface="similar", item="unknown")


def test_the_catalogue_is_smaller_than_the_test_believes(bundle: Bundle) -> None:
    """The numbers above are of so many items."""
    assert len(bundle.items) == ITEMS + 2
    assert len(items(made(bundle, events=None))) == ITEMS - 1
