"""A thousand random histories: what ranks is exactly what the weights say, and what explains adds up to it.

The reference (``tests.sdk.models``) shares no code with the client: it multiplies the tables that were written,
in float64, item by item.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.explain.explaining import explain
from homespun.model.bundle import Bundle
from homespun.protocol.events import ContextValue, Event
from tests.sdk import bundles
from tests.sdk.deciding import decide
from tests.sdk.models import Model, counts_in_favour, favoured_items, liked_items

HISTORIES = 1000
ITEMS = 1500
MIN_WEIGHT = 3.0
MAX_ITEMS = 60
CONTEXTS: list[dict[str, ContextValue]] = [
    {},
    {"device": "tv"},
    {"device": 3, "evening": False},
    {"device": 3.0, "evening": True, "elsewhere": "x"},
    {"device": "radio", "evening": "true"},
]
TOLD = [
    {},
    {"device": "tv"},
    {"device": "3", "evening": "false"},
    {"device": "3", "evening": "true"},
    {"evening": "true"},
]


@pytest.fixture(scope="module")
def model() -> Model:
    return bundles.full_model(ITEMS, 24, seed=7, density=0.02)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Iterator[Bundle]:
    folder = tmp_path_factory.mktemp("scored") / "bundle"
    opened = Bundle.open(bundles.write(folder, model, min_weight=MIN_WEIGHT, max_items=MAX_ITEMS))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def matrices(model: Model) -> Model:
    """The same model, which multiplies its tables once."""
    found = {part.name: model.matrix(part) for part in model.parts}

    class Known(Model):
        def matrix(self, part):
            return found[part.name]

    return Known(**{name: getattr(model, name) for name in model.__dataclass_fields__})


def random_events(number: int) -> list[Event]:
    """A history of up to 120 events with repetitions, dislikes, unknown items, missing times and weights."""
    draw = np.random.default_rng(number)
    size = int(draw.choice([0, 1, 2, 5, 20, 120]))
    events = []
    for _ in range(size):
        weight = None if draw.random() < 0.3 else float(draw.integers(1, 6))
        time = None if draw.random() < 0.1 else 60.0 * float(draw.integers(0, 1000))
        kind = ("rate", "rate", "view", "hide")[draw.integers(0, 4)]
        # From few items as often as from all, so that items have many events.
        item = draw.integers(0, 20 if draw.random() < 0.5 else ITEMS + 50)
        events.append(Event(f"item-{item}", kind, time, weight, random_context(draw)))
    return events


def random_context(draw: np.random.Generator) -> dict[str, ContextValue] | None:
    """Circumstances of an event, with undeclared ones among them; half of the events have none."""
    if draw.random() < 0.5:
        return None
    device: list[ContextValue] = ["tv", "tv", "phone", 3, "3", "radio"]
    evening: list[ContextValue] = [True, "true", False, 7]
    found = {"device": device[draw.integers(0, 6)], "evening": evening[draw.integers(0, 4)], "elsewhere": "x"}
    return {name: value for name, value in found.items() if draw.random() < 0.7}


def test_attributions_do_not_add_up_to_the_score_that_ranked(scored: Bundle) -> None:
    largest = 0.0
    sources = set()
    for number in range(HISTORIES):
        context = CONTEXTS[number % len(CONTEXTS)]
        decision = decide(scored, random_events(number), k=5, now=0.0, context=context, exclude_seen=number % 2 == 0)
        ranked = decision.ranked
        for position, score in zip(ranked.positions.tolist(), ranked.scores.tolist(), strict=True):
            explanation = explain(decision, scored.items[position])
            values = [part.value for part in explanation.attributions]
            magnitude = sum(map(abs, values))
            assert explanation.score == score
            assert abs(score - sum(values)) <= 1e-5 * magnitude
            assert explanation.residual == pytest.approx(score - sum(values), abs=1e-12 * magnitude)
            sources |= {(part.source, part.component) for part in explanation.attributions}
            largest = max(largest, abs(explanation.residual) / magnitude)
    # float32 rows, float64 sums: far better than promised.
    assert largest < 1e-12
    model = {"history", "prior", "context", "archetype", "repeat"}
    assert {source for source, _ in sources} == model | {"learning", "returns"}
    assert {component for source, component in sources if source == "context"} == {
        *("device", "device:own"),
        *("evening", "evening:own"),
    }


def test_the_list_differs_from_a_brute_force_ranking(scored: Bundle, matrices: Model) -> None:
    found = wanted = 0
    for number in range(HISTORIES):
        events = random_events(number)
        which, seen_too = number % len(CONTEXTS), number % 3 == 0
        liked = liked_items(events, ITEMS, MIN_WEIGHT, MAX_ITEMS)
        assert scored.history(events).positions.tolist() == [position for position, _ in liked]
        counts = counts_in_favour(events, ITEMS, MIN_WEIGHT)
        favoured = favoured_items(events, ITEMS, MIN_WEIGHT)
        scores = matrices.scores(liked, counts=counts, context=TOLD[which], favoured=favoured)
        seen = set() if seen_too else {scored.position(event.item) for event in events if event.item in scored}
        exact = [position for position in np.argsort(-scores, kind="stable").tolist() if position not in seen][:20]
        ranked = scored.rank(events, 20, context=CONTEXTS[which], exclude_seen=not seen_too)
        positions = [scored.position(entry.item) for entry in ranked]
        assert not seen & set(positions)
        tolerance = 1e-11 * (np.abs(scores).max() + 1)
        np.testing.assert_allclose([entry.score for entry in ranked], scores[positions], rtol=0, atol=tolerance)
        assert [entry.score for entry in ranked] == sorted((entry.score for entry in ranked), reverse=True)
        found += len(set(exact) & set(positions))
        wanted += len(exact)
    assert wanted == 20 * HISTORIES
    assert found / wanted >= 0.999


def test_many_excluded_items_leave_the_list_short_or_wrong(scored: Bundle, matrices: Model) -> None:
    events = [Event(f"item-{position}") for position in (1, 2, 3)]
    scores = matrices.scores([(1, None), (2, None), (3, None)], counts={1: 1, 2: 1, 3: 1})
    exact = np.argsort(-scores, kind="stable").tolist()
    for left_out in (100, 400, 1495):
        excluded = [f"item-{position}" for position in exact[:left_out]]
        ranked = scored.rank(events, 10, exclude=excluded, exclude_seen=False)
        assert [scored.position(entry.item) for entry in ranked] == exact[left_out : left_out + 10]


def test_a_small_catalogue_is_not_ranked_whole_and_exactly(full_folder_of: tuple[Bundle, Model]) -> None:
    bundle, model = full_folder_of
    draw = np.random.default_rng(3)
    for _ in range(100):
        liked = draw.choice(40, size=int(draw.integers(0, 12)), replace=False).tolist()
        scores = model.scores([(position, None) for position in liked], counts=dict.fromkeys(liked, 1))
        ranked = bundle.rank([Event(f"item-{position}") for position in liked], 40, exclude_seen=False)
        assert [bundle.position(entry.item) for entry in ranked] == np.argsort(-scores, kind="stable").tolist()
        np.testing.assert_allclose([entry.score for entry in ranked], np.sort(scores)[::-1], rtol=0, atol=1e-10)


@pytest.fixture(scope="module")
def full_folder_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bundle, Model]]:
    model = bundles.full_model(40, seed=5, density=0.2)
    opened = Bundle.open(bundles.write(tmp_path_factory.mktemp("whole") / "bundle", model))
    yield opened, model
    opened.close()


EVENT = st.builds(
    Event,
    item=st.integers(0, 45).map("item-{}".format),
    kind=st.sampled_from(["rate", "view", "hide"]),
    time=st.none() | st.integers(0, 5000).map(float) | st.floats(0, 1e9, allow_nan=False),
    weight=st.none() | st.floats(0, 5, allow_nan=False),
    context=st.none()
    | st.dictionaries(
        st.sampled_from(["device", "evening", "elsewhere"]),
        st.sampled_from(["tv", 3, 3.0, "3", "radio", True, "false"]),
    ),
)


@given(events=st.lists(EVENT, max_size=70), which=st.integers(0, len(CONTEXTS) - 1))
def test_some_history_scores_otherwise_than_the_formula_or_its_parts(
    full_folder_of: tuple[Bundle, Model], events: list[Event], which: int
) -> None:
    bundle, model = full_folder_of
    liked = liked_items(events, 40, 3.0, 1000)
    favoured, counts = favoured_items(events, 40, 3.0), counts_in_favour(events, 40, 3.0)
    scores = model.scores(liked, counts=counts, context=TOLD[which], favoured=favoured)
    decision = decide(bundle, events, k=40, now=0.0, context=CONTEXTS[which], exclude_seen=False)
    assert decision.history.level == sum(len(liked) >= least for least in (0, 1, 3, 5, 10, 50)) - 1
    magnitude = np.abs(scores).max() + 1
    np.testing.assert_allclose(
        decision.ranked.scores, scores[decision.ranked.positions], rtol=0, atol=1e-10 * magnitude
    )
    for position in decision.ranked.positions[[0, -1]].tolist():
        explanation = explain(decision, bundle.items[position])
        values = [part.value for part in explanation.attributions]
        assert abs(explanation.score - sum(values)) <= 1e-12 * (sum(map(abs, values)) + 1)
        alone = bundle.scorer.score(decision.history, np.array([position]))
        assert alone.scores[0] == pytest.approx(explanation.score, rel=1e-12, abs=1e-12)


def test_the_same_history_gives_another_list(scored: Bundle) -> None:
    for number in range(0, HISTORIES, 50):
        events = random_events(number)
        assert scored.rank(events, 20) == scored.rank(list(events), 20)


def test_8_bits_of_the_query_and_no_more_are_lost_in_the_proposal(scored: Bundle, matrices: Model) -> None:
    """Without any to spare, the proposal still holds nearly all of the best; so with some to spare, all of them."""
    found = wanted = 0
    for number in range(0, HISTORIES, 5):
        events = random_events(number)
        history = replace(scored.history(events), repeats={})
        scores = scored.scorer.score(history, np.arange(ITEMS)).scores
        proposed = scored.scorer.query(history).propose(120, 1, 0)
        found += len(set(np.argsort(-scores, kind="stable")[:20].tolist()) & set(proposed.tolist()))
        wanted += 20
    assert found / wanted >= 0.999
