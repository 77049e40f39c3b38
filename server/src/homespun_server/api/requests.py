"""Routes of requests of people: the queue, one request, and what an officer does about it.

Whom a request is about is told to those who handle requests alone, in an answer of its own. Every look at a request is
in the record of changes: its course may say things about a person, in an officer's words.
"""

from typing import Annotated, Literal

import msgspec
from litestar import Response, Router, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta

from homespun_server.api.documents import SECURITY, problems
from homespun_server.api.services import AnyRequest, Given, Services, actor_of, compliance_of, requires
from homespun_server.compliance.explanations.words import ENGLISH, words_of
from homespun_server.compliance.requests.course import State
from homespun_server.compliance.requests.details import Reminder, RequestDetails
from homespun_server.compliance.requests.explaining import Brought
from homespun_server.compliance.requests.opening import Desk
from homespun_server.compliance.requests.ports import Correction
from homespun_server.compliance.requests.profile import Kind
from homespun_server.compliance.requests.reading import PLACE, QueuePage
from homespun_server.compliance.requests.rows import Request
from homespun_server.errors import RequestError

Id = Annotated[str, PathParameter(pattern="^[0-9a-f]{32}$", description="The request's id.")]

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Words = Annotated[str, Meta(max_length=2000)]

MAX_RECORDS = 1 << 22
"""Largest body with records to be explained, bytes."""


class Due(msgspec.Struct, frozen=True):
    """Requests whose next deadline is near or over, the most urgent first."""

    due: tuple[Reminder, ...]


class Whom(msgspec.Struct, frozen=True):
    """Whom a request is about; None: nobody said, or it has ended."""

    person: str | None


class OpenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody asks for.

    Attributes:
        kind: What.
        regulation: Under which profile.
        person: What the operator calls them.
        how: How the request came, in a few words.
    """

    kind: Kind
    regulation: Annotated[str, Meta(min_length=1, max_length=40)]
    person: Annotated[str, Meta(min_length=1, max_length=200)]
    how: Annotated[str, Meta(min_length=1, max_length=500)] = "recorded over the API"


class ActRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an officer did or decided.

    Attributes:
        what: What.
        seen: How many events the officer had seen.
        how: How receipt was confirmed.
        method: How identity was checked.
        evidence: Where the evidence of that is; of a withdrawal, the person's message; of ``unexplained``, what shows
            that there are no records.
        reason: Why it is refused, extended, withdrawn or lifted; or why no list is explained, for the person to read.
        notice: Where it is kept that the person was told.
        pending: Whether to close although devices or models are pending.
        offered: For ``identified``: what came with the request, by name, which the registered check looks at.
    """

    what: Literal[
        "confirmed", "identified", "accepted", "refused", "extended", "withdrawn", "unexplained", "lifted", "closed"
    ]
    seen: Annotated[int, Meta(ge=1)]
    how: Words = ""
    method: Words = ""
    evidence: Words = ""
    reason: Words = ""
    notice: Words = ""
    pending: bool = False
    offered: Annotated[dict[Name, Words], Meta(max_length=20)] = {}

    @property
    def detail(self) -> dict[str, object]:
        """What was said."""
        said = {name: getattr(self, name) for name in ("how", "method", "evidence", "reason", "notice", "pending")}
        return {name: value for name, value in said.items() if value}


class WorkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wrong and what is right, for a rectification."""

    corrections: Annotated[tuple[Correction, ...], Meta(max_length=1000)] = ()


class AnswerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the answer is made with.

    Attributes:
        explanations: For an explanation: records that the person handed over, a line of JSON each; their bundles are
            those of the registry.
        language: Of the explanation.
    """

    explanations: Annotated[str, Meta(max_length=MAX_RECORDS)] = ""
    language: Annotated[str, Meta(max_length=40)] = ENGLISH


