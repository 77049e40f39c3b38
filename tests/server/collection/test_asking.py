"""A leader that is slow, away, refuses, or is no leader: what a collector would make of it."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.protocol.collection.task import Aggregator, Task
from homespun_server.collection import PROBLEM
from homespun_server.collection.asking import LONGEST_WAIT, Asking
from homespun_server.errors import AggregationError, BelowMinimumError
from tests.server.collection.batches import Vector, asked, collection_of

PRIVATE = X25519PrivateKey.generate()
VECTORS: list[Vector] = [np.array(values, np.int64) for values in ([8192, 0, 0, 0], [0, 5792, 5792, 0])]


@dataclass
class Answer:
    """One answer of a leader."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def problem(status: int, word: str) -> Answer:
    return Answer(status, json.dumps({"type": PROBLEM + word}).encode())


def progress(added: int, pending: int, **headers: str) -> Answer:
    return Answer(202, json.dumps({"state": "closing", "count": added, "pending": pending}).encode(), headers)


@dataclass
class Heard:
    """What a leader was asked, and how long the collector waited."""

    url: str
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    told: list[tuple[int, int]] = field(default_factory=list)

    @property
    def task(self) -> Task:
        leader = Aggregator(name="leader", url=self.url, key="a" * 64)
        return asked(PRIVATE, leader=leader, development=True)

    def ask(self, patience: int = 5) -> Any:
        told = lambda added, pending: self.told.append((added, pending))  # noqa: E731
        return Asking("token", self.waits.append, patience, told)(self.task)


@contextmanager
def leader(answers: Sequence[Answer]) -> Iterator[Heard]:
    """Answer with each in turn, the last one again and again."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.requests.append((self.path, self.headers.get("Authorization")))
            answer = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        heard = Heard(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            server.shutdown()
            thread.join()


def test_a_leader_that_is_at_work_is_given_up() -> None:
    answers = [progress(1, 9, Retry_After="2"), progress(5, 5, Retry_After="9999"), Answer(503), Answer(200)]
    with leader(answers) as heard:
        task = heard.task
        answers[-1].body = msgspec.msgpack.encode(collection_of(task, VECTORS))
        found = heard.ask()
    assert (found.task, found.count) == (task.id.hex(), 2)
    assert heard.waits == [2.0, float(LONGEST_WAIT), 1.0]
    assert heard.told == [(1, 9), (5, 5)]
    assert set(heard.requests) == {(f"/tasks/{task.id.hex()}/collection", "Bearer token")}


def test_a_leader_that_never_ends_is_asked_for_ever() -> None:
    with leader([progress(1, 1)]) as heard, pytest.raises(AggregationError, match="still at work"):
        heard.ask(patience=3)
    assert len(heard.requests) == 3


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (problem(409, "below-minimum"), "fewer than 2 reports"),
        (problem(409, "mismatch"), "different sets of reports"),
        (problem(410, "expired"), "are destroyed"),
        (problem(404, "unknown-task"), "does not take part"),
        (problem(401, "unauthorized"), "does not know this token"),
        (problem(500, "strange"), "status 500 strange"),
        (Answer(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"}), "status 302"),
        (Answer(418, b"[" * 50_000), "status 418"),
        (Answer(200, b"nothing"), "no Collection"),
        (Answer(200, bytes(1 << 17)), "more than there can be"),
    ],
)
def test_an_answer_passes_for_a_sum_that_is_none(answer: Answer, told: str) -> None:
    with leader([answer]) as heard, pytest.raises(AggregationError, match=told) as caught:
        heard.ask()
    assert isinstance(caught.value, BelowMinimumError) == ("fewer" in told)
    assert len(heard.requests) == 1


def test_a_leader_that_is_away_ends_in_a_traceback() -> None:
    with leader([Answer(200)]) as heard:
        pass
    with pytest.raises(AggregationError, match="does not answer"):
        heard.ask()
