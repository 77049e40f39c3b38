"""The service's log: one line of JSON an event, to standard error. Whoever runs the service collects it."""

import sys
from collections.abc import Callable
from typing import Any, Protocol, TextIO

import msgspec
import structlog


class Log(Protocol):
    """Where events go; a name and values."""

    def info(self, event: str, **values: Any) -> Any:
        """Log what happened."""

    def warning(self, event: str, **values: Any) -> Any:
        """Log what somebody should look at."""

    def error(self, event: str, **values: Any) -> Any:
        """Log what went wrong."""


def open_log(stream: TextIO | None = None) -> Log:
    """Return a log that writes to a stream.

    Args:
        stream: Where to; None: standard error.
    """
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return log


def _json(event: dict[str, object], **_: Callable[[object], object]) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
