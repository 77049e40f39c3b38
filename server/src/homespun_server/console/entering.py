"""Who a request is from, and whether it may do what it asks: guards of the pages.

A form is taken only if it comes from a page of this origin (the browser says so itself, in ``Sec-Fetch-Site`` or
``Origin``) and carries the session's own token. A page that forbids referrers sends ``Origin: null`` with its forms;
that is taken only where the browser says beside it that origin and target are the same.

What pages of others load from here by themselves (pictures, scripts, frames) is asked for by nobody: it comes without a
session, is not recorded in anybody's name, and keeps no session from being idle. Style sheets keep none either.
"""

import hmac
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from anyio import to_thread
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import UploadFile
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Guard, Receive, Scope, Send

from homespun_server.api.problem import ClientError
from homespun_server.api.roles import Action, may
from homespun_server.console.cookies import host_of, session_name, value_in
from homespun_server.console.sessions import Sessions, Visitor

FIELD = "form_token"
"""The field of every form that holds the session's token."""

STATIC = "/console/static/"
"""Where style sheets and scripts are."""

SIGN_IN = 401
"""The status of what needs somebody to be signed in; the answer is a way to do it."""

_FOREIGN = "this form did not come from a page of this console. Nothing was changed; open the page again."


def entering(sessions: Sessions) -> Callable[[ASGIApp], ASGIApp]:
    """Return what finds out who is signed in: ``scope["auth"]`` becomes the visitor, or None.

    Args:
        sessions: Where sessions are looked up.
    """

    def around(app: ASGIApp) -> ASGIApp:
        async def enter(scope: Scope, receive: Receive, send: Send) -> None:
            connection = ASGIConnection[Any, Any, Any, Any](scope)
            host = host_of(connection)
            secret = value_in(connection, session_name(host)) if may_be_asked(connection.headers) else ""
            used = is_own(connection.headers) and not scope["path"].startswith(STATIC)
            looked_up = partial(sessions.visitor, secret, host, used=used)
            scope["auth"] = await to_thread.run_sync(looked_up) if secret else None
            await app(scope, receive, send)

        return enter

    return around


def allows(action: Action) -> Guard:
    """Return what lets a request through only if somebody is signed in whose role may do something."""

    async def check(connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        visitor = connection.scope.get("auth")
        if not isinstance(visitor, Visitor):
            raise ClientError("sign in to see this.", status_code=SIGN_IN)
        if not may(visitor.role, action):
            raise ClientError(f"the role {visitor.role} may not do this.", status_code=403)

    return check


async def from_here(connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
    """Refuse a form of another origin."""
    if not same_origin(connection.headers, host_of(connection)):
        raise ClientError(_FOREIGN, status_code=403)


async def with_token(connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
    """Refuse a form without its session's token."""
    visitor = connection.scope.get("auth")
    if not isinstance(connection, Request) or not isinstance(visitor, Visitor):
        raise ClientError(_FOREIGN, status_code=403)
    given = (await connection.form()).get(FIELD)
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), visitor.form_token.encode()):
        raise ClientError(_FOREIGN, status_code=403)


def is_own(headers: Mapping[str, str]) -> bool:
    """Return whether a request comes from a page of this origin or from the person; old browsers do not say."""
    return headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def may_be_asked(headers: Mapping[str, str]) -> bool:
    """Return whether somebody may have asked for it: by a page of this origin, or by a link that led here."""
    return is_own(headers) or headers.get("sec-fetch-dest") == "document"


def same_origin(headers: Mapping[str, str], host: str) -> bool:
    """Return whether a browser says that a request comes from the origin that it goes to."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None or origin == "null":
        return site is not None
    return bool(host) and origin.lower().partition("://")[2] == host


async def sent(request: Request) -> dict[str, str]:  # type: ignore[type-arg]
    """Return the fields of a form; an uploaded file is the text in it."""
    return {name: await _text(value) for name, value in (await request.form()).items()}


async def _text(value: object) -> str:
    if isinstance(value, UploadFile):
        return (await value.read()).decode("utf-8", "replace")
    return str(value).encode("utf-8", "replace").decode()
