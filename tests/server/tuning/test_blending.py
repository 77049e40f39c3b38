"""What is reported of a blend is not what people get, or what was planted is not found."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case
from homespun_server.training.blend import POPULARITY, STANDARD_BLEND, UNORDERED_BLEND, Blend, own_context_term
from homespun_server.training.model import STEADY, Component, Context, LowRank, Model, Prior, Repeats, SparseRows
from homespun_server.tuning import blending, pooling
from homespun_server.tuning.blending import Learned, learn_blend, quality
from homespun_server.tuning.features import component_feature, other_features
from homespun_server.tuning.pooling import Pools
from homespun_server.tuning.questions import Questions, ask
from homespun_server.tuning.search import Judge, weighted
from tests.server.publishing.support import EVEN, model_of
from tests.server.tuning.support import EVERYTHING, Floats, slow_gain

SIZE = 40
DEPTH = 5
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC).timestamp()


def nothing(done: int, total: int) -> None:
    """Observe nothing."""


def ring() -> Model:
    """A model whose transitions lead from each item to the next one, and whose other terms are noise."""
    draw = np.random.default_rng(0)
    items = np.arange(SIZE)
    following = csr_matrix((np.ones(SIZE), (items, (items + 1) % SIZE)), shape=(SIZE, SIZE))
    vectors = draw.normal(size=(SIZE, 6))
    table = LowRank("collaborative", vectors, np.ones(SIZE), np.ones(SIZE), np.ones(6))
    transitions = SparseRows("transitions", following, 4)
    return Model(
        items=items,
        learned=SIZE,
        components=(
            Component("collaborative", table, None, STEADY, EVEN),
            Component("sequential", None, transitions, STEADY, EVEN),
            Component("session", None, transitions, STEADY, EVEN),
        ),
        priors=(Prior(POPULARITY, draw.normal(size=SIZE), EVEN),),
    )


def walks(count: int, *, shuffled: bool = False) -> Questions:
    """People who go from each item to the next one, or to any other one."""
    draw = np.random.default_rng(7)
    cases = []
    for number in range(count):
        places = (int(draw.integers(SIZE)) + np.arange(int(draw.integers(2, 8)))) % SIZE
        if shuffled:
            places = draw.choice(SIZE, places.size, replace=False)
        events = tuple(Event(f"i{place}", time=NOON + 900.0 * step) for step, place in enumerate(places[:-1].tolist()))
        cases.append(Case(f"u{number}", events, frozenset({f"i{places[-1]}"})))
    return ask(cases, {f"i{place}": place for place in range(SIZE)}, EVERYTHING, most=count, repeats=False)


def slow_quality(model: Model, found: Questions, blend: Blend, depth: int) -> float:
    """The mean NDCG over all items, case by case."""
    features = dict(other_features(model, found))
    for part in model.components:
        features[part.name] = component_feature(part, found, blend.kernel(part.name))
    gains = []
    for case, level in enumerate(found.levels.tolist()):
        scores = sum(np.float64(blend.weight(term)[level]) * values[case] for term, values in features.items())
        targets = found.target_columns[found.target_rows == case].tolist()
        barred = found.left_out_columns[found.left_out_rows == case].tolist()
        gains.append(slow_gain(np.asarray(scores, np.float32).tolist(), targets, barred, depth))
    return float(np.mean(gains))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools of one item a term: nearly any target is found in them."""
    monkeypatch.setattr(pooling, "PER_TERM", 1)


@pytest.mark.usefixtures("narrow")
def test_the_quality_in_the_pools_is_reported() -> None:
    model, found = ring(), walks(200, shuffled=True)
    learned = learn_blend(model, found, DEPTH, nothing)
    assert learned.after == pytest.approx(slow_quality(model, found, learned.blend, DEPTH), abs=1e-3)
    assert learned.after == pytest.approx(quality(model, found, learned.blend, DEPTH))
    assert learned.before == pytest.approx(slow_quality(model, found, STANDARD_BLEND, DEPTH), abs=1e-3)
    features = features_of(model, found)
    bars = Judge(found, DEPTH).barred()
    pools = Pools(found, features, bars)
    pooled = {term: pools.of(values) for term, values in features.items()}
    weights = {term: learned.blend.weight(term)[0] for term in features}
    # The very figure that must not be reported is far better.
    in_pools = Judge(pools.questions, DEPTH).gains(weighted(pooled, weights, pools.bars)).mean()
    assert in_pools > 1.5 * learned.after


def features_of(model: Model, found: Questions) -> dict[str, Floats]:
    features = dict(other_features(model, found))
    features.update({part.name: component_feature(part, found, part.kernel) for part in model.components})
    return features


