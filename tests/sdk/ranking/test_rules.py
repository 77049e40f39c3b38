"""Rules act when and where they should, and never by what may not be known of a person."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from homespun.errors import PolicyError
from homespun.protocol.events import Event
from homespun.ranking.rules import Conditions, Past
from tests.sdk.ranking.rule_cases import BOOST, NOW, SHOES, THINGS, acting, at_home, book_of, known, rule
from tests.sdk.ranking.rule_reference import FakeShelf, Thing

ON_THE_PERSON = [
    {"likes": {"below": 100}},
    {"lifecycle": ["onboarding", "active", "lapsing", "returning"]},
    {"history": {"at_least": 0}},
]


@pytest.mark.parametrize("test", ON_THE_PERSON)
@pytest.mark.parametrize("wrapped", ["plainly", "not", "not not", "all", "any"])
@pytest.mark.parametrize("hidden", [{"past": None}, {"lifecycle": None}])
def test_a_rule_on_the_person_acts_where_nothing_of_them_may_be_used(
    test: dict[str, Any], wrapped: str, hidden: dict[str, None]
) -> None:
    late = {"context": {"name": "hour", "at_least": 23.0}}
    ways = {
        "plainly": test,
        "not": {"not": test},
        "not not": {"not": {"not": test}},
        "all": {"all": [{"not": late}, test]},
        "any": {"any": [late, test]},
    }
    book = book_of(rule(when=ways[wrapped]), rule("the opposite", when={"not": ways[wrapped]}))
    assert acting(book, known(**hidden)) == []
    assert acting(book, known()) == ["the opposite" if wrapped == "not" else "a rule"]


def test_the_persons_part_decides_although_the_rest_has_already() -> None:
    night = {"context": {"name": "hour", "below": 6.0}}
    unknown = ON_THE_PERSON[0]
    book = book_of(
        rule("not night", when={"not": {"all": [unknown, night]}}),
        rule("evening or liked", when={"any": [unknown, {"not": night}]}),
    )
    assert acting(book, at_home()) == ["not night", "evening or liked"]


def test_a_circumstance_that_is_not_known_fits_something() -> None:
    warm = {"context": {"name": "degrees", "at_least": 20.0}}
    book = book_of(rule("warm", when=warm), rule("not warm", when={"not": warm}))
    assert acting(book, at_home()) == ["not warm"]


@pytest.mark.parametrize(
    ("value", "test", "fits"),
    [
        (True, {"is": ["true"]}, True),
        (True, {"at_least": 0.0}, False),
        (True, {"is": ["1"]}, False),
        (20, {"is": ["20"]}, True),
        (20.0, {"is": ["20"]}, True),
        ("20", {"at_least": 1.0}, False),
        (20, {"at_least": 20.0, "below": 21.0}, True),
        (20, {"below": 20.0}, False),
        (float("nan"), {"at_least": 0.0}, False),
        (float("nan"), {"below": 0.0}, False),
    ],
)
def test_a_value_is_taken_for_one_of_another_kind(value: object, test: dict[str, Any], fits: bool) -> None:  # noqa: FBT001
    book = book_of(rule(when={"context": {"name": "x", **test}}))
    assert acting(book, at_home(context={"x": value})) == (["a rule"] if fits else [])


def test_a_rule_acts_on_the_wrong_side_of_its_dates() -> None:
    moment = datetime.fromtimestamp(NOW, UTC)
    book = book_of(rule("from now", since=moment.isoformat()), rule("until now", until=moment.isoformat()))
    assert acting(book, at_home()) == ["from now"]
    assert acting(book, at_home(now=NOW - 0.5)) == ["until now"]


def test_a_time_zone_shifts_a_rule() -> None:
    elsewhere = datetime.fromtimestamp(NOW, UTC).astimezone(tz=_zone(9))
    book = book_of(rule(since=elsewhere.isoformat(), until=(elsewhere + timedelta(seconds=1)).isoformat()))
    assert [acting(book, at_home(now=NOW + late)) for late in (-1, 0, 1)] == [[], ["a rule"], []]


def test_a_rule_acts_on_another_surface() -> None:
    book = book_of(rule("at home", surfaces=["home"]), rule("everywhere"), rule("in search", surfaces=["search"]))
    assert acting(book, at_home()) == ["at home", "everywhere"]
    assert acting(book, at_home(surface="a surface that no rule names")) == ["everywhere"]


def test_two_rules_that_cannot_be_told_apart_are_taken() -> None:
    with pytest.raises(PolicyError, match="two rules are called 'a rule'"):
        book_of(rule(), rule())


def test_without_rules_something_acts() -> None:
    firing = book_of().firing(known())
    places = np.array([2, 0], np.int64)
    assert firing.rules == firing.boosting == firing.filtering(0) == ()
    assert firing.parts(places).shape == firing.masks((), places).shape == (0, 2)
    assert firing.spreads(places).tolist() == [0.0, 0.0]
    assert firing.barred(places).tolist() == [False, False]
    assert firing.candidates.tolist() == []


def test_a_pool_without_items_is_an_error() -> None:
    nothing = np.zeros(0, np.int64)
    firing = book_of(rule(), rule("up", BOOST, items=SHOES)).firing(known())
    assert firing.spreads(nothing).shape == firing.barred(nothing).shape == (0,)
    assert firing.parts(nothing).shape == (1, 0)


def test_more_than_a_byte_of_tests_is_mixed_up() -> None:
    things = [Thing(f"i{number}") for number in range(300)]
    rules = [rule(f"{number}", items={"items": [f"i{number}"]}) for number in range(300)]
    firing = book_of(*rules, things=things).firing(known())
    assert np.array_equal(firing.masks(rules, np.arange(300)), np.eye(300, dtype=np.bool_))


def test_equal_conditions_are_checked_again() -> None:
    evening = {"context": {"name": "hour", "at_least": 18.0}}
    liked = {"likes": {"at_least": 3}}
    whens = [{"all": [evening, liked]}, {"all": [evening, liked]}, {"any": [liked, evening]}, evening]
    conditions = Conditions([found for given in whens if (found := rule(when=given).when)])
    assert len(conditions.checks) == 4
    assert conditions.holding(known()) == [True] * 4


def test_counts_are_kept_when_only_the_time_is_another() -> None:
    test = rule(when={"history": {"days": 1.0, "kinds": ["view"], "items": SHOES, "at_least": 1}}).when
    assert test is not None
    assert test.history is not None
    asked = []

    class Watched(FakeShelf):
        def tagged(self, tag: str) -> Any:
            asked.append(tag)
            return super().tagged(tag)

    past = Past([Event("boot", time=NOW), Event("cap", time=NOW), Event("boot", "buy", time=NOW)], Watched(THINGS))
    equal = msgspec.structs.replace(test.history, days=7.0, at_least=5)
    assert [past.count(test.history, NOW + days * 86_400) for days in (-1, 0, 1, 2)] == [0, 1, 1, 0]
    assert [past.count(equal, NOW + days * 86_400) for days in (-1, 0, 7, 8)] == [0, 1, 1, 0]
    assert asked == ["shoes"]


def _zone(hours: int) -> Any:
    return datetime.fromisoformat(f"2000-01-01T00:00:00+{hours:02}:00").tzinfo


@pytest.mark.parametrize(
    ("test", "places"),
    [
        ({"name": "price", "below": 80.0}, [1]),
        ({"name": "price", "at_least": 80.0}, [0]),
        ({"name": "price", "is": ["80", "20.0"]}, [0]),
        ({"name": "brand", "is": ["acme", "nobody"]}, [0, 2]),
        ({"name": "brand", "at_least": 0.0}, []),
        ({"name": "colour", "is": ["red"]}, []),
        ({"name": "colour", "below": 1.0}, []),
    ],
)
def test_an_attribute_fits_that_does_not(test: dict[str, Any], places: list[int]) -> None:
    firing = book_of(rule(items={"attribute": test})).firing(known())
    assert np.flatnonzero(firing.barred(np.arange(len(THINGS)))).tolist() == places


def test_what_is_buried_rises() -> None:
    book = book_of(
        rule("up", BOOST, items=SHOES),
        rule("down", {"do": "bury", "by": 0.25}, items={"tag": "summer"}),
        rule("never", {"do": "boost", "by": 9.0}, surfaces=["search"]),
    )
    firing = book.firing(known())
    assert [each.name for each in firing.boosting] == ["up", "down"]
    assert firing.parts(np.array([3, 1, 0])).tolist() == [[0.0, 1.0, 1.0], [0.0, -0.25, 0.0]]
    assert firing.spreads(np.array([3, 1, 0])).tolist() == [0.0, 0.75, 1.0]
