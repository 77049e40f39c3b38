"""How a collector asks a leader: over HTTP, with its token, again while the leader still works.

Nothing but the task's leader is ever asked, redirects are not followed, and answers are bounded. Asking twice is
harmless: a leader gives the same bytes again.
"""

import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from homespun.protocol.collection.task import Task
from homespun_server.collection import PROBLEM
from homespun_server.collection.messages import Collection, parse_collection
from homespun_server.collection.sealing import OVERHEAD
from homespun_server.errors import AggregationError, BelowMinimumError

MAX_PROBLEM = 1 << 16
"""Largest answer that is no collection, bytes."""

BESIDE_BYTES = 1024
"""More than a collection says beside its two sums."""

LONGEST_WAIT = 60
"""Longest pause that a leader may ask for, seconds."""

TIMEOUT = 60.0
"""So long a leader may take to answer, seconds."""

Told = Callable[[int, int], None]
"""Called with (reports added, reports that are still to be looked at)."""


@dataclass(frozen=True)
class Asking:
    """What a collector needs to ask.

    Attributes:
        token: The leader's, see ``homespun-server leader token``.
        wait: Sleeps for so many seconds.
        patience: How often a leader may say that it is still at work.
        told: Is told how far the leader is.
    """

    token: str
    wait: Callable[[float], None]
    patience: int = 3600
    told: Told = lambda _added, _pending: None

    def __call__(self, task: Task) -> Collection:
        """Return a task's collection, as soon as the leader has it.

        Raises:
            AggregationError: The leader refuses, cannot be reached, or does not come to an end.
            BelowMinimumError: There are too few reports yet.
        """
        for _ in range(self.patience):
            status, pause, body = _exchange(task, self.token)
            if status == http.HTTPStatus.OK:
                return parse_collection(body)
            if status not in _LATER:
                raise _refusal(task, status, body)
            self._tell(body)
            self.wait(pause)
        raise AggregationError(f"the leader of {task.name} is still at work; collect it again later, it goes on then.")

    def _tell(self, body: bytes) -> None:
        try:
            found = msgspec.json.decode(body, type=_Progress)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return
        self.told(found.count, found.pending)


_LATER = (http.HTTPStatus.ACCEPTED, http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE)


class _Progress(msgspec.Struct):
    count: int
    pending: int


class _Problem(msgspec.Struct):
    type: str = ""


def _exchange(task: Task, token: str) -> tuple[int, float, bytes]:
    """Return the status, the pause that is asked for in seconds, and the body."""
    parts = urlsplit(task.leader.url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    most = 2 * (4 * task.statistic.size + OVERHEAD) + BESIDE_BYTES
    try:
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("POST", f"/tasks/{task.id.hex()}/collection", b"", headers)
        with connection.getresponse() as answer:
            body = answer.read(max(most, MAX_PROBLEM) + 1)
    except (OSError, http.client.HTTPException) as error:
        raise AggregationError(
            f"the leader at {task.leader.url} does not answer ({type(error).__name__}). Collect again later; nothing "
            "is charged twice."
        ) from error
    finally:
        connection.close()
    if len(body) > max(most, MAX_PROBLEM):
        raise AggregationError(f"the leader at {task.leader.url} answers more than there can be; it is no leader.")
    return answer.status, _pause(answer.getheader("Retry-After")), body


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT)


def _pause(text: str | None) -> float:
    return float(min(int(text), LONGEST_WAIT)) if text is not None and text.isdecimal() else 1.0


def _refusal(task: Task, status: int, body: bytes) -> AggregationError:
    try:
        word = msgspec.json.decode(body[:MAX_PROBLEM], type=_Problem).type.removeprefix(PROBLEM)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        word = ""
    if word == "below-minimum":
        return BelowMinimumError(
            f"{task.name} has fewer than {task.minimum_batch:,} reports yet, so nothing was revealed. The task is "
            "charged once, beforehand; collect it again when more have come."
        )
    if status == http.HTTPStatus.UNAUTHORIZED:
        return AggregationError("the leader does not know this token; its operator makes one with leader token.")
    why = _WHY.get(word, f"status {status} {word[:40] if word.replace('-', '').isalpha() else ''}".rstrip())
    return AggregationError(f"the leader of {task.name} gives no sum: {why}. Nothing was revealed.")


_WHY = {
    "mismatch": "leader and helper hold different sets of reports, so one of them is wrong or lies",
    "expired": "the task has expired, and its reports are destroyed",
    "unknown-task": "it does not take part in this task",
}
