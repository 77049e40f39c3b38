"""Cohorts: which people a sum is over, chosen so that it is known a priori in how many sums one person can be.

Two choices, neither of which looks at what anybody did:

- A *split* by the published hash of the id: a person is kept aside with share s if the first 32 bits of
  SHA-256("homespun-split-1:" + id) are below s · 2³². Training and held out are two disjoint cells.
- A *window* of time. Events outside it are not seen at all. Everybody may be in all W windows of a period, or,
  with ``at_most`` = K, each person in the K of them that a keyed hash of their own secret puts first.

``Cohort.path`` states this as memberships, from the outermost to the innermost, for whoever accounts for the
loss of the person who loses most.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.events import MAX_TIME

SPLIT_NAME = "homespun-split-1"
"""What is hashed before a colon and the id of a user, to split users."""

HASHES = 1 << 32
"""How many values the split's hash has."""

HELD_OUT = "held-out"
"""The cell of those who are kept aside; the others are in ``training``."""

_PERIOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Membership:
    """One cell of a group of cells, and in how many cells of that group one user can be.

    Attributes:
        group: Name of the group; groups of different names are nothing to each other.
        cell: Name of the cell.
        at_most: A user is in at most so many cells of the group.
    """

    group: str
    cell: str
    at_most: int


Path = tuple[Membership, ...]
"""Memberships from the outermost to the innermost; () is everybody."""


@dataclass(frozen=True)
class Window:
    """One of the windows of a period.

    Attributes:
        period: Name of the period: letters, digits, dots, underscores and hyphens.
        number: Which of its windows, from 0.
        windows: W, how many it has.
        start: First second, since 1970 UTC.
        end: The second after the last one.
        at_most: K, the number of the period's windows that one person takes part in; None: all of them.

    Raises:
        MisuseError: On construction, if it is no window of such a period.
    """

    period: str
    number: int
    windows: int
    start: int
    end: int
    at_most: int | None = None

    def __post_init__(self) -> None:
        """Check the figures."""
        if not _PERIOD.fullmatch(self.period):
            raise MisuseError(f"{self.period!r} is no name of a period: use letters, digits, '.', '_' and '-'.")
        if not 0 <= self.number < self.windows:
            raise MisuseError(f"window {self.number} of {self.windows}; windows count from 0.")
        if not 0 <= self.start < self.end <= MAX_TIME + 1:
            raise MisuseError(f"a window from {self.start} to {self.end} s since 1970 holds no time that is known.")
        if self.at_most is not None and not 1 <= self.at_most <= self.windows:
            raise MisuseError(f"at most {self.at_most} of {self.windows} windows; choose from 1 to all of them.")

    @property
    def membership(self) -> Membership:
        """The window as a cell among the period's.

        The number of windows is part of the group's name: which of them a person is in depends on it, so two
        ways to divide the same period do not share a limit.
        """
        most = self.windows if self.at_most is None else self.at_most
        return Membership(f"windows:{self.period}/{self.windows}", str(self.number), most)

    def includes(self, secret: bytes) -> bool:
        """Tell whether the person with this secret takes part in the window.

        The windows are ordered by BLAKE2b("homespun-window-1:period:windows:number", key = secret), and the
        first K are theirs.
        """
        if self.at_most is None:
            return True
        order = sorted(range(self.windows), key=lambda number: (self._hash(secret, number), number))
        return self.number in order[: self.at_most]

    def _hash(self, secret: bytes, number: int) -> bytes:
        text = f"homespun-window-1:{self.period}:{self.windows}:{number}"
        return hashlib.blake2b(text.encode(), key=secret, digest_size=16).digest()


