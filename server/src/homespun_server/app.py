"""The HTTP service's composition root: nothing else knows how its parts belong together.

Around everything is what observes; within it what lets requests in; within that the routes. Errors become answers in
one place, and nothing inside is told to clients.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
from litestar import Litestar, Router, asgi
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from homespun.errors import HomespunError
from homespun_server.api import (
    changes,
    channels,
    consents,
    intake_asking,
    intake_consents,
    privacy_signal,
    registry,
    requests,
    runs,
    tokens,
)
from homespun_server.api.admission import Admission
from homespun_server.api.cache import FileCache
from homespun_server.api.documents import PATH, openapi
from homespun_server.api.gate import TokenGate
from homespun_server.api.health import health, metrics, ready, timestamp_left
from homespun_server.api.log import routes as log_routes
from homespun_server.api.log_keeping import LogKeeping
from homespun_server.api.logs import Log, open_log
from homespun_server.api.looking_again import look_again
from homespun_server.api.metrics import Metrics
from homespun_server.api.observing import Observed, described
from homespun_server.api.problem import answer_http, answer_known, answer_unknown, status_of
from homespun_server.api.renewal import Renewal
from homespun_server.api.replaying import replay, replay_again
from homespun_server.api.repository import RepositoryFiles
from homespun_server.api.services import Services
from homespun_server.compliance.opening import open_compliance
from homespun_server.console.headers import PageHeaders
from homespun_server.console.mounting import open_desk, pages
from homespun_server.publishing.directory import open_registry, open_repository
from homespun_server.publishing.repository import Lifetimes, Refreshed
from homespun_server.settings import ServerSettings
from homespun_server.store import AuditLog, Runs, Tokens, open_store
from homespun_server.store.moments import Now, utc_now

KEPT_CONNECTIONS = 8
"""Connections to the store that are kept open."""


def create_app(settings: ServerSettings, *, now: Now = utc_now, log: Log | None = None) -> Litestar:
    """Return the service of a working directory, an ASGI application; it closes what it opened when it is shut down.

    Args:
        settings: The working directory's settings.
        now: Returns the time.
        log: Where events go; None: to standard error.

    Raises:
        RepositoryError: If there is no signed repository, or it is not as its publisher left it.
        StoreError: If the store cannot be opened.
    """
    log = log or open_log()
    repository = open_repository(settings, now=now)
    store = open_store(settings.store, create=False, kept=KEPT_CONNECTIONS)
    gate = TokenGate(Tokens(store, now), settings.service)
    services = Services(
        settings=settings,
        store=store,
        repository=repository,
        registry=open_registry(settings, store, now),
        runs=Runs(store, now),
        tokens=Tokens(store, now),
        audit=AuditLog(store, now),
        metrics=Metrics(),
        now=now,
        forget=gate.forget,
        compliance=open_compliance(settings, store, now),
    )
    if services.compliance is None:
        log.warning("no compliance here", why="there are no compliance keys, or no passphrase that opens them")
    application = _application(services, log)
    admission = Admission(application.asgi_handler, gate, settings.service)
    application.asgi_handler = Observed(PageHeaders(admission), services.metrics, log)
    application.state.close = store.close
    return application


def _application(services: Services, log: Log) -> Litestar:
    return Litestar(
        route_handlers=[
            *(_api(services), *_compliance(services), pages(open_desk(services))),
            *(health, ready, metrics, log_routes(), _files(services.settings)),
        ],
        dependencies={"services": Provide(_providing(services), sync_to_thread=False)},
        exception_handlers={HTTPException: answer_http, HomespunError: answer_known, Exception: answer_unknown},
        openapi_config=openapi(),
        request_max_body_size=services.settings.service.max_body,
        lifespan=[_lifespan(services, log)],
        after_exception=[_logging(log)],
        logging_config=None,
    )


def _api(services: Services) -> Router:
    routers = [each.routes() for each in (registry, channels, runs, tokens, changes)]
    if services.compliance is not None:
        routers += [each.routes() for each in (consents, requests)]
    return Router(PATH, route_handlers=routers, cache_control=CacheControlHeader(no_store=True))


def _compliance(services: Services) -> list[Router]:
    """Return what is open to devices and visitors, where there are keys for it."""
    if services.compliance is None:
        return []
    signals = [privacy_signal] if services.settings.compliance.gpc else []
    return [each.routes() for each in (intake_asking, intake_consents, *signals)]


def _files(settings: ServerSettings) -> ASGIRouteHandler:
    files = RepositoryFiles(FileCache(settings.repository, settings.service.cache_bytes))

    @asgi("/repository", is_mount=True, copy_scope=False)
    async def repository(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path_template"] = "/repository/{file}"
        await files(scope, receive, send)

    return repository


def _providing(services: Services) -> Callable[[], Services]:
    def provide() -> Services:
        return services

    return provide


def _lifespan(services: Services, log: Log) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    def renew() -> Refreshed:
        replay_again(services, log)
        left = timestamp_left(services)
        fresh = left is not None and left > Lifetimes().timestamp.total_seconds() / 2
        # Even where the timestamp holds, whoever runs the service is to learn what only other keys can sign.
        found = services.repository.refresh(always=not fresh)
        _ask(services, log)
        look_again(services, log)
        return found

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        with services.store:
            # Nothing is served of what a restore brought back and an erasure had taken.
            await anyio.to_thread.run_sync(replay, services, log)
            if services.settings.passphrase is None:
                log.warning("nothing is signed here", why="no passphrase was given; renew the timestamp elsewhere")
                yield
                return
            renewal = Renewal(renew, services.settings.service.renew_seconds, services.metrics, log)
            async with anyio.create_task_group() as group:
                group.start_soon(renewal.run)
                if services.compliance is not None:
                    transparency = services.compliance.log
                    group.start_soon(LogKeeping(transparency, services.settings.service.renew_seconds, log).run)
                yield
                group.cancel_scope.cancel()

    return lifespan


def _ask(services: Services, log: Log) -> None:
    """Sign the list of requests to devices if it is time to, whatever is asked."""
    if services.compliance is None or services.replayed.failure is not None:
        return
    try:
        if services.compliance.asking.is_due():
            services.compliance.asking.publish(services.repository, services.settings.channels)
            log.info("list of requests signed")
    except (HomespunError, OSError) as error:
        log.error("list of requests not signed", **described(error))


def _logging(log: Log) -> Callable[[Exception, Scope], Awaitable[None]]:
    """Return what logs errors inside; those of a client are in the request's line alone."""

    async def note(error: Exception, _: Scope) -> None:
        status = error.status_code if isinstance(error, HTTPException) else None
        if isinstance(error, HomespunError):
            status = status_of(error)
        if status is None or status >= 500:  # noqa: PLR2004 - a status
            log.error("request failed", **described(error))

    return note
