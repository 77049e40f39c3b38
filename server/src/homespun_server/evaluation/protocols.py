"""Protocols: which events train, which are predicted, and from what. Each is a plain value with a text for reports.

Each divides the events of a table by one query into what trains, what a request knows, and targets. No target trains,
whatever the protocol. People and items are chosen by published hashes, so everybody who divides the same table with
the same settings divides it alike.

Non-goals: sampled negatives. Every list is a ranking of the whole catalogue, or of all hidden items.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, Self

from homespun.errors import MisuseError
from homespun.protocol.bundle import NEGATIVE_KINDS
from homespun_server.evaluation.queries import (
    COLD_QUERY,
    HIDE_NAME,
    LAST_QUERY,
    STRONG_QUERY,
    TEMPORAL_QUERY,
    WHEN_QUERY,
)
from homespun_server.statistics.cohort import HASHES, threshold
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.likes import FOLD_IN, MIN_TEST_LIKES

Parameters = dict[str, object]

STRONG = "strong"
LEAVE_LAST_OUT = "leave-last-out"
TEMPORAL = "temporal"
COLD_ITEMS = "cold-items"
PROTOCOLS = (STRONG, LEAVE_LAST_OUT, TEMPORAL, COLD_ITEMS)

DEFAULT_TRAIN_SHARE = 0.9
HIDDEN_ITEMS = 0.1


@dataclass(frozen=True)
class Liked:
    """Which events speak for an item.

    Attributes:
        min_weight: The least weight; None: weights do not matter.
        negative_kinds: Kinds that speak against an item.
    """

    min_weight: float | None = None
    negative_kinds: tuple[str, ...] = NEGATIVE_KINDS

    @property
    def parameters(self) -> Parameters:
        """What the queries call it."""
        return {"min_weight": self.min_weight, "negative_kinds": list(self.negative_kinds)}


class EvaluationProtocol(Protocol):
    """How a table is divided."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def repeats(self) -> bool:
        """Whether items that the person has seen may be recommended."""

    @property
    def rolling(self) -> bool:
        """Whether every target is a case of its own that knows what came before; else a person is one case."""

    @property
    def begin(self) -> float | None:
        """When the test begins for everybody, seconds since 1970; None if that is no matter of time."""

    @property
    def liked(self) -> Liked:
        """Which events speak for an item."""

    @property
    def kept_aside(self) -> float | None:
        """Share of the users who are kept out of training; None: everybody trains."""

    @property
    def hidden_share(self) -> float | None:
        """Share of the items that are kept out of training; None: none is."""

    @property
    def by_others(self) -> tuple[str, ...]:
        """Settings through which one person's events decide about another's: sums of figures have no bound then."""

    def query(self) -> tuple[str, Parameters]:
        """Return the query that divides, and its parameters.

        It yields every event with ``train``, ``shown`` and ``target``, and ``why`` a target that it could have been
        is none.
        """

    def text(self) -> str:
        """Return what is done, for reports."""


@dataclass(frozen=True)
class StrongGeneralization:
    """Users whom training never saw; four fifths of their likes are shown, the others predicted.

    Attributes:
        test_share: Share of users kept aside, in (0, 1), by the published hash that a fit uses.
        liked: Which events speak for an item.
        max_users: Most users to test, by another published hash; None: all.
    """

    test_share: float = 0.1
    liked: Liked = Liked()
    max_users: int | None = None
    name = STRONG
    begin = None
    repeats = False
    rolling = False
    hidden_share = None

    @property
    def kept_aside(self) -> float:
        """Share of the users who are kept out of training."""
        return self.test_share

    @property
    def by_others(self) -> tuple[str, ...]:
        """Settings through which one person's events decide about another's."""
        return () if self.max_users is None else ("max_users",)

    def query(self) -> tuple[str, Parameters]:
        """Return the query that divides; see ``EvaluationProtocol``."""
        parameters: Parameters = {"fold_in": FOLD_IN, "least": MIN_TEST_LIKES, **self.liked.parameters}
        return STRONG_QUERY, {**parameters, **_users(self.test_share, self.max_users)}

    def text(self) -> str:
        """Return what is done, for reports."""
        return (
            f"Strong generalization: {_share(self.test_share)} of the users, chosen by a published hash of their id, "
            f"take no part in training. {FOLD_IN:.0%} of a test user's likes, by a published hash, are shown to the "
            "model, and the others must be found in a full ranking without the ones shown. Users with at least "
            f"{MIN_TEST_LIKES} likes count.{_most(self.max_users)}"
        )


