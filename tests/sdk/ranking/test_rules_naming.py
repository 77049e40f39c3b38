"""Candidates that rules need are there, and no others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.model.bundle import Bundle
from homespun.ranking.rules import RuleBook, popularity_of
from homespun.ranking.rules.naming import MAX_BY_ID, MAX_POPULAR
from tests.sdk import bundles
from tests.sdk.ranking.rule_cases import BOOST, SHOES, book_of, known, rule
from tests.sdk.ranking.rule_reference import Thing


def named(book: RuleBook) -> list[list[int]]:
    return [positions.tolist() for positions in book.named]


@pytest.mark.parametrize("then", [BOOST, {"do": "pin", "at": 1}, {"do": "reserve", "share": 0.5}])
def test_what_a_rule_names_by_id_is_no_candidate(then: dict[str, Any]) -> None:
    test = {"all": [{"items": ["sandal", "boot", "beret", "gone"]}, {"any": [SHOES, {"items": ["gone"]}]}]}
    book = book_of(rule(then=then, items=test))
    assert named(book) == [[0, 1]]
    assert book.firing(known()).candidates.tolist() == [0, 1]


def test_candidates_are_named_by_rules_that_do_not_act_or_twice() -> None:
    book = book_of(
        rule("first", BOOST, items={"items": ["beret", "boot"]}),
        rule("second", BOOST, items={"items": ["beret"]}),
        rule("not now", BOOST, items={"items": ["cap"]}, surfaces=["search"]),
    )
    assert book.firing(known()).candidates.tolist() == [0, 3]


@pytest.mark.parametrize("then", [{"do": "filter"}, {"do": "bury", "by": 1.0}, {"do": "cap", "at_most": 1}])
def test_a_rule_that_only_lowers_items_makes_them_candidates(then: dict[str, Any]) -> None:
    assert named(book_of(rule(then=then, items={"items": ["boot"]}), rule("b", then, items=SHOES))) == [[], []]


def test_a_rule_about_all_items_names_some() -> None:
    assert named(book_of(rule(then={"do": "pin", "at": 1}))) == [[]]


def test_the_popular_ones_are_not_the_most_popular() -> None:
    things = [Thing(f"i{number}", ("x",), None, float(number % 7)) for number in range(100)]
    book = book_of(rule(then=BOOST, items={"tag": "x"}), things=things)
    best = sorted(range(100), key=lambda number: (-(number % 7), number))
    assert named(book) == [sorted(best[:MAX_POPULAR])]


def test_an_id_that_is_ruled_out_counts_as_named() -> None:
    book = book_of(rule(then=BOOST, items={"all": [SHOES, {"not": {"items": ["boot"]}}]}))
    assert named(book) == [[1]]


def test_thousands_of_ids_become_candidates() -> None:
    things = [Thing(f"i{number}", (), None, float(number)) for number in range(600)]
    book = book_of(rule(then=BOOST, items={"items": [thing.id for thing in things]}), things=things)
    assert named(book) == [list(range(600 - MAX_BY_ID, 600))]


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Bundle]:
    with Bundle.open(bundles.write(tmp_path / "bundle", bundles.full_model(40))) as opened:
        yield opened


def test_popularity_is_not_the_first_prior(bundle: Bundle) -> None:
    positions = np.array([5, 0, 3], np.int64)
    expected = bundle.scorer.score(bundle.history([]), positions).priors[:, 0]
    assert popularity_of(bundle)(positions).tolist() == pytest.approx(expected.tolist())
    assert len(set(expected.tolist())) == 3
