"""Whether the service is alive, whether it can be used, and its metrics: for who runs it, without a token.

Nothing here names a person, a path or a bundle. A proxy should still keep these from strangers.
"""

from datetime import UTC, datetime
from typing import Literal

import msgspec
from litestar import Response, get
from litestar.openapi import ResponseSpec
from sqlalchemy import func, select

from homespun_server.api.metrics import MEDIA_TYPE
from homespun_server.api.services import Given, Services
from homespun_server.errors import StoreError
from homespun_server.store.schema import tokens


class Health(msgspec.Struct, frozen=True):
    """That the service answers."""

    status: Literal["alive"]


class Readiness(msgspec.Struct, frozen=True):
    """Whether the service can be used.

    Attributes:
        ready: Whether all of it is well.
        store: Whether the store can be read.
        timestamp: The repository's timestamp: ``valid``, ``expiring`` or ``missing``.
    """

    ready: bool
    store: bool
    timestamp: Literal["valid", "expiring", "missing"]


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
    """Say whether the store can be read and the repository's timestamp is valid for long enough."""
    found = readiness(services)
    return Response(found, status_code=200 if found.ready else 503, headers={"Cache-Control": "no-store"})


@get("/metrics", media_type=MEDIA_TYPE, sync_to_thread=False, include_in_schema=False)
def metrics(services: Given) -> bytes:
    """Return the metrics, as Prometheus reads them."""
    return services.metrics.text()


def readiness(services: Services) -> Readiness:
    """Return whether the service can be used."""
    store, timestamp = _store_is_there(services), _timestamp(services)
    return Readiness(store and timestamp == "valid", store, timestamp)


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
