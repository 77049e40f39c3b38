"""The page of the privacy budget."""

from typing import Annotated

from litestar.params import QueryParameter

from homespun_server.api.problem import ClientError
from homespun_server.console.desk import At, PageRequest
from homespun_server.console.pages.kinds import reading
from homespun_server.console.rendering import Page
from homespun_server.console.views.budget import budget_view, data_sets, next_round
from homespun_server.planning.kinds import BY_WORD

_FIELDS = ("users", "items", "epsilon", *BY_WORD)


@reading("/budget")
def budget_page(
    desk: At, request: PageRequest, chosen: Annotated[str, QueryParameter(name="set", max_length=100)] = ""
) -> Page:
    """Show what was spent of a data set's budget, what is left, and what a further round would cost."""
    names = data_sets(desk.services)
    name = chosen or next(iter(names), "")
    if chosen and chosen not in names:
        raise ClientError("there is no budget of that data set.", status_code=404)
    given = {field: request.query_params.get(field, "")[:20] for field in _FIELDS}
    view = budget_view(desk.services, name) if name else None
    after = next_round(desk.services, name, given) if name else None
    return desk.renderer.page(
        "budget", request.auth, place="budget", names=names, name=name, view=view, after=after, kinds=BY_WORD
    )


HANDLERS = (budget_page,)
