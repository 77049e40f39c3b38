"""A small shop, rules about it and people in it."""

from typing import Any

import msgspec

from homespun.protocol.events import Event
from homespun.protocol.policy.rules import Rule
from homespun.ranking.rules import Past, RuleBook, Situation
from tests.sdk.ranking.rule_reference import FakeShelf, Thing

NOW = 1_700_000_000.0
EVENING = {"hour": 20, "device": "phone"}
THINGS = [
    Thing("boot", ("shoes",), {"price": 80.0, "brand": "acme"}, 3.0),
    Thing("sandal", ("shoes", "summer"), {"price": 20.0}, 1.0),
    Thing("cap", ("hats",), {"brand": "acme"}, 2.0),
    Thing("beret", ("hats",), None, 2.0),
]
PERSON = {"lifecycle": "active", "likes": 4}


def rule(name: str = "a rule", then: dict[str, Any] | None = None, **given: Any) -> Rule:
    return msgspec.convert({"name": name, "then": then or {"do": "filter"}, **given}, Rule)


def book_of(*rules: Rule, things: list[Thing] | None = None) -> RuleBook:
    shelf = FakeShelf(THINGS if things is None else things)
    return RuleBook(rules, shelf, shelf.popularity)


def at_home(*, events: list[Event] | None = None, now: float = NOW, **given: Any) -> Situation:
    past = None if events is None else Past(events, FakeShelf(THINGS))
    return Situation(**{"surface": "home", "now": now, "context": EVENING, "past": past, **given})


def known(*events: Event, **given: Any) -> Situation:
    return at_home(events=list(events), **{**PERSON, **given})


def acting(book: RuleBook, situation: Situation) -> list[str]:
    return [rule.name for rule in book.firing(situation).rules]


BOOST = {"do": "boost", "by": 1.0}
SHOES = {"tag": "shoes"}