@get("/", guards=[requires("read-requests")], security=SECURITY, responses=problems(), sync_to_thread=True)
def list_requests(
    services: Given,
    wanted: Annotated[State | None, QueryParameter(name="state")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
    after: Annotated[str | None, QueryParameter(pattern=f"^{PLACE}$")] = None,
) -> QueuePage:
    """List requests by deadline: those that wait for the operator, or those of a state; ``after`` asks for more."""
    return _desk(services).requests.page(state=wanted, limit=limit, after=after)


@get("/due", guards=[requires("read-requests")], security=SECURITY, responses=problems(), sync_to_thread=True)
def due_requests(services: Given, days: Annotated[int, QueryParameter(ge=0, le=366)] = 7) -> Due:
    """List requests whose next deadline is within some days, or over."""
    return Due(_desk(services).requests.due(within_days=days))


@get(
    "/{request_id:str}",
    guards=[requires("read-requests")],
    security=SECURITY,
    responses=problems(404),
    sync_to_thread=True,
)
def get_request(services: Given, request: AnyRequest, request_id: Id) -> RequestDetails:
    """Return a request with its course, effects and receipts, and keep who looked."""
    return _desk(services).requests.viewed(request_id, actor_of(request))[0]


@get(
    "/{request_id:str}/person",
    guards=[requires("handle-requests")],
    security=SECURITY,
    responses=problems(404),
    sync_to_thread=True,
)
def get_person(services: Given, request: AnyRequest, request_id: Id) -> Whom:
    """Return whom a request is about, and keep who looked."""
    return Whom(_desk(services).requests.viewed(request_id, actor_of(request))[1])


@post("/", guards=[requires("handle-requests")], security=SECURITY, responses=problems(409, 413), sync_to_thread=True)
def open_request(services: Given, request: AnyRequest, data: JSONBody[OpenRequest]) -> Request:
    """Open a request; its clock starts now."""
    return _desk(services).requests.open(
        data.kind, data.regulation, actor=actor_of(request), identifier=data.person, how=data.how
    )


@post(
    "/{request_id:str}/act",
    status_code=200,
    guards=[requires("handle-requests")],
    security=SECURITY,
    responses=problems(404, 409, 413),
    sync_to_thread=True,
)
def act_on_request(services: Given, request: AnyRequest, request_id: Id, data: JSONBody[ActRequest]) -> Request:
    """Record what an officer did or decided; who saw an older state is refused.

    A restriction that is lifted has its rows put back. Identity is settled by the registered check where something is
    offered, and otherwise by hand.
    """
    desk, actor = _desk(services), actor_of(request)
    if data.what == "lifted":
        desk.saga.lift(request_id, actor, data.detail, seen=data.seen)
        return desk.requests.get(request_id).request
    if data.offered:
        if data.what != "identified":
            raise RequestError("something is offered to settle identity, and for nothing else. Nothing was recorded.")
        return desk.identify(request_id, data.offered, actor, seen=data.seen)
    return desk.requests.act(request_id, data.what, actor, data.detail, seen=data.seen)


@post(
    "/{request_id:str}/work",
    status_code=200,
    guards=[requires("handle-requests")],
    security=SECURITY,
    responses=problems(404, 409, 413),
    sync_to_thread=True,
)
def work_on_request(
    services: Given, request: AnyRequest, request_id: Id, data: JSONBody[WorkRequest]
) -> RequestDetails:
    """Carry a request to every store that has no final effect yet."""
    desk = _desk(services)
    desk.saga.work(request_id, actor_of(request), data.corrections)
    return desk.requests.get(request_id)


@post(
    "/{request_id:str}/answer",
    status_code=200,
    media_type="application/zip",
    guards=[requires("handle-requests")],
    security=SECURITY,
    responses=problems(404, 409, 413),
    sync_to_thread=True,
    request_max_body_size=MAX_RECORDS,
)
def answer_request(
    services: Given, request: AnyRequest, request_id: Id, data: JSONBody[AnswerRequest | None] = None
) -> Response[bytes]:
    """Return the answer to a request as a ZIP, and record its SHA-256; of records of lists nothing is kept."""
    asked = data or AnswerRequest()
    brought = Brought(lines=asked.explanations.encode().splitlines(), words=words_of(asked.language))
    content = _desk(services).exporter.answer(request_id, actor_of(request), brought)
    return Response(content, media_type="application/zip")


def _desk(services: Services) -> Desk:
    return compliance_of(services).requests


def routes() -> Router:
    """Return the routes."""
    handlers = [list_requests, due_requests, get_request, get_person, open_request]
    handlers += [act_on_request, work_on_request, answer_request]
    return Router("/requests", route_handlers=handlers, tags=["requests"])
