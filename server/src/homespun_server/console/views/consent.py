"""Numbers of consents: by purpose, by notice, over time. Nobody is in them, and nobody can be asked for."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.consent.counts import DayCount

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
        version: The application's name for the words.
        language: Their language.
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
        rows: By purpose and notice.
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
    over_time: tuple[tuple[str, str, int], ...]
    step: str
    total: int
    refused: int

    def number_of(self, action: str) -> int:
        """Return how often something was chosen in these days."""
        return sum(row.numbers.get(action, 0) for row in self.rows)


def consent_view(ledger: ConsentLedger, now: datetime, days: int, purpose: str) -> ConsentView:
    """Return the numbers of some days.

    Args:
        ledger: The consent ledger.
        now: The time.
        days: How many days, one of ``SPANS``.
        purpose: Of which purpose; empty: of all.

    Raises:
        StoreError: If the store cannot be read.
    """
    counts = ledger.counts(since=now.astimezone(UTC).date() - timedelta(days=days - 1))
    chosen = [each for each in counts if purpose in ("", each.purpose)]
    step = "day" if days <= DAYS_BY_DAY else "week"
    total, refused = ledger.size()
    return ConsentView(
        days=days,
        purpose=purpose,
        purposes=tuple(sorted({each.purpose for each in counts})),
        actions=_actions(chosen),
        rows=_by_notice(chosen),
        over_time=_over_time(chosen, step),
        step=step,
        total=total,
        refused=refused,
    )


def _actions(counts: Iterable[DayCount]) -> tuple[str, ...]:
    found: Counter[str] = Counter()
    for each in counts:
        found[each.action] += each.number
    return tuple(action for action, _ in found.most_common())


def _by_notice(counts: Iterable[DayCount]) -> tuple[NoticeRow, ...]:
    found: dict[tuple[str, str, str, str], Counter[str]] = {}
    for each in counts:
        key = (each.purpose, each.version, each.language, each.notice)
        found.setdefault(key, Counter())[each.action] += each.number
    rows = (NoticeRow(*key, dict(numbers)) for key, numbers in sorted(found.items()))
    return tuple(rows)[:MOST_ROWS]


def _over_time(counts: Iterable[DayCount], step: str) -> tuple[tuple[str, str, int], ...]:
    found: Counter[tuple[str, str]] = Counter()
    for each in counts:
        day = date.fromisoformat(each.day)
        start = day if step == "day" else day - timedelta(days=day.weekday())
        found[start.isoformat(), each.action] += each.number
    return tuple((day, action, number) for (day, action), number in sorted(found.items(), reverse=True))
