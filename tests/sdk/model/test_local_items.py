"""What an application adds is scored by its content, exactly, and changes nothing else of the model.

The reference multiplies the written tables, as ``tests.sdk.models`` does, and shares no code with the client.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from homespun.explain.explaining import explain, reasons
from homespun.model.bundle import Bundle
from homespun.person.items import Items
from homespun.protocol.controls import FrequencyCap, Steering
from homespun.protocol.events import Event
from homespun.ranking.decision import Decision
from tests.sdk import bundles
from tests.sdk.deciding import decide, decide_one
from tests.sdk.models import LEVELS, Model, kernel

ITEMS = 600
NEW = 540
DIMENSIONS = 8
WORDS = [f"w{number}" for number in range(20)]
EVENTS = [Event(f"item-{number * 9}", time=float(number)) for number in range(7)]
LIKED = [(number * 9, float(number)) for number in range(7)]


def stated(count: int, seed: int = 0) -> list[dict[str, Any]]:
    draw = np.random.default_rng(seed)
    return [
        {
            "id": f"new-{number}",
            "title": " ".join(draw.choice(WORDS, 3)),
            "tags": [f"tag-{number % 3}", *(["новый"] if number % 2 else [])],
            "attributes": {"colour": "Red", "price": float(draw.uniform(0, 30))},
        }
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def model() -> Model:
    return bundles.full_model(ITEMS, DIMENSIONS, every=3, density=0.03)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Iterator[Bundle]:
    folder = bundles.write(
        tmp_path_factory.mktemp("added") / "bundle", model, words=bundles.random_words(DIMENSIONS + 3)
    )
    with Bundle.open(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def added(base: Bundle) -> Items:
    items = Items(base, 1000)
    assert all(items.update(stated(50)).values())
    return items


def vectors(items: Items) -> NDArray[np.float64]:
    """The documented formula's result, which ``test_content.py`` tells again, as the client rounds it."""
    encoder = items.view.encoder
    assert encoder is not None
    return np.array([encoder.encode(**stated_of(items, item)) for item in items.ids]).astype(np.float32).astype(float)


def stated_of(items: Items, item: str) -> dict[str, Any]:
    found = items.get(item)
    assert found is not None
    return {"title": found.title, "tags": found.tags, "attributes": found.attributes}


def reference(model: Model, own: NDArray[np.float64], liked: Sequence[tuple[int, float | None]]) -> NDArray[np.float64]:
    """The scores of the model's items and of those behind them, for likes of both."""
    level = sum(len(liked) >= least for least in (0, 1, 3, 5, 10, 50)) - 1
    (content,) = [part for part in model.parts if part.name == "content"]
    table = model.low_rank[content.low_rank or ""]
    encoder = np.concatenate([table.encoder_rows, (own.astype(np.float32) * table.spectrum).astype(np.float64)])
    decoder = np.concatenate([table.decoder_rows, own])
    total = np.zeros(model.size + len(own))
    for row, weights in zip(model.priors.astype(np.float64), model.prior_weights, strict=True):
        total[: model.size] += weights[level] * row
    for part in model.parts:
        weights = kernel(part, [time for _, time in liked])
        matrix = None if part is content else model.matrix(part)
        for (position, _), weight in zip(liked, weights, strict=True):
            if matrix is None:
                total += part.weights[level] * weight * (decoder @ encoder[position])
            elif position < model.size:
                total[: model.size] += part.weights[level] * weight * matrix[position]
    known = [position for position, _ in liked if position < model.size]
    if known and model.archetypes is not None:
        first = sum(len(values) for _, values, _ in model.contexts)
        rows = [model.context_row(first + taste) for taste in range(model.archetypes[0])]
        sums = [sum(row[position] for position in known) for row in rows]
        total[: model.size] += model.archetypes[1][level] * rows[sums.index(max(sums))]
    return total


def scores_of(bundle: Bundle, events: Sequence[Event], model: Model) -> NDArray[np.float64]:
    history = bundle.history(events)
    scored = bundle.scorer.score(history, np.arange(bundle.size))
    return np.asarray(scored.scores - scored.repeats)