def windows_of(period: str, edges: Sequence[int], *, at_most: int | None = None) -> tuple[Window, ...]:
    """Return the windows between edges, which divide a period.

    Args:
        period: Name of the period.
        edges: Where windows begin and the last one ends, seconds since 1970 UTC, ascending.
        at_most: K, the number of them that one person takes part in; None: all.

    Raises:
        MisuseError: If the edges divide nothing.
    """
    count = len(edges) - 1
    if count < 1:
        raise MisuseError("a period needs at least two edges.")
    spans = enumerate(pairwise(edges))
    return tuple(Window(period, number, count, start, end, at_most) for number, (start, end) in spans)


@dataclass(frozen=True)
class Split:
    """One side of the split.

    Attributes:
        below: Whose hash is below it is kept aside, in 1..2³².
        held_out: Whether this is the side that is kept aside.
    """

    below: int
    held_out: bool


@dataclass(frozen=True)
class Cohort:
    """The people, and the events of theirs, that a sum is over. Build it with the class methods.

    Attributes:
        split: Which side of a split; None: both.
        window: Which window; None: all events.
    """

    split: Split | None = None
    window: Window | None = None

    @classmethod
    def everybody(cls) -> Self:
        """Return the cohort of everybody."""
        return cls()

    @classmethod
    def training(cls, held_out_share: float) -> Self:
        """Return the cohort of all who are not kept aside; with a share of 0 that is everybody.

        Raises:
            MisuseError: If the share is not in [0, 1).
        """
        below = threshold(held_out_share)
        return cls(Split(below, held_out=False) if below else None)

    @classmethod
    def held_out(cls, share: float) -> Self:
        """Return the cohort of those who are kept aside.

        Raises:
            MisuseError: If the share is not in (0, 1), or so small that it keeps nobody aside.
        """
        below = threshold(share)
        if not below:
            raise MisuseError(f"a share of {share} keeps nobody aside, so there is no such cohort.")
        return cls(Split(below, held_out=True))

    def within(self, window: Window) -> Self:
        """Return the same people, as they are seen within a window.

        Raises:
            MisuseError: If there is a window already.
        """
        if self.window is not None:
            raise MisuseError("the cohort is within a window already; windows do not nest.")
        return replace(self, window=window)

    @property
    def path(self) -> Path:
        """In which cells of which groups the cohort lies, the outermost first."""
        path: Path = ()
        if self.split is not None:
            side = HELD_OUT if self.split.held_out else "training"
            path += (Membership(f"split:{self.split.below}", side, 1),)
        return path if self.window is None else (*path, self.window.membership)

    @property
    def by_secret(self) -> bool:
        """Whether the people's secrets decide who is in it: then its path holds for one data set's secret only."""
        window = self.window
        return window is not None and window.at_most is not None and window.at_most < window.windows

    def includes(self, hashes: NDArray[np.int64], secrets: Sequence[bytes]) -> NDArray[np.bool_]:
        """Return which people are in the cohort.

        Args:
            hashes: int64 [people], the split's hash of everybody.
            secrets: One secret a person.

        Returns:
            bool [people].
        """
        taken = np.ones(hashes.size, np.bool_)
        if self.split is not None:
            taken = (hashes < self.split.below) == self.split.held_out
        if self.window is not None and self.window.at_most is not None:
            for person in np.flatnonzero(taken).tolist():
                taken[person] = self.window.includes(secrets[person])
        return taken

    def sees(self, times: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Return which events are seen, bool [n], for times in seconds with −1 where unknown; None: all."""
        if self.window is None:
            return None
        return (times >= self.window.start) & (times < self.window.end)


def mark_of(secret: bytes) -> bytes:
    """Return what tells one data set's secret from another's, and nothing else: BLAKE2b("homespun-mark-1", key)."""
    return hashlib.blake2b(b"homespun-mark-1", key=secret, digest_size=16).digest()


def threshold(held_out_share: float) -> int:
    """Return the hash below which people are kept aside.

    Raises:
        MisuseError: If the share is not in [0, 1).
    """
    if not 0 <= held_out_share < 1:
        raise MisuseError(f"the share of people who are kept aside is {held_out_share}; it must lie in [0, 1).")
    return int(held_out_share * HASHES)
