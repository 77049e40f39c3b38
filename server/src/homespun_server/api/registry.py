"""Routes of the registry: the bundles, what is known of them, and their stages. They are added at the server only."""

from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from msgspec import Meta

from homespun_server.api.documents import SECURITY, problems
from homespun_server.api.services import AnyRequest, Given, actor_of, requires
from homespun_server.publishing.registry import Comparison, Move, Stage, Version

Identity = Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$", description="SHA-256 of the bundle's manifest.")]


class Bundles(msgspec.Struct, frozen=True):
    """Registered bundles, latest first."""

    bundles: tuple[Version, ...]


class BundleDetails(msgspec.Struct, frozen=True):
    """A registered bundle, its history and the results of its gates."""

    bundle: Version
    moves: tuple[Move, ...]
    gates: dict[str, object]


class MoveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a bundle goes, and why."""

    stage: Stage
    why: Annotated[str, Meta(min_length=1, max_length=2000)]


@get("/", guards=[requires("read")], security=SECURITY, responses=problems(), sync_to_thread=True)
def list_bundles(
    services: Given,
    stage: FromQuery[Stage | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
) -> Bundles:
    """List the registered bundles, latest first."""
    return Bundles(services.registry.versions(stage=stage, limit=limit))


@get("/{bundle:str}", guards=[requires("read")], security=SECURITY, responses=problems(404), sync_to_thread=True)
def get_bundle(services: Given, bundle: Identity) -> BundleDetails:
    """Return a bundle with its history and the results of its gates."""
    found = services.registry.details(bundle)
    return BundleDetails(found.version, found.moves, found.gates)


@get("/{bundle:str}/card", guards=[requires("read")], security=SECURITY, responses=problems(404), sync_to_thread=True)
def get_card(services: Given, bundle: Identity) -> dict[str, object]:
    """Return a bundle's model card."""
    return services.registry.details(bundle).card


@get(
    "/{bundle:str}/lineage", guards=[requires("read")], security=SECURITY, responses=problems(404), sync_to_thread=True
)
def get_lineage(services: Given, bundle: Identity) -> dict[str, object]:
    """Return what a bundle was made from."""
    return services.registry.details(bundle).lineage


@get(
    "/{bundle:str}/compare/{other:str}",
    guards=[requires("read")],
    security=SECURITY,
    responses=problems(404),
    sync_to_thread=True,
)
def compare_bundles(services: Given, bundle: Identity, other: Identity) -> Comparison:
    """Return two bundles side by side."""
    return services.registry.compare(bundle, other)


@post(
    "/{bundle:str}/stage",
    status_code=200,
    guards=[requires("move-stage")],
    security=SECURITY,
    responses=problems(404, 409, 413),
    sync_to_thread=True,
)
def move_bundle(services: Given, request: AnyRequest, bundle: Identity, data: JSONBody[MoveRequest]) -> Version:
    """Move a bundle to another stage. What devices are offered is another matter: see the channels."""
    return services.registry.move(bundle, data.stage, actor_of(request), data.why)


def routes() -> Router:
    """Return the routes."""
    handlers = [list_bundles, get_bundle, get_card, get_lineage, compare_bundles, move_bundle]
    return Router("/bundles", route_handlers=handlers, tags=["registry"])
