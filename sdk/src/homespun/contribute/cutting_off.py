"""Cutting a connection off from another thread, because a socket's own timeout begins anew with every byte.

A server that sends its answer byte by byte would otherwise hold its caller for as long as it likes.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Watch:
    """Knows the connection that is in use, to cut it off from another thread.

    Attributes:
        was_cut: Whether the connection was cut off.
    """

    def __init__(self) -> None:
        """Watch nothing yet."""
        self.was_cut = False
        self._connection: HTTPConnection | None = None

    def begin(self, connection: HTTPConnection) -> None:
        """Watch a connection, in place of the one before."""
        self._connection = connection

    def cut_off(self) -> None:
        """End the connection; whoever waits for it finds it broken."""
        self.was_cut = True
        connection = self._connection
        found = None if connection is None else connection.sock
        if found is not None:
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Cut the connection off if what is done takes longer."""
        self.was_cut = False
        timer = threading.Timer(seconds, self.cut_off)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def watched_pools(watch: Watch) -> dict[str, type[HTTPConnectionPool]]:
    """Return the classes of pools whose connections a watch knows, for a pool manager's ``pool_classes_by_scheme``."""

    class WatchedHttp(HTTPConnection):
        def connect(self) -> None:
            watch.begin(self)
            super().connect()

    class WatchedHttps(HTTPSConnection):
        def connect(self) -> None:
            watch.begin(self)
            super().connect()

    class PoolHttp(HTTPConnectionPool):
        ConnectionCls = WatchedHttp

    class PoolHttps(HTTPSConnectionPool):
        ConnectionCls = WatchedHttps

    return {"http": PoolHttp, "https": PoolHttps}
