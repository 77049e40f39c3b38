"""Routes of the tokens, for operators."""

from typing import Annotated

import msgspec
from litestar import HttpMethod, Response, Router, delete, get, post, route
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from homespun_server.api.documents import SECURITY, problems
from homespun_server.api.services import AnyRequest, Given, actor_of, requires
from homespun_server.store.tokens import MAX_DAYS, Role, Token

TokenId = Annotated[str, PathParameter(pattern="^[0-9a-f]{16}$", description="The token's name, which opens nothing.")]


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token is to be for."""

    role: Role
    days: Annotated[int, Meta(ge=1, le=MAX_DAYS)]
    note: Annotated[str, Meta(max_length=500)] = ""


class NewToken(msgspec.Struct, frozen=True):
    """A token, which is shown this once, and what is kept of it."""

    secret: str
    token: Token


class TokenList(msgspec.Struct, frozen=True):
    """What is kept of all tokens, oldest first."""

    tokens: tuple[Token, ...]


@get("/", guards=[requires("manage-tokens")], security=SECURITY, responses=problems(), sync_to_thread=True)
def list_tokens(services: Given) -> TokenList:
    """List the tokens; they themselves are not kept."""
    return TokenList(services.tokens.tokens())


@post("/", guards=[requires("manage-tokens")], security=SECURITY, responses=problems(413), sync_to_thread=True)
def create_token(services: Given, request: AnyRequest, data: JSONBody[TokenRequest]) -> NewToken:
    """Make a token. It is in the answer, and nowhere else ever again."""
    secret, token = services.tokens.create(data.role, days=data.days, note=data.note, actor=actor_of(request))
    return NewToken(secret, token)


@delete(
    "/{token:str}",
    status_code=200,
    guards=[requires("manage-tokens")],
    security=SECURITY,
    responses=problems(404),
    sync_to_thread=True,
)
def revoke_token(services: Given, request: AnyRequest, token: TokenId) -> Token:
    """Refuse a token from now on."""
    revoked = services.tokens.revoke(token, actor_of(request))
    services.forget(token)
    return revoked


@route("/", http_method=[HttpMethod.OPTIONS], status_code=204, include_in_schema=False, sync_to_thread=False)
def token_options() -> Response[None]:
    """Say what can be done; the framework names only one method of a path that has two."""
    return Response(None, status_code=204, headers={"Allow": "GET, OPTIONS, POST"})


def routes() -> Router:
    """Return the routes."""
    # The first handler of a path decides which one answers OPTIONS.
    handlers = [token_options, list_tokens, create_token, revoke_token]
    return Router("/tokens", route_handlers=handlers, tags=["tokens"])
