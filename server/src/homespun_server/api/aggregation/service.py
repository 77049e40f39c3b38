"""What leader and helper have in common over HTTP: who answers which address, and what everybody may see.

An ASGI application. What only one of the two answers is in ``leader`` and ``helper``.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from anyio import to_thread
from litestar.types import Receive, Scope, Send

from homespun_server.api.aggregation.exchange import RETRY_SECONDS, Exchange, GoneError, Header, TooMuchError
from homespun_server.api.aggregation.metrics import AggregationMetrics
from homespun_server.api.gate import TokenGate
from homespun_server.api.logs import Log
from homespun_server.api.metrics import MEDIA_TYPE as METRICS_TYPE
from homespun_server.api.observing import described
from homespun_server.collection.places import Known, Places
from homespun_server.collection.settings import DEVELOPMENT, AggregatorSettings
from homespun_server.errors import StoreError
from homespun_server.store.tokens import Token

JSON = "application/json"


@dataclass(frozen=True)
class Route:
    """Who answers an address.

    Attributes:
        method: The one method that it has.
        template: How it is logged and counted.
        answer: Answers, given what stands in the address.
    """

    method: str
    template: str
    answer: Callable[..., Awaitable[None]]

    @property
    def pattern(self) -> re.Pattern[str]:
        """What addresses it answers."""
        text = self.template.replace("{task}", "(?P<task>[0-9a-f]{64})").replace("{job}", "(?P<job>[0-9a-f]{32})")
        return re.compile(text, re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Common:
    """What both have.

    Attributes:
        settings: The aggregator's.
        places: Its store.
        metrics: Where is counted.
        gate: Finds tokens.
        log: Where is logged.
        key: Its public key, in hexadecimal.
        start: Begins what it does by itself.
        stop: Ends that, and closes what is open.
    """

    settings: AggregatorSettings
    places: Places
    metrics: AggregationMetrics
    gate: TokenGate
    log: Log
    key: str
    start: Callable[[], None]
    stop: Callable[[], None]


class Service:
    """An aggregator's ASGI application."""

    def __init__(self, common: Common, routes: Sequence[Route]) -> None:
        """Answer for an aggregator.

        Args:
            common: What both aggregators have.
            routes: What this one answers beside that.
        """
        own = [
            Route("GET", "/health", self._health),
            Route("GET", "/ready", self._ready),
            Route("GET", "/metrics", self._metrics),
            Route("GET", "/tasks", self._tasks),
        ]
        self._common = common
        self._routes = [(route.pattern, route) for route in (*routes, *own)]
        label: list[Header] = [(b"homespun-development", DEVELOPMENT.encode())]
        self._headers = label if common.settings.development else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        # The lifespan's messages are ASGI's too, and the framework has no types for them here.
        found: Any = scope
        if found["type"] == "lifespan":
            await self._live(receive, send)
        elif found["type"] == "http":
            await self._answer(found, Exchange(found, receive, send, self._headers))

    async def _answer(self, scope: Any, exchange: Exchange) -> None:
        matches = [(route, match) for pattern, route in self._routes if (match := pattern.fullmatch(scope["path"]))]
        if not matches:
            await exchange.refuse(404, "unknown-address", "there is nothing here.")
            return
        ((route, match),) = matches
        scope["path_template"] = route.template
        if scope["method"] != route.method:
            await exchange.refuse(405, "unknown-method", f"this answers {route.method} alone.")
            return
        try:
            await route.answer(exchange, **match.groupdict())
        except GoneError:
            pass
        except TooMuchError:
            await exchange.refuse(503, "busy", "too much is being read at once; come back later.", RETRY_SECONDS)
        except StoreError as error:
            self._common.log.error("request failed", **described(error))
            await exchange.refuse(503, "store", "the store cannot be used at the moment.", RETRY_SECONDS)
        except Exception as error:  # noqa: BLE001 - whoever asked is answered, and told nothing of it
            self._common.log.error("request failed", **described(error))
            await exchange.refuse(500, "internal", "something went wrong inside; the log says more.")

    async def _live(self, receive: Receive, send: Any) -> None:
        await receive()
        self._common.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # Workers end what they are at.
        await to_thread.run_sync(self._common.stop)
        await send({"type": "lifespan.shutdown.complete"})

    async def _health(self, exchange: Exchange) -> None:
        await self._say(exchange, {"status": "alive"})

    async def _ready(self, exchange: Exchange) -> None:
        try:
            await to_thread.run_sync(self._common.places.all)
        except StoreError:
            await self._say(exchange, {"ready": False, "store": False}, 503)
            return
        await self._say(exchange, {"ready": True, "store": True})

    async def _metrics(self, exchange: Exchange) -> None:
        if exchange.bearer is None:
            await exchange.answer(200, self._common.metrics.text(), METRICS_TYPE)
            return
        admitted = await self._common.gate.admit(exchange.bearer)
        if admitted.wait:
            await exchange.refuse(429, "busy", "there are too many requests.", admitted.wait)
        elif not isinstance(admitted.token, Token):
            await exchange.refuse(401, "no-token", "this is no token of this service; without one there is less.")
        else:
            await exchange.answer(200, self._common.metrics.everything(), METRICS_TYPE)

    async def _tasks(self, exchange: Exchange) -> None:
        known = await to_thread.run_sync(self._common.places.all)
        settings = self._common.settings
        told = {"role": settings.role, "name": settings.name, "url": settings.url, "key": self._common.key}
        await self._say(exchange, {**told, "tasks": [summary(each) for each in known]})

    async def _say(self, exchange: Exchange, said: dict[str, object], status: int = 200) -> None:
        label = {"development": DEVELOPMENT} if self._common.settings.development else {}
        await exchange.answer(status, msgspec.json.encode({**said, **label}), JSON)


def summary(known: Known) -> dict[str, object]:
    """Return what everybody may see of a task here; how many took part is the collector's to know."""
    task = known.task
    window = {"opens": task.opens, "closes": task.closes, "expires": task.expires}
    return {"task": known.hex, "name": task.name, **window, "minimum_batch": task.minimum_batch}
