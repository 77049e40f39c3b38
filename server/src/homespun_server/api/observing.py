"""What is known afterwards of each request: a line in the log and a count. Around everything else.

Logged are the method, the route's template, the status, the time it took and which token it was. Never logged: client
addresses, query strings, user agents, tokens, bodies and anything else that a client chose, but its method.
"""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from homespun.errors import HomespunError
from homespun_server.api.logs import Log
from homespun_server.api.metrics import METHODS, RequestMetrics
from homespun_server.store.tokens import Token

UNKNOWN_ROUTE = "none"

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
"""On every answer that does not say otherwise itself: it is no page, and may be neither shown nor framed as one."""

FRAMES = 6
"""Innermost frames of an unforeseen error that are logged."""


class Observed:
    """An ASGI application around another one that logs and counts its answers and adds headers to them."""

    def __init__(
        self, app: ASGIApp, metrics: RequestMetrics, log: Log, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Observe ``app``.

        Args:
            app: What answers.
            metrics: Where requests are counted.
            log: Where they are logged.
            clock: Seconds since any fixed moment.
        """
        self._app = app
        self._metrics = metrics
        self._log = log
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and log and count what came of it."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        begun, status = self._clock(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = _with_headers(message)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            self._log.error("request broken off", **described(error))
            raise
        finally:
            self._note(scope, status, self._clock() - begun)

    def _note(self, scope: Any, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = scope.get("path_template") or UNKNOWN_ROUTE
        token = scope.get("auth")
        self._metrics.request(method, route, status, seconds)
        self._log.info(
            "request",
            method=method,
            route=route,
            status=status,
            seconds=round(seconds, 6),
            token=token.id if isinstance(token, Token) else None,
        )


def described(error: Exception) -> dict[str, object]:
    """Return what is logged of an error: homespun's own by its message, others by their kind and place only.

    The message of an error that nobody foresaw may quote anything, a token or a person's data among it.
    """
    if isinstance(error, HomespunError):
        return {"error": type(error).__name__, "message": str(error)}
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return {
        "error": type(error).__name__,
        "where": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _with_headers(message: HTTPResponseStartEvent) -> HTTPResponseStartEvent:
    given = {name.lower() for name, _ in message["headers"]}
    return {**message, "headers": [*message["headers"], *(each for each in HEADERS if each[0] not in given)]}
