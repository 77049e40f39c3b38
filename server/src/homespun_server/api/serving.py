"""Runs the service: uvicorn with bounds, one process or several on one socket, and a graceful end.

Several workers share nothing: each counts requests, limits and metrics of its own.
"""

import logging
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Protocol, TypeVar

from litestar.types import ASGIApp
from uvicorn import Server
from uvicorn.supervisors import Multiprocess

from homespun_server.api.logs import Log, open_log
from homespun_server.api.protocols import FASTEST, ServiceConfig
from homespun_server.errors import OutputError
from homespun_server.settings import ServiceSettings

BACKLOG = 2048


class Served(Protocol):
    """Settings of something that is served."""

    @property
    def service(self) -> ServiceSettings:
        """What its HTTP service allows."""


SettingsT = TypeVar("SettingsT", bound=Served)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; clients may connect from now on.

    Args:
        host: An address of this machine.
        port: A port; 0: one that the system picks.

    Raises:
        OutputError: If it cannot listen there.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise OutputError(
            f"the service cannot listen on {host}, port {port}: {error}. Name another address or port."
        ) from error


def serve(create: Callable[[SettingsT], ASGIApp], settings: SettingsT, listening: socket.socket, workers: int) -> None:
    """Serve until the process is told to stop (SIGTERM or Ctrl+C), and end when requests in flight are answered.

    Args:
        create: Makes the application in each worker.
        settings: What the application is made of.
        listening: Where clients connect; closed at the end.
        workers: How many processes.
    """
    config = _config(partial(_started, create, settings), settings.service, workers)
    with listening, _Quiet():
        if workers == 1:
            Server(config).run(sockets=[listening])
        else:
            Multiprocess(config, sockets=[listening]).run()


def _started(create: Callable[[SettingsT], ASGIApp], settings: SettingsT) -> ASGIApp:
    _pass_on(open_log())
    return create(settings)


def _config(factory: Callable[[], ASGIApp], service: ServiceSettings, workers: int) -> ServiceConfig:
    config = ServiceConfig(
        factory,
        factory=True,
        http=FASTEST,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        workers=workers,
        backlog=BACKLOG,
        limit_concurrency=service.connections,
        timeout_keep_alive=service.idle_seconds,
        timeout_graceful_shutdown=service.shutdown_seconds,
        h11_max_incomplete_event_size=service.max_header,
    )
    config.request_seconds = service.request_seconds
    config.send_seconds = service.send_seconds
    config.max_header = service.max_header
    return config


class _Quiet:
    """Lets the signals that uvicorn raises again after its end, end nothing: the command ends by itself."""

    _SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __enter__(self) -> None:
        self._before = {number: signal.signal(number, _nothing) for number in self._SIGNALS}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _nothing(_: int, __: FrameType | None) -> None:
    """Do nothing: what the signal asks for has been done."""


def _pass_on(log: Log) -> None:
    """Let what uvicorn says of itself be in the service's log; it says nothing there of clients."""
    logger = logging.getLogger("uvicorn")
    logger.handlers = [_Handler(log)]
    logger.setLevel(logging.INFO)
    logger.propagate = False


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        # What an exception says is told by whoever answers the request, without what it may quote.
        tell = self._log.info if record.levelno < logging.WARNING else self._log.warning
        tell("server", message=record.getMessage().strip())
