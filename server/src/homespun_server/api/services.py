"""What the routes work with, in one place; made once by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from homespun_server.api.metrics import Metrics
from homespun_server.api.problem import ClientError
from homespun_server.api.roles import Action, may
from homespun_server.compliance.opening import Compliance
from homespun_server.errors import TokenError
from homespun_server.publishing.registry import Registry
from homespun_server.publishing.repository import SignedRepository
from homespun_server.settings import ServerSettings
from homespun_server.store import Actor, AuditLog, Runs, Store, Tokens
from homespun_server.store.moments import Now
from homespun_server.store.tokens import Token


@dataclass
class Replayed:
    """Whether what was erased is erased, after whatever was restored before the service started.

    Attributes:
        failure: Why that cannot be said; None: it is.
    """

    failure: str | None = None


@dataclass(frozen=True, kw_only=True)
class Services:
    """What the routes work with.

    Attributes:
        settings: The server's settings.
        store: The operator's store.
        repository: The signed repository.
        registry: The bundles.
        runs: The pipeline's runs.
        tokens: The service's tokens.
        audit: The record of changes.
        metrics: Where is counted.
        now: Returns the time.
        forget: Called with the name of a token that was revoked.
        compliance: What compliance works with; None: there are no keys for it.
        replayed: Whether what was erased is erased; where it is not, compliance is refused.
    """

    settings: ServerSettings
    store: Store
    repository: SignedRepository
    registry: Registry
    runs: Runs
    tokens: Tokens
    audit: AuditLog
    metrics: Metrics
    now: Now
    forget: Callable[[str], None]
    compliance: Compliance | None = None
    replayed: Replayed = field(default_factory=Replayed)


Given = NamedDependency[Services]
"""How a route asks for them, by the name ``services``."""

AnyRequest = Request[Any, Token, State]
"""A request that was let in with a token."""


def requires(action: Action) -> Guard:
    """Return what lets a request through only if its token's role may do something."""

    # The framework would run a plain function in a thread.
    async def check(connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        found = connection.scope.get("auth")
        if not isinstance(found, Token):
            detail = str(found) if isinstance(found, TokenError) else "this needs a token: Authorization: Bearer TOKEN."
            raise ClientError(detail, status_code=401)
        if not may(found.role, action):
            raise ClientError(f"a token for the role {found.role} may not do this.", status_code=403)

    return check


def compliance_of(services: Services) -> Compliance:
    """Return what compliance works with, for its routes, which are there only where it is.

    Raises:
        ClientError: There are no keys for it, or people who were erased may be back.
    """
    if services.compliance is None:
        raise ClientError("there is nothing here.", status_code=404)
    check_replayed(services)
    return services.compliance


def check_replayed(services: Services) -> None:
    """Refuse to answer with what an erasure had taken and a restore may have brought back.

    Raises:
        ClientError: It was not erased again yet; why, the service's log says.
    """
    if services.replayed.failure is not None:
        raise ClientError(
            "what was erased may be back after a restore, so nothing about people is answered until it is erased "
            "again. Try later; the service's log says what is in the way.",
            status_code=503,
        )


def actor_of(request: AnyRequest) -> Actor:
    """Return who makes a request that was let through."""
    return request.auth.actor
