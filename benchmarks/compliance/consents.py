"""A million consent events of a hundred thousand people over a year: a person's status, and the console's counts."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, bindparam, func, insert, select, text

from benchmarks.compliance.databases import KINDS, put, store_of
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.store import Store
from homespun_server.store.schema_consent import consent_counts, consent_events, consent_notices

EVENTS = 1_000_000
EACH = 10
BATCH = 50_000
STATUSES = 1_000
COUNTS = 60
AIM_STATUS = 5.0
"""Milliseconds that a status may take."""

AIM_PAGE = 200.0
"""Milliseconds that a console's page may take."""

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
PURPOSES = ("device_storage", "personalization", "contribution", "measurement", "explanation_log", "consent_proof")
NOTICE = "May this application remember which of the items you like? " * 10


def sections(workspace: Workspace) -> list[Section]:
    """Time statuses and counts on both databases."""
    rows: list[tuple[Cell, ...]] = []
    count = EVENTS if workspace.sample is None else int(EVENTS * workspace.sample)
    for done, kind in enumerate(KINDS, start=1):
        with tempfile.TemporaryDirectory(dir=workspace.cache) as folder, store_of(kind, Path(folder)) as store:
            fill(store, count)
            rows += _rows(kind, store, count, workspace)
        workspace.observer("consents", done, len(KINDS))
    columns = ("what", "p95, ms", "p50, ms", "bare SELECT: p95, ms", "bare SELECT: p50, ms", "aim", "verdict")
    note = (
        f"{count:,} events of {count // EACH:,} people over {DAYS} days, four wordings; times by the clock, "
        f"with connections that are kept as the service keeps them, of {STATUSES:,} statuses and {COUNTS} readings of "
        "the counts. A bare SELECT reads the very rows by their index and throws them away."
    )
    return [Section("A million consent events", columns, tuple(rows), note)]


def _rows(kind: str, store: Store, count: int, workspace: Workspace) -> Iterator[tuple[Cell, ...]]:
    ledger = ConsentLedger(store, ComplianceKeys.drawn(), None, lambda: FIRST + timedelta(days=DAYS))
    people = np.random.default_rng(7).integers(0, count // EACH, STATUSES)
    subjects = [_subject(int(each)) for each in people]
    middle = FIRST + timedelta(days=DAYS // 2)
    since = (FIRST + timedelta(days=DAYS - 90)).date()
    works: list[tuple[str, list[Callable[[], object]], list[Callable[[], object]], float]] = [
        ("status now", [_call(ledger.status_as_of, each) for each in subjects],
         [_call(_bare_events, store, each) for each in subjects], AIM_STATUS),
        ("status as of half a year ago", [_call(ledger.status_as_of, each, middle) for each in subjects],
         [_call(_bare_events, store, each) for each in subjects], AIM_STATUS),
        ("counts of 90 days", [lambda: ledger.counts(since=since)] * COUNTS,
         [lambda: _bare_counts(store, since)] * COUNTS, AIM_PAGE),
        ("counts of the whole year", [ledger.counts] * COUNTS, [lambda: _bare_counts(store, None)] * COUNTS, AIM_PAGE),
    ]  # fmt: skip
    for what, own, bare, aim in works:
        mine, theirs = _timed(own, workspace), _timed(bare, workspace)
        verdict = "met" if mine[0] <= aim else "not met"
        yield f"{kind}: {what}", *mine, *theirs, aim, verdict


def _timed(calls: list[Callable[[], object]], workspace: Workspace) -> tuple[float, float]:
    """Return the 95th percentile and the median, milliseconds."""
    times = []
    for call in calls:
        begun = workspace.clock()
        call()
        times.append(1000 * (workspace.clock() - begun))
    found = np.percentile(times, [95, 50])
    return float(found[0]), float(found[1])


def _call(function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return lambda: function(*arguments)


def _bare_events(store: Store, subject: str) -> int:
    with store.reading() as connection:
        return len(connection.execute(_BARE_EVENTS, {"subject": subject}).all())


def _bare_counts(store: Store, since: date | None) -> int:
    query = select(consent_counts) if since is None else _BARE_COUNTS
    with store.reading() as connection:
        return len(connection.execute(query, {} if since is None else {"since": since.isoformat()}).all())


_BARE_EVENTS = select(consent_events).where(consent_events.c.subject == bindparam("subject"))
_BARE_COUNTS = select(consent_counts).where(consent_counts.c.day >= bindparam("since"))


def _subject(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def fill(store: Store, count: int) -> None:
    """Put so many events into an empty store, and their counts."""
    with store.writing() as connection:
        digest = hashlib.sha256(NOTICE.encode()).hexdigest()
        said = {"language": "en", "version": "2025-1", "registered": FIRST.isoformat(timespec="seconds")}
        connection.execute(insert(consent_notices).values(sha256=digest, text=NOTICE, **said))
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            put(connection, consent_events, (_event(number, digest) for number in numbers))
        _count(connection)
        connection.execute(text("ANALYZE"))


def _event(number: int, digest: str) -> dict[str, object]:
    person, sequence = divmod(number, EACH)
    # Everybody's events are spread over the year, each person's in order.
    day = (person * 7 + sequence * DAYS // EACH) % DAYS
    moment = FIRST + timedelta(days=day, seconds=number % 86_400)
    return {
        "subject": _subject(person),
        "source": _subject(person)[:32],
        "sequence": sequence + 1,
        "origin": "device",
        "known_as": "account",
        "received": moment.isoformat(timespec="seconds"),
        "schema": 2,
        "purpose": PURPOSES[(person + sequence) % len(PURPOSES)],
        "action": "withdraw" if number % 9 == 0 else "refuse" if number % 7 == 0 else "grant",
        "notice": digest,
        "language": "en",
        "version": f"2025-{day // 92 + 1}",
        "surface": "settings page",
        "method": "explicit",
        "sdk": "1.0",
        "time": f"{moment.timestamp():.6f}",
        "valid_until": None,
        "exception": None,
        "signal": None,
        "signal_value": None,
        "outcome": "",
        "choices": "",
        "basis": None,
        "digest": digest,
        "log": number,
    }


def _count(connection: Connection) -> None:
    found = consent_events.c
    key = [func.substr(found.received, 1, 10), found.purpose, found.notice, found.action]
    counted = select(*key, func.count()).group_by(*key)
    connection.execute(insert(consent_counts).from_select([each.name for each in consent_counts.columns], counted))