@pytest.mark.parametrize("per_term", [1, 3, 1000])
def test_a_pool_loses_a_target_or_counts_an_item_twice(per_term: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "PER_TERM", per_term)
    draw = np.random.default_rng(2)
    cases = [
        Case(str(number), tuple(Event(f"i{item}") for item in draw.integers(0, SIZE, 6).tolist()), frozenset(targets))
        for number in range(60)
        if (targets := {f"i{item}" for item in draw.integers(0, SIZE, int(draw.integers(1, 5))).tolist()})
    ]
    model = replace(model_of(SIZE), items=np.arange(SIZE))
    found = ask(cases, {f"i{place}": place for place in range(SIZE)}, EVERYTHING, most=99, repeats=False)
    features, bars = features_of(model, found), Judge(found, DEPTH).barred()
    pools = Pools(found, features, bars)
    scores = weighted(features, dict.fromkeys(features, 1.0), bars)
    pooled = weighted(
        {term: pools.of(values) for term, values in features.items()}, dict.fromkeys(features, 1.0), pools.bars
    )
    rows = found.target_rows
    assert np.array_equal(pools.questions.target_rows, rows)
    assert pooled[rows, pools.questions.target_columns] == pytest.approx(scores[rows, found.target_columns], rel=1e-5)
    whole, within = Judge(found, DEPTH).gains(scores), Judge(pools.questions, DEPTH).gains(pooled)
    # Fewer items can only stand before a target, so a pool never looks worse, and with all items it looks the same.
    assert (within >= whole - 1e-9).all()
    if per_term >= SIZE:
        assert within == pytest.approx(whole)
    allowed = (pooled > -1e29).sum(axis=1)
    assert (allowed <= SIZE - np.bincount(found.left_out_rows, minlength=found.count)).all()


def test_order_that_was_planted_is_not_found() -> None:
    model, found = ring(), walks(400)
    told: list[tuple[int, int]] = []
    learned = learn_blend(model, found, DEPTH, lambda done, total: told.append((done, total)))
    assert learned.after > 0.95
    assert learned.after >= learned.before
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert set(learned.blend.weights) == {"collaborative", "sequential", "session", POPULARITY}
    assert set(learned.blend.kernels) == {"collaborative", "sequential", "session"}
    assert Blend.from_json(learned.blend.to_json()) == learned.blend


TIMES = ("morning", "evening")


def habitual(draw: np.random.Generator, count: int, *, at_random: bool) -> list[Case]:
    """People who chose one item every morning and another one every evening, or both at any time, and what comes next.

    Which items differs from one person to the next, so that circumstances say nothing of everybody.
    """
    cases = []
    for number in range(count):
        items = draw.choice(SIZE, 2, replace=False).tolist()
        order = [int(which) for which in draw.permutation([0, 1] * 4)]
        told = draw.integers(0, 2, 9).tolist() if at_random else [*order, int(draw.integers(2))]
        events = [
            Event(f"i{items[which]}", time=NOON + 900.0 * step, context={"daytime": TIMES[told[step]]})
            for step, which in enumerate(order)
        ]
        target = int(draw.integers(2)) if at_random else told[-1]
        context = {"daytime": TIMES[told[-1]]}
        cases.append(Case(f"u{number}", tuple(events), frozenset({f"i{items[target]}"}), context=context))
    return cases


def learned_of_habits(*, at_random: bool) -> Learned:
    """What is learned from them."""
    draw = np.random.default_rng(5)
    model = replace(
        ring(),
        contexts=(Context("daytime", TIMES, np.zeros((2, SIZE)), EVEN, EVEN),),
        repeats=Repeats(EVEN, EVEN),
    )
    cases = habitual(draw, 300, at_random=at_random)
    known = {f"i{place}": place for place in range(SIZE)}
    found = ask(cases, known, EVERYTHING, most=300, repeats=True, contexts={"daytime": TIMES})
    return learn_blend(model, found, 1, nothing)


def test_a_habit_that_was_planted_is_not_found() -> None:
    learned = learned_of_habits(at_random=False)
    assert learned.after > 0.95
    assert max(learned.blend.weight(own_context_term("daytime"))) > 0
    # Without it, each of two items is as likely as the other.
    assert learned.before < 0.6


def test_a_habit_is_found_where_there_is_none() -> None:
    learned = learned_of_habits(at_random=True)
    assert learned.after < 0.65


def test_a_standard_blend_takes_habits_into_account() -> None:
    for blend in (STANDARD_BLEND, UNORDERED_BLEND):
        assert not any(blend.weight(own_context_term("daytime")))


def test_two_searches_find_two_blends() -> None:
    model, found = ring(), walks(150)
    first, second = (learn_blend(model, found, DEPTH, nothing) for _ in range(2))
    assert first == second


def test_order_counts_where_there_is_none() -> None:
    model, found = ring(), walks(1000, shuffled=True)
    learned = learn_blend(model, found, DEPTH, nothing)
    # Any order of the 36 items or so that are left reaches this on average.
    by_chance = sum(1 / np.log2(place + 2) for place in range(DEPTH)) / 36
    assert learned.after < by_chance + 0.03


def test_a_component_is_called_by_kernels_that_no_device_has() -> None:
    for name, kernels in blending.KERNELS.items():
        for kernel in kernels:
            assert kernel.ordered == (name in {"sequential", "session"})
            # Manifests hold six digits.
            assert all(decay is None or float(f"{decay:.6g}") == decay for decay in (kernel.age, kernel.gap))
