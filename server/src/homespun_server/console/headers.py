"""The headers of every answer under ``/console/``, errors included, whoever made it; HEAD is GET without a body."""

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

PATH = "/console"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"x-frame-options": b"DENY",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

NOT_KEPT = (b"cache-control", b"no-store")


class PageHeaders:
    """An ASGI application around another one that gives the console's answers their headers."""

    def __init__(self, app: ASGIApp) -> None:
        """Add to what ``app`` answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add headers to its answer if it is the console's."""
        if scope["type"] != ScopeType.HTTP or not is_console(scope["path"]):
            await self._app(scope, receive, send)
            return

        bare = scope["method"] == HttpMethod.HEAD

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(_with_headers(message))
            elif not bare:
                await send(message)
            elif message["type"] == "http.response.body":
                await send({**message, "body": b""})

        if not bare:
            await self._app(scope, receive, adding)
            return
        # A copy, since the server that reads the original leaves out the body by itself.
        inner: HTTPScope = {**scope, "method": HttpMethod.GET}
        try:
            await self._app(inner, receive, adding)
        finally:
            scope["path_template"] = inner.get("path_template", "")


def is_console(path: str) -> bool:
    """Return whether a path is the console's."""
    return path == PATH or path.startswith(PATH + "/")


def _with_headers(message: HTTPResponseStartEvent) -> HTTPResponseStartEvent:
    given = [(name, value) for name, value in message["headers"] if name.lower() not in HEADERS]
    kept = any(name.lower() == b"cache-control" for name, _ in given)
    return {**message, "headers": [*given, *HEADERS.items(), *(() if kept else (NOT_KEPT,))]}
