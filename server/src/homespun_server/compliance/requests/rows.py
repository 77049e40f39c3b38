"""Requests as rows; see ``store/schema_requests.py``. Every function works in its caller's transaction."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, Row, insert, select, text, tuple_, update
from sqlalchemy.exc import IntegrityError

from homespun.protocol.canonical import canonical
from homespun_server.compliance.requests.course import WORKED, Course, Event, State, opening
from homespun_server.compliance.requests.effects import EXPLANATIONS, EXPLANATIONS_ARE
from homespun_server.compliance.requests.folding import folded
from homespun_server.compliance.requests.profile import Kind, Rules
from homespun_server.errors import ConflictError, UnknownRequestError
from homespun_server.store.moments import text_of
from homespun_server.store.schema_requests import request_documents, request_events, requests

T = TypeVar("T", bound=msgspec.Struct)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request, without who it is about.

    Attributes:
        id: 32 hexadecimal digits, random.
        kind: What is asked for.
        regulation: Under which profile.
        subject: The person's pseudonym; None: the operator has no records under one.
        state: Where it is.
        received: When the clock started, ISO 8601, UTC.
        due: Until when it is answered.
        next: The next deadline; None: it has ended.
        events: How many events it has; told back by who acts on it, so that nobody acts on what they did not see.
    """

    id: str
    kind: Kind
    regulation: str
    subject: str | None
    state: State
    received: str
    due: str
    next: str | None
    events: int

    def days_left(self, now: datetime) -> int | None:
        """Return the whole days until the next deadline, negative when it is over; None: it has ended."""
        return None if self.next is None else (datetime.fromisoformat(self.next) - now).days

    def place(self, state: State | None) -> tuple[str, str]:
        """Return where it is in the queue of a state, or in that of those that wait: its deadline and its id."""
        return (self.due if state or self.next is None else self.next), self.id


class StoreOnMap(msgspec.Struct, frozen=True):
    """A store of the data map.

    Attributes:
        name: Its name.
        what: What it holds, in plain words.
    """

    name: str
    what: str


