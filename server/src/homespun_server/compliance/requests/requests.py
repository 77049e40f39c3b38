"""The requests of people in a store: opened, acted on, asked about. The server's clock alone starts and ends terms.

Every event is written in one transaction with its entry in the transparency log. The entry says what happened, when
and how things then stood, and has the hash of what was said with it: free words stay here, as they may name people.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from homespun.protocol.asking.receipt import DeviceReceipt
from homespun.protocol.canonical import canonical
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.requests import moves, rows
from homespun_server.compliance.requests.asking.answers import OpenRequest
from homespun_server.compliance.requests.course import ENDED, WORKED, Course, Event, State, What, folded, opening
from homespun_server.compliance.requests.details import Reminder, RequestDetails, for_devices, reminder
from homespun_server.compliance.requests.effects import PSEUDONYMS
from homespun_server.compliance.requests.identity import IdentityCheck
from homespun_server.compliance.requests.ports import Connector, Log, Person, Subjects
from homespun_server.compliance.requests.profile import Kind, Profile
from homespun_server.compliance.requests.rows import DataMap, Request, StoreOnMap
from homespun_server.compliance.requests.sealing import Seal
from homespun_server.errors import RequestError
from homespun_server.store import Actor, AuditLog, Store
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema_requests import request_people, requests

__all__ = ["DEVICE", "MAX_QUEUE", "Reminder", "RequestDetails", "Requests"]

DEVICE = Actor("device", "device")
"""Who answers where a device does; which one, the event says."""

MAX_QUEUE = 1_000
"""Most requests that are read at once."""

_BY_MACHINE: dict[What, frozenset[State]] = {
    "began": WORKED,
    "effect": WORKED,
    "asked": WORKED,
    "scheduled": WORKED,
    "answered": WORKED | {"closed_pending"},
    "retrained": WORKED | {"closed_pending"},
    "returned": frozenset({"completed", "closed", "closed_pending"}),
}


class Requests:
    """The requests in a store. Safe to use from several threads and processes at once."""

    def __init__(
        self,
        store: Store,
        keys: ComplianceKeys,
        log: Log,
        *,
        subjects: Subjects,
        profiles: Mapping[str, Profile],
        connectors: Sequence[Connector] = (),
        forget_devices: Callable[[Connection, str], int] | None = None,
        now: Now = utc_now,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            keys: The compliance keys.
            log: The transparency log of the same store.
            subjects: The pseudonyms.
            profiles: The regulations, by name.
            connectors: The data map: every store that may hold data about people.
            forget_devices: Forgets what devices registered under a pseudonym, once an erasure is closed.
            now: Returns the time.
            entropy: Returns so many unpredictable bytes.
        """
        self._forget_devices = forget_devices
        self._store, self._log, self._subjects, self._now, self._entropy = store, log, subjects, now, entropy
        self._profiles = dict(profiles)
        self._map = DataMap(stores=tuple(StoreOnMap(each.name, each.what) for each in connectors))
        self._seal = Seal(keys.lookup, entropy)
        self._audit = AuditLog(store, now)

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """The regulations that requests may be made under, by name."""
        return self._profiles

    def open(
        self,
        kind: Kind,
        regulation: str,
        *,
        actor: Actor,
        identifier: str | None = None,
        subject: str | None = None,
        how: str = "recorded by an officer",
    ) -> Request:
        """Open a request; its clock starts now.

        Args:
            kind: What is asked for.
            regulation: Under which profile.
            actor: Who records it.
            identifier: What the operator calls the person; kept sealed until the request ends.
            subject: The person's pseudonym, where that alone is known.
            how: How it came, in a few words.

        Raises:
            RequestError: There is no such regulation, or nobody is named.
            SettingsError: The regulation has no such right.
        """
        profile = self._profiles.get(regulation)
        if profile is None or not (identifier or subject):
            what = "names nobody" if profile else f"is under {regulation!r}, of {', '.join(self._profiles)}"
            raise RequestError(f"the request {what}. Nothing was recorded.")
        if identifier:
            subject = self._subjects.pseudonym(identifier) or subject
        rules, received = profile.rules(kind), self._now().astimezone(UTC).replace(microsecond=0)
        course = opening(rules, self._map.names, received)
        request = Request(
            id=self._entropy(16).hex(),
            kind=kind,
            regulation=regulation,
            subject=subject,
            state=course.state,
            received=text_of(received),
            due=text_of(course.due),
            next=None if course.next is None else text_of(course.next),
            events=0,
        )
        event = self._event(course, 1, "opened", {"kind": kind, "regulation": regulation, "how": how}, actor)
        with self._store.writing() as connection:
            rows.add(connection, request, rules, self._map)
            self._record(connection, request, event, course)
            if identifier:
                sealed = self._seal.sealed(request.id, identifier)
                connection.execute(insert(request_people).values(request=request.id, sealed=sealed))
            self._audit.add_within(connection, actor, "open-request", request.id, {"kind": kind})
        return msgspec.structs.replace(request, events=1)

    def act(
        self,
        request: str,
        what: What,
        actor: Actor,
        detail: Mapping[str, object] | None = None,
        *,
        seen: int | None = None,
    ) -> Request:
        """Record what an officer did or decided.

        Args:
            request: The request's id.
            what: ``confirmed``, ``identified``, ``accepted``, ``refused``, ``extended``, ``withdrawn``, ``working``,
                ``exported``, ``closed`` or ``lifted``.
            actor: Who.
            detail: What belongs to it: see ``moves``.
            seen: How many events the officer had seen; None: not said.

        Raises:
            ConflictError: Somebody else acted meanwhile; nothing was recorded.
            RequestError: The state, the rules or missing evidence forbid it.
            UnknownRequestError: There is no such request.
        """
        with self._store.writing() as connection:
            found = rows.get(connection, request)
            if seen is not None and seen != found.events:
                raise rows.conflict(request)
            course, _ = rows.course(connection, request)
            checked = moves.checked(course, what, dict(detail or {}), self._now())
            if what == "lifted":
                self._check_alone(connection, found)
            after = self._append(connection, found, course, what, checked, actor)
            if _may_be_named(found, course, what, after):
                self._name(connection, request)
            self._audit.add_within(connection, actor, f"request-{what}", request)
            self._let_go(connection, found, after)
            if after.state in ENDED:
                connection.execute(delete(request_people).where(request_people.c.request == request))
            return rows.get(connection, request)

    def identify(self, request: str, check: IdentityCheck, offered: Mapping[str, str], actor: Actor) -> Request:
        """Settle a person's identity, and record how.

        Raises:
            RequestError: It was not settled, or nobody waits for it.
        """
        found = check.check(self.person(request).identifier, offered)
        return self.act(request, "identified", actor, {"method": found.method, "evidence": found.evidence})

    def record(self, request: str, what: What, detail: Mapping[str, object], actor: Actor) -> Course:
        """Record what a program did for a request that is worked on, and return how things then stand.

        Raises:
            ConflictError: Somebody else acted meanwhile; nothing was recorded.
            RequestError: It is not worked on.
        """
        with self._store.writing() as connection:
            found = rows.get(connection, request)
            course, _ = rows.course(connection, request)
            if course.state not in _BY_MACHINE[what]:
                raise RequestError(f"the request {request} is {course.state}: nothing is done for it any more, or yet.")
            after = self._append(connection, found, course, what, dict(detail), actor)
            self._let_go(connection, found, after)
            return after

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

    def devices_asked(self, request: str, devices: Sequence[str], actor: Actor) -> Course:
        """Record that devices were asked, by their names; each is pending until it answers.

        Raises:
            RequestError: The request is not worked on.
        """
        return self.record(request, "asked", {"devices": sorted(devices)}, actor)

    def device_answered_within(self, connection: Connection, receipt: DeviceReceipt, raw: bytes) -> None:
        """Record a device's signed receipt, which was verified, in the transaction that keeps it; once.

        A request that has ended stays as it is: what comes too late is kept with the device.

        Args:
            connection: The transaction's.
            receipt: The receipt.
            raw: The same as it came.

        Raises:
            UnknownRequestError: There is no such request.
        """
        found = rows.get(connection, receipt.request)
        course, _ = rows.course(connection, receipt.request)
        if course.state not in _BY_MACHINE["answered"] or course.devices.get(receipt.device):
            return
        detail: moves.Detail = {"device": receipt.device, "outcome": receipt.outcome, "receipt": raw.decode()}
        self._append(connection, found, course, "answered", detail, DEVICE)

    def _check_alone(self, connection: Connection, found: Request) -> None:
        """Refuse to put rows back that another request of the same person keeps out of use."""
        others = rows.setting_aside(connection, found)
        if others:
            raise RequestError(
                f"the person also asked in {', '.join(others)} that their data not be used, and that holds. The "
                "restriction stays; nothing was recorded."
            )

    def _let_go(self, connection: Connection, found: Request, after: Course) -> None:
        """Forget the devices of somebody whose erasure is closed: nothing is asked of them any more."""
        if after.state == "closed" and found.kind == "erasure" and found.subject and self._forget_devices:
            self._forget_devices(connection, found.subject)

    def _name(self, connection: Connection, request: str) -> None:
        """Keep the pseudonym that a person has now, before anything forgets it.

        They may have got it after the request was opened, or another one, after an erasure that was asked for twice.
        """
        query = select(request_people.c.sealed).where(request_people.c.request == request)
        sealed = connection.scalar(query)
        subject = sealed and self._subjects.pseudonym(self._seal.opened(request, bytes(sealed)))
        if subject:
            connection.execute(update(requests).where(requests.c.id == request).values(subject=subject))

    def _append(
        self, connection: Connection, found: Request, course: Course, what: What, detail: moves.Detail, actor: Actor
    ) -> Course:
        event = self._event(course, course.sequence + 1, what, detail, actor)
        after = folded(course, event)
        self._record(connection, found, event, after)
        return after

    def _event(self, course: Course, sequence: int, what: What, detail: moves.Detail, actor: Actor) -> Event:
        moment = max(self._now(), course.received)
        return Event(
            sequence=sequence, moment=text_of(moment), who=actor.who, role=actor.role, what=what, detail=detail
        )

    def _record(self, connection: Connection, request: Request, event: Event, after: Course) -> None:
        rows.append(connection, request.id, event, after)
        content = {
            "request": request.id,
            "sequence": event.sequence,
            "moment": event.moment,
            "what": event.what,
            "kind": request.kind,
            "regulation": request.regulation,
            "received": request.received,
            "state": after.state,
            "due": text_of(after.due),
            "missing": list(after.missing),
            "detail": hashlib.sha256(canonical(event.detail)).hexdigest(),
        }
        self._log.append_within(connection, "request", content, reference=f"{request.id}/{event.sequence}")


def _may_be_named(found: Request, course: Course, what: What, after: Course) -> bool:
    """Return whether a request's pseudonym is looked up: as work begins, and as it ends without one.

    Once the key was destroyed, whoever has a pseudonym under the same name came back; the request is not about them.
    """
    keyless = course.outcome(PSEUDONYMS)
    if what == "working":
        return keyless is None or not keyless.final
    return after.state in ENDED and found.subject is None and found.kind != "erasure"
