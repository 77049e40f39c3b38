"""The console's cookies: not for scripts or other sites, and Secure with the prefix ``__Host-`` off this machine.

A browser takes a Secure cookie over HTTPS alone, which a proxy ends in front of the service; on loopback there is none.
Which of the two it is follows from the name that the browser asked for. Whoever forges that name cheats themselves.

Cookies do not tell ports apart (RFC 6265, 8.5), so that on loopback other servers of the same name are handed the
cookie when they are asked for the same path, and can set one. Hence the port is in the name, a session holds for one
host and port (see ``console.sessions``), and of two cookies with one name, of which one is planted, none is taken.
"""

import hashlib
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from homespun_server.console.headers import PATH
from homespun_server.console.known import LIFETIME

AnyConnection = ASGIConnection[Any, Any, Any, Any]

SESSION = "homespun-console"
KNOWN = "homespun-known"

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HTTP_PORT = "80"


def host_of(connection: AnyConnection) -> str:
    """Return the host and port that a browser asked for, in lower case."""
    return connection.headers.get("host", "").lower()


def is_loopback(host: str) -> bool:
    """Return whether a host, with or without a port, is this machine by name."""
    return _split(host)[0] in LOOPBACK


def session_name(host: str) -> str:
    """Return what the session's cookie is called."""
    return _name(SESSION, host)


def known_name(host: str, account: str) -> str:
    """Return what the cookie is called by which a browser is known to an account; several may use one browser."""
    return _name(f"{KNOWN}-{hashlib.sha256(account.encode()).hexdigest()[:16]}", host)


def values_in(connection: AnyConnection, name: str) -> set[str]:
    """Return what a request's cookies of a name hold; more than one: all but one, or all, were planted."""
    pairs = (pair.strip() for text in connection.headers.getall("cookie", []) for pair in text.split(";"))
    return {value for pair in pairs for key, _, value in [pair.partition("=")] if key == name}


def value_in(connection: AnyConnection, name: str) -> str:
    """Return what a request's cookie of a name holds; an empty text: there is none, or not one alone."""
    found = values_in(connection, name)
    return found.pop() if len(found) == 1 else ""


def session_cookie(host: str, secret: str) -> Cookie:
    """Return the cookie that carries a session; it ends with the browser.

    Args:
        host: What the browser asked for.
        secret: The session's secret; empty: the cookie is to go.
    """
    return _cookie(host, session_name(host), secret, None if secret else 0)


def known_cookie(host: str, account: str, mark: str) -> Cookie:
    """Return the cookie by which a browser is known to an account.

    Args:
        host: What the browser asked for.
        account: The account.
        mark: See ``console.known``.
    """
    return _cookie(host, known_name(host, account), mark, int(LIFETIME.total_seconds()))


def _cookie(host: str, name: str, value: str, max_age: int | None) -> Cookie:
    local = is_loopback(host)
    return Cookie(
        key=name,
        value=value,
        path=PATH if local else "/",  # the prefix __Host- asks for the whole host (RFC 6265bis, 4.1.3.2)
        max_age=max_age,
        secure=not local,
        httponly=True,
        samesite="strict",
    )


def _name(what: str, host: str) -> str:
    name, port = _split(host)
    return f"{what}-{port}" if name in LOOPBACK else f"__Host-{what}"


def _split(host: str) -> tuple[str, str]:
    """Return a host's name and its port; one that is no number makes it no name of this machine's."""
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not colon:
        return host, _HTTP_PORT
    return (name, port) if port.isascii() and port.isdecimal() and len(port) <= 5 else (host, "")  # noqa: PLR2004
