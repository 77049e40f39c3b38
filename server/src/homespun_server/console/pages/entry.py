"""Signing in and out, and style sheets and scripts, which need nobody to be signed in."""

import re

from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from homespun_server.api.problem import ClientError
from homespun_server.console.assets import FOREVER, assets
from homespun_server.console.cookies import host_of, known_cookie, known_name, session_cookie, value_in
from homespun_server.console.desk import At, Desk, PageRequest, Sent
from homespun_server.console.entering import from_here
from homespun_server.console.entrance import CrowdedError, RefusedError
from homespun_server.console.pages.kinds import Said, back_to, changing, reading
from homespun_server.console.rendering import Page
from homespun_server.console.said import text_of

HOME = "/console/"
ENTRY = "/console/sign-in"

_PAGE = re.compile(r"/console/[a-z0-9/_-]{0,200}(?:\?[A-Za-z0-9%&=._+-]{0,500})?", re.ASCII)
"""An address of a page, as the pages' own links have them."""


@get(ENTRY.removeprefix("/console"), include_in_schema=False, sync_to_thread=True)
def sign_in_page(desk: At, to: FromQuery[str] = "", said: Said = "") -> Page:
    """Show the form to sign in with."""
    return _form(desk, to, said=text_of(said))


@post("/sign-in", guards=[from_here], include_in_schema=False, sync_to_thread=True)
def sign_in(desk: At, request: Request, sent: Sent) -> Page | Redirect:  # type: ignore[type-arg]
    """Sign in: a new session, whatever cookie of one came with the form."""
    to, name, host = sent.get("to", ""), sent.get("name", ""), host_of(request)
    mark = value_in(request, known_name(host, name))
    try:
        entered = desk.entrance.enter(name, sent.get("password", ""), host=host, mark=mark)
    except RefusedError as error:
        return _form(desk, to, problem=str(error), status=429 if isinstance(error, CrowdedError) else 403)
    answer = Redirect(_inside(to), status_code=303)
    answer.set_cookie(session_cookie(host, entered.secret))
    answer.set_cookie(known_cookie(host, name, entered.mark))
    return answer


@changing("/sign-out", "read")
def sign_out(desk: At, request: PageRequest, sent: Sent) -> Redirect:
    """Sign out, here or everywhere."""
    everywhere = sent.get("everywhere") == "yes"
    if everywhere:
        desk.sessions.end_all(request.auth)
    else:
        desk.sessions.end(request.auth)
    answer = back_to(ENTRY, "signed-out-everywhere" if everywhere else "signed-out")
    answer.set_cookie(session_cookie(host_of(request), ""))
    return answer


@reading("/account")
def account(desk: At, request: PageRequest) -> Page:
    """Show who is signed in."""
    visitor = request.auth
    return desk.renderer.page("account", visitor, place="account", sessions=desk.sessions.count(visitor.name))


@get("/static/{mark:str}/{name:str}", include_in_schema=False, sync_to_thread=False)
def static(mark: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Return a style sheet or a script; its address changes with its content."""
    found = assets().get(name)
    if found is None or found.mark != mark:
        raise ClientError("there is nothing here.", status_code=404)
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": FOREVER})


@get("/{rest:path}", include_in_schema=False, sync_to_thread=False)
def nothing(rest: FromPath[str]) -> Response[None]:  # noqa: ARG001 - it may be anything
    """Say that there is no such page."""
    raise ClientError("there is no such page.", status_code=404)


HANDLERS = (sign_in_page, sign_in, sign_out, account, static, nothing)


def _form(desk: Desk, to: str, *, said: str = "", problem: str = "", status: int = 200) -> Page:
    return desk.renderer.page("sign_in", None, status=status, to=_inside(to), said=said, problem=problem)


def _inside(to: str) -> str:
    """Return a page of the console to go to: never another origin's, whatever was asked."""
    return to if _PAGE.fullmatch(to) else HOME
