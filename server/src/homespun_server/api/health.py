"""Whether the service is alive, whether it can be used, and its metrics: for who runs it, without a token.

Nothing here names a person, a path or a bundle. A proxy should still keep these from strangers.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec
from litestar import Response, get
from litestar.openapi import ResponseSpec
from sqlalchemy import func, select

from homespun.errors import HomespunError
from homespun_server.api.metrics import MEDIA_TYPE
from homespun_server.api.services import Given, Services
from homespun_server.errors import StoreError
from homespun_server.store.schema import tokens


class Health(msgspec.Struct, frozen=True):
    """That the service answers."""

    status: Literal["alive"]


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether the service can be used.

    Attributes:
        ready: Whether all of it is well.
        store: Whether the store can be read.
        repository: Whether the repository can be read and is as its publisher left it.
        timestamp: The repository's timestamp: ``valid``, ``expiring`` or ``missing``.
        expiring: Roles of the repository that expire soon or have expired; devices refuse what has.
        log: Whether the transparency log continues what was signed; left out: there is none. If not, an older store
            was put back, and nothing of people is taken in; that is no reason to keep updates from devices.
    """

    ready: bool
    store: bool
    repository: bool
    timestamp: Literal["valid", "expiring", "missing"]
    expiring: tuple[str, ...]
    log: bool | None = None


class _Signed(msgspec.Struct):
    expires: datetime


class _Timestamp(msgspec.Struct):
    signed: _Signed


@get("/health", sync_to_thread=False, tags=["service"])
def health() -> Health:
    """Say that the service answers."""
    return Health("alive")


@get(
    "/ready",
    sync_to_thread=True,
    tags=["service"],
    responses={503: ResponseSpec(Readiness, description="It cannot be used.", generate_examples=False)},
)
def ready(services: Given) -> Response[Readiness]:
    """Say whether the store can be read and every role of the repository is valid for long enough."""
    found = readiness(services)
    return Response(found, status_code=200 if found.ready else 503, headers={"Cache-Control": "no-store"})


@get("/metrics", media_type=MEDIA_TYPE, sync_to_thread=True, include_in_schema=False)
def metrics(services: Given) -> bytes:
    """Return the metrics, as Prometheus reads them."""
    services.metrics.left(_roles_left(services) or {})
    return services.metrics.text()


def readiness(services: Services) -> Readiness:
    """Return whether the service can be used."""
    store, timestamp, left = _store_is_there(services), _timestamp(services), _roles_left(services)
    least = services.settings.service.ready_seconds
    expiring = tuple(role for role, seconds in (left or {}).items() if seconds <= least)
    well = store and left is not None and timestamp == "valid" and not expiring
    return Readiness(well, store, left is not None, timestamp, expiring, _log_continues(services))


def _roles_left(services: Services) -> Mapping[str, float] | None:
    """Return for how many seconds each role's signature holds; None: the repository cannot be read."""
    try:
        found = services.repository.expiries()
    except (HomespunError, OSError):
        return None
    now = services.now()
    return {role: (expires - now).total_seconds() for role, expires in found.items()}


def _log_continues(services: Services) -> bool | None:
    if services.compliance is None:
        return None
    try:
        return services.compliance.log.refusal() is None
    except StoreError:
        return False


def _store_is_there(services: Services) -> bool:
    try:
        with services.store.reading() as connection:
            # Something that is not in memory already, or a store that is gone would still be there.
            connection.execute(select(func.count()).select_from(tokens))
    except StoreError:
        return False
    return True


def timestamp_left(services: Services) -> float | None:
    """Return for how many seconds the repository's timestamp is valid; None: there is none."""
    try:
        raw = (services.settings.repository / "metadata" / "timestamp.json").read_bytes()
        expires = msgspec.json.decode(raw, type=_Timestamp).signed.expires.astimezone(UTC)
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return None
    services.metrics.expires(expires.timestamp())
    return (expires - services.now()).total_seconds()


def _timestamp(services: Services) -> Literal["valid", "expiring", "missing"]:
    left = timestamp_left(services)
    if left is None:
        return "missing"
    return "valid" if left > services.settings.service.ready_seconds else "expiring"
