"""Conditions and item tests in words, for people who write rules; quoting what the policy says."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from homespun.protocol.bundle import context_text
from homespun.protocol.policy.conditions import Condition, HistoryTest, ItemTest, Likes, ValueTest

TestT = TypeVar("TestT", Condition, ItemTest)

_SHOWN = 5
"""Values that are quoted; the others are counted."""


def condition_words(condition: Condition) -> str:
    """Return when a condition holds, for instance ``'hour' is at least 18 and below 23``."""
    return _combined(condition, condition_words) or _test_words(condition)


def item_words(test: ItemTest) -> str:
    """Return which items fit a test, as what they are, for instance ``tagged 'shoes'``."""
    return _combined(test, item_words) or _item_test_words(test)


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


def _item_test_words(test: ItemTest) -> str:
    if test.tag is not None:
        return f"tagged {test.tag!r}"
    if test.attribute is not None:
        return f"whose {test.attribute.name!r} is {value_words(test.attribute)}"
    return f"with the id {listed(test.items or ())}"


def _combined(test: TestT, words: Callable[[TestT], str]) -> str | None:
    """Return a combination of tests; None if it is none."""
    if test.all is not None:
        return _joined([words(part) for part in test.all], " and ")
    if test.any is not None:
        return _joined([words(part) for part in test.any], " or ")
    return None if test.not_ is None else f"not ({words(test.not_)})"


def _joined(parts: Sequence[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else word.join(f"({part})" for part in parts)
