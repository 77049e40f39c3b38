"""Every error answer of the service: a problem document (RFC 9457).

What a client is told is written for clients. An error inside is told by its status alone: its message may name paths,
databases or their statements, and goes to the log.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import Send

from homespun.errors import ChannelError, HomespunError, MisuseError
from homespun_server.errors import (
    ConflictError,
    NotRegisteredError,
    RegistryError,
    RepositoryBusyError,
    RepositoryError,
    RequestError,
    SigningKeyError,
    StoreError,
    TokenError,
    TransparencyError,
    UnknownRequestError,
)

MEDIA_TYPE = "application/problem+json"

MAX_FIELDS = 20
"""Most fields at fault that are told."""

BEARER = {"WWW-Authenticate": 'Bearer realm="homespun-server"'}


class FieldProblem(msgspec.Struct, frozen=True):
    """A part of a request that is not as the document says.

    Attributes:
        field: Which part; empty: the body as a whole.
        message: What is wrong with it.
    """

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An error.

    Attributes:
        title: The status in words.
        status: The status.
        detail: What happened, for people.
        errors: Which parts of the request are at fault.
    """

    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()


class ClientError(HTTPException):
    """An answer other than success, with a message that is written for clients."""


def problem(status: int, detail: str, errors: tuple[FieldProblem, ...] = ()) -> Problem:
    """Return a problem document."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)


async def send_problem(send: Send, status: int, detail: str, *, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send a problem document as the whole answer."""
    body = msgspec.json.encode(problem(status, detail))
    fields = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def answer_http(_: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Return the answer for what the framework, or a route, refuses."""
    status = error.status_code
    detail = error.detail if isinstance(error, ClientError) else words_of(status)
    errors = _fields(error.extra) if isinstance(error, ValidationException) else ()
    headers = {**(error.headers or {}), **(BEARER if status == HTTPStatus.UNAUTHORIZED else {})}
    return _response(status, detail, errors, headers)


def answer_known(_: Request[Any, Any, Any], error: HomespunError) -> Response[Problem]:
    """Return the answer for an error of homespun's."""
    return _response(status_of(error), told_of(error))


def answer_unknown(_: Request[Any, Any, Any], __: Exception) -> Response[Problem]:
    """Return the answer for an error that nobody foresaw."""
    return _response(500, words_of(500))


def status_of(error: HomespunError) -> int:
    """Return the status for an error of homespun's."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def told_of(error: HomespunError) -> str:
    """Return what a client is told of an error of homespun's."""
    return str(error) if isinstance(error, _TOLD) else words_of(status_of(error))


def words_of(status: int) -> str:
    """Return what a status means, for people."""
    return _DETAILS.get(status, HTTPStatus(status).phrase)


def _response(
    status: int, detail: str, errors: tuple[FieldProblem, ...] = (), headers: dict[str, str] | None = None
) -> Response[Problem]:
    return Response(
        problem(status, detail, errors),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _fields(extra: dict[str, Any] | list[Any] | None) -> tuple[FieldProblem, ...]:
    found = extra if isinstance(extra, list) else []
    told = [each for each in found if isinstance(each, dict)][:MAX_FIELDS]
    return tuple(FieldProblem(str(each.get("key", "")), str(each.get("message", ""))) for each in told)


# The first that fits decides, so that what is below another stands before it.
_STATUSES: tuple[tuple[type[HomespunError], int], ...] = (
    (NotRegisteredError, 404),
    (RegistryError, 409),
    (TokenError, 404),
    (UnknownRequestError, 404),
    (RequestError, 409),
    (ConflictError, 409),
    (StoreError, 503),
    (SigningKeyError, 503),
    (TransparencyError, 503),
    (RepositoryBusyError, 503),
    (RepositoryError, 409),
    (ChannelError, 404),
    (MisuseError, 409),
)

_TOLD = (RegistryError, TokenError, RequestError)
"""Errors whose messages name nothing but what the client named itself."""

_DETAILS = {
    400: "the request is not as the service's document says.",
    401: "this needs a token: send it as Authorization: Bearer TOKEN.",
    403: "this token's role may not do this.",
    404: "there is nothing here.",
    405: "this cannot be done here; the header Allow says what can.",
    409: "this is not possible as things are; read them again. The service's log says more.",
    413: "the request's body is too large.",
    415: "the request's body is not JSON.",
    500: "something went wrong inside; the service's log says more.",
    503: "the service cannot do this at the moment; the service's log says more.",
}