@dataclass(frozen=True)
class LeaveLastOut:
    """Everybody's last event is predicted from all their others.

    Attributes:
        test_share: Share of users whose last event is left out, in (0, 1); None: everybody's.
        repeats: Whether items that the person has seen may be recommended, and predicted.
        least_events: Users with fewer events are left out; at least 2.
        liked: Which events speak for an item.
        max_users: Most users to test, by a published hash; None: all.
    """

    test_share: float | None = None
    repeats: bool = False
    least_events: int = 2
    liked: Liked = Liked()
    max_users: int | None = None
    name = LEAVE_LAST_OUT
    begin = None
    rolling = True
    kept_aside = None
    hidden_share = None

    def __post_init__(self) -> None:
        """Refuse what leaves no history."""
        if self.least_events < 2:  # noqa: PLR2004 - one to show, one to predict
            raise MisuseError(f"least_events is {self.least_events}; one event to show and one to predict make 2.")

    @property
    def by_others(self) -> tuple[str, ...]:
        """Settings through which one person's events decide about another's."""
        return () if self.max_users is None else ("max_users",)

    def query(self) -> tuple[str, Parameters]:
        """Return the query that divides; see ``EvaluationProtocol``."""
        parameters: Parameters = {"repeats": self.repeats, "least": self.least_events, **self.liked.parameters}
        below = HASHES if self.test_share is None else threshold(self.test_share)
        return LAST_QUERY, {**parameters, "below": below, "max_users": _limit(self.max_users)}

    def text(self) -> str:
        """Return what is done, for reports."""
        whose = "every user" if self.test_share is None else f"{_share(self.test_share)} of the users"
        return (
            f"Leave last out: the last event of {whose} is predicted from all their others, in order of time, then of "
            f"rows. Training has everybody's other events, later ones too, so it knows the future of other people; "
            f"figures are higher than any model reaches that must predict. Users with fewer than {self.least_events} "
            f"events are left out. {_repeats(self.repeats)}{_most(self.max_users)}"
        )


@dataclass(frozen=True)
class GlobalTemporal:
    """Events before a time train, and each later one is predicted from everything that came before it.

    Attributes:
        begin: When the test begins, seconds since 1970; None: after ``train_share`` of the events.
        train_share: Share of the events that have a time, in (0, 1).
        repeats: Whether items that the person has seen may be recommended, and predicted.
        max_cases_per_user: Most cases of one user, by a published hash; None: all.
        first_only: Whether only a user's first case counts; then ``max_cases_per_user`` is None.
        liked: Which events speak for an item.
        max_users: Most users to test, by a published hash; None: all.
    """

    begin: float | None = None
    train_share: float = DEFAULT_TRAIN_SHARE
    repeats: bool = False
    max_cases_per_user: int | None = None
    first_only: bool = False
    liked: Liked = Liked()
    max_users: int | None = None
    name = TEMPORAL
    rolling = True
    kept_aside = None
    hidden_share = None

    def __post_init__(self) -> None:
        """Refuse shares that leave one side empty."""
        if not 0 < self.train_share < 1:
            raise MisuseError(f"train_share is {self.train_share}; it must lie in (0, 1).")
        if self.max_cases_per_user is not None and self.max_cases_per_user < 1:
            raise MisuseError(f"max_cases_per_user is {self.max_cases_per_user}; use 1 or more, or None for all.")
        if self.first_only and self.max_cases_per_user is not None:
            raise MisuseError("first_only is one case a user already; leave max_cases_per_user out.")

    @property
    def by_others(self) -> tuple[str, ...]:
        """Settings through which one person's events decide about another's."""
        found = {"max_users": self.max_users is not None, "train_share": self.begin is None}
        return tuple(name for name, used in found.items() if used)

    def query(self) -> tuple[str, Parameters]:
        """Return the query that divides; see ``EvaluationProtocol``.

        Raises:
            MisuseError: If it was not settled for a table when the test begins.
        """
        if self.begin is None:
            raise MisuseError("when the test begins depends on the table; settle it with at().")
        parameters: Parameters = {
            "since": self.begin,
            "repeats": self.repeats,
            "most_cases": 1 if self.first_only else self.max_cases_per_user,
            "first_only": self.first_only,
            **self.liked.parameters,
        }
        return TEMPORAL_QUERY, {**parameters, "max_users": _limit(self.max_users)}

    def at(self, interactions: Interactions) -> Self:
        """Return the protocol with the time at which the test begins in a table.

        Raises:
            MisuseError: If no event has a time, or one side would be empty.
        """
        found = interactions.connection.execute(WHEN_QUERY, {"share": self.train_share}).fetchall()
        ((chosen, first, last),) = found
        if first is None:
            raise MisuseError("no event has a time, so none is earlier or later. Name the column (--columns time=…).")
        begin = float(chosen if self.begin is None else self.begin)
        if not first < begin <= last:
            raise MisuseError(
                f"the test would begin at {_when(begin)}, and the events are from {_when(first)} to {_when(last)}: "
                "one side would be empty. Choose another time or share."
            )
        return replace(self, begin=begin)

    def text(self) -> str:
        """Return what is done, for reports."""
        begin = f"after {_share(self.train_share)} of the events" if self.begin is None else _when(self.begin)
        cases = "" if self.max_cases_per_user is None else f" At most {self.max_cases_per_user} cases a user."
        cases = " Only each user's first case counts." if self.first_only else cases
        return (
            f"Global temporal split: the test begins at {begin}; events before train, and each event from then on is "
            "predicted from everything that its person did before it, in the time of the test too, at the time and in "
            f"the circumstances of the event. {_repeats(self.repeats)}{cases}{_most(self.max_users)}"
        )


