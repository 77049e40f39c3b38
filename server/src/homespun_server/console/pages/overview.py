"""The first page."""

from homespun_server.console.desk import At, PageRequest
from homespun_server.console.pages.kinds import reading
from homespun_server.console.rendering import Page
from homespun_server.console.views.overview import overview


@reading("/")
def overview_page(desk: At, request: PageRequest) -> Page:
    """Show what needs attention."""
    view = overview(desk, request.auth)
    return desk.renderer.page("overview", request.auth, place="overview", view=view)


HANDLERS = (overview_page,)
