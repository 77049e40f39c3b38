"""The route of the record of changes, for operators, compliance and auditors."""

from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter

from homespun_server.api.documents import SECURITY, problems
from homespun_server.api.services import Given, requires
from homespun_server.store.audit import MAX_ENTRIES, Entry


class Changes(msgspec.Struct, frozen=True):
    """Changes, in order."""

    changes: tuple[Entry, ...]


@get("/", guards=[requires("read-changes")], security=SECURITY, responses=problems(), sync_to_thread=True)
def list_changes(
    services: Given,
    after: Annotated[int, QueryParameter(ge=0, le=2**53 - 1)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_ENTRIES)] = 100,
) -> Changes:
    """List changes in order; ask again with ``after``, the last one's sequence, for more."""
    return Changes(services.audit.entries(after=after, limit=limit))


def routes() -> Router:
    """Return the routes."""
    return Router("/changes", route_handlers=[list_changes], tags=["changes"])