@dataclass(frozen=True)
class ColdItems:
    """Items that training never saw are ranked for test users, among such items only.

    Attributes:
        test_share: Share of users kept aside, in (0, 1).
        hidden_share: Share of items that are hidden from training, in (0, 1), by a published hash.
        liked: Which events speak for an item.
        max_users: Most users to test, by a published hash; None: all.
    """

    test_share: float = 0.1
    hidden_share: float = HIDDEN_ITEMS
    liked: Liked = Liked()
    max_users: int | None = None
    name = COLD_ITEMS
    begin = None
    repeats = False
    rolling = False

    @property
    def kept_aside(self) -> float:
        """Share of the users who are kept out of training."""
        return self.test_share

    @property
    def by_others(self) -> tuple[str, ...]:
        """Settings through which one person's events decide about another's."""
        return () if self.max_users is None else ("max_users",)

    def query(self) -> tuple[str, Parameters]:
        """Return the query that divides; see ``EvaluationProtocol``."""
        hidden: Parameters = {"hidden": threshold(self.hidden_share), **self.liked.parameters}
        return COLD_QUERY, {**hidden, **_users(self.test_share, self.max_users)}

    def text(self) -> str:
        """Return what is done, for reports."""
        return (
            f"Cold items: {_share(self.hidden_share)} of the items, chosen by a published hash of their id, are hidden "
            f"from training with all that was done with them, and so are {_share(self.test_share)} of the users. The "
            "hidden items that a test user likes are ranked among all hidden items, from what the user did with the "
            f"others.{_most(self.max_users)}"
        )


def _users(test_share: float, max_users: int | None) -> Parameters:
    below = threshold(test_share)
    if not below:
        raise MisuseError(f"a share of {test_share} keeps nobody aside, so nobody can be tested.")
    return {"below": below, "max_users": _limit(max_users)}


def _limit(most: int | None) -> int:
    if most is not None and most < 1:
        raise MisuseError(f"max_users is {most}; use 1 or more, or None for all.")
    return (1 << 62) if most is None else most


def _most(most: int | None) -> str:
    return "" if most is None else f" Of these at most {most:,} users, chosen by a published hash of their id."


def _repeats(repeats: bool) -> str:  # noqa: FBT001 - a word of its own
    if repeats:
        return "Items that a person has seen may be recommended, and count if they come again."
    return "Items that a person has seen are not recommended, and events with them are no cases."


def _share(share: float) -> str:
    return f"{100 * share:.3g}%"


def _when(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def is_hidden(item: str, share: float) -> bool:
    """Return whether ``ColdItems`` hides an item: the first 32 bits of its SHA-256 are below share · 2³²."""
    found = hashlib.sha256(f"{HIDE_NAME}:{item}".encode()).digest()
    return int.from_bytes(found[:4], "big") < threshold(share)
