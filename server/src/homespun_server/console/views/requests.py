"""The queue of requests by deadline, and one request with what was done and what may be done next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from homespun_server.compliance.requests.course import COPIES, State
from homespun_server.compliance.requests.opening import Desk
from homespun_server.compliance.requests.requests import RequestDetails
from homespun_server.compliance.requests.rows import Request
from homespun_server.console.words import span
from homespun_server.store import Store
from homespun_server.store.schema_requests import requests

PAGE = 100

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
        rows: The first ones.
        numbers: How many there are of each state.
        open: How many wait for the operator.
        more: Whether there are more than are listed.
    """

    state: str
    rows: tuple[Queued, ...]
    numbers: dict[str, int]
    open: int
    more: bool


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


def queue(desk: Desk, store: Store, now: datetime, state: State | None = None) -> Queue:
    """Return the requests that wait, or those of a state.

    Args:
        desk: What works on requests.
        store: The store.
        now: The time.
        state: Of which state; None: those that wait for the operator.

    Raises:
        StoreError: If the store cannot be read.
    """
    found = desk.requests.queue(state=state, limit=PAGE + 1)
    numbers = _numbers(store)
    return Queue(
        state=state or "",
        rows=tuple(queued(each, now) for each in found[:PAGE]),
        numbers=numbers,
        open=sum(number for name, number in numbers.items() if name in _NEXT),
        more=len(found) > PAGE,
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


def _numbers(store: Store) -> dict[str, int]:
    query = select(requests.c.state, func.count()).group_by(requests.c.state)
    with store.reading() as connection:
        return {state: int(number) for state, number in connection.execute(query)}
