"""What the person set does to a list what it says, exactly, and no more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.errors import MisuseError, UnknownItemError
from homespun.model.bundle import Bundle
from homespun.model.history import Reals, Wish
from homespun.protocol.controls import NEUTRAL, FrequencyCap, Steering
from homespun.protocol.events import Event
from homespun.ranking.decision import Decision
from homespun.ranking.tastes import INTEREST_SPREADS, LESS_LIKE_WEIGHT, MORE_LIKE_WEIGHT
from tests.sdk import bundles
from tests.sdk.deciding import decide, decide_one

ITEMS = 1500
EVENTS = [Event("item-3", "rate", 1.0, 5.0), Event("item-8", "rate", 2.0, 1.0), Event("item-21", time=3.0)]
LIKED = [3, 21]
EVERYTHING = Steering(
    hidden_items=frozenset({"item-2"}),
    hidden_tags=frozenset({"third-1"}),
    more_like=frozenset({"item-5"}),
    less_like=frozenset({"item-6"}),
    interests={"third-2": 1.0},
    frequency_cap=FrequencyCap(2, 7),
    diversity=0.4,
)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    """1500 items in thirds, twentieths and pairs, half of which carry a tag that the best items all have."""
    catalogue = bundles.catalogue_of(ITEMS)
    catalogue.tags[:] = [
        (f"third-{n % 3}", f"twentieth-{n % 20}", f"pair-{n // 2}", *(["half"] if n < ITEMS // 2 else []))
        for n in range(ITEMS)
    ]
    model = bundles.random_model(ITEMS, 24, seed=11)
    model.priors[0][: ITEMS // 2] += 5 * model.priors[0].std()
    opened = Bundle.open(bundles.write(tmp_path_factory.mktemp("tagged") / "bundle", model, catalogue=catalogue))
    yield opened
    opened.close()


def items(decision: Decision) -> list[str]:
    return [decision.bundle.items[position] for position in decision.ranked.positions.tolist()]


def expected(bundle: Bundle, steering: Steering, left_out: set[str], k: int) -> tuple[list[str], Reals]:
    """The rules, told again over the whole catalogue."""
    weights = dict.fromkeys(LIKED, 1.0)
    weights |= {bundle.position(item): MORE_LIKE_WEIGHT for item in steering.more_like}
    weights |= {bundle.position(item): LESS_LIKE_WEIGHT for item in steering.less_like}
    everything = np.arange(ITEMS)
    prior = bundle.scorer.score(bundle.history([]), everything).scores
    scores = prior.copy()
    for position, weight in weights.items():
        alone = bundle.scorer.score(bundle.history([Event(f"item-{position}")]), everything).scores
        scores += weight * (alone - prior)
    tags = [set(bundle.tags(item)) for item in bundle.items]
    spread = INTEREST_SPREADS * scores[np.linspace(0, ITEMS - 1, 256).astype(int)].std()
    for tag, edited in steering.interests.items():
        inferred = sum(tag in tags[position] for position in LIKED) / len(LIKED)
        scores += spread * (edited - inferred) * np.array([tag in own for own in tags])
    order = [
        position
        for position in np.argsort(-scores, kind="stable").tolist()
        if f"item-{position}" not in steering.hidden_items | left_out and not tags[position] & steering.hidden_tags
    ]
    return [f"item-{position}" for position in order[:k]], scores[order[:k]]


SEEN = {"item-3", "item-8", "item-21"}


@pytest.mark.parametrize("k", [1, 10, 200])
@pytest.mark.parametrize(
    "steering",
    [
        Steering(hidden_items=frozenset({"item-3", "item-700", "unknown"})),
        Steering(hidden_tags=frozenset({"third-1"})),
        Steering(hidden_tags=frozenset({"half", "nowhere"})),
        Steering(hidden_tags=frozenset({"third-1", "third-2", "half"})),
        Steering(more_like=frozenset({"item-5", "item-21"}), less_like=frozenset({"item-6", "item-3"})),
        Steering(more_like=frozenset({"item-8"})),
        Steering(interests={"third-0": 0.0}),
        Steering(interests={"third-0": 1.0, "half": 0.0, "twentieth-7": 1.0, "nowhere": 1.0}),
        Steering(interests={"half": 0.0, "third-1": 0.3}, hidden_tags=frozenset({"twentieth-1", "third-2"})),
        Steering(interests={"pair-700": 1.0}),
        Steering(interests={"third-2": 0.5}, more_like=frozenset({"item-5", "item-21"})),
    ],
)
def test_a_list_differs_from_the_rules_told_over_the_whole_catalogue(
    tagged: Bundle, steering: Steering, k: int
) -> None:
    wanted, scores = expected(tagged, steering, SEEN | steering.more_like, k)
    decision = decide(tagged, EVENTS, k=k, now=0.0, steering=steering)
    assert items(decision) == wanted
    np.testing.assert_allclose(decision.ranked.scores, scores, rtol=1e-9, atol=1e-9)


def test_an_item_scores_otherwise_alone_than_in_the_list(tagged: Bundle) -> None:
    steering = Steering(
        more_like=frozenset({"item-5"}), interests={"third-0": 0.1, "half": 1.0, "twentieth-7": 0.6, "pair-3": 1.0}
    )
    decision = decide(tagged, EVENTS, k=60, now=0.0, steering=steering)
    for item, score in zip(items(decision), decision.ranked.scores.tolist(), strict=True):
        alone = decide_one(tagged, EVENTS, item, now=0.0, steering=steering)
        assert alone.asked is not None
        assert alone.asked.scores[0] == pytest.approx(score, rel=1e-12)
        assert alone.bars.of(item) == ()


def test_hiding_changes_more_than_what_is_hidden(tagged: Bundle) -> None:
    whole = items(decide(tagged, EVENTS, k=400, now=0.0))
    hidden = decide(tagged, EVENTS, k=100, now=0.0, steering=Steering(hidden_tags=frozenset({"third-1"})))
    assert items(hidden) == [item for item in whole if "third-1" not in tagged.tags(item)][:100]
    excluded = decide(tagged, EVENTS, k=100, now=0.0, exclude=whole[:7])
    by_control = decide(tagged, EVENTS, k=100, now=0.0, steering=Steering(hidden_items=frozenset(whole[:7])))
    assert items(by_control) == items(excluded)


@pytest.mark.parametrize(
    "steering", [Steering(hidden_tags=frozenset({"tag-0"})), Steering(interests={"tag-0": 0.0, "tag-1": 0.0})]
)
def test_the_best_items_are_all_hidden_or_lowered_and_the_list_is_short_or_wrong(
    tmp_path: Path, steering: Steering
) -> None:
    model = bundles.random_model(900, names=bundles.COLLABORATIVE)
    # So large that what the components propose is of no use.
    model.priors[0][:] *= 1e3
    model.priors[0][::3] += 1e5  # every item that carries tag-0
    liked = [Event("item-3"), Event("item-4"), Event("item-7")]
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as opened:
        everything = decide(opened, liked, k=900, now=0.0, steering=steering)
        for k in (1, 20, 150):
            decision = decide(opened, liked, k=k, now=0.0, steering=steering)
            assert items(decision) == items(everything)[:k]
            assert len(items(decision)) == k


def test_a_catalogue_that_is_hidden_whole_still_lists_something(tagged: Bundle) -> None:
    thirds = frozenset({"third-0", "third-1", "third-2"})
    assert items(decide(tagged, EVENTS, k=5, now=0.0, steering=Steering(hidden_tags=thirds))) == []
    both = Steering(hidden_tags=thirds, diversity=0.5)
    assert items(decide(tagged, EVENTS, k=5, now=0.0, steering=both)) == []


def test_without_controls_a_list_changes(tagged: Bundle) -> None:
    plain, neutral = decide(tagged, EVENTS, k=50, now=0.0), decide(tagged, EVENTS, k=50, now=0.0, steering=NEUTRAL)
    paused = decide(tagged, EVENTS, k=50, now=0.0, steering=Steering(paused=True), shown={"item-1": 99})
    unknown = Steering(more_like=frozenset({"elsewhere"}), interests={"nowhere": 1.0})
    for decision in (neutral, paused, decide(tagged, EVENTS, k=50, now=0.0, steering=unknown)):
        assert items(decision) == items(plain)
        assert decision.ranked.scores.tolist() == plain.ranked.scores.tolist()
        assert (decision.terms, decision.bars.capped, decision.refusal) == ({}, {}, None)
        assert [step.stage for step in decision.steps] == ["score"]
        assert decision.places.tolist() == list(range(50))


def test_an_item_that_is_liked_and_named_stands_in_the_history_twice(tagged: Bundle) -> None:
    steering = Steering(more_like=frozenset({"item-21", "item-5"}), less_like=frozenset({"item-3"}))
    history = decide(tagged, EVENTS, k=1, now=0.0, steering=steering).history
    assert history.events == ()
    assert history.positions.tolist() == [5, 21, 3]
    assert history.wishes == (
        Wish("item-5", "more_like", MORE_LIKE_WEIGHT),
        Wish("item-21", "more_like", MORE_LIKE_WEIGHT),
        Wish("item-3", "less_like", LESS_LIKE_WEIGHT),
    )
    # The sample model's β are 1 and 1/4.
    np.testing.assert_array_equal(history.weights, [[3, 3, -2], [0.75, 0.75, -0.5]])
    kept = decide(tagged, EVENTS, k=1, now=0.0, steering=Steering(less_like=frozenset({"item-3"}))).history
    assert kept.events == (EVENTS[2],)
    assert kept.positions.tolist() == [21, 3]


def test_a_wish_has_no_effect_or_the_opposite_one(tagged: Bundle) -> None:
    everything = [f"item-{n}" for n in range(ITEMS)]
    for named in (3, 40, 900):
        alone = tagged.scorer.score(tagged.history([Event(f"item-{named}")]), np.arange(ITEMS)).scores
        alone = alone - tagged.scorer.score(tagged.history([]), np.arange(ITEMS)).scores
        likest = [f"item-{position}" for position in np.argsort(-alone)[:20]]
        places = {}
        for name, steering in (
            ("more", Steering(more_like=frozenset({f"item-{named}"}))),
            ("neutral", NEUTRAL),
            ("less", Steering(less_like=frozenset({f"item-{named}"}))),
        ):
            order = items(decide(tagged, EVENTS[2:], k=ITEMS, now=0.0, exclude_seen=False, steering=steering))
            assert sorted(order) == sorted(everything)
            places[name] = np.median([order.index(item) for item in likest])
        assert places["more"] < places["neutral"] < places["less"]


def test_a_wish_without_any_event_is_not_personal(tagged: Bundle) -> None:
    steering = Steering(more_like=frozenset({"item-5"}))
    decision = decide(tagged, [], k=10, now=0.0, steering=steering)
    assert decision.personalized is True
    assert items(decision) != items(decide(tagged, [], k=10, now=0.0))
    assert decide_one(tagged, [], "item-7", now=0.0, steering=steering).personalized is True


def test_all_scores_are_alike_and_an_interest_is_nothing(tmp_path: Path) -> None:
    model = bundles.random_model(9)
    model.priors[0][:] = 0.0
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as opened:
        decision = decide(opened, [], k=3, now=0.0, steering=Steering(interests={"tag-1": 0.5}))
        assert items(decision) == ["item-1", "item-4", "item-7"]
        assert decision.terms == {"tag-1": 0.5 * INTEREST_SPREADS}


REFUSALS: list[dict[str, Any]] = [{"non_profiled": True}, {"restricted": True}, {"objected": True}]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refused_list_uses_personal_data(tagged: Bundle, refusal: dict[str, Any]) -> None:
    shown = {f"item-{n}": 50 for n in range(ITEMS)}
    tastes = Steering(
        more_like=EVERYTHING.more_like,
        less_like=EVERYTHING.less_like,
        interests=EVERYTHING.interests,
        frequency_cap=EVERYTHING.frequency_cap,
        **refusal,
    )
    general = decide(tagged, [], k=20, now=0.0)
    decision = decide(tagged, EVENTS, k=20, now=0.0, steering=tastes, shown=shown)
    assert items(decision) == items(general)
    assert decision.ranked.scores.tolist() == general.ranked.scores.tolist()
    assert (decision.allowed, decision.personalized, decision.history.events) == (False, False, ())
    assert (decision.refusal, decision.history.wishes, decision.terms) == (tastes.refusal, (), {})
    one = decide_one(tagged, EVENTS, "item-5", now=0.0, steering=tastes, shown=shown)
    assert (one.allowed, one.personalized, one.bars.of("item-5")) == (False, False, ())


@pytest.mark.parametrize("refusal", [*REFUSALS, {}])
def test_what_is_hidden_comes_back_in_a_list_without_personal_data(tagged: Bundle, refusal: dict[str, Any]) -> None:
    steering = Steering(hidden_items=frozenset({"item-10"}), hidden_tags=frozenset({"third-0"}), **refusal)
    decision = decide(tagged, None, k=ITEMS, now=0.0, steering=steering)
    assert len(items(decision)) == ITEMS - ITEMS // 3 - 1
    assert "item-10" not in items(decision)
    assert (decision.allowed, decision.personalized) == (False, False)


def test_events_that_may_not_be_used_are_read(tagged: Bundle) -> None:
    def forbidden() -> Iterator[Event]:
        pytest.fail("an event was read")
        yield EVENTS[0]

    decide(tagged, forbidden(), k=3, now=0.0, steering=Steering(restricted=True))
    decide_one(tagged, forbidden(), "item-1", now=0.0, steering=Steering(objected=True))


def test_what_was_shown_too_often_is_listed_again(tagged: Bundle) -> None:
    plain = items(decide(tagged, EVENTS, k=12, now=0.0))
    shown = {plain[0]: 2, plain[1]: 1, plain[2]: 3, "unknown": 9, "item-3": 9, "item-2": 9}
    steering = Steering(frequency_cap=FrequencyCap(2, 7), hidden_items=frozenset({plain[3]}))
    decision = decide(tagged, EVENTS, k=9, now=0.0, steering=steering, shown=shown)
    assert items(decision) == [plain[1], *plain[4:]]
    # What is left out for another reason too is told with both.
    assert decision.bars.capped == {plain[0]: 2, plain[2]: 3, "item-2": 9, "item-3": 9}
    assert [bar.control for bar in decision.bars.of("item-3")] == ["frequency_cap", "seen"]
    assert items(decide(tagged, EVENTS, k=12, now=0.0, shown=shown)) == plain


def test_a_cap_that_left_something_out_used_no_personal_data(tagged: Bundle) -> None:
    steering = Steering(frequency_cap=FrequencyCap(2, 7))
    assert decide(tagged, [], k=3, now=0.0, steering=steering).personalized is False
    assert decide(tagged, [], k=3, now=0.0, steering=steering, shown={"item-1": 1}).personalized is False
    assert decide(tagged, [], k=3, now=0.0, steering=steering, shown={"item-1": 2}).personalized is True
    assert decide_one(tagged, [], "item-9", now=0.0, steering=steering, shown={"item-1": 2}).personalized is True


def test_wrong_arguments_are_guessed_at(tagged: Bundle) -> None:
    for wrong in (["item-1"], "item-1", 7):
        with pytest.raises(MisuseError, match="shown"):
            decide(tagged, EVENTS, k=3, now=0.0, shown=wrong)
        with pytest.raises(MisuseError, match="shown"):
            decide_one(tagged, EVENTS, "item-1", now=0.0, shown=wrong)
    with pytest.raises(MisuseError):
        decide(tagged, EVENTS, k=0, now=0.0, steering=EVERYTHING)
    with pytest.raises(UnknownItemError):
        decide_one(tagged, EVENTS, "elsewhere", now=0.0, steering=EVERYTHING)


def test_an_item_that_more_is_wanted_like_of_leads_the_list_of_what_is_like_it(tagged: Bundle) -> None:
    steering = Steering(more_like=frozenset({"item-30"}))
    assert "item-30" not in items(decide(tagged, EVENTS, k=ITEMS, now=0.0, steering=steering))
    assert "item-30" in items(decide(tagged, EVENTS, k=ITEMS, now=0.0, steering=steering, exclude_seen=False))
