"""Numbers of consents: by purpose, by notice, over time. Nobody is in them, and nobody can be asked for."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select

from homespun.protocol.consent import ACTIONS
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.store import Store
from homespun_server.store.schema_consent import consent_counts, consent_notices

_COLUMNS = consent_counts.c

SPANS = (30, 90, 365)
"""How many days a page may look back."""

MOST_ROWS = 200
"""Rows of a table of notices."""

DAYS_BY_DAY = 90
"""Up to so many days are told day by day; longer spans by weeks, or the page would be long."""


@dataclass(frozen=True)
class NoticeRow:
    """How often something was chosen on one notice.

    Attributes:
        purpose: The purpose.
        version: The operator's name for the words, as it registered them; empty: they are not registered.
        language: Their language; likewise.
        notice: SHA-256 of the words; empty: none were shown.
        numbers: By action.
    """

    purpose: str
    version: str
    language: str
    notice: str
    numbers: dict[str, int]


@dataclass(frozen=True)
class ConsentView:
    """Numbers of consents.

    Attributes:
        days: How many days are looked at.
        purpose: Of which purpose; empty: of all.
        purposes: Those that there are.
        actions: What was chosen, the most frequent first.
        rows: By purpose and notice, the first ``MOST_ROWS``.
        more: Whether there are more than these.
        over_time: First day of each stretch, action and number, the latest first.
        step: ``day`` or ``week``.
        total: Events that are kept, of all times.
        refused: Reports that were refused because another one had their place.
    """

    days: int
    purpose: str
    purposes: tuple[str, ...]
    actions: tuple[str, ...]
    rows: tuple[NoticeRow, ...]
    more: bool
    over_time: tuple[tuple[str, str, int], ...]
    step: str
    total: int
    refused: int

    def number_of(self, action: str) -> int:
        """Return how often something was chosen in these days."""
        return sum(number for _, chosen, number in self.over_time if chosen == action)


def consent_view(ledger: ConsentLedger, store: Store, now: datetime, days: int, purpose: str) -> ConsentView:
    """Return the numbers of some days; the database adds them up, as they are many.

    Args:
        ledger: The consent ledger.
        store: The store.
        now: The time.
        days: How many days.
        purpose: Of which purpose; empty: of all.

    Raises:
        StoreError: If the store cannot be read.
    """
    since = now.astimezone(UTC).date() - timedelta(days=days - 1)
    step = "day" if days <= DAYS_BY_DAY else "week"
    total, refused = ledger.size()
    with store.reading() as connection:
        purposes = connection.scalars(select(_COLUMNS.purpose).where(_since(since)).distinct())
        there = tuple(sorted(purposes))
        rows = _by_notice(connection, since, purpose)
        over_time = _over_time(connection, since, purpose, step)
    found: Counter[str] = Counter()
    for _, action, number in over_time:
        found[action] += number
    return ConsentView(
        days=days,
        purpose=purpose,
        purposes=there,
        actions=tuple(action for action, _ in found.most_common()),
        rows=rows[:MOST_ROWS],
        more=len(rows) > MOST_ROWS,
        over_time=over_time,
        step=step,
        total=total,
        refused=refused,
    )


def _since(since: date, purpose: str = "") -> ColumnElement[bool]:
    asked = _COLUMNS.day >= since.isoformat()
    return asked & (_COLUMNS.purpose == purpose) if purpose else asked


def _by_notice(connection: Connection, since: date, purpose: str) -> tuple[NoticeRow, ...]:
    notices = consent_notices.c
    version, language = func.coalesce(notices.version, ""), func.coalesce(notices.language, "")
    names = (_COLUMNS.purpose, version, language, _COLUMNS.notice)
    joined = consent_counts.outerjoin(consent_notices, _COLUMNS.notice == notices.sha256)
    query = select(*names, _COLUMNS.action, func.sum(_COLUMNS.number)).select_from(joined)
    query = query.where(_since(since, purpose))
    found: dict[tuple[str, str, str, str], dict[str, int]] = {}
    grouped = query.group_by(*names, _COLUMNS.action).order_by(*names)
    for row in connection.execute(grouped.limit((MOST_ROWS + 1) * len(ACTIONS))):
        named, called, spoken, notice, action, number = row
        found.setdefault((named, called, spoken, notice), {})[action] = int(number)
    return tuple(NoticeRow(*key, numbers) for key, numbers in found.items())


def _over_time(connection: Connection, since: date, purpose: str, step: str) -> tuple[tuple[str, str, int], ...]:
    names = (_COLUMNS.day, _COLUMNS.action)
    query = select(*names, func.sum(_COLUMNS.number)).where(_since(since, purpose)).group_by(*names)
    found: Counter[tuple[str, str]] = Counter()
    for day, action, number in connection.execute(query):
        start = date.fromisoformat(day)
        first = start if step == "day" else start - timedelta(days=start.weekday())
        found[first.isoformat(), action] += int(number)
    return tuple((day, action, number) for (day, action), number in sorted(found.items(), reverse=True))
