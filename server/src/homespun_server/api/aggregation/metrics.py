"""What an aggregator counts for Prometheus. Nothing is counted a device, and no id is a label."""

from collections.abc import Mapping

from prometheus_client import Counter, Gauge

from homespun_server.api.metrics import RequestMetrics
from homespun_server.collection.waiting import Waits


class AggregationMetrics(RequestMetrics):
    """An aggregator's metrics, of one process."""

    def __init__(self, *, development: bool) -> None:
        """Begin at nothing.

        Args:
            development: Whether one party runs both aggregators.
        """
        super().__init__()
        self._taken = Counter(
            "homespun_reports", "Uploads that are kept, repeated ones included.", registry=self._registry
        )
        self._rejected = Counter(
            "homespun_reports_rejected", "Uploads that were not kept.", ("reason",), registry=self._registry
        )
        self._jobs = Counter("homespun_jobs", "Aggregation jobs.", ("outcome",), registry=self._registry)
        self._aggregated = Counter(
            "homespun_reports_aggregated", "Reports of finished jobs.", ("outcome",), registry=self._registry
        )
        self._waiting = Gauge("homespun_reports_waiting", "Reports without a job.", ("task",), registry=self._registry)
        self._lag = Gauge(
            "homespun_reports_lag_seconds",
            "Age of the oldest report without a job.",
            ("task",),
            registry=self._registry,
        )
        Gauge(
            "homespun_development", "1: one party runs both aggregators: nobody is protected.", registry=self._registry
        ).set(development)

    def taken(self) -> None:
        """Count an upload that is kept."""
        self._taken.inc()

    def rejected(self, reason: str) -> None:
        """Count an upload that is not."""
        self._rejected.labels(reason).inc()

    def job(self, outcome: str) -> None:
        """Count a job: ``done``, ``failed`` or ``put off``."""
        self._jobs.labels(outcome).inc()

    def aggregated(self, accepted: int, refused: int) -> None:
        """Count reports that were added, and those that did not hold."""
        self._aggregated.labels("added").inc(accepted)
        self._aggregated.labels("refused").inc(refused)

    def waiting(self, tasks: Mapping[str, Waits]) -> None:
        """Keep what waits, by task."""
        for task, found in tasks.items():
            self._waiting.labels(task).set(found.reports)
            self._lag.labels(task).set(found.seconds)
