"""The queries by which protocols divide events: which of them train, are shown, and are to be predicted.

Each yields the interactions' columns with ``train``, ``shown``, ``target`` and ``why`` an event that might have been a
target is none. People and items are chosen by published hashes: the first 32 bits of SHA-256 of a name, a colon and
the id, or, for samples, the order of these hashes.
"""

from homespun_server.statistics.cohort import SPLIT_NAME

_SAMPLE = "homespun-sample-1"
HIDE_NAME = "homespun-hide-1"
_CASE = "homespun-case-1"

_TEST = f"('0x' || substr(sha256('{SPLIT_NAME}:' || user), 1, 8))::UINTEGER < $below"
_HIDDEN = f"('0x' || substr(sha256('{HIDE_NAME}:' || item_id), 1, 8))::UINTEGER < $hidden"

LIKED = """(kind IS NULL OR NOT list_contains($negative_kinds::VARCHAR[], kind))
    AND ($min_weight IS NULL OR weight IS NULL OR weight >= $min_weight)"""
"""The condition that ``Liked`` puts on an event, with its parameters."""

_LIKES = f"""likes AS (
    SELECT user, item, TRUE AS test FROM (
        SELECT
            user,
            item,
            last(kind ORDER BY time NULLS FIRST, row) AS kind,
            last(weight ORDER BY time NULLS FIRST, row) FILTER (weight IS NOT NULL) AS weight
        FROM interactions WHERE {_TEST} GROUP BY user, item
    )
    WHERE {LIKED}
)"""  # noqa: S608 - own names

_ORDERED = f"""ordered AS (
    SELECT
        *,
        row_number() OVER own AS place,
        count(*) OVER (PARTITION BY user) AS events,
        row_number() OVER (PARTITION BY user, item ORDER BY time NULLS FIRST, row) > 1 AS seen,
        {LIKED} AS liked
    FROM interactions
    WINDOW own AS (PARTITION BY user ORDER BY time NULLS FIRST, row)
)"""  # noqa: S608


def _sampled(candidates: str) -> str:
    return f"""sampled AS (
    SELECT user FROM (SELECT DISTINCT user FROM {candidates})
    ORDER BY sha256('{_SAMPLE}:' || user) LIMIT $max_users
)"""  # noqa: S608


_RANKED = """ranked AS (
    SELECT
        user,
        item,
        row_number() OVER (PARTITION BY user ORDER BY sha256('homespun-fold-1:' || user || ':' || item_id)) AS place,
        count(*) OVER (PARTITION BY user) AS likes
    FROM likes JOIN item_ids USING (item)
    WHERE test
)"""

_PREDICTED = "place > greatest(1, least(likes - 1, floor($fold_in::DOUBLE * likes)))"

STRONG_QUERY = f"""
WITH {_LIKES},
{_RANKED},
chosen AS (FROM ranked WHERE likes >= $least),
{_sampled("chosen")}
SELECT
    interactions.*,
    NOT ({_TEST}) AS train,
    place IS NOT NULL AS shown,
    COALESCE({_PREDICTED}, FALSE) AS target,
    NULL::VARCHAR AS why
FROM interactions LEFT JOIN (FROM chosen SEMI JOIN sampled USING (user)) USING (user, item)
"""  # noqa: S608

HELD_OUT_LIKES = f"""
WITH {_RANKED}
SELECT interactions.*, {_PREDICTED} AS target
FROM interactions JOIN ranked USING (user, item)
WHERE likes >= $least
"""  # noqa: S608
"""Strong generalization of likes that were derived already."""

COLD_QUERY = f"""
WITH {_LIKES},
named AS (SELECT interactions.*, {_HIDDEN} AS hidden, {_TEST} AS test FROM interactions JOIN item_ids USING (item)),
wanted AS (FROM named SEMI JOIN likes USING (user, item) WHERE hidden AND test),
{_sampled("wanted SEMI JOIN (FROM named WHERE NOT hidden) USING (user)")}
SELECT
    named.* EXCLUDE (hidden, test),
    NOT hidden AND NOT named.test AS train,
    sampled.user IS NOT NULL AND (NOT hidden OR likes.user IS NOT NULL) AS shown,
    hidden AND sampled.user IS NOT NULL AND likes.user IS NOT NULL AS target,
    NULL::VARCHAR AS why
FROM named
LEFT JOIN sampled ON named.user = sampled.user
LEFT JOIN likes ON named.user = likes.user AND named.item = likes.item
"""  # noqa: S608

LAST_QUERY = f"""
WITH {_ORDERED},
judged AS (
    SELECT
        *,
        place = events AND {_TEST} AS last,
        CASE
            WHEN events < $least THEN 'users with fewer events than asked for'
            WHEN NOT liked THEN 'last events that speak against their item'
            WHEN seen AND NOT $repeats THEN 'last events with an item that was seen before'
        END AS why
    FROM ordered
),
{_sampled("(FROM judged WHERE last AND why IS NULL)")}
SELECT
    judged.* EXCLUDE (place, events, seen, liked, last, why),
    NOT (last AND why IS NULL) AS train,
    sampled.user IS NOT NULL AS shown,
    last AND why IS NULL AND sampled.user IS NOT NULL AS target,
    CASE WHEN last THEN why END AS why
FROM judged LEFT JOIN sampled ON judged.user = sampled.user
"""  # noqa: S608

TEMPORAL_QUERY = f"""
WITH {_ORDERED},
judged AS (
    SELECT
        *,
        COALESCE(time >= $since, FALSE) AS later,
        CASE
            WHEN NOT liked THEN 'later events that speak against their item'
            WHEN seen AND NOT $repeats THEN 'later events with an item that was seen before'
        END AS why
    FROM ordered
),
{_sampled("(FROM judged WHERE later AND why IS NULL)")},
counted AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY user, later AND why IS NULL
            ORDER BY CASE WHEN $first_only THEN place END, sha256('{_CASE}:' || user || ':' || place)
        ) AS number
    FROM judged
)
SELECT
    counted.* EXCLUDE (place, events, seen, liked, later, why, number),
    NOT later AS train,
    sampled.user IS NOT NULL AS shown,
    later AND why IS NULL AND sampled.user IS NOT NULL AND ($most_cases IS NULL OR number <= $most_cases) AS target,
    CASE WHEN later THEN why END AS why
FROM counted LEFT JOIN sampled ON counted.user = sampled.user
"""  # noqa: S608

WHEN_QUERY = """
SELECT quantile_disc(time, $share::DOUBLE), min(time), max(time) FROM interactions WHERE time IS NOT NULL
"""
