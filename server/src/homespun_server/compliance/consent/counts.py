"""How many choices of each kind a day brought: kept as they come, so that nobody has to look at people to count them.

The counts always equal the events that are kept: an erasure takes its events out of them again. What the
words are called is what the operator registered; what a report calls them is anybody's text, and stays with the event.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, select, update

from homespun_server.compliance.consent.rows import count_up
from homespun_server.store.schema_consent import consent_counts, consent_notices

_COLUMNS = consent_counts.c
_DAY = 10
"""Characters of a day at the beginning of a moment."""


class DayCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often something was chosen on a day.

    Attributes:
        day: The day of receipt, UTC, ISO 8601.
        purpose: The purpose; of a signal its name.
        notice: SHA-256 of the words that were shown; empty: none were.
        language: Their language, as the operator registered them; empty: they are not registered.
        version: The operator's name for them; likewise.
        action: What was chosen.
        number: How often.
    """

    day: str
    purpose: str
    notice: str
    language: str
    version: str
    action: str
    number: int


def count(connection: Connection, values: dict[str, Any], received: str) -> None:
    """Count an event within the transaction that adds it.

    Args:
        connection: The transaction's.
        values: The event's columns.
        received: When it was received.
    """
    count_up(connection, consent_counts, key_of(values, received))


def key_of(values: Any, received: str) -> dict[str, str]:
    """Return under which key an event is counted."""
    return {
        "day": received[:_DAY],
        "purpose": values["purpose"] or values["signal"] or "",
        "notice": values["notice"] or "",
        "action": values["action"],
    }


def uncount(connection: Connection, rows: Iterable[Row[Any]]) -> None:
    """Take events out of the counts within the transaction that erases them."""
    keys = Counter(tuple(key_of(row._mapping, row.received).items()) for row in rows)  # noqa: SLF001 - its public name
    for key, number in sorted(keys.items()):
        is_it = [_COLUMNS[name] == value for name, value in key]
        connection.execute(update(consent_counts).where(*is_it).values(number=_COLUMNS.number - number))
        connection.execute(delete(consent_counts).where(*is_it, _COLUMNS.number == 0))


def counts(connection: Connection, since: date | None, until: date | None) -> tuple[DayCount, ...]:
    """Return the counts of some days, in order.

    Args:
        connection: Reads.
        since: The first day; None: from the beginning.
        until: The day after the last; None: to the end.
    """
    notices = consent_notices.c
    joined = consent_counts.outerjoin(consent_notices, _COLUMNS.notice == notices.sha256)
    query = select(consent_counts, notices.language, notices.version).select_from(joined)
    if since is not None:
        query = query.where(_COLUMNS.day >= since.isoformat())
    if until is not None:
        query = query.where(_COLUMNS.day < until.isoformat())
    found = connection.execute(query.order_by(_COLUMNS.day, _COLUMNS.purpose, _COLUMNS.notice, _COLUMNS.action))
    return tuple(_counted(row) for row in found)


def _counted(row: Row[Any]) -> DayCount:
    found = row._mapping  # noqa: SLF001 - its public name
    return DayCount(**{**found, "language": found["language"] or "", "version": found["version"] or ""})
