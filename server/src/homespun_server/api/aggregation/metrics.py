"""What an aggregator counts for Prometheus. Nothing is counted a device, and no id of a report is a label.

What is counted of reports and tasks needs a token: it tells how many took part before there is noise, and whether a
report was added.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

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
        self._counted = CollectorRegistry(auto_describe=True)
        self._taken = Counter(
            "homespun_reports", "Uploads that are kept, repeated ones included.", registry=self._counted
        )
        self._rejected = Counter(
            "homespun_reports_rejected", "Uploads that were not kept.", ("reason",), registry=self._counted
        )
        self._jobs = Counter("homespun_jobs", "Aggregation jobs.", ("outcome",), registry=self._counted)
        self._aggregated = Counter(
            "homespun_reports_aggregated", "Reports of finished jobs.", ("outcome",), registry=self._counted
        )
        self._waiting = Gauge("homespun_reports_waiting", "Reports without a job.", ("task",), registry=self._counted)
        self._lag = Gauge(
            "homespun_reports_lag_seconds",
            "Age of the oldest report without a job.",
            ("task",),
            registry=self._counted,
        )
        Gauge(
            "homespun_development", "1: one party runs both aggregators: nobody is protected.", registry=self._registry
        ).set(development)

    def everything(self) -> bytes:
        """Return all of it, for who shows a token; ``text`` has only what the process does."""
        return self.text() + generate_latest(self._counted)

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
