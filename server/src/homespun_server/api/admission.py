"""Who is let in, before anything else looks at a request: too many are turned away, and tokens are found.

What a token may do is decided by the routes.
"""

import time
from collections.abc import Callable

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from homespun_server.api.gate import Admitted, TokenGate
from homespun_server.api.limits import TokenBucket
from homespun_server.api.problem import send_problem
from homespun_server.errors import StoreError
from homespun_server.settings import ServiceSettings

API = "/api/"
INTAKE = "/intake/"
PUBLIC = frozenset({"/api/v1/openapi.json"})
UNLIMITED = frozenset({"/health", "/ready", "/metrics"})

_SCHEME = "bearer "


class Admission:
    """An ASGI application in front of another: ``scope["auth"]`` becomes the token, why it is none, or None."""

    def __init__(
        self, app: ASGIApp, gate: TokenGate, settings: ServiceSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Let requests in to ``app``.

        Args:
            app: What answers them.
            gate: Finds tokens.
            settings: How many requests there may be.
            clock: Seconds since any fixed moment; it never goes back.
        """
        self._app = app
        self._gate = gate
        self._anonymous = TokenBucket(settings.anonymous_rate, settings.anonymous_burst, clock)
        # What is written costs more than what is read, and a flood of it must not keep devices from their updates.
        self._intake = TokenBucket(settings.intake_rate, settings.intake_burst, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer that there are too many."""
        if scope["type"] != ScopeType.HTTP or scope["path"] in UNLIMITED:
            await self._app(scope, receive, send)
            return
        try:
            admitted = await self._admit(scope)
        except StoreError:
            await send_problem(send, 503, "tokens cannot be checked at the moment.")
            return
        if admitted.wait:
            header = (b"retry-after", b"%d" % admitted.wait)
            await send_problem(send, 429, "there are too many requests; wait as Retry-After says.", headers=[header])
            return
        scope["auth"] = admitted.token
        await self._app(scope, receive, send)

    async def _admit(self, scope: HTTPScope) -> Admitted:
        path = scope["path"]
        if path.startswith(INTAKE):
            return Admitted(None, self._intake.take())
        secret = _secret(scope) if path.startswith(API) and path not in PUBLIC else None
        if secret is None:
            return Admitted(None, self._anonymous.take())
        return await self._gate.admit(secret)


def _secret(scope: HTTPScope) -> str | None:
    """Return the token that a request bears; an empty text where it bears something else."""
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    if not found:
        return None
    text = found[0].decode("latin-1") if len(found) == 1 else ""
    return text[len(_SCHEME) :].strip() if text.lower().startswith(_SCHEME) else ""
