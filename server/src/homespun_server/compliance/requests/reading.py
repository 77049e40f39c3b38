"""Reading requests: one with all that is known of it, whom it is about, the queue, and what devices are asked.

Every look of an officer at a request goes through ``viewed``, and is in the record of changes.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import select

from homespun_server.compliance.requests import rows
from homespun_server.compliance.requests.asking.answers import OpenRequest
from homespun_server.compliance.requests.course import WORKED, Course, State
from homespun_server.compliance.requests.details import Reminder, RequestDetails, for_devices, reminder
from homespun_server.compliance.requests.ports import Person
from homespun_server.compliance.requests.profile import Profile
from homespun_server.compliance.requests.rows import Request
from homespun_server.compliance.requests.sealing import Seal
from homespun_server.store import Actor, AuditLog, Store
from homespun_server.store.moments import Now
from homespun_server.store.schema_requests import request_people

MAX_QUEUE = 1_000
"""Most requests that are read at once."""

PLACE = r"[0-9T:.+Z-]{19,40}_[0-9a-f]{32}"
"""Where a page of the queue ends: a deadline and an id."""


class QueuePage(msgspec.Struct, frozen=True):
    """A page of the queue.

    Attributes:
        requests: Requests by deadline.
        after: Where it ends: ask with this for later ones; None: there are none.
    """

    requests: tuple[Request, ...]
    after: str | None


class RequestReader:
    """The requests in a store, to be read. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, seal: Seal, profiles: Mapping[str, Profile], now: Now) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            seal: Opens who a request is about.
            profiles: The regulations, by name.
            now: Returns the time.
        """
        self._store, self._seal, self._now = store, seal, now
        self._profiles = dict(profiles)
        self._audit = AuditLog(store, now)

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """The regulations that requests may be made under, by name."""
        return self._profiles

    def get(self, request: str) -> RequestDetails:
        """Return a request with its timeline, effects and receipts, without who it is about.

        Raises:
            UnknownRequestError: There is none.
        """
        with self._store.reading() as connection:
            found = rows.get(connection, request)
            rules, data_map = rows.frozen(connection, request)
            course, timeline = rows.course(connection, request)
        effects = {name: course.outcome(name) for name in data_map.names}
        return RequestDetails(
            request=found,
            rules=rules,
            data_map=data_map,
            timeline=timeline,
            effects={name: None if each is None else msgspec.to_builtins(each) for name, each in effects.items()},
            waiting=course.waiting,
            untrained=course.untrained,
            receipts={str(e.detail["device"]): e.detail["receipt"] for e in timeline if e.what == "answered"},
            missing=course.missing,
        )

    def course(self, request: str) -> Course:
        """Return how things stand with a request.

        Raises:
            UnknownRequestError: There is none.
        """
        with self._store.reading() as connection:
            return rows.course(connection, request)[0]

    def others(self, request: str) -> tuple[Course, ...]:
        """Return how things stand with the other requests that are known to be of the same person.

        Raises:
            UnknownRequestError: There is no such request.
        """
        with self._store.reading() as connection:
            found = rows.get(connection, request)
            return tuple(
                rows.course(connection, each)[0] for each in rows.of_subject(connection, found.subject, request)
            )

    def viewed(self, request: str, actor: Actor) -> tuple[RequestDetails, str | None]:
        """Return a request and whom it is about, and keep who looked.

        Raises:
            UnknownRequestError: There is none.
        """
        found = self.get(request), self.person(request).identifier
        self._audit.add(actor, "view-request", request)
        return found

    def person(self, request: str) -> Person:
        """Return whom a request is about, for what works on it.

        Raises:
            UnknownRequestError: There is no such request.
        """
        with self._store.reading() as connection:
            found = rows.get(connection, request)
            query = select(request_people.c.sealed).where(request_people.c.request == request)
            sealed = connection.scalar(query)
        return Person(request, None if sealed is None else self._seal.opened(request, bytes(sealed)), found.subject)

    def queue(
        self, *, state: State | None = None, limit: int = 100, after: tuple[str, str] | None = None
    ) -> tuple[Request, ...]:
        """Return requests by deadline.

        Args:
            state: Only those; None: those that wait for the operator.
            limit: At most so many, and never more than ``MAX_QUEUE``.
            after: Only those behind this one, by its ``place``; None: from the first on.
        """
        with self._store.reading() as connection:
            return rows.queue(connection, state=state, limit=min(limit, MAX_QUEUE), after=after)

    def page(self, *, state: State | None = None, limit: int = 100, after: str | None = None) -> QueuePage:
        """Return a page of the queue.

        Args:
            state: Only those; None: those that wait for the operator.
            limit: At most so many, and never more than ``MAX_QUEUE``.
            after: As the page before said, of the form ``PLACE``; None: the first page.
        """
        size = min(limit, MAX_QUEUE)
        deadline, _, request = (after or "").partition("_")
        with self._store.reading() as connection:
            place = (deadline, request) if after else None
            found = rows.queue(connection, state=state, limit=size + 1, after=place)
        shown = found[:size]
        return QueuePage(shown, "_".join(shown[-1].place(state)) if len(found) > size else None)

    def due(self, *, within_days: int = 7, limit: int = MAX_QUEUE) -> tuple[Reminder, ...]:
        """Return the requests whose next deadline is near or over, the most urgent first."""
        now = self._now()
        found = ((each, each.days_left(now)) for each in self.queue(limit=limit))
        return tuple(reminder(each, days, now) for each, days in found if days is not None and days <= within_days)

    def for_devices(self) -> tuple[OpenRequest, ...]:
        """Return what devices are asked: requests that are worked on, and those closed while devices were pending."""
        with self._store.reading() as connection:
            found = [each for each in rows.in_states(connection, (*WORKED, "closed_pending")) if each.subject]
            events = ((each, rows.events(connection, each.id)) for each in found)
            return tuple(for_devices(each, of) for each, of in events if not any(one.what == "lifted" for one in of))
