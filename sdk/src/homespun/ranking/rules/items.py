"""Which items a rule is about: item tests as truth values over a whole bundle, or over some of its items.

An attribute's number is compared with texts as the context's values are: by how manifests name it, so that 3.0 is "3".
"""

from collections.abc import Sequence

import numpy as np

from homespun.model.history import Positions, Reals
from homespun.model.membership import contains
from homespun.model.scoring import Truths
from homespun.protocol.bundle import context_text
from homespun.protocol.policy.conditions import ItemTest, ValueTest
from homespun.ranking.rules.shelf import Shelf


def fitting(test: ItemTest, shelf: Shelf, positions: Positions | None = None) -> Truths:
    """Return which items fit a test.

    Args:
        test: The test.
        shelf: The bundle.
        positions: int64 [p], the items to look at; None: all.

    Returns:
        Truth values [p], or [N + L] for all.
    """
    if test.all is not None:
        return _reduced(np.logical_and, [fitting(part, shelf, positions) for part in test.all])
    if test.any is not None:
        return _reduced(np.logical_or, [fitting(part, shelf, positions) for part in test.any])
    if test.not_ is not None:
        return np.logical_not(fitting(test.not_, shelf, positions))
    if test.attribute is not None:
        return _with_attribute(test.attribute, shelf, positions)
    if test.tag is not None:
        return _among(shelf.tagged(test.tag), shelf, positions)
    return _among(np.sort(shelf.positions_of(test.items or ())), shelf, positions)


def _reduced(operation: np.ufunc, parts: Sequence[Truths]) -> Truths:
    found: Truths = operation.reduce(parts)
    return found


def _among(ascending: Positions, shelf: Shelf, positions: Positions | None) -> Truths:
    if positions is not None:
        return contains(ascending, positions)
    found = np.zeros(shelf.size, np.bool_)
    found[ascending] = True
    return found


def _with_attribute(test: ValueTest, shelf: Shelf, positions: Positions | None) -> Truths:
    numbers = shelf.numbers(test.name)
    numbers = numbers if positions is None else numbers[positions]
    if test.values is None:
        return _in_range(test, numbers)
    texts, codes = shelf.texts(test.name)
    codes = codes if positions is None else codes[positions]
    wanted = frozenset(test.values)
    # One more at the end, which −1 finds: an item without a text has none of the wanted ones.
    fits = np.array([*(text in wanted for text in texts), False], np.bool_)
    found: Truths = fits[codes] | _equal(numbers, _as_numbers(test.values))
    return found


def _in_range(test: ValueTest, numbers: Reals) -> Truths:
    # NaN stands for an item without a number; it fails every comparison.
    found = ~np.isnan(numbers)
    if test.at_least is not None:
        found &= numbers >= test.at_least
    if test.below is not None:
        found &= numbers < test.below
    return found


def _equal(numbers: Reals, wanted: Reals) -> Truths:
    if not wanted.size:
        return np.zeros(numbers.size, np.bool_)
    found: Truths = wanted[np.minimum(wanted.searchsorted(numbers), wanted.size - 1)] == numbers
    return found


def _as_numbers(values: Sequence[str]) -> Reals:
    """Return the numbers that these texts name, ascending."""
    found = []
    for value in values:
        try:
            number = float(value)
        except ValueError:
            continue
        if context_text(number) == value:
            found.append(number)
    return np.array(sorted(found), np.float64)
