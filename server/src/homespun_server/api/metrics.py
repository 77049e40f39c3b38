"""Counts and durations of requests for Prometheus, in a registry of their own: nothing global, and no addresses.

Routes are counted by their template and unknown methods together, so that no client makes new series.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the latencies' buckets, seconds."""


class RequestMetrics:
    """What every service counts, of one worker."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            "homespun_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "homespun_request_seconds",
            "Time from the start of a request to the end of its answer.",
            ("route",),
            buckets=BUCKETS,
            registry=self._registry,
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return everything, as Prometheus reads it."""
        return generate_latest(self._registry)


class Metrics(RequestMetrics):
    """The service's metrics, of one worker."""

    def __init__(self) -> None:
        """Begin at nothing."""
        super().__init__()
        self._renewed = Counter(
            "homespun_timestamp_renewals",
            "Times that the timestamp was to be renewed.",
            ("outcome",),
            registry=self._registry,
        )
        self._expires = Gauge(
            "homespun_timestamp_expires_seconds",
            "When the repository's timestamp expires, seconds since 1970.",
            registry=self._registry,
        )
        self._left = Gauge(
            "homespun_role_left_seconds",
            "Seconds until the signature of a role of the repository expires; none where it cannot be read.",
            ("role",),
            registry=self._registry,
        )

    def renewed(self, outcome: str) -> None:
        """Count that the timestamp was renewed, or was not: ``done``, ``not due`` or ``failed``."""
        self._renewed.labels(outcome).inc()

    def expires(self, moment: float) -> None:
        """Keep when the timestamp expires, seconds since 1970."""
        self._expires.set(moment)

    def left(self, roles: Mapping[str, float]) -> None:
        """Keep for how many seconds each role's signature holds, instead of what was kept before."""
        self._left.clear()
        for role, seconds in roles.items():
            self._left.labels(role).set(seconds)
