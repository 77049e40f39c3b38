"""A bounded load of HTTP requests from this process: raw sockets that are kept open, each with one request at a time.

Closed loop: the next request of a connection waits for the answer to the last one, so that what is measured is what the
server does with so many clients, and not how long a queue becomes.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import cast

CONNECTIONS = 16


@dataclass(frozen=True)
class Load:
    """What came of a load.

    Attributes:
        rate: Answers a second.
        p50: Median time of an answer, seconds.
        p99: The 99th percentile.
    """

    rate: float
    p50: float
    p99: float


class _Client(asyncio.Protocol):
    """Sends one request again and again, and keeps how long each answer took."""

    def __init__(self, request: bytes, status: bytes) -> None:
        self._request = request
        self._expected = b"HTTP/1.1 " + status
        self._buffer = b""
        self._transport = asyncio.Transport()
        self._sent = 0.0
        self._stopping = False
        self.seconds: list[float] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self.seconds.append(time.perf_counter() - self._sent)
        if not head.startswith(self._expected):
            self._end(RuntimeError(f"another answer than expected: {head[:200]!r} {body[:500]!r}"))
        elif self._stopping:
            self._end(None)
        else:
            self._buffer = b""
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or RuntimeError("the service closed a connection"))

    def stop(self) -> None:
        self._stopping = True

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def _end(self, error: Exception | None) -> None:
        if not self.ended.done():
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
            self._transport.close()


def run_load(port: int, request: bytes, status: int, seconds: float, connections: int = CONNECTIONS) -> Load:
    """Send a request over and over for some seconds.

    Args:
        port: Of this machine.
        request: The whole request.
        status: What it is answered with.
        seconds: How long.
        connections: How many at once.

    Raises:
        RuntimeError: If an answer is another one.
    """
    return asyncio.run(_run(port, request, str(status).encode(), seconds, connections))


async def _run(port: int, request: bytes, status: bytes, seconds: float, connections: int) -> Load:
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: _Client(request, status), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.wait([client.ended for client in clients], timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for client in clients:
        client.stop()
    await asyncio.gather(*(client.ended for client in clients))
    taken = time.perf_counter() - begun
    times = sorted(each for client in clients for each in client.seconds)
    return Load(len(times) / taken, times[len(times) // 2], times[int(len(times) * 0.99)])


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
