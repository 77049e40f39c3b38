"""A dry run says which rules act, and why or why not, in words."""

from typing import Any

import pytest

from homespun.protocol.events import Event
from homespun.ranking.rules import RuleReport
from tests.sdk.ranking.rule_cases import NOW, SHOES, at_home, book_of, known, rule

REPORTED = [
    ({}, True, "it has no condition"),
    ({"surfaces": ["search", "cart"]}, False, "it is for 'search' and 'cart', not for 'home'"),
    ({"since": "2030-01-01T00:00:00+01:00"}, False, "it begins at 2030-01-01T00:00:00+01:00"),
    ({"until": "2020-01-01T00:00:00+00:00"}, False, "it ended at 2020-01-01T00:00:00+00:00"),
    (
        {"when": {"context": {"name": "hour", "at_least": 18.0, "below": 23.0}}},
        True,
        "it holds that 'hour' is at least 18 and below 23",
    ),
    (
        {"when": {"context": {"name": "device", "is": ["tv", "desktop"]}}},
        False,
        "'device' is 'phone', not 'tv' or 'desktop'",
    ),
    ({"when": {"context": {"name": "town", "is": ["Bonn"]}}}, False, "'town' is not known, not 'Bonn'"),
    ({"when": {"lifecycle": ["lapsing", "returning"]}}, False, "the person is active, not lapsing or returning"),
    ({"when": {"likes": {"at_least": 1_234_567}}}, False, "the number of liked items is 4, not at least 1234567"),
    (
        {"when": {"history": {"kinds": ["view"], "items": SHOES, "days": 7.0, "at_least": 3}}},
        False,
        "the number of events of the last 7 days of the kind 'view' with items tagged 'shoes' is 1, not at least 3",
    ),
    (
        {"when": {"all": [{"lifecycle": ["active"]}, {"likes": {"below": 2}}]}},
        False,
        "the number of liked items is 4, not below 2",
    ),
    (
        {"when": {"any": [{"lifecycle": ["lapsing"]}, {"likes": {"below": 2}}]}},
        False,
        "the person is active, not lapsing; the number of liked items is 4, not below 2",
    ),
    (
        {"when": {"not": {"any": [{"lifecycle": ["active"]}, {"likes": {"below": 2}}]}}},
        False,
        "it does hold that (the person is active) or (the number of liked items is below 2)",
    ),
    (
        {"surfaces": ["cart"], "when": {"likes": {"below": 2}}},
        False,
        "it is for 'cart', not for 'home'; the number of liked items is 4, not below 2",
    ),
]


@pytest.mark.parametrize(("given", "holds", "why"), REPORTED)
def test_a_dry_run_does_not_say_why(given: dict[str, Any], holds: bool, why: str) -> None:  # noqa: FBT001
    book = book_of(rule(items={"not": SHOES}, **given))
    assert book.report(known(Event("boot", time=NOW))) == [RuleReport("a rule", holds, why, 2)]


def test_a_dry_run_tells_of_a_person_of_whom_nothing_may_be_used() -> None:
    book = book_of(rule(when={"not": {"likes": {"below": 2}}}))
    why = "nothing of the person may be used, so nobody knows whether not (the number of liked items is below 2)"
    assert book.report(at_home(likes=4)) == [RuleReport("a rule", holds=False, why=why, items=4)]


def test_a_dry_run_quotes_thousands_of_values() -> None:
    many = [f"town-{number}" for number in range(5_000)]
    (report,) = book_of(rule(when={"context": {"name": "town", "is": many}})).report(known())
    assert report.why.endswith("'town-4' or 4995 others")
    assert len(report.why) < 200


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ({"items": ["boot", "cap"]}, "with the id 'boot' or 'cap'"),
        ({"attribute": {"name": "price", "below": 10.5}}, "whose 'price' is below 10.5"),
        (
            {"all": [SHOES, {"not": {"attribute": {"name": "brand", "is": ["acme"]}}}]},
            "(tagged 'shoes') and (not (whose 'brand' is 'acme'))",
        ),
        ({"any": [SHOES, {"tag": "hats"}]}, "(tagged 'shoes') or (tagged 'hats')"),
    ],
)
def test_items_are_told_wrongly(test: dict[str, Any], told: str) -> None:
    (report,) = book_of(rule(when={"history": {"items": test, "at_least": 9}})).report(known())
    assert report.why == f"the number of events with items {told} is 0, not at least 9"
