"""The session's cookie: not for scripts or other origins, and Secure with the prefix ``__Host-`` off this machine.

A browser takes a Secure cookie over HTTPS alone, which a proxy ends in front of the service; on loopback there is none.
Which of the two it is follows from the name that the browser asked for. Whoever forges that name cheats themselves.
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

AnyConnection = ASGIConnection[Any, Any, Any, Any]

NAME = "homespun-console"
HOST_NAME = f"__Host-{NAME}"

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def host_of(connection: AnyConnection) -> str:
    """Return the host and port that a browser asked for, in lower case."""
    return connection.headers.get("host", "").lower()


def is_loopback(host: str) -> bool:
    """Return whether a host, with or without a port, is this machine by name."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name in LOOPBACK


def secret_in(connection: AnyConnection) -> str:
    """Return the secret that a request's cookie holds; an empty text: none."""
    return connection.cookies.get(_name(host_of(connection)), "")


def session_cookie(host: str, secret: str) -> Cookie:
    """Return the cookie that carries a session; it ends with the browser.

    Args:
        host: What the browser asked for.
        secret: The session's secret; empty: the cookie is to go.
    """
    return Cookie(
        key=_name(host),
        value=secret,
        path="/",
        max_age=None if secret else 0,
        secure=not is_loopback(host),
        httponly=True,
        samesite="strict",
    )


def _name(host: str) -> str:
    return NAME if is_loopback(host) else HOST_NAME