@pytest.mark.parametrize(
    "more", [[], [Event("new-4", time=9.0)], [Event("new-4", time=-5.0 + 6), Event("new-31", time=9.0)]], ids=len
)
def test_the_score_of_an_added_item_is_another_than_its_content_says(
    added: Items, model: Model, more: list[Event]
) -> None:
    events = sorted([*EVENTS, *more], key=lambda event: event.time or 0.0)
    places = {event.item: added.view.position(event.item) for event in events}
    expected = reference(model, vectors(added), [(places[event.item], event.time) for event in events])
    np.testing.assert_allclose(scores_of(added.view, events, model), expected, rtol=1e-5, atol=1e-5)


def test_a_history_of_added_items_alone_scores_nothing(added: Items, model: Model) -> None:
    events = [Event("new-7", time=1.0), Event("new-8", time=2.0), Event("new-9", time=3.0)]
    expected = reference(model, vectors(added), [(ITEMS + 7, 1.0), (ITEMS + 8, 2.0), (ITEMS + 9, 3.0)])
    np.testing.assert_allclose(scores_of(added.view, events, model), expected, rtol=1e-5, atol=1e-5)
    assert added.view.history(events).taste is None


def test_adding_items_changes_the_scores_of_the_others(added: Items, base: Bundle) -> None:
    history = base.history(EVENTS)
    everything = np.arange(ITEMS)
    before = base.scorer.score(history, everything).scores
    assert np.array_equal(before, added.view.scorer.score(added.view.history(EVENTS), everything).scores)
    assert base.size == ITEMS
    assert "new-0" not in base


def listed(decision: Decision) -> list[int]:
    positions: list[int] = decision.ranked.positions.tolist()
    return positions


@pytest.mark.parametrize("k", [1, 10, 100])
@pytest.mark.parametrize("likes", [[], ["new-4"], ["new-4", "new-30", "new-49"]], ids=len)
def test_the_best_items_are_not_proposed(added: Items, model: Model, likes: list[str], k: int) -> None:
    """The proposing graph knows the model's items only, and the history has others."""
    bundle = added.view
    events = [*EVENTS, *(Event(item, time=20.0 + place) for place, item in enumerate(likes))]
    history = bundle.history(events)
    everything = np.arange(bundle.size)
    scores = bundle.scorer.score(history, everything).scores
    seen = {bundle.position(event.item) for event in events}
    order = [place for place in np.argsort(-scores, kind="stable").tolist() if place not in seen]
    chosen: list[int] = []
    for place in range(1, k + 1):
        free = [position for position in order if position not in chosen]
        fresh = [position for position in free if position >= NEW]
        chosen.append(fresh[0] if place % 3 == 0 else free[0])
    assert listed(decide(bundle, events, k=k, now=0.0)) == chosen


@pytest.mark.parametrize("item", ["new-4", "new-13", "item-3"])
def test_the_parts_of_a_score_do_not_add_up(added: Items, item: str) -> None:
    steering = Steering(
        more_like=frozenset({"new-6", "item-5"}), less_like=frozenset({"new-8"}), interests={"новый": 1.0, "tag-0": 0.0}
    )
    events = [*EVENTS, Event("new-1", "buy", time=30.0), Event("new-1", "buy", time=31.0)]
    decision = decide_one(added.view, events, item, now=0.0, steering=steering)
    explained = explain(decision, item)
    total = sum(part.value for part in explained.attributions)
    assert abs(explained.score - total) <= 1e-5 * sum(abs(part.value) for part in explained.attributions)
    told = {part.target or (part.event.item if part.event else None) for part in explained.attributions}
    assert {"new-6", "new-8", "new-1"} <= told
    sources = {part.source for part in explained.attributions}
    assert ("prior" in sources) == item.startswith("item")
    if item.startswith("new"):
        components = {part.component for part in explained.attributions}
        assert "content" in components
        assert components <= {"content", None}


def test_an_added_item_is_repeated_for_nothing(added: Items, base: Bundle) -> None:
    """How often somebody chose an item says the same of any item."""
    for item in ("new-2", "item-2"):
        events = [Event(item, time=1.0), Event(item, time=2.0)]
        view = added.view
        found = view.scorer.score(view.history(events), np.array([view.position(item)])).repeats
        expected = base.scorer.score(base.history([Event("item-2"), Event("item-2")]), np.array([2])).repeats
        assert found.tolist() == expected.tolist()
        assert found[0] != 0


