"""How the routes stand in the OpenAPI document: errors, security and names."""

from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.router import Router
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler

from homespun_server._version import __version__
from homespun_server.api.problem import MEDIA_TYPE, Problem

PATH = "/api/v1"

REQUEST = "Request"
"""How the names of structures end that requests hold; they forbid unknown fields."""

_DOCUMENT = "/openapi.json"

SECURITY = [{"token": []}]  # type: list[dict[str, list[str]]]
"""What a route that needs a token declares."""

_MEANINGS = {
    400: "The request is not as this document says.",
    401: "There is no token, or it is not valid.",
    403: "The token's role may not do this.",
    404: "There is no such thing.",
    409: "Its state does not allow it.",
    413: "The body is too large.",
    429: "There are too many requests.",
    500: "Something went wrong inside.",
    503: "It cannot be done at the moment.",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the error answers of a route, besides those that every route has."""
    return {
        status: ResponseSpec(Problem, description=_MEANINGS[status], media_type=MEDIA_TYPE, generate_examples=False)
        for status in sorted({*statuses, 400, 401, 403, 429, 500, 503})
    }


def openapi() -> OpenAPIConfig:
    """Return how the document is made and where it is."""
    scheme = SecurityScheme(type="http", scheme="bearer", description="A token: homespun-server tokens create.")
    config = OpenAPIConfig(
        title="homespun-server",
        version=__version__,
        description="The registry of bundles, what devices are offered, the pipeline's runs, and tokens.",
        openapi_router=_DocumentAlone(PATH, route_handlers=[], include_in_schema=False),
        render_plugins=[_Document(path=_DOCUMENT)],
        components=Components(security_schemes={"token": scheme}),
        use_handler_docstrings=True,
    )
    config.default_plugin = None
    return config


class _Document(JsonRenderPlugin):
    """Says of what requests hold that nothing else may be in it; the framework does not, although it refuses it."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        for name, schema in openapi_schema["components"]["schemas"].items():
            if name.endswith(REQUEST):
                schema["additionalProperties"] = False
        return super().render(request, openapi_schema)


class _DocumentAlone(Router):
    """Takes the document's route, and not the pages in HTML that the framework would serve beside it."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        wanted = isinstance(value, HTTPRouteHandler) and _DOCUMENT in value.paths
        return super().register(value) if wanted else []
