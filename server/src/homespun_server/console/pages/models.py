"""Pages of the registered bundles."""

from typing import Annotated

from litestar.params import QueryParameter

from homespun_server.console.desk import At, PageRequest
from homespun_server.console.pages.kinds import Identity, reading
from homespun_server.console.rendering import Page
from homespun_server.console.views.models import comparison, model, models

Chosen = Annotated[str, QueryParameter(pattern="^([0-9a-f]{64})?$")]


@reading("/models")
def models_page(desk: At, request: PageRequest) -> Page:
    """List the bundles."""
    return desk.renderer.page("models", request.auth, place="models", versions=models(desk.services))


@reading("/models/compare")
def comparison_page(desk: At, request: PageRequest, before: Chosen = "", after: Chosen = "") -> Page:
    """Show two bundles side by side."""
    versions = models(desk.services)
    before = before or (versions[1].id if len(versions) > 1 else "")
    after = after or (versions[0].id if versions else "")
    view = comparison(desk.services, before, after) if before and after else None
    return desk.renderer.page(
        "comparison", request.auth, place="models", versions=versions, before=before, after=after, view=view
    )


@reading("/models/{bundle:str}")
def model_page(desk: At, request: PageRequest, bundle: Identity) -> Page:
    """Show a bundle."""
    return desk.renderer.page("model", request.auth, place="models", view=model(desk.services, bundle))


HANDLERS = (models_page, comparison_page, model_page)
