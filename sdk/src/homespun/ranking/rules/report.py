"""The dry run: which rules would act in a situation, and why or why not, in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from homespun.protocol.policy.conditions import Condition
from homespun.protocol.policy.rules import Rule
from homespun.ranking.rules.conditions import Answers, Conditions
from homespun.ranking.rules.situation import Situation
from homespun.ranking.rules.words import condition_words, events_words, listed, range_words, value_words


@dataclass(frozen=True)
class RuleReport:
    """What becomes of one rule in a situation.

    Attributes:
        name: The rule's.
        holds: Whether it acts.
        why: Why it acts, or everything that keeps it from acting; parts of a sentence, joined by semicolons.
        items: How many of the bundle's items it is about.
    """

    name: str
    holds: bool
    why: str
    items: int


def report_of(rule: Rule, situation: Situation, conditions: Conditions, items: int) -> RuleReport:
    """Return what becomes of a rule.

    Args:
        rule: The rule.
        situation: Where it is tried.
        conditions: Compiled, the rule's among them.
        items: How many items it is about.
    """
    against = list(_against(rule, situation, conditions))
    if against:
        return RuleReport(rule.name, holds=False, why="; ".join(against), items=items)
    since = [] if rule.since is None else [f"it began at {rule.since.isoformat()}"]
    until = [] if rule.until is None else [f"it ends at {rule.until.isoformat()}"]
    when = [] if rule.when is None else [f"it holds that {condition_words(rule.when)}"]
    why = "; ".join([*since, *until, *when]) or "it has no condition"
    return RuleReport(rule.name, holds=True, why=why, items=items)


def _against(rule: Rule, situation: Situation, conditions: Conditions) -> Iterator[str]:
    if rule.surfaces is not None and situation.surface not in rule.surfaces:
        surfaces = " and ".join(repr(surface) for surface in rule.surfaces)
        yield f"it is for {surfaces}, not for {situation.surface!r}"
    if rule.since is not None and situation.now < rule.since.timestamp():
        yield f"it begins at {rule.since.isoformat()}"
    if rule.until is not None and situation.now >= rule.until.timestamp():
        yield f"it ended at {rule.until.isoformat()}"
    if rule.when is not None:
        yield from _failing(rule.when, conditions.answers(situation), conditions)


def _failing(condition: Condition, answers: Answers, conditions: Conditions) -> Iterator[str]:
    """Yield what keeps a condition from holding, down to the single tests."""
    answer = answers[conditions.number(condition)]
    if answer:
        return
    parts = condition.all or condition.any
    if parts is not None:
        for part in parts:
            yield from _failing(part, answers, conditions)
    elif answer is None:
        yield f"nothing of the person may be used, so nobody knows whether {condition_words(condition)}"
    elif condition.not_ is not None:
        yield f"it does hold that {condition_words(condition.not_)}"
    else:
        yield _found(condition, answers.situation)


def _found(condition: Condition, situation: Situation) -> str:
    """Return what is the case in place of what a single test wants."""
    if condition.context is not None:
        name = condition.context.name
        given = repr(situation.context[name]) if name in situation.context else "not known"
        return f"{name!r} is {given}, not {value_words(condition.context)}"
    if condition.likes is not None:
        return f"the number of liked items is {situation.likes}, not {range_words(condition.likes)}"
    if condition.history is not None and situation.past is not None:
        test = condition.history
        count = situation.past.count(test, situation.now)
        return f"the number of {events_words(test)} is {count}, not {range_words(test)}"
    return f"the person is {situation.lifecycle}, not {listed(condition.lifecycle or (), quoted=False)}"
