"""Policies that differ from the plain one in one stage each."""

from collections.abc import Mapping
from typing import NamedTuple

from homespun.protocol.controls import NEUTRAL, Steering
from homespun.protocol.policy import Policy, Surface
from homespun.protocol.policy.conditions import Condition, HistoryTest, ItemTest
from homespun.protocol.policy.rules import Action, Boost, Bury, Cap, Filter, Reserve, Rule
from homespun.protocol.policy.stages import (
    Blend,
    Candidates,
    Caps,
    Cascade,
    Diversity,
    Exploration,
    Learning,
    Popularity,
    Recency,
    Rules,
    Seen,
    Stage,
    phase,
)
from homespun.ranking.default import POOL

PLAIN = "plain"
DIAL = "the person's dial at {:g}"


class Way(NamedTuple):
    """How lists are made.

    Attributes:
        policy: By which policy.
        steering: What the person set.
    """

    policy: Policy
    steering: Steering = NEUTRAL


def policy_of(*stages: Stage, rules: tuple[Rule, ...] = ()) -> Policy:
    """Return the plain policy with some stages and rules more."""
    every: tuple[Stage, ...] = (Candidates(pool=POOL), Seen(), Rules(), *stages)
    return Policy(
        schema=1, name="measured", surfaces={"home": Surface(stages=tuple(sorted(every, key=phase)))}, rules=rules
    )


def stages_on(tag: str, released: str | None) -> Mapping[str, Way]:
    """Return the ways by their names, the plain one first.

    Args:
        tag: What rules are about.
        released: The attribute that says since when there is an item; None: there is none.
    """
    recency = {} if released is None else {"recency, half-life 5 years": _way(Recency(released, 0.3, 1826.0))}
    return {
        PLAIN: _way(),
        "learning": _way(Learning()),
        **_blends(),
        **_rules(tag),
        **recency,
        **{f"popularity dial at {dial:g}": _way(Popularity(dial)) for dial in (-0.5, -0.25, 0.25)},
        "cascade: order 30 by content too": _way(Cascade(30, {"content": 5.0})),
        **diversities(),
        "exploration, ε = 1, one place in ten": _way(Exploration("epsilon", 0.1, 1.0)),
        "exploration, Thompson, one place in ten": _way(Learning(), Exploration("thompson", 0.1)),
        "at most 3 of a tag": _way(Caps(each=3)),
    }


def diversities() -> Mapping[str, Way]:
    """Return the ways that differ in diversity."""
    return {
        **{
            f"unlike items, {level:g}": _way(Diversity(unlike=level, calibration=0.0))
            for level in (0.1, 0.25, 0.5, 0.75)
        },
        **{f"calibration, {level:g}": _way(Diversity(calibration=level)) for level in (0.05, 0.1, 0.2, 0.5)},
        **{DIAL.format(dial): Way(policy_of(), Steering(diversity=dial)) for dial in (0.25, 0.5, 0.75, 1.0)},
    }


def _way(*stages: Stage) -> Way:
    return Way(policy_of(*stages))


def _blends() -> dict[str, Way]:
    parts = ("collaborative", "sequential", "session", "content")
    return {f"without {part}": _way(Blend({part: 0.0})) for part in parts} | {
        "twice the weight of content": _way(Blend({"content": 2.0}))
    }


def _rules(tag: str) -> dict[str, Way]:
    items = ItemTest(tag=tag)
    fond = Condition(history=HistoryTest(items=items, days=30.0, at_least=3))
    return {
        f"rule: boost {tag} by 0.5": _ruled(Boost(0.5), items),
        "rule: the same for who had 3 in 30 days": _ruled(Boost(0.5), items, fond),
        f"rule: bury {tag} by 0.5": _ruled(Bury(0.5), items),
        f"rule: filter {tag}": _ruled(Filter(), items),
        f"rule: at most 2 of {tag}": _ruled(Cap(2), items),
        f"rule: a fifth of the places for {tag}": _ruled(Reserve(0.2), items),
    }


def _ruled(then: Action, items: ItemTest, when: Condition | None = None) -> Way:
    return Way(policy_of(rules=(Rule("measured", then, items, when),)))