class DataMap(msgspec.Struct, frozen=True, kw_only=True):
    """Where data about people may be, as it was when a request was opened.

    Attributes:
        schema: Version of what is kept.
        stores: The stores, in the order in which they are worked on.
    """

    schema: int = 1
    stores: tuple[StoreOnMap, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The stores' names."""
        return tuple(each.name for each in self.stores)

    def of(self, kind: Kind) -> "DataMap":
        """Return where a request of a kind is carried to: one for an explanation also has to get one."""
        more = (StoreOnMap(EXPLANATIONS, EXPLANATIONS_ARE),) if kind == "explanation" else ()
        return DataMap(stores=(*self.stores, *more))


_COLUMNS = [requests.c[name] for name in Request.__struct_fields__]
_KEEP = text(
    "INSERT INTO homespun_request_documents (digest, content) VALUES (:digest, :content) "
    "ON CONFLICT (digest) DO NOTHING"
)


def add(connection: Connection, request: Request, rules: Rules, data_map: DataMap) -> None:
    """Add a request, with the rules and the data map that it was opened under."""
    kept = {"rules": _keep(connection, rules), "data_map": _keep(connection, data_map)}
    connection.execute(insert(requests).values(**msgspec.structs.asdict(request), **kept))


def get(connection: Connection, request: str) -> Request:
    """Return a request.

    Raises:
        UnknownRequestError: There is none.
    """
    row = connection.execute(select(*_COLUMNS).where(requests.c.id == request)).one_or_none()
    if row is None:
        raise UnknownRequestError(f"there is no request {request!r}; request list names those there are.")
    return Request(**row._asdict())


def queue(
    connection: Connection, *, state: State | None, limit: int, after: tuple[str, str] | None = None
) -> tuple[Request, ...]:
    """Return requests by deadline: the open ones by the next, those of a state by when they are or were due.

    It begins behind a place, so that the hundredth page reads no more rows than the first.
    """
    deadline = requests.c.next if state is None else requests.c.due
    chosen = requests.c.next.is_not(None) if state is None else requests.c.state == state
    query = select(*_COLUMNS).where(chosen).order_by(deadline, requests.c.id)
    if after is not None:
        query = query.where(tuple_(deadline, requests.c.id) > tuple_(*after))
    return tuple(Request(**row._asdict()) for row in connection.execute(query.limit(limit)))


def in_states(connection: Connection, states: Iterable[State]) -> tuple[Request, ...]:
    """Return every request in some states, by when it is due."""
    query = select(*_COLUMNS).where(requests.c.state.in_(list(states))).order_by(requests.c.due, requests.c.id)
    return tuple(Request(**row._asdict()) for row in connection.execute(query))


def of_subject(connection: Connection, subject: str | None, but: str) -> tuple[str, ...]:
    """Return the ids of the other requests of a pseudonym; of nobody's there are none."""
    if subject is None:
        return ()
    query = select(requests.c.id).where(requests.c.subject == subject, requests.c.id != but).order_by(requests.c.id)
    return tuple(connection.scalars(query))


def setting_aside(connection: Connection, request: Request) -> tuple[str, ...]:
    """Return the other requests of the same person that keep their data out of use: worked on, and not lifted.

    Of somebody without a pseudonym there are none here; marks tell of theirs (``holding``).
    """
    if request.subject is None:
        return ()
    lifted = select(request_events.c.request).where(request_events.c.what == "lifted")
    query = select(requests.c.id).where(
        requests.c.subject == request.subject,
        requests.c.id != request.id,
        requests.c.kind.in_(["restriction", "objection", "opt-out"]),
        requests.c.state.in_([*WORKED, "closed", "closed_pending"]),
        requests.c.id.not_in(lifted),
    )
    return tuple(connection.scalars(query.order_by(requests.c.id)))


def frozen(connection: Connection, request: str) -> tuple[Rules, DataMap]:
    """Return the rules and the data map that a request was opened under."""
    query = select(requests.c.rules, requests.c.data_map).where(requests.c.id == request)
    rules, data_map = connection.execute(query).one()
    return _kept(connection, rules, Rules), _kept(connection, data_map, DataMap)


def events(connection: Connection, request: str) -> tuple[Event, ...]:
    """Return what happened to a request, in order."""
    query = select(request_events).where(request_events.c.request == request).order_by(request_events.c.sequence)
    return tuple(map(_event, connection.execute(query)))


def course(connection: Connection, request: str) -> tuple[Course, tuple[Event, ...]]:
    """Return what the events of a request add up to, and the events."""
    found = get(connection, request)
    rules, data_map = frozen(connection, request)
    happened = events(connection, request)
    stands = opening(rules, data_map.names, datetime.fromisoformat(found.received).astimezone(UTC))
    for event in happened:
        stands = folded(stands, event)
    return stands, happened


def append(connection: Connection, request: str, event: Event, after: Course) -> None:
    """Add an event, and what all of them add up to.

    Raises:
        ConflictError: Somebody else added one first; nothing was written.
    """
    values = {**msgspec.structs.asdict(event), "detail": canonical(event.detail).decode(), "request": request}
    changed = update(requests).where(requests.c.id == request, requests.c.events == event.sequence - 1)
    told = None if after.next is None else text_of(after.next)
    try:
        connection.execute(insert(request_events).values(**values))
        result = connection.execute(
            changed.values(state=after.state, due=text_of(after.due), next=told, events=event.sequence)
        )
    except IntegrityError as error:
        raise conflict(request) from error
    if result.rowcount != 1:
        raise conflict(request)


def conflict(request: str) -> ConflictError:
    """Return that somebody else acted first."""
    return ConflictError(
        f"somebody else acted on the request {request} meanwhile. Nothing of this was recorded; read it again, and "
        "decide again."
    )


def digest_of(document: msgspec.Struct) -> str:
    """Return by what a document is kept: SHA-256 of its canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(msgspec.to_builtins(document))).hexdigest()


def _keep(connection: Connection, document: msgspec.Struct) -> str:
    digest = digest_of(document)
    connection.execute(_KEEP, {"digest": digest, "content": canonical(msgspec.to_builtins(document)).decode()})
    return digest


def _kept(connection: Connection, digest: str, kind: type[T]) -> T:
    content = connection.scalar(select(request_documents.c.content).where(request_documents.c.digest == digest))
    return msgspec.json.decode(str(content), type=kind)


def _event(row: Row[tuple[object, ...]]) -> Event:
    values = row._asdict()
    del values["request"]
    return Event(**{**values, "detail": msgspec.json.decode(values["detail"], type=dict[str, object])})
