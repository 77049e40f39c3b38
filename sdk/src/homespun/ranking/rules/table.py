"""One bit for each item and each item test, so that a pool of items is looked up with one small row each."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from homespun.model.history import Positions
from homespun.model.scoring import Truths
from homespun.protocol.policy.conditions import ItemTest
from homespun.ranking.rules.items import fitting
from homespun.ranking.rules.shelf import Shelf

_BITS = 8


class ItemTable:
    """Which items fit which tests: ⌈tests / 8⌉ bytes an item, equal tests once."""

    def __init__(self, tests: Iterable[ItemTest | None], shelf: Shelf) -> None:
        """Evaluate the tests.

        Args:
            tests: One for each row that ``lookup`` can return; None: all items fit.
            shelf: The bundle.
        """
        places: dict[ItemTest | None, int] = {}
        self.columns = tuple([places.setdefault(test, len(places)) for test in tests])
        self._rows = _packed(list(places), shelf)
        self._rows.setflags(write=False)

    def lookup(self, columns: list[int], positions: Positions) -> Truths:
        """Return which of some items (int64 [p]) fit the tests with these ``columns`` (c of them); [c, p]."""
        bits = np.unpackbits(self._rows.take(positions, axis=0), axis=1, bitorder="little")
        # Copied row by row of the result, which is what is summed up along afterwards.
        return bits.T[columns].view(np.bool_)

    def whole(self, column: int) -> Truths:
        """Return which items fit the test with this column; [N + L]."""
        found: Truths = (self._rows[:, column // _BITS] >> column % _BITS & 1).astype(np.bool_)
        return found


def _packed(tests: Sequence[ItemTest | None], shelf: Shelf) -> NDArray[np.uint8]:
    rows = np.zeros((shelf.size, -(-len(tests) // _BITS)), np.uint8)
    for first in range(0, len(tests), _BITS):
        # Eight at a time in a column of their own: writing into the rows is what takes time.
        column = np.zeros(shelf.size, np.uint8)
        for bit, test in enumerate(tests[first : first + _BITS]):
            column |= (np.uint8(1) if test is None else fitting(test, shelf).view(np.uint8)) << np.uint8(bit)
        rows[:, first // _BITS] = column
    return rows
