"""Connections that must not be held by those who send nothing, or read nothing: deadlines for both.

uvicorn closes connections that idle between requests, but lets a client take for ever over a request or an answer, and
its fast parser has no limit for headers. The deadline of a request is set when a connection is made, and when the
request's first byte comes; it is lifted when the request is complete. That of an answer is set when more of it waits
than is buffered, or when all that is left to do is to send the rest; it is lifted when the client reads on.
"""

import asyncio
from importlib.util import find_spec
from typing import Any, Protocol, cast

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol


class ServiceConfig(Config):
    """uvicorn's configuration, and what its protocols are bound to here.

    Attributes:
        request_seconds: Within so many seconds a request must have arrived whole.
        send_seconds: So long a client may read nothing of an answer.
        max_header: Largest line and headers of a request, bytes.
    """

    request_seconds: float = 10.0
    send_seconds: float = 60.0
    max_header: int = 1 << 14


class _Cycle(Protocol):
    response_complete: bool
    more_body: bool


class Bounded:
    """Mixed into one of uvicorn's protocols."""

    config: ServiceConfig
    transport: asyncio.Transport
    cycle: _Cycle | None
    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _headers: int = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for the first request."""
        cast("Any", super()).connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Read on, and wait for the rest of a request that is not whole."""
        cast("Any", super()).data_received(data)
        begun = self.cycle is not None and not self.cycle.response_complete
        self._headers = 0 if begun else self._headers + len(data)
        if self.transport.is_closing() or (begun and self.cycle is not None and not self.cycle.more_body):
            self._stop()
        elif self._headers > self.config.max_header:
            # There is nobody to answer: what came so far is no request.
            self.transport.abort()
        elif self._timer is None:
            self._wait()

    def pause_writing(self) -> None:
        """Wait for the client to read on: more waits than is buffered."""
        cast("Any", super()).pause_writing()
        self._wait_for_reading()

    def resume_writing(self) -> None:
        """Stop waiting for the client: it read on."""
        self._stop_unread()
        cast("Any", super()).resume_writing()

    def on_response_complete(self) -> None:
        """Wait for the client to read the rest, where the connection ends with this answer."""
        cast("Any", super()).on_response_complete()
        if self.transport.is_closing():
            self._wait_for_reading()

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, but not before the rest of the last answer was read, or nobody reads it."""
        cast("Any", super()).timeout_keep_alive_handler()
        self._wait_for_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        self._stop_unread()
        cast("Any", super()).connection_lost(exc)

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.config.request_seconds, self.transport.abort)

    def _wait_for_reading(self) -> None:
        if self._unread is None and self.transport.get_write_buffer_size():
            loop = asyncio.get_running_loop()
            self._unread = loop.call_later(self.config.send_seconds, self.transport.abort)

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class BoundedH11(Bounded, H11Protocol):  # type: ignore[misc]
    """The protocol that needs nothing compiled."""


if find_spec("httptools") is not None:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class BoundedHttpTools(Bounded, HttpToolsProtocol):  # type: ignore[misc]
        """The fast protocol."""

    FASTEST: type[asyncio.Protocol] = BoundedHttpTools
else:
    FASTEST = BoundedH11
