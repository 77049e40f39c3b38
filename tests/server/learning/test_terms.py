"""A term is missing and nobody is told, or a refresh changes what it should leave alone."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from homespun_server import FitOptions
from homespun_server.learning import FitData
from homespun_server.learning.lately import Lately
from homespun_server.learning.moments import moment
from homespun_server.learning.terms import Terms
from homespun_server.training.blend import STANDARD_BLEND, own_context_term
from homespun_server.training.scorers import Scorer
from tests.server.learning.support import (
    EVERYTHING,
    ITEMS,
    NOON,
    START,
    in_contexts,
    learned_from,
    table_of,
    walkers,
)
from tests.server.support import Row, catalogue, unlike

DAY = 86_400
TRENDS = ("trend-2d", "trend-14d", "trend-60d")


def test_a_part_that_the_data_allow_is_missing(tmp_path: Path) -> None:
    path = in_contexts(tmp_path / "rows.csv", walkers(200))
    with table_of(tmp_path, path, context=("daytime",)) as interactions:
        learned = learned_from(interactions, FitOptions(**EVERYTHING))
    model, terms = learned.model.value, learned.terms.value
    assert [part.name for part in model.components] == ["collaborative", "sequential", "session", "content"]
    assert [prior.name for prior in model.priors] == ["popularity", *TRENDS, "repeats"][: len(model.priors)]
    assert [prior.name for prior in model.priors][:4] == ["popularity", *TRENDS]
    assert [context.feature for context in model.contexts] == ["daytime"]
    assert model.archetypes is not None
    assert model.repeats is not None
    assert model.words is not None
    # What is not there was told.
    assert len(terms.left_out) == (0 if len(model.priors) == 5 else 1)
    assert model.contexts[0].own_weights == (0.0,) * 6
    odds = model.contexts[0].log_odds
    even = np.array([int(interactions.items.ids[item].removeprefix("item-")) % 2 == 0 for item in model.items])
    assert odds[0][even].mean() > 0 > odds[0][~even].mean()


@pytest.mark.parametrize("repeats", [True, False])
def test_habits_are_scored_where_nothing_is_repeated_or_with_other_weights(tmp_path: Path, *, repeats: bool) -> None:
    own = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    blend = STANDARD_BLEND.weighing(own_context_term("daytime"), own)
    contexts = (("daytime", ("day", "night")),)
    options = FitOptions(test_share=0.0, repeats=repeats, contexts=contexts, blend=blend)
    path = in_contexts(tmp_path / "rows.csv", walkers(100))
    with table_of(tmp_path, path, context=("daytime",)) as interactions:
        model = learned_from(interactions, options).model.value
    assert [context.own_weights for context in model.contexts] == [own if repeats else None]


def test_what_is_not_there_is_not_told(tmp_path: Path) -> None:
    rows = [Row(f"u{n}", f"item-{n % 6}", float(START + n)) for n in range(50)]
    contexts = (("daytime", ("day", "dusk")),)
    options = FitOptions(test_share=0.0, archetypes=2, repeats=True, contexts=contexts, blend=STANDARD_BLEND)
    path = in_contexts(tmp_path / "rows.csv", rows)
    with table_of(tmp_path, path, catalogue(12), context=("daytime",)) as interactions:
        told = learned_from(interactions, options).terms.value.left_out
    wanted = (
        "nobody likes two items",
        "follow each other",
        "chosen again",
        "no two values of daytime",
        "no two tastes",
    )
    for reason in wanted:
        assert sum(reason in each for each in told) == 1, reason


def test_items_are_in_another_order_than_that_of_popularity(tmp_path: Path) -> None:
    with table_of(tmp_path, walkers(200), catalogue(ITEMS + 5)) as interactions:
        learned = learned_from(interactions, FitOptions(test_share=0.0, max_items=10))
    terms, model = learned.terms.value, learned.model.value
    assert (terms.learned, terms.size) == (10, ITEMS + 5)
    assert sorted(terms.items.tolist()) == list(range(ITEMS + 5))
    popularity = terms.priors[0].values
    assert (np.diff(popularity[:10]) <= 0).all()
    # Of those that were not learned none comes before one that was.
    assert popularity[10:].max() <= popularity[:10].min()
    assert model.new_items_every == 10
    assert popularity[:10].std() == pytest.approx(1)


def test_a_catalogue_without_words_hides_what_is_not_learned(tmp_path: Path) -> None:
    with table_of(tmp_path, walkers(200), unlike(ITEMS + 5)) as interactions:
        learned = learned_from(interactions, FitOptions(test_share=0.0, max_items=10))
    assert learned.model.value.items.size == 10
    assert learned.model.value.new_items_every == 0


def test_scores_of_new_items_are_those_of_nothing(tmp_path: Path) -> None:
    """A new item stands among tastes where its words put it."""
    with table_of(tmp_path, walkers(200), catalogue(ITEMS)) as interactions:
        learned = learned_from(interactions, FitOptions(test_share=0.0, max_items=20))
    (pairs,) = [part.low_rank for part in learned.model.value.components if part.name == "collaborative"]
    assert pairs is not None
    assert pairs.size == ITEMS
    assert np.isfinite(pairs.vectors).all()


@pytest.fixture
def rising() -> list[Row]:
    """Item 1 long ago, item 2 lately, by the same number of people."""
    long_ago = [Row(f"u{n}", "item-1", float(START + n)) for n in range(60)]
    lately = [Row(f"u{n}", "item-2", float(START + 25 * DAY + n)) for n in range(60)]
    return [*long_ago, *lately, *walkers(40)]


def trend_of(terms: Terms, name: str, item: int) -> float:
    (prior,) = [prior for prior in terms.priors if prior.name == name]
    return float(prior.values[terms.items.tolist().index(item)])


def test_a_trend_is_of_another_moment(rising: list[Row], tmp_path: Path) -> None:
    options = FitOptions(parts=("collaborative", "trend"), test_share=0.0, half_lives=(2 * DAY,))
    with table_of(tmp_path, rising) as interactions:
        late = learned_from(interactions, replace(options, as_of=START + 26 * DAY)).terms.value
        early = learned_from(interactions, replace(options, as_of=START + DAY)).terms.value
        data = FitData(interactions, options, None)
        last = moment(data, options, NOON, private=False)
        told = moment(data, replace(options, as_of=7), NOON, private=False)
        private = moment(data, options, NOON, private=True)
    assert trend_of(late, "trend-2d", 2) > trend_of(late, "trend-2d", 1)
    assert trend_of(early, "trend-2d", 1) > trend_of(early, "trend-2d", 2)
    assert last is not None
    assert last.value == int(max(row.time or 0 for row in rising)) + 1
    assert last.kind == "non_private"
    assert told is not None
    assert (told.value, told.kind) == (7, "fixed")
    # Nothing is read off the table where that would tell of people.
    assert private is not None
    assert (private.value, private.kind) == (int(NOON.timestamp()), "fixed")


def test_a_refresh_changes_more_than_trends_or_knows_what_comes_later(rising: list[Row], tmp_path: Path) -> None:
    options = FitOptions(parts=("collaborative", "content", "trend"), test_share=0.0, half_lives=(2 * DAY,))
    with table_of(tmp_path, rising) as interactions:
        learned = learned_from(interactions, replace(options, as_of=START + 26 * DAY))
        lately = Lately(FitData(interactions, options, None), learned.terms, options)
        (same,) = lately.priors(START + 26 * DAY).value
        (early,) = lately.priors(START + DAY).value
        assert lately.priors(START + DAY).kind == "non_private"
        both = lately.values([START + DAY, START + 26 * DAY])
    terms = learned.terms.value
    (own,) = [prior for prior in terms.priors if prior.name == "trend-2d"]
    assert same.name == own.name == early.name
    first, second = (terms.items.tolist().index(item) for item in (1, 2))
    assert same.values[second] > same.values[first]
    assert early.values[second] == early.values.min()
    assert early.values[first] == early.values.max()
    assert np.array_equal(both["trend-2d"], [early.values, same.values])


def test_a_scorer_that_was_asked_for_is_not_the_one_that_scores(tmp_path: Path) -> None:
    with table_of(tmp_path, walkers(200)) as interactions:
        for scorer in get_args(Scorer):
            options = FitOptions(test_share=0.0, scorer=scorer, dimensions=5)
            learned = learned_from(interactions, options)
            assert list(learned.terms.value.similarities) == [scorer]
            assert all(table.dimensions <= 5 for table in learned.model.value.low_rank if table.name != "content")
