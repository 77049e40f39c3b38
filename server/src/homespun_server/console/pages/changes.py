"""The page of the record of changes."""

from typing import Annotated

from litestar.params import QueryParameter

from homespun_server.console.desk import At, PageRequest
from homespun_server.console.pages.kinds import reading
from homespun_server.console.rendering import Page
from homespun_server.console.views.changes import changes


@reading("/changes", "read-changes")
def changes_page(
    desk: At, request: PageRequest, before: Annotated[int | None, QueryParameter(ge=1, le=2**53 - 1)] = None
) -> Page:
    """Show who changed or saw what, latest first."""
    return desk.renderer.page("changes", request.auth, place="changes", view=changes(desk.services, before))


HANDLERS = (changes_page,)
