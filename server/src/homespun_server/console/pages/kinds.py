"""The two kinds of routes: a page to read, and a form that changes something and leads back to a page."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect

from homespun_server.api.problem import ClientError
from homespun_server.api.roles import Action
from homespun_server.console.desk import Desk
from homespun_server.console.entering import allows, from_here, with_token
from homespun_server.console.entrance import RefusedError
from homespun_server.console.sessions import Visitor

MAX_REASON = 500

Decorator = Callable[[Callable[..., Any]], HTTPRouteHandler]

Said = Annotated[str, QueryParameter(max_length=40)]
"""What a page is to say; see ``console.said``."""

Identity = Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$")]


def reading(path: str, action: Action = "read", **more: Any) -> Decorator:
    """Return the decorator of a page that whoever may do ``action`` reads."""
    return get(path, guards=[allows(action)], sync_to_thread=True, include_in_schema=False, **more)


def changing(path: str, action: Action, **more: Any) -> Decorator:
    """Return the decorator of a form that whoever may do ``action`` sends."""
    guards = [from_here, allows(action), with_token]
    options = {"status_code": 303, **more}
    return post(path, guards=guards, sync_to_thread=True, include_in_schema=False, **options)


def back_to(path: str, said: str = "", anchor: str = "") -> Redirect:
    """Return the way to a page, which says one of ``console.said.TEXTS``."""
    query = f"?{urlencode({'said': said})}" if said else ""
    return Redirect(f"{path}{query}{'#' + anchor if anchor else ''}", status_code=303)


def reason_in(sent: dict[str, str]) -> str:
    """Return the reason that a form gives.

    Raises:
        ClientError: If it gives none, or one that is no line.
    """
    reason = sent.get("reason", "").strip()
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        raise ClientError(
            f"this needs a reason of one line, at most {MAX_REASON} characters; it stays in the record of changes. "
            "Nothing was changed.",
            status_code=400,
        )
    return reason


def confirm(desk: Desk, visitor: Visitor, sent: dict[str, str]) -> None:
    """Refuse whoever sends a form without the account's password.

    Raises:
        ClientError: If it is wrong.
    """
    try:
        desk.entrance.confirm(visitor, sent.get("password", ""))
    except RefusedError as error:
        raise ClientError(f"{error} Nothing was changed.", status_code=403) from None
