"""The queue of requests by deadline, and one request with what was done and what may be done next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, func, select

from homespun_server.compliance.requests.course import COPIES, ENDED, State
from homespun_server.compliance.requests.details import RequestDetails
from homespun_server.compliance.requests.effects import EXPLANATIONS
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
    "received": ("confirm", "check", "identify", "extend", "refuse", "withdraw"),
    "identified": ("accept", "confirm", "extend", "refuse", "withdraw"),
    "accepted": ("work", "confirm", "extend", "withdraw"),
    "working": ("work", "export", "no-records", "extend", "confirm"),
    "partial": ("work", "export", "no-records", "close", "extend", "confirm"),
    "completed": ("export", "close", "lift", "extend", "confirm"),
    "closed": ("lift", "export"),
    "closed_pending": ("lift", "export"),
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
    def explains(self) -> bool:
        """Whether the answer explains lists, or says why not."""
        return self.details.request.kind == "explanation"

    @property
    def copies(self) -> bool:
        """Whether the answer has the person's copy."""
        return self.details.request.kind in COPIES

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
    found = desk.requests.page(state=state, limit=PAGE, after=after or None)
    numbers = _numbers(store)
    return Queue(
        state=state or "",
        rows=tuple(queued(each, now) for each in found.requests),
        open=numbers.pop(_WAITING),
        numbers=numbers,
        first=not after,
        after=found.after or "",
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


def request_view(desk: Desk, details: RequestDetails, person: str | None, now: datetime) -> RequestView:
    """Return a request.

    Args:
        desk: What works on requests.
        details: What is known of it.
        person: What the operator calls the person; None: it is not shown.
        now: The time.
    """
    return RequestView(details, person, queued(details.request, now), tuple(_actions(desk, details)))


def _actions(desk: Desk, details: RequestDetails) -> Iterator[str]:
    confirmed = details.rules.confirmation is None or any(each.what == "confirmed" for each in details.timeline)
    extended = details.rules.extension is None or any(each.what == "extended" for each in details.timeline)
    kind = details.request.kind
    left_out = {
        "confirm": confirmed,
        "extend": extended,
        # A copy needs the person's name, which is gone once a request has ended.
        "export": kind in COPIES and details.request.state in ENDED,
        "check": desk.identity is None,
        "no-records": kind != "explanation" or (details.effects.get(EXPLANATIONS) or {}).get("outcome") == "done",
        "lift": kind != "restriction" or _is_lifted(desk, details),
    }
    yield from (each for each in _NEXT.get(details.request.state, ()) if not left_out.get(each, False))


def _is_lifted(desk: Desk, details: RequestDetails) -> bool:
    """Return whether a restriction was lifted, and every row is back: an end in between leaves some aside."""
    lifted = any(each.what == "lifted" for each in details.timeline)
    return lifted and not desk.saga.is_set_aside(details.request.id)


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
