"""Errors as pages. What is told is what the API would tell; see ``homespun_server.api.problem``."""

from http import HTTPStatus
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


Handlers = dict[int | type[Exception], "ExceptionHandler[Any]"]


def errors(renderer: Renderer) -> Handlers:
    """Return what answers errors with pages: functions, because the framework copies everything else.

    Args:
        renderer: Makes the pages.
    """

    def page(request: AnyRequest, status: int, detail: str) -> Page:
        visitor = request.scope.get("auth")
        shown = visitor if isinstance(visitor, Visitor) else None
        title = HTTPStatus(status).phrase
        return renderer.page("error", shown, status=status, title=title, status_code=status, detail=detail)

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
