"""Devices that upload to the services over HTTP, some of which drop out, while leader and helper are killed at times.

A device that got no answer says the same again, as devices do; one that drops out has made nothing. How often which
program is killed is spread over the uploads, so that a run says what it did.
"""

import http.client
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from homespun.contribute.uploads import CONTENT_TYPE, report_path
from homespun.protocol.collection.task import Task
from homespun_server.collection.asking import Asking
from homespun_server.collection.messages import Collection, Role
from homespun_server.errors import AggregationError
from homespun_server.evaluation.comparison import Observer
from homespun_server.learning.collected import Asked
from homespun_server.simulation.fleet import Device
from homespun_server.simulation.memory import Moved
from homespun_server.simulation.rounds import Took, reports_of
from homespun_server.simulation.services import Services

ATTEMPTS = 200
"""How often a device says the same again before the simulation gives up."""

_PAUSE = 0.1
_TIMEOUT = 60


@dataclass(frozen=True)
class Mishaps:
    """What goes wrong on purpose.

    Attributes:
        crashes: How often leader and helper, in turn, are killed and started again in each task.
        dropouts: Share of the devices that report to no task.
        again: Share of the devices that upload a second time, as if they had got no answer.
    """

    crashes: int = 0
    dropouts: float = 0.0
    again: float = 0.0


NO_MISHAPS = Mishaps()


class Uploading:
    """Has devices report over HTTP; an ``Aggregate``."""

    def __init__(
        self, running: Services, mishaps: Mishaps, now: int, moved: Moved, took: Took, observer: Observer
    ) -> None:
        """Upload to services.

        Args:
            running: Leader and helper.
            mishaps: What goes wrong on purpose.
            now: When it is, seconds since 1970.
            moved: Gets the bytes of the uploads and of the sums.
            took: Gets the seconds.
            observer: Called with (step, done, in all).
        """
        self._running, self._mishaps = running, mishaps
        self._now, self._moved, self._took, self._observer = now, moved, took, observer
        # Which devices drop out is no secret, and the same in every run.
        self._chance = random.Random(0)  # noqa: S311

    def __call__(self, task: Task, asked: Asked, devices: Sequence[Device]) -> Collection:
        """Return what leader and helper answer."""
        self._running.take_part(task)
        staying = devices[: len(devices) - round(len(devices) * self._mishaps.dropouts)]
        crashes = _spread(self._mishaps.crashes, len(staying))
        reports = reports_of(staying, task, asked.ids, self._now, self._took, self._observer, len(staying))
        start = time.perf_counter()
        with _Leader(task) as leader:
            for number, report in enumerate(reports):
                if number in crashes:
                    self._running.kill(crashes[number])
                for _ in range(2 if self._chance.random() < self._mishaps.again else 1):
                    leader.upload(report)
                    self._moved.uploaded += len(report)
                self._moved.reports += 1
        found = Asking(self._running.token, time.sleep, told=self._told)(task)
        self._moved.collected += len(found.leader) + len(found.helper)
        self._took.add("upload, aggregate and collect over HTTP, devices included", time.perf_counter() - start)
        return found

    def _told(self, added: int, pending: int) -> None:
        self._observer("leader and helper add", added, max(added + pending, 1))


class _Leader:
    """A connection to a task's leader that is made again when it breaks."""

    def __init__(self, task: Task) -> None:
        parts = urlsplit(task.leader.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)
        self._path = report_path(task.id)
        self._name = task.name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def upload(self, report: bytes) -> None:
        """Upload until it is acknowledged.

        Raises:
            AggregationError: If the leader refuses it, or never answers.
        """
        for _ in range(ATTEMPTS):
            status = self._status(report)
            if status == http.HTTPStatus.CREATED:
                return
            if status not in (0, http.HTTPStatus.NOT_FOUND, *_LATER):
                raise AggregationError(f"{self._name}: the leader refused a simulated report with status {status}.")
            time.sleep(_PAUSE)
        raise AggregationError(f"{self._name}: the leader took no simulated report in {ATTEMPTS} attempts.")

    def _status(self, report: bytes) -> int:
        """Return the answer's status; 0: there was none."""
        try:
            self._connection.request("POST", self._path, report, {"Content-Type": CONTENT_TYPE})
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0
        return answer.status


_LATER = (http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE)


def _spread(crashes: int, reports: int) -> dict[int, Role]:
    """Return before which report which program is killed."""
    roles: tuple[Role, Role] = ("leader", "helper")
    return {(number + 1) * reports // (crashes + 1): roles[number % 2] for number in range(crashes)}