def test_an_added_item_has_no_habits(added: Items, base: Bundle) -> None:
    """Nor does when somebody chose it depend on who added it."""
    found = []
    for item, bundle in (("new-2", added.view), ("item-2", base)):
        events = [Event(item, context={"device": "tv"})] * 3 + [Event("item-4", context={"device": "phone"})] * 2
        decision = decide_one(bundle, events, item, now=0.0, attributes={"device": "tv"})
        found.append([part for part in explain(decision, item).attributions if part.often])
    assert [part.label for part in found[0]] == ["you choose it more often when device is tv"]
    assert [part.value for part in found[0]] == [part.value for part in found[1]]


@pytest.mark.parametrize(
    ("steering", "excluded"),
    [
        (Steering(hidden_items=frozenset({"new-3"})), []),
        (Steering(hidden_tags=frozenset({"новый"})), []),
        (Steering(more_like=frozenset({"new-3"})), []),
        (Steering(frequency_cap=FrequencyCap(1, 7)), []),
        (Steering(), ["new-3"]),
    ],
    ids=["hidden", "hidden tag", "wished for", "shown too often", "excluded"],
)
def test_an_added_item_is_listed_against_what_was_said(added: Items, steering: Steering, excluded: list[str]) -> None:
    everything = decide(added.view, EVENTS, k=ITEMS + 50, now=0.0)
    assert ITEMS + 3 in listed(everything)
    decision = decide(
        added.view, EVENTS, k=ITEMS + 50, now=0.0, steering=steering, exclude=excluded, shown={"new-3": 1}
    )
    assert ITEMS + 3 not in listed(decision)
    assert ITEMS + 2 in listed(decision)


def test_an_interest_passes_an_added_item_over(added: Items) -> None:
    plain = decide_one(added.view, EVENTS, "new-3", now=0.0)
    edited = decide_one(added.view, EVENTS, "new-3", now=0.0, steering=Steering(interests={"новый": 1.0}))
    assert plain.asked is not None
    assert edited.asked is not None
    added_by_it = edited.asked.scores[0] - plain.asked.scores[0]
    assert added_by_it > 0
    assert edited.terms["новый"] == pytest.approx(added_by_it)


def test_unlike_items_are_not_spread_out_among_added_ones(added: Items) -> None:
    decision = decide(added.view, EVENTS, k=150, now=0.0, steering=Steering(diversity=0.8))
    assert len(set(listed(decision))) == 150
    by_score, spread = decision.steps
    assert (by_score.stage, spread.stage) == ("score", "diversity")
    order = decision.pool.positions[spread.order[:150]]
    assert any(position >= ITEMS for position in order.tolist())
    assert order.tolist() != decision.pool.positions[by_score.order[:150]].tolist()
    assert any(position >= ITEMS for position in listed(decision))


def test_an_added_item_is_called_popular(added: Items) -> None:
    decision = decide(added.view, [], k=ITEMS + 50, now=0.0)
    told = dict(zip(listed(decision), reasons(decision), strict=True))
    assert any(position >= ITEMS for position in told)
    kept = {place.candidate for place in decision.assembled.places if place.cause == "kept"}
    for place, (position, reason) in zip(decision.places.tolist(), told.items(), strict=True):
        assert reason.startswith("new here; ") == (position >= ITEMS and place not in kept)
        assert reason.startswith("new here, and a place is kept") == (place in kept)


def test_a_bundle_without_a_content_component_scores_by_words(tmp_path: Path) -> None:
    model = bundles.random_model(12, names=bundles.COLLABORATIVE)
    with Bundle.open(bundles.write(tmp_path / "bundle", model, words=[])) as opened:
        items = Items(opened, 10)
        assert items.update([{"id": "new-0", "title": "w1"}, {"id": "item-3", "title": "Another"}]) == {
            "new-0": False,
            "item-3": True,
        }
        assert "new-0" not in items.view
        assert items.view.title("item-3") == "Another"
        assert len(decide(items.view, [Event("item-1")], k=20, now=0.0).ranked.positions) == 11


def test_the_model_has_as_many_levels_as_the_reference() -> None:
    assert LEVELS == 6
