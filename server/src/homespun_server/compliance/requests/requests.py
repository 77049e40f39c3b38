"""The requests of people in a store: opened and acted on. The server's clock alone starts and ends terms.

Every event is written in one transaction with its entry in the transparency log; see ``journal``.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from homespun.protocol.asking.receipt import DeviceReceipt
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.requests import moves, rows
from homespun_server.compliance.requests.course import ENDED, Course, What, opening
from homespun_server.compliance.requests.identity import IdentityCheck
from homespun_server.compliance.requests.journal import Journal
from homespun_server.compliance.requests.ports import Connector, Log, Subjects
from homespun_server.compliance.requests.profile import Kind, Profile
from homespun_server.compliance.requests.reading import MAX_QUEUE, RequestReader
from homespun_server.compliance.requests.rows import DataMap, Request, StoreOnMap
from homespun_server.compliance.requests.sealing import Seal
from homespun_server.errors import RequestError
from homespun_server.store import Actor, Store
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema_requests import request_people, requests

__all__ = ["DEVICE", "MAX_QUEUE", "Requests"]

DEVICE = Actor("device", "device")
"""Who answers where a device does; which one, the event says."""


class Requests(RequestReader):
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
        super().__init__(store, Seal(keys.lookup, entropy), profiles, now)
        self._journal, self._subjects, self._entropy = Journal(log, now), subjects, entropy
        self._forget_devices = forget_devices
        self._map = DataMap(stores=tuple(StoreOnMap(each.name, each.what) for each in connectors))

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
        data_map = self._map.of(kind)
        course = opening(rules, data_map.names, received)
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
        detail: moves.Detail = {"kind": kind, "regulation": regulation, "how": how}
        with self._store.writing() as connection:
            rows.add(connection, request, rules, data_map)
            self._journal.begin(connection, request, course, detail, actor)
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
            course, _ = rows.course(connection, request)
            # By the very events that are judged: somebody else's may have come between the two readings.
            if seen is not None and seen != course.sequence:
                raise rows.conflict(request)
            checked = moves.checked(course, what, dict(detail or {}), self._now())
            if what == "lifted":
                self._check_alone(connection, self._named(connection, found))
            after = self._journal.append(connection, found, course, what, checked, actor)
            if moves.may_be_named(course, what, after, known=found.subject is not None):
                self._name(connection, request)
            self._audit.add_within(connection, actor, f"request-{what}", request)
            self._let_go(connection, found, after)
            if after.state in ENDED:
                connection.execute(delete(request_people).where(request_people.c.request == request))
            return rows.get(connection, request)

    def identify(
        self,
        request: str,
        check: IdentityCheck,
        offered: Mapping[str, str],
        actor: Actor,
        *,
        seen: int | None = None,
    ) -> Request:
        """Settle a person's identity, and record how. See ``act``.

        Raises:
            RequestError: It was not settled, or nobody waits for it.
        """
        found = check.check(self.person(request).identifier, offered)
        return self.act(request, "identified", actor, {"method": found.method, "evidence": found.evidence}, seen=seen)

    def record(self, request: str, what: What, detail: Mapping[str, object], actor: Actor) -> Course:
        """Record what a program did for a request that is worked on, and return how things then stand.

        Raises:
            ConflictError: Somebody else acted meanwhile; nothing was recorded.
            RequestError: It is not worked on.
        """
        with self._store.writing() as connection:
            found = rows.get(connection, request)
            course, _ = rows.course(connection, request)
            if course.state not in moves.BY_MACHINE[what]:
                raise RequestError(f"the request {request} is {course.state}: nothing is done for it any more, or yet.")
            after = self._journal.append(connection, found, course, what, dict(detail), actor)
            self._let_go(connection, found, after)
            return after

    def devices_asked(self, request: str, devices: Sequence[str], actor: Actor) -> Course:
        """Record that devices were asked, by their names; each is pending until it answers. See ``record``."""
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
        if course.state not in moves.BY_MACHINE["answered"] or course.devices.get(receipt.device):
            return
        detail: moves.Detail = {"device": receipt.device, "outcome": receipt.outcome, "receipt": raw.decode()}
        self._journal.append(connection, found, course, "answered", detail, DEVICE)

    def _check_alone(self, connection: Connection, found: Request) -> None:
        """Refuse to put rows back that another request of the same person keeps out of use."""
        others = rows.setting_aside(connection, found)
        if others:
            raise RequestError(
                f"the person also asked in {', '.join(others)} that their data not be used, and that holds. The "
                "restriction stays; nothing was recorded."
            )

    def _named(self, connection: Connection, found: Request) -> Request:
        """Return a request with the pseudonym of its person, who may have got it as it was worked on."""
        if found.subject is None:
            self._name(connection, found.id)
        return rows.get(connection, found.id)

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
