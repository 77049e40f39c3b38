"""Conditions and item tests in words, for people who write rules; quoting what the policy says."""

from collections.abc import Sequence

from homespun.protocol.bundle import context_text
from homespun.protocol.policy.conditions import Condition, HistoryTest, ItemTest, Likes, ValueTest

_SHOWN = 5
"""Values that are quoted; the others are counted."""


def condition_words(condition: Condition) -> str:
    """Return when a condition holds, for instance ``'hour' is at least 18 and below 23``."""
    if condition.all is not None:
        return _joined([condition_words(part) for part in condition.all], " and ")
    if condition.any is not None:
        return _joined([condition_words(part) for part in condition.any], " or ")
    if condition.not_ is not None:
        return f"not ({condition_words(condition.not_)})"
    return _test_words(condition)


def item_words(test: ItemTest) -> str:
    """Return which items fit a test, as what they are, for instance ``tagged 'shoes'``."""
    if test.all is not None:
        return _joined([item_words(part) for part in test.all], " and ")
    if test.any is not None:
        return _joined([item_words(part) for part in test.any], " or ")
    if test.not_ is not None:
        return f"not ({item_words(test.not_)})"
    if test.tag is not None:
        return f"tagged {test.tag!r}"
    if test.attribute is not None:
        return f"whose {test.attribute.name!r} is {value_words(test.attribute)}"
    return f"with the id {listed(test.items or ())}"


def events_words(test: HistoryTest) -> str:
    """Return which events a test counts, for instance ``events of the last 7 days of the kind 'view'``."""
    days = "" if test.days is None else f" of the last {context_text(test.days)} days"
    kinds = "" if test.kinds is None else f" of the kind {listed(test.kinds)}"
    items = "" if test.items is None else f" with items {item_words(test.items)}"
    return f"events{days}{kinds}{items}"


def range_words(test: ValueTest | HistoryTest | Likes) -> str:
    """Return a test's range, for instance ``at least 3 and below 5``."""
    least = [] if test.at_least is None else [f"at least {context_text(test.at_least)}"]
    below = [] if test.below is None else [f"below {context_text(test.below)}"]
    return " and ".join(least + below)


def value_words(test: ValueTest) -> str:
    """Return what a value has to be, for instance ``'phone' or 'tablet'``."""
    return range_words(test) if test.values is None else listed(test.values)


def listed(values: Sequence[str], *, quoted: bool = True) -> str:
    """Return some of the values, and how many others there are."""
    shown = [repr(value) if quoted else value for value in values[:_SHOWN]]
    if len(values) > _SHOWN:
        shown.append(f"{len(values) - _SHOWN} others")
    return " or ".join(shown)


def _test_words(condition: Condition) -> str:
    if condition.context is not None:
        return f"{condition.context.name!r} is {value_words(condition.context)}"
    if condition.likes is not None:
        return f"the number of liked items is {range_words(condition.likes)}"
    if condition.history is not None:
        return f"the number of {events_words(condition.history)} is {range_words(condition.history)}"
    return f"the person is {listed(condition.lifecycle or (), quoted=False)}"


def _joined(parts: Sequence[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else word.join(f"({part})" for part in parts)
