"""Listens on the loopback interface, within limits, until nobody who may comes any more.

A connection brings one request. Who takes too long to send it is cut off, so that another account of this machine,
which can connect and not come in, cannot keep the person out; where there are too many connections, the oldest of
those that have not sent theirs goes first.
"""

import socket
import socketserver
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.server import HTTPServer
from typing import Any

from homespun.console.handler import Handler, Site

LOOPBACK = "127.0.0.1"

MOST_CONNECTIONS = 32
REQUEST_SECONDS = 10.0
"""How long a request may take to arrive."""

CLOSING_SECONDS = 5.0
"""How long closing waits for answers that are being made."""

_TURN_SECONDS = 0.1


@dataclass(slots=True)
class _Connection:
    """One connection: since when it is there, and whether its request has arrived."""

    since: float
    arrived: bool = False


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """Serves one site from a thread of its own."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, site: Site, idle_seconds: float) -> None:
        """Listen on a free port; nothing is served before ``start``."""
        self.site = site
        self._idle_seconds = idle_seconds
        self._changed = threading.Condition()
        self._connections: dict[socket.socket, _Connection] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="homespun console", daemon=True)
        super().__init__((LOOPBACK, 0), Handler)
        self.timeout = _TURN_SECONDS
        site.listens_at(self.server_address[1])

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called, as HTTPServer does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def wait(self) -> None:
        """Wait until it ended, because it was stopped or nobody came for long."""
        self._thread.join()

    @property
    def is_serving(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def stop(self) -> None:
        """End; answers that are being made have a moment to be sent."""
        self._stopping.set()
        self._thread.join()

    def arrived(self, connection: socket.socket) -> None:
        """Note that a connection's request is there."""
        with self._changed:
            known = self._connections.get(connection)
            if known is not None:
                known.arrived = True

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, and remember it."""
        connection, address = super().get_request()
        with self._changed:
            if len(self._connections) >= MOST_CONNECTIONS:
                _hang_up(min(self._connections, key=self._rank))
            self._connections[connection] = _Connection(time.monotonic())
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - as socketserver calls it
        """Refuse who does not come from this machine; nothing else can arrive on the loopback interface."""
        return str(client_address[0]) == LOOPBACK

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and forget it."""
        super().shutdown_request(request)
        with self._changed:
            self._connections.pop(request, None)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that went away is no news, and what was asked belongs into no log."""

    def _serve(self) -> None:
        try:
            while not self._stopping.is_set():
                self.handle_request()
                self._tend()
        finally:
            self._stopping.set()
            # Nobody can connect any more; who did is answered.
            self.socket.close()
            self._finish()

    def _tend(self) -> None:
        now = time.monotonic()
        with self._changed:
            for connection, known in self._connections.items():
                if not known.arrived and now - known.since > REQUEST_SECONDS:
                    _hang_up(connection)
        # Who connects and is not let in keeps nothing open; answers that are being made are still sent.
        if self.site.is_over(self._idle_seconds):
            self._stopping.set()

    def _finish(self) -> None:
        with self._changed:
            for connection, known in self._connections.items():
                if not known.arrived:
                    _hang_up(connection)
            self._changed.wait_for(lambda: not self._connections, CLOSING_SECONDS)
            for connection in self._connections:
                _hang_up(connection)
            self._changed.wait_for(lambda: not self._connections, CLOSING_SECONDS)

    def _rank(self, connection: socket.socket) -> tuple[bool, float]:
        known = self._connections[connection]
        return known.arrived, known.since


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
