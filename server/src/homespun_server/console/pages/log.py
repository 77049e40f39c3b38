"""Pages of the transparency log."""

from typing import Annotated

from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect

from homespun.errors import MisuseError
from homespun_server.api.problem import ClientError
from homespun_server.api.roles import may
from homespun_server.console.desk import At, PageRequest, compliance_of
from homespun_server.console.pages.kinds import Said, back_to, changing, reading
from homespun_server.console.rendering import Page
from homespun_server.console.said import text_of
from homespun_server.console.views.log import entry_view, log_view

_LARGEST = 2**53 - 1


@reading("/log")
def log_page(
    desk: At,
    request: PageRequest,
    before: Annotated[int | None, QueryParameter(ge=1, le=_LARGEST)] = None,
    said: Said = "",
) -> Page:
    """Show the log's entries, latest first, and its checkpoint."""
    view = log_view(compliance_of(desk).log, before)
    return desk.renderer.page("log", request.auth, place="log", view=view, said=text_of(said))


@reading("/log/{index:int}")
def entry_page(desk: At, request: PageRequest, index: Annotated[int, PathParameter(ge=0, le=_LARGEST)]) -> Page:
    """Show an entry with its proof. That somebody saw what it says of a person or a case is recorded."""
    visitor = request.auth
    cases, people = may(visitor.role, "read-requests"), may(visitor.role, "read-person")
    try:
        view = entry_view(compliance_of(desk).log, index, cases=cases, people=people)
    except MisuseError as error:
        raise ClientError(str(error), status_code=404) from error
    if view.content is not None and (view.personal or view.case):
        desk.services.audit.add(visitor.actor, "view-log-entry", str(index))
    return desk.renderer.page("entry", visitor, place="log", view=view)


@changing("/log/checkpoint", "handle-requests")
def sign_checkpoint(desk: At, request: PageRequest) -> Redirect:
    """Bring the log up to date, and sign it as it is."""
    log = compliance_of(desk).log
    added = log.catch_up()
    made = log.checkpoint()
    desk.services.audit.add(request.auth.actor, "sign-checkpoint", str(made.size), {"added": added})
    return back_to("/console/log", "checkpoint-signed")


HANDLERS = (log_page, entry_page, sign_checkpoint)
