"""A policy with every stage, and a person with a history, for bundles that ``write_full_bundle`` writes."""

from collections.abc import Mapping

import numpy as np

from benchmarks.ranking.bundles import DAYTIMES, TAGS, WEEKDAYS
from benchmarks.ranking.rule_cases import DEVICES, invented_rules
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.policy import Policy, Surface
from homespun.protocol.policy.rules import Rule
from homespun.protocol.policy.stages import Candidates, Diversity, Exploration, Learning, Recency, Rules, Seen

RULES = 50
EVENTS = 500
POOL = 200
DAY = 86_400.0


def everything(items: int, rng: np.random.Generator) -> Policy:
    """Return a policy with rules, recency, local learning, diversity and exploration."""
    rules = [rule for rule in invented_rules(RULES, TAGS, items, rng) if _is_for_lists(rule)]
    stages = (
        Candidates(pool=POOL),
        Seen(),
        Rules(),
        Recency(attribute="published", weight=0.3, half_life_days=60.0),
        Learning(),
        Diversity(unlike=0.3, calibration=0.0),
        Exploration(method="epsilon", share=0.1, epsilon=0.2),
    )
    return Policy(schema=1, name="everything", surfaces={"home": Surface(stages=stages)}, rules=tuple(rules))


def _is_for_lists(rule: Rule) -> bool:
    return rule.items is not None


def history(ids: tuple[str, ...], now: float, rng: np.random.Generator) -> list[Event]:
    """Return views and purchases of the last 60 days, one an item."""
    places = rng.choice(len(ids), EVENTS, replace=False).tolist()
    days = np.sort(rng.uniform(0, 60, EVENTS))[::-1].tolist()
    kinds = rng.choice(["view", "buy"], EVENTS, p=[0.8, 0.2]).tolist()
    return [Event(ids[place], kind, time=now - day * DAY) for place, kind, day in zip(places, kinds, days, strict=True)]


def circumstances(number: int) -> Mapping[str, ContextValue]:
    """Return circumstances that change from one request to the next."""
    return {
        "hour": number % 24,
        "weekday": WEEKDAYS[number % 7],
        "daytime": DAYTIMES[number % 4],
        "device": DEVICES[number % 3],
        "location": f"town-{number % 5}",
    }
