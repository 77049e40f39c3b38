"""The page of consents, in numbers."""

from typing import Annotated

from litestar.params import QueryParameter

from homespun_server.console.desk import At, PageRequest, compliance_of
from homespun_server.console.pages.kinds import reading
from homespun_server.console.rendering import Page
from homespun_server.console.views.consent import SPANS, consent_view


@reading("/consent", "read-consent")
def consent_page(
    desk: At,
    request: PageRequest,
    days: Annotated[int, QueryParameter(ge=1, le=max(SPANS))] = 90,
    purpose: Annotated[str, QueryParameter(max_length=64)] = "",
) -> Page:
    """Show how often what was chosen."""
    services = desk.services
    view = consent_view(compliance_of(desk).consents, services.store, services.now(), days, purpose)
    return desk.renderer.page("consent", request.auth, place="consent", view=view, spans=SPANS)


HANDLERS = (consent_page,)
