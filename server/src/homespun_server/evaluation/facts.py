"""What figures need to know of items: the catalogue, training counts, groups of popularity, tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.errors import MisuseError

GROUPS = ("head", "middle", "tail", "cold")
"""Groups of items by their training counts; an item's group is its index here."""

HEAD_SHARE = 0.2
"""The head has the most popular items that together hold this share of training, and the tail the least popular."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ItemFacts:
    """The items that lists are made of. Build it with ``of``.

    Attributes:
        ids: Their ids.
        positions: Position of every id.
        counts: int64 [items], how many training users like each.
        users: How many training users there are; at least 1.
        groups: int8 [items], index into GROUPS.
        tags: float64 CSR [items, tags], each row of norm 1, or empty.
        shares: float64 CSR [items, tags], each row of sum 1, or empty.
        tag_names: The tags, in the order of the columns.
    """

    ids: Sequence[str]
    positions: Mapping[str, int]
    counts: Integers
    users: int
    groups: NDArray[np.int8]
    tags: csr_matrix
    shares: csr_matrix
    tag_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, ids: Sequence[str], tags: Sequence[Sequence[str]], counts: Integers, users: int) -> "ItemFacts":
        """Gather the facts.

        Args:
            ids: Distinct ids.
            tags: The tags of each.
            counts: int64 [items], how many training users like each.
            users: How many training users there are.

        Raises:
            MisuseError: If the lengths differ.
        """
        if not len(ids) == len(tags) == counts.size:
            raise MisuseError(f"{len(ids)} items with {len(tags)} lists of tags and {counts.size} counts; one each.")
        marked = _marked(tags)
        return cls(
            ids=ids,
            positions={identity: position for position, identity in enumerate(ids)},
            counts=counts,
            users=max(1, users),
            groups=groups_of(counts),
            tags=_scaled(marked, power=0.5),
            shares=_scaled(marked, power=1.0),
            tag_names=tuple(_names(tags)),
        )

    @property
    def tagged(self) -> bool:
        """Whether any item has a tag."""
        return bool(self.tags.nnz)


def groups_of(counts: Integers) -> NDArray[np.int8]:
    """Return the group of every item: int8 [items], index into GROUPS.

    Args:
        counts: int64 [items], training counts; 0 is cold.
    """
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    total = max(1, int(counts.sum()))
    share = before / total
    groups = np.full(counts.size, 1, np.int8)
    groups[order[share < HEAD_SHARE]] = 0
    groups[order[share >= 1 - HEAD_SHARE]] = 2
    groups[counts == 0] = 3
    return groups


def _marked(tags: Sequence[Sequence[str]]) -> csr_matrix:
    names = {name: column for column, name in enumerate(_names(tags))}
    columns = [names[name] for own in tags for name in dict.fromkeys(own)]
    bounds = np.cumsum([0, *(len(set(own)) for own in tags)])
    return csr_matrix((np.ones(len(columns)), columns, bounds), shape=(len(tags), max(1, len(names))))


def _names(tags: Sequence[Sequence[str]]) -> list[str]:
    return sorted({name for own in tags for name in own})


def _scaled(marked: csr_matrix, *, power: float) -> csr_matrix:
    """Return rows of ones, each divided by a power of how many it has."""
    held = np.diff(marked.indptr)
    scaled = marked.copy()
    scaled.data = scaled.data / np.repeat(held.astype(np.float64), held) ** power
    return scaled
