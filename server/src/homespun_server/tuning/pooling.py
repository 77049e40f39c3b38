"""Each case's best items by every term, so that the search for weights looks at hundreds of items and not at all.

What no term has among its best, no blend of them has. The pool only serves the search: what is reported of a blend is
measured over all items.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from homespun_server.tuning.questions import Questions

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]

PER_TERM = 60
"""Best items of each term."""

_BARRED = np.float32(-1e30)


class Pools:
    """The pools of some cases.

    Attributes:
        questions: The same cases, about places in their pools.
    """

    def __init__(self, questions: Questions, features: Mapping[str, Floats], bars: Floats) -> None:
        """Choose the pools.

        Args:
            questions: The cases.
            features: float32 [q, N] by term.
            bars: float32 [q, N], hugely negative for what must not be recommended.
        """
        count = min(PER_TERM, questions.items)
        best = [_best(values, bars, count) for values in features.values()]
        targets = _targets(questions)
        items = np.sort(np.concatenate([*best, targets], axis=1), axis=1)
        again = np.zeros(items.shape, np.bool_)
        again[:, 1:] = items[:, 1:] == items[:, :-1]
        self._items, self._again = items, again
        self._rows = np.arange(questions.count)[:, None]
        self._bars = np.where(again, _BARRED, bars[self._rows, items])
        # Rows one after the other are one ascending list.
        rows, columns, size = questions.target_rows, questions.target_columns, questions.items
        places = np.searchsorted((items + size * self._rows).ravel(), columns + size * rows) - items.shape[1] * rows
        self.questions = replace(questions, items=items.shape[1], target_columns=places)

    @property
    def bars(self) -> Floats:
        """What is hugely negative where nothing is to be recommended: float32 [q, p]."""
        return self._bars

    def of(self, values: Floats) -> Floats:
        """Return what a term says of the pools: float32 [q, p], for float32 [q, N]."""
        return np.ascontiguousarray(values[self._rows, self._items])


def _best(values: Floats, bars: Floats, count: int) -> Integers:
    scores = values + bars
    return np.argpartition(-scores, count - 1, axis=1)[:, :count].astype(np.int64, copy=False)


def _targets(questions: Questions) -> Integers:
    """Return each case's targets, repeated to one length: int64 [q, t]."""
    numbers = np.bincount(questions.target_rows, minlength=questions.count)
    starts = np.concatenate([[0], np.cumsum(numbers)[:-1]])
    offsets = np.arange(max(int(numbers.max(initial=1)), 1))[None, :] % np.maximum(numbers, 1)[:, None]
    found: Integers = questions.target_columns[starts[:, None] + offsets]
    return found
