"""Invented rules, of which about half hold in one invented situation."""

from typing import Any

import msgspec
import numpy as np

from homespun.protocol.events import Event
from homespun.protocol.policy.rules import Rule
from homespun.ranking.rules import Past, Situation

HOLDING = 0.5
"""Share of the rules that hold, about."""

NOW = 1_700_000_000.0
DAY = 86_400.0

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DEVICES = ("phone", "tablet", "desktop", "tv")
TOWNS = tuple(f"town-{number}" for number in range(20))
CONTEXT: dict[str, str | int | float | bool] = {
    "hour": 20,
    "weekday": "friday",
    "device": "phone",
    "location": "town-3",
}
LIKES = 120


def situation_of(past: Past) -> Situation:
    """Return a request of somebody on a Friday evening."""
    return Situation(surface="home", now=NOW, context=CONTEXT, lifecycle="active", likes=LIKES, past=past)


def invented_events(count: int, items: int, rng: np.random.Generator) -> list[Event]:
    """Return views and purchases of the last 60 days."""
    places, days = rng.integers(0, items, count).tolist(), np.sort(rng.uniform(0, 60, count))[::-1].tolist()
    kinds = rng.choice(["view", "buy"], count, p=[0.8, 0.2]).tolist()
    return [
        Event(f"item-{place}", kind, time=NOW - day * DAY) for place, kind, day in zip(places, kinds, days, strict=True)
    ]


def invented_rules(count: int, tags: int, items: int, rng: np.random.Generator) -> list[Rule]:
    """Return rules of all actions, all kinds of conditions and all kinds of item tests."""
    given = [
        {
            "name": f"rule {number}",
            "then": _action(number),
            "items": _items(number, tags, items, rng),
            "when": _condition(number, tags, rng),
        }
        for number in range(count)
    ]
    return msgspec.convert(given, list[Rule])


def _action(number: int) -> dict[str, Any]:
    usual = {"do": "boost", "by": 0.5 + number / 100}, {"do": "bury", "by": 0.5}, {"do": "filter"}
    rare = {"do": "pin", "at": 1 + number % 5}, {"do": "cap", "at_most": 3}, {"do": "reserve", "share": 0.1}
    return rare[number // 8 % 3] if number % 8 == 0 else usual[number % 3]


def _items(number: int, tags: int, items: int, rng: np.random.Generator) -> dict[str, Any]:
    tag = {"tag": f"tag-{rng.integers(0, tags)}"}
    ways = (
        tag,
        {"items": [f"item-{place}" for place in rng.integers(0, items, 10).tolist()]},
        {"attribute": {"name": "price", "at_least": 10.0 + number, "below": 60.0 + number}},
        {"all": [tag, {"attribute": {"name": "brand", "is": [f"brand-{number}", "brand-0"]}}]},
        {"all": [tag, {"not": {"tag": f"tag-{rng.integers(0, tags)}"}}]},
    )
    return ways[number % len(ways)]


def _condition(number: int, tags: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return a condition; of two that follow each other with the same subject, one holds."""
    right = number // 8 % 2 == 0
    seen = {"days": 7.0 + number % 3 * 7, "kinds": ["view"], "items": {"tag": f"tag-{rng.integers(0, tags)}"}}
    hour = {
        "context": {"name": "hour", "at_least": 18.0, "below": 21.0 + number % 3}
        if right
        else {"name": "hour", "below": 6.0 + number % 8}
    }
    device = {"context": {"name": "device", "is": ["phone", "tablet"] if right else ["tv"]}}
    ways = (
        hour,
        {"context": {"name": "weekday", "is": ["friday", WEEKDAYS[number % 4]] if right else WEEKDAYS[number % 3 : 4]}},
        {"context": {"name": "location", "is": [*TOWNS[5:8], "town-3" if right else "town-4"]}},
        {"all": [device, hour]},
        {"history": {**seen, "at_least": 0 if right else 400}},
        {"lifecycle": ["active", "returning"] if right else ["lapsing"]},
        {"likes": {"at_least": 10 + number if right else 200 + number}},
        {"any": [{"not": device}, {"history": {"days": 30.0, "at_least": 3 if right else 600}}]},
    )
    return ways[number % len(ways)]
