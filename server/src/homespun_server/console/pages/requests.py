"""Pages of people's requests, and forms for what an officer does with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, get_args

from litestar import Response
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect

from homespun.errors import MisuseError
from homespun_server.api.problem import ClientError
from homespun_server.api.roles import may
from homespun_server.compliance.explanations.words import ENGLISH, languages, words_of
from homespun_server.compliance.requests.course import What
from homespun_server.compliance.requests.details import RequestDetails
from homespun_server.compliance.requests.explaining import Brought
from homespun_server.compliance.requests.opening import Desk as RequestDesk
from homespun_server.compliance.requests.ports import Correction
from homespun_server.compliance.requests.profile import KINDS, Kind
from homespun_server.compliance.requests.reading import PLACE
from homespun_server.console.desk import At, Desk, PageRequest, Sent, compliance_of
from homespun_server.console.pages.kinds import Said, back_to, changing, confirm, reading
from homespun_server.console.rendering import Page
from homespun_server.console.said import text_of
from homespun_server.console.sessions import Visitor
from homespun_server.console.views.requests import STATES, queue, request_view
from homespun_server.errors import ConflictError, OutputError, RequestError, UnknownRequestError

PATH = "/console/requests"

CORRECTIONS = 5
"""Rows for corrections in a form; who has more uses the command, or the API."""

RequestId = Annotated[str, PathParameter(pattern="^[0-9a-f]{32}$")]

MAX_RECORDS = 1 << 22
"""Largest form with records to be explained, bytes."""

After = Annotated[str, QueryParameter(pattern=f"^({PLACE})?$")]
"""Where the page before ended: a deadline and an id."""

_FIELDS: dict[str, tuple[What, tuple[str, ...]]] = {
    "confirm": ("confirmed", ("how",)),
    "identify": ("identified", ("method", "evidence")),
    "accept": ("accepted", ()),
    "refuse": ("refused", ("reason", "notice")),
    "extend": ("extended", ("reason", "notice")),
    "withdraw": ("withdrawn", ("reason", "evidence")),
    "no-records": ("unexplained", ("reason", "evidence")),
    "close": ("closed", ()),
}
"""What a form is called, which event it records, and what it has to say with it."""


@reading("/requests", "read-requests")
def requests_page(
    desk: At,
    request: PageRequest,
    shown: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
    after: After = "",
    said: Said = "",
) -> Page:
    """Show a page of the queue."""
    office = _office(desk)
    chosen = next((each for each in STATES if each == shown), None)
    view = queue(office, desk.services.store, desk.services.now(), chosen, after)
    return desk.renderer.page(
        "requests",
        request.auth,
        place="requests",
        view=view,
        states=STATES,
        kinds=KINDS,
        profiles=office.requests.profiles,
        said=text_of(said),
    )


@reading("/requests/{number:str}", "read-requests")
def request_page(desk: At, request: PageRequest, number: RequestId, said: Said = "") -> Page:
    """Show a request. That somebody looked is recorded before they see it."""
    with _told():
        details, person = _seen(desk, number, request.auth)
    view = request_view(_office(desk), details, person, desk.services.now())
    return desk.renderer.page(
        "request",
        request.auth,
        place="requests",
        view=view,
        corrections=CORRECTIONS,
        languages=languages(),
        said=text_of(said),
    )


@changing("/requests", "handle-requests")
def open_request(desk: At, request: PageRequest, sent: Sent) -> Redirect:
    """Open a request; its clock starts now."""
    kind = next((each for each in get_args(Kind) if each == sent.get("kind")), None)
    person = sent.get("person", "").strip()
    if kind is None or not person or len(person) > 200 or not person.isprintable():  # noqa: PLR2004 - a name's length
        raise ClientError("a request has a kind, and is about somebody. Nothing was recorded.", status_code=400)
    how = sent.get("how", "").strip()[:500] or "recorded by an officer"
    with _told():
        made = _office(desk).requests.open(
            kind, sent.get("regulation", ""), actor=request.auth.actor, identifier=person, how=how
        )
    return back_to(f"{PATH}/{made.id}", "request-opened")


@changing("/requests/{number:str}/work", "handle-requests")
def work(desk: At, request: PageRequest, sent: Sent, number: RequestId) -> Redirect:
    """Carry a request to every store; the password is asked for once more before anything is erased."""
    office = _office(desk)
    with _told():
        if office.requests.get(number).request.kind == "erasure":
            confirm(desk, request.auth, sent)
        office.saga.work(number, request.auth.actor, _corrections(sent))
    return back_to(f"{PATH}/{number}", "request-worked")


@changing("/requests/{number:str}/export", "handle-requests", status_code=200, request_max_body_size=MAX_RECORDS)
def export(desk: At, request: PageRequest, sent: Sent, number: RequestId) -> Response[bytes]:
    """Return the answer as a ZIP; that it was made is recorded. Of records that were brought nothing is kept."""
    text = sent.get("file", "").strip() or sent.get("records", "").strip()
    with _told():
        brought = Brought(lines=text.encode().splitlines(), words=words_of(sent.get("language", ENGLISH)))
        content = _office(desk).exporter.answer(number, request.auth.actor, brought)
    headers = {"Content-Disposition": f'attachment; filename="request-{number}.zip"'}
    return Response(content, media_type="application/zip", headers=headers)


@changing("/requests/{number:str}/check", "handle-requests")
def check(desk: At, request: PageRequest, sent: Sent, number: RequestId) -> Redirect:
    """Have identity settled by the operator's own check."""
    with _told():
        _office(desk).identify(number, _offered(sent), request.auth.actor, seen=_events(sent))
    return back_to(f"{PATH}/{number}", "request-recorded")


