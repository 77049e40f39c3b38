"""What constraints did to an item's place, in words. They change no score, so they are never parts of one."""

import numpy as np

from homespun.ranking.constraints import Bar
from homespun.ranking.decision import Decision

_STAGES = {
    "cascade": "the best items are ordered once more by other weights",
    "diversity": "unlike items stand side by side",
    "calibration": "the list's topics follow your own",
}


def moves_of(decision: Decision, place: int | None, item: str) -> tuple[str, ...]:
    """Return what was done to an item by stages that change no score.

    Args:
        decision: The decision.
        place: Its place in the list, from 0; None if it is not listed.
        item: Its id.
    """
    if place is None:
        bars = decision.bars.of(item)
        return tuple(_barred(bar) for bar in bars)
    return _moved(decision, place)


def _moved(decision: Decision, place: int) -> tuple[str, ...]:
    candidate = int(decision.places[place])
    ranks = [int(np.flatnonzero(step.order == candidate)[0]) for step in decision.steps]
    told = []
    for step, before, after in zip(decision.steps[1:], ranks, ranks[1:], strict=False):
        if before != after:
            told.append(f"moved {_way(before, after)}, so that {_STAGES[step.stage]}")
    placed = decision.assembled.places[place]
    if placed.cause == "order":
        if place != ranks[-1]:
            told.append(f"moved {_way(ranks[-1], place)}, by the places of other items")
    else:
        told.append(_caused(decision, place))
    return tuple(told)


def _caused(decision: Decision, place: int) -> str:
    placed = decision.assembled.places[place]
    rules = () if decision.firing is None else decision.firing.rules
    rule = rules[placed.rule].name if placed.rule is not None else ""
    return {
        "pin": f"put at place {place + 1} by the rule {rule!r}",
        "reserve": f"at place {place + 1}, of which the rule {rule!r} reserves a share",
        "kept": f"at place {place + 1}, which is kept for items that are new",
        "explore": f"at place {place + 1}, which is for exploring; it got it with probability {placed.propensity:.3g}",
    }[placed.cause]


def _way(before: int, after: int) -> str:
    return f"{'up' if after < before else 'down'} from place {before + 1} to {after + 1}"


def _barred(bar: Bar) -> str:
    times, days = _counted(bar.shown or 0, "time"), _counted(bar.days or 0, "day")
    return {
        "hide_item": "kept out of lists, because you hid it",
        "hide_tag": f"kept out of lists, because you hid everything tagged {bar.tag}",
        "unavailable": "kept out of lists, because it cannot be had now",
        "frequency_cap": f"kept out of lists for now, because it was shown {times} in {days}",
        "disliked": "kept out of lists, because you said that you do not like it",
        "seen": "kept out of this list, because you know it",
        "excluded": "kept out of this list, because the application left it out",
        "rule": f"kept out of this list by the rule {bar.rule!r}",
        "itself": "kept out of this list, which is about it",
    }[bar.control]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
