"""A working directory with tables about people, and what works on requests there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from homespun_server.compliance.consent.subjects import Subjects
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.requests.course import What
from homespun_server.compliance.requests.opening import Desk, open_desk
from homespun_server.compliance.requests.profile import Kind
from homespun_server.settings import ComplianceSettings, ServerSettings, TableSettings
from homespun_server.store import Actor, Store, open_store

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
"""A Monday."""

KEYS = ComplianceKeys.drawn(lambda size: sha256(b"keys of requests").digest()[:size])
ADA, BOB = Actor("account ada", "compliance"), Actor("account bob", "compliance")
_STEPS: tuple[What, ...] = ("identified", "accepted")
PERSON, OTHER = "user-000017", "user-000018"
CSV, PARQUET = "interactions.csv", "ratings.parquet"


class Hands:
    """A clock that shows what it is set to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **spans: float) -> None:
        self.now += timedelta(**spans)


@dataclass
class Office:
    """A working directory where requests are answered."""

    settings: ServerSettings
    store: Store
    clock: Hands
    desk: Desk
    subjects: Subjects = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = Subjects(self.store, KEYS)

    def known(self, person: str = PERSON) -> str:
        """Give a person a pseudonym, as when they first agree to something."""
        with self.store.writing() as connection:
            found = self.subjects.pseudonym_within(connection, person, create=True)
        assert found is not None
        return found

    def opened(
        self, kind: Kind = "erasure", *, person: str = PERSON, regulation: str = "gdpr", until: str = "accepted"
    ):
        """Open a request and bring it to a state: ``received``, ``identified`` or ``accepted``."""
        request = self.desk.requests.open(kind, regulation, actor=ADA, identifier=person)
        steps: tuple[What, ...] = {"received": (), "identified": _STEPS[:1], "accepted": _STEPS}[until]
        for step in steps:
            if request.state == "identified" and step == "identified":
                continue
            request = self.desk.requests.act(request.id, step, ADA, {"method": "passport seen", "evidence": "case 1"})
        return request

    def closed(self, kind: Kind = "erasure", **chosen: str):
        """Open a request, work on it, answer it and close it."""
        request = self.opened(kind, **chosen)
        self.desk.saga.work(request.id, ADA)
        self.desk.exporter.answer(request.id, ADA)
        return self.desk.requests.act(request.id, "closed", ADA, {"pending": True})

    @property
    def rows(self) -> list[str]:
        return (self.settings.folder / CSV).read_text().splitlines()[1:]


@contextmanager
def office(folder: Path, place: str | None = None, *, clock: Hands | None = None) -> Iterator[Office]:
    """Open a working directory, which is made if it is not there."""
    clock = clock or Hands()
    settings = settings_of(folder, place)
    with open_store(settings.store) as store:
        yield Office(settings, store, clock, desk_of(settings, store, clock))


def settings_of(folder: Path, place: str | None = None) -> ServerSettings:
    folder.mkdir(exist_ok=True)
    (folder / "temporary").mkdir(exist_ok=True)
    if not (folder / CSV).exists():
        write_tables(folder)
    tables = (TableSettings(path=CSV, time="at"), TableSettings(path=PARQUET))
    return ServerSettings(folder, "films", database=place or "", compliance=ComplianceSettings(tables=tables))


def desk_of(settings: ServerSettings, store: Store, clock: Hands) -> Desk:
    log = TransparencyLog(store, KEYS, clock)
    return open_desk(settings, store, KEYS, log, now=clock, temporary=settings.folder / "temporary")


def write_tables(folder: Path, people: Sequence[str] = (PERSON, OTHER, "user-000019")) -> None:
    """Write 30 rows of three people as CSV, and 12 of the same as Parquet."""
    lines = [f"{people[n % 3]},item-{n},2025-01-{n % 28 + 1:02}T00:00:00+00:00" for n in range(30)]
    (folder / CSV).write_text("user,item,at\n" + "\n".join(lines) + "\n")
    table = {"user": [people[n % 3] for n in range(12)], "stars": pa.array([n % 5 for n in range(12)], pa.int16())}
    pq.write_table(pa.table(table), folder / PARQUET)


def numbered(prefix: str):
    """Return what draws bytes that are the same in every run."""
    numbers = count()
    return lambda size: sha256(f"{prefix} {next(numbers)}".encode()).digest()[:size]
