"""What would make onboarding ask badly: the same again, what is hidden, what tells nothing, or by chance."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.person.items import Items
from homespun.ranking.learning.prior import prior_of
from homespun.ranking.onboarding import UNKNOWN, onboarding_items, popularity
from tests.sdk import bundles, models

ITEMS = 120
NONE = np.zeros(0, np.int64)
ANSWERS = st.dictionaries(st.integers(0, ITEMS - 1).map("item-{}".format), st.sampled_from([True, False, None]))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    folder = bundles.write(tmp_path_factory.mktemp("onboarding") / "bundle", bundles.random_model(ITEMS, seed=3))
    with Bundle.open(folder) as opened:
        yield opened


def popular(bundle: Bundle) -> list[int]:
    return sorted(range(bundle.manifest.items), key=lambda item: -popularity(bundle)[item])


def described(bundle: Bundle, answered: dict[str, bool | None], count: int) -> list[int]:
    """The design as its description has it, with whole matrices."""
    rows = bundle.scorer.decoders(np.arange(ITEMS, dtype=np.int64))["collaborative"].astype(np.float64)
    prior = prior_of(rows.astype(np.float32))
    away = rows / np.linalg.norm(rows, axis=1, keepdims=True) - prior.centre
    asked = {bundle.position(item): answer for item, answer in answered.items()}
    pool = [item for item in range(ITEMS) if item not in asked]
    chances = np.exp(popularity(bundle))
    aim = sum(chances[item] * np.outer(away[item], away[item]) for item in pool)
    covariance = prior.inverse
    noise = np.mean([away[item] @ covariance @ away[item] for item in pool])

    def after(item: int, told: float) -> np.ndarray:
        turned = covariance @ away[item]
        left: np.ndarray = covariance - np.outer(turned, turned) / (noise / told + away[item] @ turned)
        return left

    for item, answer in asked.items():
        covariance = after(item, UNKNOWN if answer is None else 1.0)
    chosen: list[int] = []
    for _ in range(count):
        # By how much the variance of what is aimed at would fall.
        left = [item for item in pool if item not in chosen]
        gains = [chances[item] * np.trace((covariance - after(item, 1.0)) @ aim) for item in left]
        chosen.append(left[int(np.argmax(gains))])
        covariance = after(chosen[-1], 1.0)
    return chosen


@pytest.mark.parametrize("answered", [{}, {"item-7": True, "item-90": False, "item-4": None, "item-33": None}])
def test_the_design_is_not_the_one_that_is_described(large: Bundle, answered: dict[str, bool | None]) -> None:
    assert onboarding_items(large, answered=answered).tolist() == described(large, answered, 10)


@given(
    answered=ANSWERS,
    exclude=st.lists(st.integers(0, ITEMS - 1), max_size=ITEMS),
    count=st.integers(1, ITEMS + 5),
)
def test_items_are_repeated_or_asked_against_orders(
    large: Bundle, answered: dict[str, bool | None], exclude: list[int], count: int
) -> None:
    barred = {*exclude, *(large.position(item) for item in answered)}
    found = onboarding_items(large, count=count, answered=answered, exclude=np.array(exclude, np.int64)).tolist()
    assert len(set(found)) == len(found) == min(count, ITEMS - len(barred))
    assert not barred.intersection(found)
    again = onboarding_items(large, count=count, answered=answered, exclude=np.array(exclude[::-1], np.int64))
    assert again.tolist() == found


@given(answered=ANSWERS, count=st.integers(1, 12))
def test_a_longer_list_begins_otherwise(large: Bundle, answered: dict[str, bool | None], count: int) -> None:
    long = onboarding_items(large, count=20, answered=answered)
    assert onboarding_items(large, count=count, answered=answered).tolist() == long[:count].tolist()


def twins(tmp_path: Path, *, names: tuple[str, ...] = bundles.BOTH) -> Path:
    """A model of pairs: items 2n and 2n + 1 are alike, all are equally popular but for a touch."""
    model = bundles.random_model(60, seed=5, names=names)
    pairs = np.arange(60) // 2 * 2
    tables = {
        name: replace(table, integers=table.integers[pairs], decoder=table.decoder[pairs])
        for name, table in model.low_rank.items()
    }
    priors = -1e-6 * np.arange(60, dtype=np.float32)[None]
    return bundles.write(tmp_path / "bundle", replace(model, low_rank=tables, priors=priors))


def test_two_alike_are_asked_for(tmp_path: Path) -> None:
    with Bundle.open(twins(tmp_path)) as bundle:
        found = onboarding_items(bundle).tolist()
    assert len({item // 2 for item in found}) == len(found) == 10


def test_an_answer_counts_no_more_than_not_to_know(tmp_path: Path) -> None:
    with Bundle.open(twins(tmp_path)) as bundle:
        first = int(onboarding_items(bundle, count=1)[0])
        places = {}
        for answer in (True, False, None):
            answered = {f"item-{first}": answer}
            order = onboarding_items(bundle, count=59, answered=answered).tolist()
            places[answer] = order.index(first ^ 1)
    assert places[True] == places[False] > places[None]


def test_what_few_know_is_asked_for(tmp_path: Path) -> None:
    model = bundles.random_model(60, seed=5)
    priors = np.where(np.arange(60) < 15, 5.0, -5.0).astype(np.float32)[None]
    with Bundle.open(bundles.write(tmp_path / "bundle", replace(model, priors=priors))) as bundle:
        assert max(onboarding_items(bundle).tolist()) < 15


def test_a_trend_passes_for_popularity(tmp_path: Path) -> None:
    model = bundles.random_model(30, seed=5)
    trend, known = np.arange(30, dtype=np.float32), -np.arange(30, dtype=np.float32)
    model = replace(
        model,
        priors=np.stack([trend, known]),
        prior_names=("trend-7d", "popularity"),
        prior_weights=(models.ALWAYS, models.ALWAYS),
    )
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        assert popular(bundle) == list(range(30))


def test_a_model_of_content_alone_asks_for_the_popular(tmp_path: Path) -> None:
    with Bundle.open(twins(tmp_path, names=bundles.CONTENT)) as bundle:
        found = onboarding_items(bundle).tolist()
    assert len({item // 2 for item in found}) == 10


def test_a_model_without_rows_breaks_it(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    codes = draw.integers(0, 16, (20, 20)).astype(np.uint8)
    levels = np.concatenate([[0.0], draw.random(15)]).astype(np.float32)
    part = models.Part("sequential", sparse="transitions", ordered=True, age=3.0)
    priors = draw.random((1, 20)).astype(np.float32)
    model = models.Model((part,), priors, sparse={"transitions": models.Sparse(codes, levels)})
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        assert (
            onboarding_items(bundle, answered={"item-3": None}).tolist()
            == [item for item in popular(bundle) if item != 3][:10]
        )


@pytest.mark.parametrize("items", [1, 2, 5])
def test_a_tiny_catalogue_breaks_it(tmp_path: Path, items: int) -> None:
    with Bundle.open(bundles.write(tmp_path / "bundle", bundles.random_model(items, dimensions=2))) as bundle:
        assert sorted(onboarding_items(bundle).tolist()) == list(range(items))
        assert onboarding_items(bundle, exclude=np.arange(items, dtype=np.int64)).size == 0


def test_a_model_that_says_nothing_breaks_it(tmp_path: Path) -> None:
    model = models.with_zeros(bundles.random_model(30))
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        assert onboarding_items(bundle, count=5).tolist() == popular(bundle)[:5]


def test_what_an_application_added_is_asked_for(tmp_path: Path) -> None:
    model = bundles.full_model(30, 8, every=3)
    model = replace(model, priors=model.priors - 10)  # so that 0 would be popular
    folder = bundles.write(tmp_path / "bundle", model, words=bundles.random_words(11))
    with Bundle.open(folder) as bundle:
        items = Items(bundle, 10)
        words = [{"id": f"new-{number}", "title": f"w{number}"} for number in range(10)]
        assert all(items.update(words).values())
        answered = {"new-3": True, "item-2": False}
        found = onboarding_items(items.view, count=40, answered=answered).tolist()
        assert sorted(found) == [item for item in range(30) if item != 2]


def test_an_item_that_the_bundle_does_not_have_breaks_it(large: Bundle) -> None:
    assert onboarding_items(large, answered={"gone": True}).tolist() == onboarding_items(large).tolist()


@pytest.mark.parametrize("answered", [{"item-1": "yes"}, {"item-1": 1}, {"item-1": 0.5}, ["item-1"], "item-1"])
def test_answers_that_are_none_are_taken(large: Bundle, answered: object) -> None:
    with pytest.raises(MisuseError, match=r"True|mapping"):
        onboarding_items(large, answered=answered)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, -1, 2.0, True])
def test_a_senseless_count_is_taken(large: Bundle, count: int) -> None:
    with pytest.raises(MisuseError):
        onboarding_items(large, count=count)
