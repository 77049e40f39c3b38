"""Protocols that no clock is needed for, and new people from their first event on: plain values, like the server's.

They divide by queries of the same form (see ``homespun_server.evaluation.protocols``), so that a fit, a validation
and an evaluation take them like any other.
"""

from dataclasses import dataclass, field

from homespun_server.evaluation.cold import KNOWN
from homespun_server.evaluation.protocols import Liked
from homespun_server.evaluation.queries import LIKED
from homespun_server.statistics.cohort import SPLIT_NAME, threshold

Parameters = dict[str, object]

_ORDER = "homespun-benchmark-order"

_HASHED_QUERY = f"""
WITH placed AS (
    SELECT
        interactions.*,
        row_number() OVER (
            PARTITION BY user ORDER BY sha256('{_ORDER}:' || user || ':' || item_id || ':' || row)
        ) AS place,
        count(*) OVER (PARTITION BY user) AS events
    FROM interactions JOIN item_ids USING (item)
),
judged AS (
    SELECT
        *,
        place > ceil($share::DOUBLE * events) AS later,
        row_number() OVER (PARTITION BY user, item ORDER BY place) > 1 AS seen
    FROM placed
)
SELECT
    judged.* EXCLUDE (place, events, later, seen) REPLACE (place AS row, NULL::DOUBLE AS time),
    NOT later AS train,
    TRUE AS shown,
    later AND ($repeats OR NOT seen) AS target,
    CASE WHEN later AND seen AND NOT $repeats THEN 'later events with an item that was seen before' END AS why
FROM judged
"""  # noqa: S608 - own names

_NEW_QUERY = f"""
WITH likes AS (
    SELECT *, row_number() OVER (PARTITION BY user ORDER BY time NULLS FIRST, row) AS place
    FROM interactions WHERE {LIKED}
),
kept AS (
    SELECT row, place, count(*) OVER (PARTITION BY user) AS likes
    FROM likes WHERE ('0x' || substr(sha256('{SPLIT_NAME}:' || user), 1, 8))::UINTEGER < $below
)
SELECT
    interactions.*,
    ('0x' || substr(sha256('{SPLIT_NAME}:' || user), 1, 8))::UINTEGER >= $below AS train,
    place IS NOT NULL AND likes >= $least AS shown,
    COALESCE(likes >= $least AND list_contains($places::BIGINT[], place), FALSE) AS target,
    NULL::VARCHAR AS why
FROM interactions LEFT JOIN kept USING (row)
"""  # noqa: S608


@dataclass(frozen=True)
class HashedOrder:
    """Each person's events in the order of a hash: the first ones train, each later one is predicted from all before.

    For tables without a clock; where there is one, times are left out, for they would tell another order. Contexts stay
    with their events.

    Attributes:
        train_share: Share of each person's events that trains, in (0, 1).
        repeats: Whether items that the person has seen may be recommended, and predicted.
        liked: Which events speak for an item.
    """

    train_share: float = 0.8
    repeats: bool = False
    liked: Liked = field(default_factory=Liked)
    name = "hashed-order"
    rolling = True
    begin = None
    kept_aside = None
    hidden_share = None
    by_others: tuple[str, ...] = ()

    def query(self) -> tuple[str, Parameters]:
        """Return the query that divides; see ``EvaluationProtocol``."""
        return _HASHED_QUERY, {"share": self.train_share, "repeats": self.repeats}

    def text(self) -> str:
        """Return what is done, for reports."""
        again = "may be recommended, and count if they come again" if self.repeats else "are not recommended"
        return (
            f"There is no clock: each person's events are put in the order of a hash, the first {self.train_share:.0%} "
            "train, and each later one is predicted from all before it, in the circumstances of the event. Items that "
            f"a person has seen {again}."
        )


@dataclass(frozen=True)
class NewPeople:
    """People whom training never saw, from their first like on: what they liked after 0, 1, 3, 5 and 10 of them.

    Attributes:
        test_share: Share of users kept aside, in (0, 1), by the published hash that a fit uses.
        liked: Which events speak for an item.
    """

    test_share: float = 0.2
    liked: Liked = field(default_factory=Liked)
    name = "new-people"
    rolling = True
    repeats = False
    begin = None
    hidden_share = None
    by_others: tuple[str, ...] = ()

    @property
    def kept_aside(self) -> float:
        """Share of the users who are kept out of training."""
        return self.test_share

    def query(self) -> tuple[str, Parameters]:
        """Return the query that divides; see ``EvaluationProtocol``."""
        places = [known + 1 for known in KNOWN]
        sizes: Parameters = {"below": threshold(self.test_share), "least": max(places), "places": places}
        return _NEW_QUERY, {**sizes, **self.liked.parameters}

    def text(self) -> str:
        """Return what is done, for reports."""
        known = ", ".join(map(str, KNOWN))
        return (
            f"{100 * self.test_share:.3g}% of the users, chosen by a published hash of their id, take no part in "
            f"training. Of those who like at least {KNOWN[-1] + 1} items, the next like is predicted when {known} of "
            "their first likes are known, in a full ranking without these."
        )


def further(share: float, of_the_rest: float) -> float:
    """Return the share that keeps ``share`` aside, and of the others a share ``of_the_rest``, by the same hash."""
    return share + of_the_rest * (1 - share)
