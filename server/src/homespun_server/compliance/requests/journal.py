"""What happens to requests is written down: each event with its entry in the transparency log, in one transaction.

The entry says what happened, when and how things then stood, and has the hash of what was said with it: free words stay
in the store, as they may name people.
"""

import hashlib

from sqlalchemy import Connection

from homespun.protocol.canonical import canonical
from homespun_server.compliance.requests import rows
from homespun_server.compliance.requests.course import Course, Event, What
from homespun_server.compliance.requests.folding import folded
from homespun_server.compliance.requests.moves import Detail
from homespun_server.compliance.requests.ports import Log
from homespun_server.compliance.requests.rows import Request
from homespun_server.store import Actor
from homespun_server.store.moments import Now, text_of


class Journal:
    """Writes events of requests. Every method works in its caller's transaction."""

    def __init__(self, log: Log, now: Now) -> None:
        """Use the transparency log of the same store.

        Args:
            log: The log.
            now: Returns the time.
        """
        self._log, self._now = log, now

    def begin(self, connection: Connection, request: Request, course: Course, detail: Detail, actor: Actor) -> None:
        """Write that a request was opened."""
        self._record(connection, request, self._event(course, 1, "opened", detail, actor), course)

    def append(
        self, connection: Connection, request: Request, course: Course, what: What, detail: Detail, actor: Actor
    ) -> Course:
        """Write what happened next, and return how things then stand.

        Raises:
            ConflictError: Somebody else acted meanwhile; nothing was written.
        """
        event = self._event(course, course.sequence + 1, what, detail, actor)
        after = folded(course, event)
        self._record(connection, request, event, after)
        return after

    def _event(self, course: Course, sequence: int, what: What, detail: Detail, actor: Actor) -> Event:
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
