"""Errors as pages. What is told is what the API would tell; see ``homespun_server.api.problem``."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect
from litestar.types import ExceptionHandler

from homespun.errors import HomespunError
from homespun_server.api.problem import ClientError, status_of, told_of, words_of
from homespun_server.console.cookies import host_of, session_name, values_in
from homespun_server.console.entering import SIGN_IN
from homespun_server.console.rendering import Page, Renderer
from homespun_server.console.sessions import Visitor

Answer = Page | Redirect | Response[None]

AnyRequest = Request[Any, Any, Any]

ENTRY = "/console/sign-in"


@dataclass(frozen=True)
class Way:
    """A way on from an error: where to, and what the link says."""

    path: str
    title: str


_TITLES = {400: "That address is not right", 403: "That is not for your role", 404: "That is not here"}
"""What a page that cannot be shown is headed with; whatever else fails did not work."""

_FAILED = "That did not work"

_HOME = Way("/console/", "To the overview")

_WAYS = (
    (re.compile(r"(/console/requests/[0-9a-f]{32})/[a-z-]+"), r"\1", "Back to the request"),
    (re.compile(r"(/console/requests)(?:/.*)?"), r"\1", "Back to the requests"),
    (re.compile(r"(/console/rollout)/([a-z0-9-]+)/([a-z0-9-]+)/.*"), r"\1#\2-\3", "Back to the rollout"),
    (re.compile(r"(/console/log)/.*"), r"\1", "Back to the transparency log"),
    (re.compile(r"(/console/explanations)"), r"\1", "Back to the explanations"),
    (re.compile(r"/console/(sign-in)"), r"/console/\1", "Back to the sign-in"),
    (re.compile(r"/console/(sign-out)"), "/console/account", "Back to your account"),
)
"""From where a form was sent to, the page that it is on: pages send no referrer that would tell."""

Handlers = dict[int | type[Exception], "ExceptionHandler[Any]"]


def errors(renderer: Renderer) -> Handlers:
    """Return what answers errors with pages: functions, because the framework copies everything else.

    Args:
        renderer: Makes the pages.
    """

    def page(request: AnyRequest, status: int, detail: str) -> Page:
        visitor = request.scope.get("auth")
        shown = visitor if isinstance(visitor, Visitor) else None
        sent = request.method == "POST"
        title = _FAILED if sent else _TITLES.get(status, _FAILED)
        back = way_back(request.url.path) if sent else _HOME
        return renderer.page("error", shown, status=status, title=title, status_code=status, detail=detail, back=back)

    def refused(request: AnyRequest, error: HTTPException) -> Answer:
        if error.status_code == SIGN_IN:
            return _to_entry(request)
        detail = error.detail if isinstance(error, ClientError) else words_of(error.status_code)
        return page(request, error.status_code, detail)

    def known(request: AnyRequest, error: HomespunError) -> Answer:
        return page(request, status_of(error), told_of(error))

    def unknown(request: AnyRequest, _: Exception) -> Answer:
        return page(request, 500, words_of(500))

    return {HTTPException: refused, HomespunError: known, Exception: unknown}


def way_back(path: str) -> Way:
    """Return the way back to the form that was sent to a path."""
    found = ((kind.fullmatch(path), to, title) for kind, to, title in _WAYS)
    return next((Way(match.expand(to), title) for match, to, title in found if match), _HOME)


def _to_entry(request: AnyRequest) -> Answer:
    """Return the way to the sign-in, and from there back to a page that was read."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    told = {"to": path} if request.method == "GET" else {}
    if len(values_in(request, session_name(host_of(request)))) > 1:
        told["said"] = "two-sessions"
    entry = f"{ENTRY}?{urlencode(told)}" if told else ENTRY
    if request.headers.get("hx-request") == "true":
        # A part of a page cannot become the sign-in; the whole page has to go there.
        return Response(None, status_code=SIGN_IN, headers={"HX-Redirect": ENTRY})
    return Redirect(entry, status_code=303)
