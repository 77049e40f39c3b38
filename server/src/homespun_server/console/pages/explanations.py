"""The explanation viewer: bring a record, see it made again. Nothing of it is kept but that somebody looked."""

from homespun.errors import BundleError, RecordError
from homespun_server.console.desk import At, Desk, PageRequest, Sent
from homespun_server.console.pages.kinds import changing, reading
from homespun_server.console.rendering import Page
from homespun_server.console.sessions import Visitor
from homespun_server.console.views.explanation import ExplanationView, explanation
from homespun_server.errors import NotRegisteredError

MAX_BYTES = 1 << 20
"""Largest record that may be brought, with its form."""


@reading("/explanations")
def explanations_page(desk: At, request: PageRequest) -> Page:
    """Show where to put a record."""
    return _page(desk, request.auth)


@changing("/explanations", "read", status_code=200, request_max_body_size=MAX_BYTES)
def explain(desk: At, request: PageRequest, sent: Sent) -> Page:
    """Show a record, made again; that somebody looked is recorded before they see it."""
    text = sent.get("file", "").strip() or sent.get("record", "").strip()
    try:
        view = explanation(desk.services.registry, text)
    except (RecordError, NotRegisteredError, BundleError) as error:
        return _page(desk, request.auth, problem=str(error), text=text, status=422)
    detail = {"bundle": view.record.bundle[:12], "verified": not view.problem}
    desk.services.audit.add(request.auth.actor, "view-explanation", view.record.digest, detail)
    return _page(desk, request.auth, view=view)


HANDLERS = (explanations_page, explain)


def _page(
    desk: Desk,
    visitor: Visitor,
    *,
    view: ExplanationView | None = None,
    problem: str = "",
    text: str = "",
    status: int = 200,
) -> Page:
    return desk.renderer.page(
        "explanations", visitor, place="explanations", view=view, problem=problem, text=text[:20_000], status=status
    )
