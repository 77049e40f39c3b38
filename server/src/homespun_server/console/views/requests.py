"""The queue of requests by deadline, and one request with what was done and what may be done next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, func, select

from homespun_server.compliance.requests.course import COPIES, State
from homespun_server.compliance.requests.details import RequestDetails
from homespun_server.compliance.requests.opening import Desk
from homespun_server.compliance.requests.rows import Request
from homespun_server.console.words import number, span
from homespun_server.store import Store
from homespun_server.store.schema_requests import requests

PAGE = 100

MOST_COUNTED = 1_000
"""Requests of a state that are counted; a page that counted all of them would be slower every year."""

SOON_DAYS = 7

STATES: tuple[State, ...] = (
    "received",
    "identified",
    "accepted",
    "working",
    "partial",
    "completed",
    "closed",
    "closed_pending",
    "refused",
    "withdrawn",
)

_LEVELS = {"completed": "well", "closed": "well", "closed_pending": "watch", "refused": "off", "withdrawn": "off"}

_NEXT: dict[State, tuple[str, ...]] = {
    "received": ("confirm", "identify", "extend", "refuse", "withdraw"),
    "identified": ("accept", "confirm", "extend", "refuse", "withdraw"),
    "accepted": ("work", "confirm", "extend", "withdraw"),
    "working": ("work", "export", "extend", "confirm"),
    "partial": ("work", "export", "close", "extend", "confirm"),
    "completed": ("export", "close", "extend", "confirm"),
}
"""What an officer may do next, the most likely first."""


@dataclass(frozen=True)
class Queued:
    """A request in the queue.

    Attributes:
        request: The request.
        level: How urgent it is.
        left: How long there is, in words; empty: it has ended.
    """

    request: Request
    level: str
    left: str


@dataclass(frozen=True)
class Queue:
    """Requests by deadline.

    Attributes:
        state: Of which state; empty: those that wait for the operator.
        rows: A page of them.
        numbers: How many there are of each state, in words.
        open: How many wait for the operator, in words.
        first: Whether this is the first page.
        after: Ask with this for later ones; empty: there are none.
    """

    state: str
    rows: tuple[Queued, ...]
    numbers: dict[str, str]
    open: str
    first: bool
    after: str


@dataclass(frozen=True)
class RequestView:
    """One request.

    Attributes:
        details: What is known of it.
        person: What the operator calls the person; None: it is not shown to this role, or not known any more.
        row: How urgent it is.
        actions: What may be done next.
    """

    details: RequestDetails
    person: str | None
    row: Queued
    actions: tuple[str, ...]

    @property
    def dangerous(self) -> bool:
        """Whether working on it takes away what cannot be put back."""
        return self.details.request.kind == "erasure"


def queue(desk: Desk, store: Store, now: datetime, state: State | None = None, after: str = "") -> Queue:
    """Return a page of the requests that wait, or of those of a state.

    Args:
        desk: What works on requests.
        store: The store.
        now: The time.
        state: Of which state; None: those that wait for the operator.
        after: As the page before said; empty: the first page.

    Raises:
        StoreError: If the store cannot be read.
    """
    deadline, _, request = after.partition("_")
    found = desk.requests.queue(state=state, limit=PAGE + 1, after=(deadline, request) if after else None)
    numbers = _numbers(store)
    return Queue(
        state=state or "",
        rows=tuple(queued(each, now) for each in found[:PAGE]),
        open=numbers.pop(_WAITING),
        numbers=numbers,
        first=not after,
        after="_".join(found[PAGE - 1].place(state)) if len(found) > PAGE else "",
    )


def queued(request: Request, now: datetime) -> Queued:
    """Return a request with how urgent it is."""
    if request.next is None:
        return Queued(request, _LEVELS.get(request.state, "off"), "")
    seconds = (datetime.fromisoformat(request.next) - now).total_seconds()
    if seconds < 0:
        return Queued(request, "act", f"{span(-seconds)} late")
    level = "watch" if (request.days_left(now) or 0) < SOON_DAYS else "well"
    return Queued(request, level, f"{span(seconds)} left")


def request_view(details: RequestDetails, person: str | None, now: datetime) -> RequestView:
    """Return a request.

    Args:
        details: What is known of it.
        person: What the operator calls the person; None: it is not shown.
        now: The time.
    """
    return RequestView(details, person, queued(details.request, now), tuple(_actions(details)))


def _actions(details: RequestDetails) -> Iterator[str]:
    confirmed = details.rules.confirmation is None or any(each.what == "confirmed" for each in details.timeline)
    extended = details.rules.extension is None or any(each.what == "extended" for each in details.timeline)
    left_out = {"confirm": confirmed, "extend": extended, "export": details.request.kind not in COPIES}
    yield from (each for each in _NEXT.get(details.request.state, ()) if not left_out.get(each, False))


def _counted(chosen: ColumnElement[bool]) -> ScalarSelect[int]:
    """Return the query of how many requests there are, which stops at one more than is told."""
    some = select(requests.c.id).where(chosen).limit(MOST_COUNTED + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


_WAITING = "waiting"
NUMBERS = select(
    _counted(requests.c.next.is_not(None)).label(_WAITING),
    *(_counted(requests.c.state == state).label(state) for state in STATES),
)
"""How many requests wait and how many are of each state, as far as they are counted."""


def _numbers(store: Store) -> dict[str, str]:
    with store.reading() as connection:
        found = connection.execute(NUMBERS).one()._asdict()
    return {name: _told(int(counted)) for name, counted in found.items()}


def _told(counted: int) -> str:
    return f"{number(MOST_COUNTED)}+" if counted > MOST_COUNTED else number(counted)
