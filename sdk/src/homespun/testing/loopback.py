"""Serves files over HTTP on this machine alone, on a port that the system picks, with what may go wrong."""

import socket
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from homespun.testing.answers import Answer, Fault, Request, answered


class Loopback:
    """A server of static files for as long as its ``with`` block lasts.

    Attributes:
        files: Content by path; they may change while it serves.
        faults: What goes wrong, by the pattern (``fnmatch``) of the path; see ``homespun.testing.faults``.
        requests: Every request that arrived.
    """

    def __init__(self, files: Mapping[str, bytes], *, faults: dict[str, Fault] | None = None) -> None:
        """Serve files.

        Args:
            files: Content by path, for instance ``MemoryRepository.files``.
            faults: What goes wrong.
        """
        self.files = files
        self.faults: dict[str, Fault] = {} if faults is None else faults
        self.requests: list[Request] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it serves, with a slash at the end; only inside the ``with`` block.

        Raises:
            RuntimeError: It does not serve.
        """
        if self._server is None:
            raise RuntimeError("the loopback server is not running; enter its with block first.")
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.shutdown()
            thread.join()
            server.hang_up()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for every answer, so that no socket is left behind

    def __init__(self, loopback: Loopback) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.loopback = loopback
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, and remember it."""
        connection, address = super().get_request()
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """End a connection, and forget it."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End every connection: some answers never end by themselves, and some readers keep connections."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # its other end was faster
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: readers that hang up in the middle are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Answer a request."""
        loopback = self.server.loopback
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(unquote(urlsplit(self.path).path).removeprefix("/"), headers)
        loopback.requests.append(request)
        self._send(answered(loopback.files, loopback.faults, request))

    def _send(self, found: Answer) -> None:
        self.close_connection = True
        if found.status == 0:
            return
        self.send_response(found.status)
        for name, value in found.headers.items():
            self.send_header(name, value)
        # A body may be shorter or longer than was said, and what follows it would then be taken for an answer.
        self.send_header("connection", "close")
        self.end_headers()
        for piece in found.body:
            self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Print nothing."""
