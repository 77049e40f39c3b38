"""How a witness asks a log: over HTTPS, or over HTTP on this machine.

Redirects are not followed, and answers are bounded.
"""

import http.client
import ssl
from urllib.parse import urlsplit

from homespun.errors import MisuseError, TransportError
from homespun_server.compliance.log.published import (
    MAX_PREDECESSORS_BYTES,
    MAX_PROOF_BYTES,
    Continuation,
    Predecessors,
    read_continuation,
    read_predecessors,
)

TIMEOUT = 30.0
"""So long a log may take to answer, seconds."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def fetch_continuation(url: str, old: int) -> Continuation:
    """Return a log's last checkpoint, and the proof that it continues what was seen before.

    Args:
        url: Where the log's service is, without a path.
        old: The size that was seen before.

    Raises:
        MisuseError: The URL is none that is asked.
        ProofError: The answer is no proof.
        TransportError: The log does not answer, or not with one.
    """
    status, body = _asked(url, f"proof?old={old}", MAX_PROOF_BYTES)
    if status != http.HTTPStatus.OK:
        raise TransportError(
            f"the log at {url} has no proof from {old} entries (status {status}). If this witness saw that many, the "
            "log took entries back: keep its last checkpoint, which shows it. Whether it began anew, it says itself: "
            "homespun-server log witness predecessors."
        )
    return read_continuation(body)


def fetch_predecessors(url: str, old: int) -> Predecessors:
    """Return what a log says of its predecessors, with its last checkpoint.

    Args:
        url: Where the log's service is, without a path.
        old: The size that was seen before.

    Raises:
        MisuseError: The URL is none that is asked.
        ProofError: The answer is something else.
        TransportError: The log does not answer, or not with that.
    """
    status, body = _asked(url, f"predecessors?old={old}", MAX_PREDECESSORS_BYTES)
    if status != http.HTTPStatus.OK:
        raise TransportError(f"the log at {url} says nothing of predecessors (status {status}). Ask its operator.")
    return read_predecessors(body)


def _asked(url: str, what: str, most: int) -> tuple[int, bytes]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or parts.query or (parts.scheme != "https" and (parts.scheme != "http" or host not in _LOOPBACK)):
        raise MisuseError(f"{url!r} is no log that is asked; give https://HOST, or http://localhost:PORT.")
    connection = _connection(parts.scheme, host, parts.port)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/log/v1/{what}")
        with connection.getresponse() as answer:
            return answer.status, answer.read(most + 1)
    except (OSError, http.client.HTTPException) as error:
        raise TransportError(f"the log at {url} does not answer ({type(error).__name__}). Ask again later.") from error
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
