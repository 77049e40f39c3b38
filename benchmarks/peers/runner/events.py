"""What a peer learns from: events of people, as numbers, and the histories of cases as rows of a matrix."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet
from scipy.sparse import csr_matrix

from benchmarks.peers.runner.cases import Case

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Events:
    """Events sorted by person and, for one person, by their order.

    Attributes:
        ids: The items, those with most people first; what is as popular is sorted by a hash of its id, because
            ids may be numbered by something that tells.
        users: int64 [events], numbered from 0, ascending.
        items: int64 [events], places in ``ids``.
        times: float64 [events], seconds; NaN where there is no clock.
        weights: float64 [events].
    """

    ids: list[str]
    users: Integers
    items: Integers
    times: Reals
    weights: Reals

    @classmethod
    def read(cls, path: Path) -> "Events":
        """Read a table with ``user``, ``item``, ``time``, ``pos`` and ``weight``."""
        table = parquet.read_table(path).sort_by([("user", "ascending"), ("pos", "ascending")])
        users, _ = _numbered(table["user"])
        found, names = _numbered(table["item"])
        popularity = np.bincount(np.unique(users * len(names) + found) % len(names), minlength=len(names))
        order = sorted(range(len(names)), key=lambda item: (-popularity[item], _hashed(names[item])))
        places = np.empty(len(names), np.int64)
        places[order] = np.arange(len(names))
        times = table["time"].cast(pa.float64()).fill_null(np.nan).to_numpy()
        weights = table["weight"].cast(pa.float64()).to_numpy()
        return cls([names[item] for item in order], users, places[found], times, weights)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each item in ``ids``."""
        return {item: place for place, item in enumerate(self.ids)}

    def matrix(self) -> csr_matrix:
        """Return the sums of the weights, float32 [users, items]."""
        shape = (int(self.users.max()) + 1, len(self.ids))
        return csr_matrix((self.weights.astype(np.float32), (self.users, self.items)), shape=shape)

    def known(self, case: Case) -> list[int]:
        """Return the places of the items of a case's history that are in ``ids``, oldest first."""
        return [self.places[item] for item in case.items if item in self.places]

    def rows(self, cases: Iterable[Case]) -> csr_matrix:
        """Return the sums of the weights of the cases' histories, float32 [cases, items]."""
        histories = [
            [(self.places[item], weight) for item, weight in zip(case.items, case.weights, strict=True)
             if item in self.places]
            for case in cases
        ]  # fmt: skip
        rows = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
        columns = np.array([place for history in histories for place, _ in history], np.int64)
        values = np.array([weight for history in histories for _, weight in history], np.float32)
        return csr_matrix((values, (rows, columns)), shape=(len(histories), len(self.ids)))


def binary(matrix: csr_matrix) -> csr_matrix:
    """Return 1 where the matrix has an entry."""
    return csr_matrix((np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)


def _numbered(column: pa.ChunkedArray) -> tuple[Integers, list[str]]:
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _hashed(item: str) -> bytes:
    return hashlib.sha256(item.encode()).digest()