@changing("/requests/{number:str}/lift", "handle-requests")
def lift(desk: At, request: PageRequest, sent: Sent, number: RequestId) -> Redirect:
    """Lift a restriction, and put back the rows that were set aside for it."""
    said = {name: sent.get(name, "").strip() for name in ("reason", "notice")}
    with _told():
        _office(desk).saga.lift(number, request.auth.actor, said, seen=_events(sent))
    return back_to(f"{PATH}/{number}", "request-lifted")


@changing("/requests/{number:str}/{action:str}", "handle-requests")
def act(
    desk: At,
    request: PageRequest,
    sent: Sent,
    number: RequestId,
    action: Annotated[str, PathParameter(max_length=20)],
) -> Redirect:
    """Record what an officer did or decided."""
    if action not in _FIELDS:
        raise ClientError("there is no such action.", status_code=404)
    what, fields = _FIELDS[action]
    detail: dict[str, object] = {name: sent.get(name, "").strip() for name in fields}
    if action == "close" and sent.get("pending") == "yes":
        detail["pending"] = True
    with _told():
        _office(desk).requests.act(number, what, request.auth.actor, detail, seen=_events(sent))
    return back_to(f"{PATH}/{number}", "request-recorded")


def _events(sent: dict[str, str]) -> int | None:
    """Return how many events whoever sent a form had seen; None: it does not say."""
    seen = sent.get("seen", "")
    if seen and not (seen.isdecimal() and len(seen) <= 9):  # noqa: PLR2004 - digits
        raise ClientError("this form does not fit any request; open the request again.", status_code=400)
    return int(seen) if seen else None


def _offered(sent: dict[str, str]) -> dict[str, str]:
    """Return what a form says came with a request, a line NAME=VALUE each."""
    pairs = (line.partition("=") for line in sent.get("offered", "").splitlines() if line.strip())
    found = {name.strip(): value.strip() for name, equals, value in pairs if equals and name.strip()}
    if not found:
        raise ClientError(
            "say what came with the request, a line NAME=VALUE each. Nothing was recorded.", status_code=400
        )
    return found


def _corrections(sent: dict[str, str]) -> tuple[Correction, ...]:
    """Return what a form says is wrong, row by row; a row without a column says nothing."""
    found = []
    for place in range(1, CORRECTIONS + 1):
        column, wrong, right = (sent.get(f"{name}-{place}", "") for name in ("column", "wrong", "right"))
        column = column.strip()  # a value's blanks may be what is wrong with it
        if not column and (wrong or right):
            raise ClientError("a correction names the column that is wrong. Nothing was changed.", status_code=400)
        if column:
            found.append(Correction(column, wrong, right))
    return tuple(found)


HANDLERS = (requests_page, request_page, open_request, work, export, check, lift, act)


def _office(desk: Desk) -> RequestDesk:
    return compliance_of(desk).requests


def _seen(desk: Desk, number: str, visitor: Visitor) -> tuple[RequestDetails, str | None]:
    requests = _office(desk).requests
    if may(visitor.role, "read-person"):
        return requests.viewed(number, visitor.actor)
    details = requests.get(number)
    desk.services.audit.add(visitor.actor, "view-request", number, {"person": "not shown"})
    return details, None


@contextmanager
def _told() -> Iterator[None]:
    """Tell whoever sent a form why it is refused: messages of requests say nothing but what officers may know."""
    try:
        yield
    except UnknownRequestError:
        raise ClientError("there is no such request.", status_code=404) from None
    except (RequestError, MisuseError, ConflictError, OutputError) as error:
        raise ClientError(str(error), status_code=409) from error
