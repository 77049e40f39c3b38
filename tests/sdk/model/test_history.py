"""What a history counts for: by age, by time, by what the person named, and for whom it passes."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from homespun.model.bundle import Bundle
from homespun.model.history import Wish, kernel_weights
from homespun.protocol.bundle import ACTIVITY_LEVELS, Kernel, activity_level, context_text
from homespun.protocol.events import Event
from tests.sdk import bundles
from tests.sdk.models import Model

STEADY = Kernel(None, None, ordered=False)
ORDERED = Kernel(None, None, ordered=True)


def weights(times: list[float | None], kernel: Kernel) -> list[float]:
    events = [Event(f"item-{place}", time=time) for place, time in enumerate(times)]
    (found,) = kernel_weights(events, [kernel])
    return [float(weight) for weight in found]


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (STEADY, [1, 1, 1, 1]),
        (ORDERED, [0, 1, 1, 1]),
        (Kernel(Decimal(2), None, ordered=False), [1, np.exp(-1), np.exp(-0.5), 1]),
        (Kernel(Decimal(2), None, ordered=True), [0, np.exp(-1), np.exp(-0.5), 1]),
        (Kernel(None, Decimal(50), ordered=False), [1, np.exp(-1), np.exp(-0.2), 1]),
        (Kernel(Decimal(1), Decimal(20), ordered=True), [0, np.exp(-4.5), np.exp(-1.5), 1]),
        # 2⁻¹⁰ of the largest is the least that counts.
        (Kernel(None, Decimal(7), ordered=True), [0, 0, np.exp(-10 / 7), 1]),
        (Kernel(Decimal("1e-100"), None, ordered=True), [0, 0, 0, 1]),
        (Kernel(None, Decimal("1e-100"), ordered=False), [1, 0, 0, 1]),
    ],
)
def test_a_kernel_weighs_otherwise_than_by_its_formula(kernel: Kernel, expected: list[float]) -> None:
    assert weights([None, 100.0, 140.0, 150.0], kernel) == pytest.approx(expected, rel=1e-15)


def test_what_is_just_above_the_least_share_is_lost_or_just_below_it_kept() -> None:
    just_above, just_below = (
        Kernel(None, Decimal(str(10 / (float(np.log(1024)) + shift))), ordered=False) for shift in (-1e-9, 1e-9)
    )
    assert weights([0.0, 10.0], just_above)[0] > 0
    assert weights([0.0, 10.0], just_below)[0] == 0


@pytest.mark.parametrize("kernel", [STEADY, ORDERED, Kernel(Decimal(1), Decimal(1), ordered=True)])
def test_events_without_any_time_have_an_order(kernel: Kernel) -> None:
    assert weights([], kernel) == []
    assert weights([None, None, None], kernel) == [0.0 if kernel.ordered else 1.0] * 3


def test_events_at_one_moment_all_count_as_the_last() -> None:
    assert weights([5.0, 5.0, 5.0], Kernel(None, Decimal(1), ordered=True)) == [1, 1, 1]
    assert weights([5.0, 5.0], Kernel(Decimal(1), None, ordered=True)) == pytest.approx([np.exp(-1), 1])


def test_a_level_begins_one_item_early_or_late() -> None:
    found = [activity_level(count) for count in range(60)]
    assert found == [sum(count >= least for least in ACTIVITY_LEVELS) - 1 for count in range(60)]
    assert [found.index(level) for level in range(6)] == list(ACTIVITY_LEVELS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("tv", "tv"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (3.0, "3"),
        (-0.0, "0"),
        (2.5, "2.5"),
        ("3.0", "3.0"),
        (2**53, str(2**53)),
    ],
)
def test_a_circumstance_is_told_otherwise_than_it_is_named(value: str | float | bool, text: str) -> None:  # noqa: FBT001
    assert context_text(value) == text


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bundle, Model]]:
    model = bundles.full_model(60, seed=2, density=0.3)
    folder = bundles.write(tmp_path_factory.mktemp("everything") / "bundle", model, max_items=55)
    with Bundle.open(folder) as opened:
        yield opened, model


@pytest.mark.parametrize("liked", [0, 1, 2, 3, 4, 5, 9, 10, 49, 50, 55, 60])
def test_weights_of_another_level_are_used(everything: tuple[Bundle, Model], liked: int) -> None:
    bundle, model = everything
    events = [Event(f"item-{number}") for number in range(liked)]
    events += [Event("item-0", "hide", time=1.0)] if liked == 3 else []
    events += [Event("elsewhere"), Event("item-59", weight=1.0)] if liked < 60 else []
    history = bundle.history(events)
    level = activity_level(min(liked - (liked == 3), 55))
    assert history.level == level
    assert history.priors.tolist() == [row[level] for row in model.prior_weights]
    steady = [part.weights[level] for part in model.parts]
    expected = [0.0 if part.ordered else steady[place] for place, part in enumerate(model.parts)]
    assert all(column == expected for column in history.weights.T.tolist())


def test_a_wish_is_counted_where_order_matters_or_twice_or_not_at_all(everything: tuple[Bundle, Model]) -> None:
    bundle, model = everything
    events = [Event("item-1", time=10.0), Event("item-2", time=20.0), Event("item-3", time=30.0)]
    wishes = (Wish("item-2", "more_like", 3.0), Wish("item-9", "less_like", -2.0))
    history = bundle.history(events, wishes=wishes)
    assert history.positions.tolist() == [1, 3, 2, 9]
    assert [event.item for event in history.events] == ["item-1", "item-3"]
    level = activity_level(4)
    assert history.level == level
    for part, row in zip(model.parts, history.weights.tolist(), strict=True):
        beta = part.weights[level]
        assert row[1] == pytest.approx(beta)
        assert row[2:] == pytest.approx([0.0, 0.0] if part.ordered else [3 * beta, -2 * beta])


def test_a_person_without_likes_has_a_taste_or_one_with_likes_another(everything: tuple[Bundle, Model]) -> None:
    bundle, model = everything
    assert bundle.history([]).taste is None
    assert bundle.history([], wishes=(Wish("item-2", "more_like", 3.0),)).taste is None
    assert bundle.history([Event("item-2", "hide"), Event("elsewhere")]).taste is None
    rows = np.array([model.context_row(5 + taste) for taste in range(4)])
    draw = np.random.default_rng(0)
    found = set()
    for _ in range(50):
        liked = draw.choice(60, size=int(draw.integers(1, 8)), replace=False).tolist()
        history = bundle.history([Event(f"item-{number}") for number in liked])
        assert history.taste == int(rows[:, liked].sum(axis=1).argmax())
        assert history.context.tolist() == [5 + history.taste]
        found.add(history.taste)
    assert found == {0, 1, 2, 3}


def test_of_equal_tastes_another_than_the_first_is_taken(tmp_path: Path) -> None:
    model = bundles.full_model(20)
    assert model.context_integers is not None
    assert model.context_scales is not None
    model.context_integers[5:] = model.context_integers[5]
    model.context_scales[5:] = model.context_scales[5]
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        assert bundle.history([Event("item-3")]).taste == 0


@pytest.mark.parametrize(
    ("context", "rows"),
    [
        ({}, []),
        ({"device": "tv"}, [0]),
        ({"device": 3}, [2]),
        ({"device": "radio"}, []),
        ({"elsewhere": "tv"}, []),
        ({"evening": True, "device": "phone"}, [1, 3]),
        ({"evening": "false"}, [4]),
        ({"evening": "False"}, []),
    ],
)
def test_a_circumstance_is_taken_for_another(
    everything: tuple[Bundle, Model], context: dict[str, str | bool], rows: list[int]
) -> None:
    bundle, model = everything
    history = bundle.history([], context)
    assert history.context.tolist() == rows
    gammas = [model.contexts[0 if row < 3 else 1][2][0] for row in rows]
    assert history.context_weights.tolist() == gammas
    assert dict(history.circumstances) == {
        name: context_text(value)
        for name, value in context.items()
        if history.circumstances and name in dict(history.circumstances)
    }
    assert len(history.circumstances) == len(rows)


def test_what_speaks_against_an_item_counts_as_having_chosen_it(everything: tuple[Bundle, Model]) -> None:
    bundle, model = everything
    events = [
        *(Event("item-4", "view", float(time)) for time in range(3)),
        Event("item-4", "hide", 9.0),
        Event("item-5", "rate", 1.0, weight=2.0),
        Event("item-6", "rate", 1.0, weight=3.0),
        Event("elsewhere"),
    ]
    history = bundle.history(events)
    assert model.repeats is not None
    count, seen = model.repeats[0][history.level], model.repeats[1][history.level]
    expected = {4: count * (np.log(3.1) - np.log(0.1)) + seen, 6: count * (np.log(1.1) - np.log(0.1)) + seen}
    assert dict(history.repeats) == pytest.approx(expected)
    assert list(history.repeats) == sorted(history.repeats)
