"""Routes of the transparency log for everybody: its last checkpoint, what that continues, and its predecessors.

They need no token and tell nothing of anybody: sizes, hashes and signatures. What is asked is not kept, so that a log
cannot tell its witnesses apart by what they saw.
"""

from typing import Annotated

from litestar import MediaType, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.params import QueryParameter

from homespun.errors import MisuseError
from homespun.protocol.merkle import MAX_SIZE
from homespun_server.api.problem import ClientError
from homespun_server.api.services import Given
from homespun_server.compliance.log.published import continuation, last_checkpoint, predecessors

PATH = "/log/v1"

Old = Annotated[int, QueryParameter(ge=0, le=MAX_SIZE, description="The size that was seen before.")]


@get("/checkpoint", media_type=MediaType.TEXT, sync_to_thread=True)
def get_checkpoint(services: Given) -> Response[bytes]:
    """Return the last signed checkpoint with its cosignatures, as a signed note."""
    found = last_checkpoint(services.store)
    if found is None:
        raise ClientError("nothing was signed yet.", status_code=404)
    return Response(found.encode(), media_type=MediaType.TEXT)


@get("/proof", media_type=MediaType.TEXT, sync_to_thread=True)
def get_proof(services: Given, old: Old = 0) -> Response[bytes]:
    """Return the last signed checkpoint, and the proof that it continues the log of a size."""
    try:
        found = continuation(services.store, old)
    except MisuseError as error:
        raise ClientError(str(error), status_code=404) from error
    return Response(found.encode(), media_type=MediaType.TEXT)


@get("/predecessors", media_type=MediaType.JSON, sync_to_thread=True)
def get_predecessors(services: Given, old: Old = 0) -> Response[bytes]:
    """Return what the log says of logs that it follows, with proofs under its last checkpoint; mostly none."""
    try:
        found = predecessors(services.store, old)
    except MisuseError as error:
        raise ClientError(str(error), status_code=404) from error
    return Response(found.encode(), media_type=MediaType.JSON)


def routes() -> Router:
    """Return the routes."""
    return Router(
        PATH,
        route_handlers=[get_checkpoint, get_proof, get_predecessors],
        include_in_schema=False,
        cache_control=CacheControlHeader(no_store=True),
    )
