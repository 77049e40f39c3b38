"""What parts, stages, rules and controls do, in plain English: one sentence each, every number from the data.

Nothing here describes one bundle or policy: each text is made from what a part, a stage or a rule holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from homespun.explain.shares import ScorePart
from homespun.protocol.bundle import Manifest, context_text
from homespun.protocol.policy import Source
from homespun.protocol.policy.conditions import Condition
from homespun.protocol.policy.rules import Action, Boost, Bury, Cap, Filter, Pin, Reserve, Rule
from homespun.protocol.policy.stages import (
    Blend,
    Candidates,
    Caps,
    Cascade,
    Diversity,
    Exploration,
    Frequency,
    Learning,
    Popularity,
    Recency,
    Rules,
    Seen,
    Stage,
)
from homespun.protocol.read_only import ReadOnlyDict
from homespun.ranking.learning import LearningRule
from homespun.ranking.rules.words import condition_words, item_words
from homespun.ranking.tastes import INTEREST_SPREADS, LESS_LIKE_WEIGHT, MORE_LIKE_WEIGHT

_HISTORY = ReadOnlyDict(
    {
        "collaborative": "what is liked together with what the person likes",
        "sequential": "what people choose after what the person chose",
        "session": "what people choose right after what the person chose last",
        "content": "how much an item resembles what the person likes",
    }
)

_SOURCES: dict[Source, str] = {
    "all": "All items of the bundle are looked at.",
    "given": "The items are looked at that the application gives.",
    "history": "The items are looked at that the person has events with; without personal data there are none.",
    "similar": "All items of the bundle are looked at, by how alike they are to one item and not by any taste.",
}

SOURCES: Mapping[Source, str] = ReadOnlyDict(_SOURCES)
"""Which items a list is made from."""

ERASURE = "erasure"

CONTROLS: Mapping[str, str] = ReadOnlyDict(
    {
        "hide_item": "An item that the person hides is in no list, whatever the policy says.",
        "hide_tag": "No item that carries a hidden tag is in any list, whatever the policy says.",
        "more_like": f"An item to show more like of counts as {MORE_LIKE_WEIGHT:g} liked ones.",
        "less_like": f"An item to show less like of takes away what {-LESS_LIKE_WEIGHT:g} liked ones add.",
        "ignore_item": "What was done with an ignored item says nothing of what the person likes.",
        "interest": (
            "An interest in a tag that the person sets, from 0 to 1, adds to the items that carry it, up to "
            f"{INTEREST_SPREADS:g} standard deviations of the scores, or takes as much away."
        ),
        "pause": "While recording is paused nothing new becomes known; what is known is still used.",
        "frequency_cap": "A cap that the person sets, on how often an item is shown, counts in place of the policy's.",
        "diversity": (
            "The diversity dial, from 0 to 1, puts unlike items side by side, and counts in place of what the policy "
            "says of diversity."
        ),
        "exploration": (
            "The exploration dial, from 0 to 1, gives up to half of a list's places to items picked by chance, and "
            "counts in place of what the policy says of exploring."
        ),
        "non_profiled": "Lists without personal data, the option of Art. 38 DSA, are one switch away.",
        "restriction": "Under a restriction (Art. 18 GDPR) personal data are kept, and lists are made without them.",
        "objection": "After an objection (Art. 21 GDPR) lists are made without personal data.",
        ERASURE: "Events can be erased, each or all; the next list is made as if they had never been.",
    }
)
"""What the person can do, by the name of the control."""

_REFUSALS = ("non_profiled", "restriction", "objection")
_HIDING = ("hide_item", "hide_tag")
_KNOWN = ("ignore_item", ERASURE, *_REFUSALS)
_OF_HISTORY = ("more_like", "less_like", *_KNOWN)


def part_words(part: ScorePart, manifest: Manifest) -> str:
    """Return what a part of the score is, as what its share is of."""
    if part.kind == "history":
        return _HISTORY[part.name]
    if part.kind == "prior":
        return _prior_words(part.name)
    if part.kind == "context":
        return f"what suits {part.feature!r} for everybody"
    if part.kind == "habit":
        return f"what the person themselves choose by {part.feature!r}"
    if part.kind == "archetype" and manifest.archetypes is not None:
        return f"which of {manifest.archetypes.count} kinds of taste the person's choices show"
    return "what the person chose before, and how often"


def part_controls(part: ScorePart) -> tuple[str, ...]:
    """Return the controls that change what a part adds, or whether."""
    if part.kind == "history":
        return _OF_HISTORY
    return _KNOWN if part.kind in {"habit", "archetype", "repeat"} else ()


def stage_words(stage: Stage, rules: int) -> str:
    """Return what a stage does.

    Args:
        stage: The stage.
        rules: How many rules act on the surface.
    """
    match stage:
        case Candidates():
            named = f"; {_count(len(stage.include), 'item')} are looked at in any case" if stage.include else ""
            never = f"; {_count(len(stage.exclude), 'item')} are never listed" if stage.exclude else ""
            return f"The {stage.pool} best items by the model go on to the later stages{named}{never}."
        case Seen():
            return _seen_words(stage)
        case Frequency():
            times, days = _count(stage.times, "time"), _count(stage.days, "day")
            return f"An item that was shown {times} in {days} is left out."
        case Blend():
            first = f"Beside the weights that the model has learned, {_weights_words(stage.weights)}"
            other = f"; {_count(len(stage.switch), 'case')} have weights of their own" if stage.switch else ""
            return f"{first}{other}."
        case Rules():
            return (
                f"{_count(rules, 'rule')} of the publisher can act here." if rules else "There is no rule to act here."
            )
        case _:
            return _adding_words(stage) or _moving_words(stage)


def stage_controls(stage: Stage) -> tuple[str, ...]:
    """Return the controls that change what a stage does, or keep items from what it does."""
    match stage:
        case Frequency():
            return ("frequency_cap", *_REFUSALS)
        case Diversity():
            return ("diversity",)
        case Exploration():
            return ("exploration", *_HIDING)
        case Learning() | Blend():
            return _KNOWN
        case Seen():
            return (ERASURE, *_REFUSALS)
        case _:
            return _HIDING


def rule_words(rule: Rule) -> str:
    """Return what a rule does, to which items, and when."""
    items = "all items" if rule.items is None else f"items {item_words(rule.items)}"
    when = "" if rule.when is None else f", when {condition_words(rule.when)}"
    return f"The rule {rule.name!r} {_action_words(rule.then, items)}{when}{_dates_words(rule.since, rule.until)}."


def asks_about_person(condition: Condition | None) -> bool:
    """Return whether a condition asks about the person, and not about the request alone."""
    if condition is None:
        return False
    inside = (*(condition.all or ()), *(condition.any or ()), *((condition.not_,) if condition.not_ else ()))
    own = condition.lifecycle is not None or condition.likes is not None or condition.history is not None
    return own or any(asks_about_person(part) for part in inside)


def shares_words(shares: Iterable[tuple[str, float]]) -> str:
    """Return parts with their shares, the largest first, without those that have none."""
    known = sorted(((words, share) for words, share in shares if share > 0), key=lambda each: -each[1])
    return ", ".join(f"{words} ({percent(share)})" for words, share in known) or "nothing tells items apart"


def percent(share: float) -> str:
    """Return a share in whole percents, and never 0% or 100% of what is more or less than that."""
    told = f"{share:.0%}"
    if share > 0 and told == "0%":
        return "less than 1%"
    return "more than 99%" if share < 1 and told == "100%" else told


def _prior_words(name: str) -> str:
    if name == "popularity":
        return "how popular an item is with everybody"
    if name.startswith("trend-"):
        return f"how popular an item is lately ({name})"
    return f"{name!r} of an item, the same for everybody"


def _seen_words(stage: Seen) -> str:
    kinds = "".join(f"; after a {kind!r}, {_left_out(days)}" for kind, days in stage.kinds.items())
    others = "any other event" if stage.kinds else "an event of the person's"
    return f"After {others} with an item, {_left_out(stage.others)}{kinds}."


def _left_out(days: float | None) -> str:
    if days is None:
        return "it is left out"
    return f"it is left out for {context_text(days)} days" if days else "it may be listed again at once"


def _adding_words(stage: Stage) -> str | None:
    match stage:
        case Recency():
            days = context_text(stage.half_life_days)
            return (
                f"By its {stage.attribute!r} a new item gets up to {stage.weight:g} standard deviations of the scores, "
                f"and half as much after each {days} days."
            )
        case Learning():
            if not stage.weight:
                return "Nothing that the device learns of the person's taste is added."
            return (
                f"From {_count(stage.least_events, 'liked item')} on, what the device learned of the person's lasting "
                f"taste is added, with up to {LearningRule.weight * stage.weight:g} times the scores' spread."
            )
        case Popularity():
            side = "for" if stage.dial >= 0 else "against"
            return f"Popularity counts {side} an item by {abs(stage.dial):g} of the scores' spread, beside the model's."
        case _:
            return None


def _moving_words(stage: Stage) -> str:
    match stage:
        case Cascade():
            return f"The {stage.top} best are ordered once more, where {_weights_words(stage.weights)}."
        case Diversity():
            return (
                f"From 0 to 1, unlike items stand side by side by {stage.unlike:g}, and the list's tags follow the "
                f"person's own by {stage.calibration:g}."
            )
        case Exploration():
            return _exploration_words(stage)
        case Caps():
            parts = [] if stage.each is None else [f"{stage.each} of each {'other ' if stage.tags else ''}tag"]
            told = [f"{most} tagged {tag!r}" for tag, most in stage.tags.items()] + parts
            return f"At most so many items are listed: {', '.join(told)}." if told else "No tag is capped."
        case _:
            return f"The stage {type(stage).__struct_config__.tag!r} acts."


def _exploration_words(stage: Exploration) -> str:
    if stage.method == "off" or not stage.share:
        return "Chance has no part in the list."
    places = f"Up to {percent(stage.share)} of the places are for finding out what the person likes"
    if stage.method == "epsilon":
        return f"{places}: each goes to a random candidate with a probability of {percent(stage.epsilon)}."
    return f"{places}: each goes to the best candidate by a draw from what the device learned of the person."


def _action_words(action: Action, items: str) -> str:
    match action:
        case Boost():
            return f"adds {action.by:g} standard deviations of the scores to {items}"
        case Bury():
            return f"takes {action.by:g} standard deviations of the scores from {items}"
        case Filter():
            return f"keeps out {items}"
        case Pin():
            return f"puts the best of {items} at place {action.at}"
        case Cap():
            return f"lists at most {action.at_most} of {items}"
        case Reserve():
            return f"gives at least {percent(action.share)} of the places to {items}"


def _dates_words(since: datetime | None, until: datetime | None) -> str:
    first = "" if since is None else f", from {since.isoformat()} on"
    return first if until is None else f"{first}, until {until.isoformat()}"


def _weights_words(weights: Mapping[str, float]) -> str:
    told: Sequence[str] = [f"{name!r} counts {weight:g} times" for name, weight in weights.items()]
    return ", ".join(told) or "every part counts once"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
