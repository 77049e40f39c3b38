"""What local learning must not do: remember what was erased, take over, or claim what it did not add."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun.ranking.default import DEFAULT
from homespun.ranking.learning import SITTING, Learner, LearningRule, Posterior, Returns, Term
from homespun.ranking.learning.counting import grades
from homespun.ranking.surfaces import Compiled
from tests.sdk import bundles, models

ITEMS = 120
AT_ONCE = LearningRule(least_events=1, full_events=1)
NONE = np.zeros(0, np.int64)
LIKES = st.lists(
    st.tuples(st.integers(0, ITEMS - 1), st.sampled_from([None, 3.0, 4.0, 5.0])),
    min_size=1,
    max_size=40,
    unique_by=lambda like: like[0],
)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    folder = bundles.write(tmp_path_factory.mktemp("learning") / "bundle", bundles.random_model(ITEMS, seed=7))
    with Bundle.open(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def learner(large: Bundle) -> Learner:
    found = Learner.of(large)
    assert found is not None
    return found


def events_of(likes: list[tuple[int, float | None]]) -> list[Event]:
    return [Event(f"item-{item}", time=float(place), weight=weight) for place, (item, weight) in enumerate(likes)]


def taste_of(bundle: Bundle, learner: Learner, likes: list, disliked=NONE, rule: LearningRule = AT_ONCE) -> Posterior:
    found = learner.learn(bundle.history(events_of(likes)), disliked, rule)
    assert found is not None
    return found


def rows_of(bundle: Bundle, learner: Learner, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    return bundle.scorer.score(bundle.history(()), positions).decoder[learner.table]


def term_of(bundle: Bundle, learner: Learner, taste: Posterior) -> tuple[Term, NDArray[np.float32]]:
    pool = np.arange(ITEMS, dtype=np.int64)
    return taste.over(rows := rows_of(bundle, learner, pool), np.linspace(-1.0, 4.0, ITEMS)), rows


def test_term_is_not_the_regression_that_is_described(large: Bundle, learner: Learner) -> None:
    likes, disliked = [(3, 5.0), (9, 3.0), (40, None), (77, 4.0)], np.array([5, 6], np.int64)
    rule = replace(AT_ONCE, forgetting=3.0)
    term, rows = term_of(large, learner, taste_of(large, learner, likes, disliked, rule))
    unit = rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    away = unit - unit.mean(axis=0)
    moment = away.T @ away / ITEMS
    weights = np.array([5.0, 3.0, 4.0])
    by_weight = 1.0 + (weights - 4.0) / weights.std()
    counts = np.array([by_weight[0], by_weight[1], 1.0, by_weight[2]]) * np.exp(-np.arange(3, -1, -1) / 3)
    counts = np.concatenate([counts, -0.3 * np.exp(-np.arange(1, -1, -1) / 3)])
    precision = (1 + np.abs(counts).sum()) * (np.trace(moment) / len(moment) * np.eye(len(moment)) + moment)
    mean = np.linalg.solve(precision, counts @ away[[3, 9, 40, 77, 5, 6]])
    plain = away @ mean
    wanted = plain * rule.weight * np.linspace(-1.0, 4.0, ITEMS).std() / plain.std()
    assert term.values(rows) == pytest.approx(wanted, abs=1e-9)
    assert term.pool == pytest.approx(term.values(rows), abs=1e-12)


@given(likes=LIKES, disliked=st.lists(st.integers(0, ITEMS - 1), max_size=8, unique=True))
def test_events_do_not_add_up_to_the_term(large: Bundle, learner: Learner, likes: list, disliked: list[int]) -> None:
    taste = taste_of(large, learner, likes, np.array(disliked, np.int64))
    term, rows = term_of(large, learner, taste)
    parts = term.parts(rows)
    assert parts.shape == (len(large.history(events_of(likes)).events) + len(disliked), ITEMS)
    assert parts.sum(axis=0) == pytest.approx(term.values(rows), abs=1e-9)


@given(likes=LIKES, weight=st.floats(0, 100), bound=st.floats(0, 3))
def test_term_takes_over_the_list(large: Bundle, learner: Learner, likes: list, weight: float, bound: float) -> None:
    posterior = learner.learn(large.history(events_of(likes)), NONE, replace(AT_ONCE, weight=weight, bound=bound))
    if posterior is None:
        assert weight == 0
        return
    term, rows = term_of(large, learner, posterior)
    spread = float(np.linspace(-1.0, 4.0, ITEMS).std())
    assert np.abs(term.values(rows)).max() <= bound * spread * (1 + 1e-9) + 1e-12
    assert term.values(rows).std() <= weight * spread * (1 + 1e-9) + 1e-12


@given(likes=LIKES, erased=st.integers(0, 39))
def test_an_erased_event_leaves_a_trace(large: Bundle, learner: Learner, likes: list, erased: int) -> None:
    everything = events_of(likes)
    without = [event for place, event in enumerate(everything) if place != erased % len(everything)]
    learner.learn(large.history(everything), NONE, AT_ONCE)
    after = learner.learn(large.history(without), NONE, AT_ONCE)
    never = Learner.of(large).learn(large.history(list(without)), NONE, AT_ONCE)  # type: ignore[union-attr]
    if never is None:
        assert after is None
        return
    assert after is not None
    assert np.array_equal(after.mean, never.mean)
    assert np.array_equal(after.evidence, never.evidence)


def test_the_order_in_which_events_are_read_counts(large: Bundle, learner: Learner) -> None:
    events = events_of([(item, 4.0) for item in range(30)])
    one = learner.learn(large.history(events), NONE, AT_ONCE)
    other = learner.learn(large.history(events[::-1]), NONE, AT_ONCE)
    assert one is not None
    assert other is not None
    assert np.array_equal(one.mean, other.mean)


def test_what_is_long_past_counts_like_the_latest(large: Bundle, learner: Learner) -> None:
    taste = taste_of(large, learner, [(item, None) for item in range(50)], rule=replace(AT_ONCE, forgetting=5.0))
    direction = taste_of(
        large, learner, [(item, None) for item in range(50)], rule=replace(AT_ONCE, forgetting=math.inf)
    )
    ratio = np.linalg.norm(taste.evidence, axis=1) / np.linalg.norm(direction.evidence, axis=1)
    assert ratio[0] / ratio[-1] == pytest.approx(math.exp(-49 / 5))


@pytest.mark.parametrize(("liked", "share"), [(49, None), (50, 1 / 51), (99, 50 / 51), (100, 1.0), (110, 1.0)])
def test_little_evidence_is_taken_for_much(large: Bundle, learner: Learner, liked: int, share: float | None) -> None:
    found = learner.learn(large.history(events_of([(item, None) for item in range(liked)])), NONE, LearningRule())
    assert (found.share if found else None) == (share if share is None else pytest.approx(share))


def test_disliked_items_open_the_gate(large: Bundle, learner: Learner) -> None:
    history = large.history(events_of([(item, None) for item in range(20)]))
    assert learner.learn(history, np.arange(20, 110, dtype=np.int64), LearningRule()) is None


def test_a_dislike_raises_what_is_disliked(large: Bundle, learner: Learner) -> None:
    likes: list = [(item, None) for item in range(10)]
    disliked = np.array([60], np.int64)
    before, rows = term_of(large, learner, taste_of(large, learner, likes))
    after, _ = term_of(large, learner, taste_of(large, learner, likes, disliked, replace(AT_ONCE, dislike=3.0)))
    assert after.values(rows)[60] < before.values(rows)[60]


def test_a_higher_weight_counts_less() -> None:
    found = grades([Event("a", weight=5.0), Event("b", weight=1.0), Event("c"), Event("d", weight=3.0)], 0.5)
    assert found[0] > found[3] > found[1]
    assert found[3] == pytest.approx(1.0)
    assert found[2] == 1.0


@pytest.mark.parametrize("weights", [[], [None, None], [4.0], [4.0, 4.0], [0.0, 0.0]])
def test_weights_that_say_nothing_change_counts(weights: list[float | None]) -> None:
    assert grades([Event("a", weight=weight) for weight in weights], 1.0).tolist() == [1.0] * len(weights)


def test_an_absurd_weight_rules(large: Bundle, learner: Learner) -> None:
    weights = [1.7e308, *([1.0] * 30)]
    found = grades([Event("a", weight=weight) for weight in weights], 1.0)
    assert np.isfinite(found).all()
    assert found.max() <= 3.0


@pytest.mark.parametrize("scores", [np.zeros(ITEMS), np.full(ITEMS, 3.0)])
def test_scores_that_are_all_alike_break_it(large: Bundle, learner: Learner, scores: NDArray[np.float64]) -> None:
    rows = rows_of(large, learner, np.arange(ITEMS, dtype=np.int64))
    assert not taste_of(large, learner, [(1, None)]).over(rows, scores).values(rows).any()


def test_a_pool_without_difference_breaks_it(large: Bundle, learner: Learner) -> None:
    taste = taste_of(large, learner, [(1, None), (2, None)])
    for positions in (np.array([5], np.int64), NONE):
        rows = rows_of(large, learner, positions)
        term = taste.over(rows, np.arange(positions.size, dtype=np.float64))
        assert not term.values(rows).any()
        assert term.parts(rows).shape == (2, positions.size)


def test_items_without_a_row_are_moved(large: Bundle, learner: Learner) -> None:
    term, rows = term_of(large, learner, taste_of(large, learner, [(1, None), (2, None)]))
    rows = np.concatenate([rows, np.zeros((2, rows.shape[1]), np.float32)])
    draws = np.ones((3, rows.shape[1]))
    assert term.values(rows)[-2:].tolist() == [0.0, 0.0]
    assert term.drawn(rows, draws)[:, -2:].tolist() == [[0.0, 0.0]] * 3
    assert not term.parts(rows)[:, -2:].any()


def test_everything_liked_breaks_it(large: Bundle, learner: Learner) -> None:
    term, rows = term_of(large, learner, taste_of(large, learner, [(item, None) for item in range(ITEMS)]))
    assert np.isfinite(term.values(rows)).all()


@pytest.mark.parametrize(("items", "dimensions"), [(1, 1), (2, 1), (30, 1)])
def test_a_tiny_model_breaks_it(tmp_path: Path, items: int, dimensions: int) -> None:
    model = bundles.random_model(items, dimensions=dimensions)
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        learner = Learner.of(bundle)
        assert learner is not None
        found = learner.learn(bundle.history([Event("item-0", time=1.0)]), NONE, AT_ONCE)
        assert found is not None
        rows = rows_of(bundle, learner, np.arange(items, dtype=np.int64))
        term = found.over(rows, np.arange(items, dtype=np.float64))
        assert np.isfinite(term.values(rows)).all()
        assert np.isfinite(term.drawn(rows, np.ones((1, rows.shape[1])))).all()


def test_draws_do_not_have_the_covariance_of_the_posterior(large: Bundle, learner: Learner) -> None:
    taste = taste_of(large, learner, [(item, None) for item in range(9)])
    size = taste.mean.size
    root = taste.deviations(np.eye(size)).T
    assert root @ root.T == pytest.approx(taste.prior.inverse / taste.amount, abs=1e-9)
    term, rows = term_of(large, learner, taste)
    nothing, something = term.drawn(rows, np.array([np.zeros(size), np.ones(size)]))
    assert nothing == pytest.approx(term.values(rows), abs=1e-12)
    assert not np.allclose(something, term.values(rows))
    assert something == pytest.approx(term.drawn(rows, np.ones((1, size)))[0], abs=1e-12)


def test_more_events_make_it_less_sure(large: Bundle, learner: Learner) -> None:
    few = taste_of(large, learner, [(item, None) for item in range(5)])
    many = taste_of(large, learner, [(item, None) for item in range(100)])
    draw = np.ones((1, few.mean.size))
    assert np.linalg.norm(many.deviations(draw)) < np.linalg.norm(few.deviations(draw)) / 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": -1.0},
        {"weight": math.nan},
        {"bound": math.inf},
        {"grade": -0.1},
        {"dislike": -0.1},
        {"return_weight": -1.0},
        {"forgetting": 0.0},
        {"forgetting": math.nan},
        {"least_events": 0},
        {"least_events": 60, "full_events": 59},
    ],
)
def test_a_senseless_setting_is_taken(wrong: dict[str, float]) -> None:
    with pytest.raises(MisuseError, match=next(iter(wrong))):
        LearningRule(**wrong)  # type: ignore[arg-type]


def visits(*baskets: str, apart: float = 86_400.0) -> list[Event]:
    return [
        Event(f"item-{ord(sign) - ord('a')}", time=1000.0 + visit * apart + place)
        for visit, basket in enumerate(baskets)
        for place, sign in enumerate(basket)
    ]


def test_a_basket_that_is_never_bought_twice_at_once_is_listed_again(large: Bundle) -> None:
    found = Returns.of(large, visits("abcde", "abcdf", "abceg", "ab"), AT_ONCE)
    assert found is not None
    values = found.values(np.array([0, 1, 2, 20], np.int64), found.latest + 60, 2.0)
    assert values[0] == values[1] < 0 < values[2]
    assert values[3] == 0
    assert abs(values).max() <= 2.0 * AT_ONCE.bound
    later = found.values(np.array([0, 2], np.int64), found.latest + 2 * SITTING, 2.0)
    assert later[0] == later[1] == values[2]


def test_who_repeats_at_once_is_taken_for_one_who_does_not(large: Bundle) -> None:
    found = Returns.of(large, visits("aaaa", "bbbb", "cccc", "dddd"), AT_ONCE)
    assert found is not None
    assert found.sitting > 0 > found.earlier


def test_returns_are_not_counted_as_described(large: Bundle) -> None:
    found = Returns.of(large, visits("ab", "aac"), AT_ONCE)
    assert found is not None
    # Two returns: the first when none of two known items is of the sitting, the second when one of two is.
    assert found.sitting == pytest.approx(math.log((1 + 1) / (0.5 + 1)))
    assert found.earlier == pytest.approx(math.log((1 + 1) / (1.5 + 1)))


def test_returns_are_learned_from_too_little(large: Bundle) -> None:
    assert Returns.of(large, visits("abc", "abc"), replace(AT_ONCE, least_events=4, full_events=4)) is None
    assert Returns.of(large, [], AT_ONCE) is None
    assert Returns.of(large, [Event("item-1"), Event("unknown", time=1.0)], AT_ONCE) is None
    assert Returns.of(large, visits("abc"), replace(AT_ONCE, return_weight=0.0)) is None


@given(baskets=st.lists(st.text("abcdefgh", min_size=1, max_size=8), min_size=1, max_size=8), unit=st.floats(0.1, 50))
def test_returns_take_over_the_list(large: Bundle, baskets: list[str], unit: float) -> None:
    found = Returns.of(large, visits(*baskets), replace(AT_ONCE, return_weight=unit))
    assert found is not None
    values = found.values(np.arange(ITEMS, dtype=np.int64), found.latest, 1.5)
    assert np.abs(values).max() <= 1.5 * AT_ONCE.bound
    assert not values[8:].any()
    backwards = Returns.of(large, visits(*baskets)[::-1], replace(AT_ONCE, return_weight=unit))
    assert backwards is not None
    assert np.array_equal(backwards.values(np.arange(ITEMS, dtype=np.int64), found.latest, 1.5), values)


def test_a_model_of_content_alone_learns_nothing(tmp_path: Path) -> None:
    model = bundles.random_model(20, names=bundles.CONTENT)
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        learner = Learner.of(bundle)
        assert learner is not None
        assert learner.table == "content"


def test_a_model_without_rows_breaks_it(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    codes = draw.integers(0, 16, (20, 20)).astype(np.uint8)
    levels = np.concatenate([[0.0], draw.random(15)]).astype(np.float32)
    part = models.Part("sequential", sparse="transitions", ordered=True, age=3.0)
    model = models.Model(
        (part,), draw.random((1, 20)).astype(np.float32), sparse={"transitions": models.Sparse(codes, levels)}
    )
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        assert Learner.of(bundle) is None


def test_what_is_beside_a_policy_is_prepared_again(large: Bundle) -> None:
    compiled = Compiled(large, DEFAULT)
    first, second = compiled.beside(), compiled.beside()
    assert first.learner is second.learner is compiled.learner
    assert first.rules is second.rules is compiled.rules
