"""The transport of updates over urllib3: TLS by the system's certificates, and nothing that was not asked for.

No redirects, no repeated attempts, no cookies, no proxy from the environment, no decoding. A server that sends the
headers of its answer byte by byte is cut off by a timer, because a socket's own timeout begins anew with every byte.
"""

import contextlib
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Final, Self

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from homespun.contribute.cutting_off import Watch, watched_pools
from homespun.errors import TransportError

_CHUNK: Final = 1 << 16
_SMALL: Final = 1 << 12
_OK: Final = range(200, 300)
_NEVER_LEFT: Final = (NewConnectionError, ConnectTimeoutError, NameResolutionError)


class Urllib3Reply:
    """An answer; see ``Reply``."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        """Read nothing of the body yet."""
        self._response = response
        self._done = False

    @property
    def status(self) -> int:
        """HTTP status code."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers by lower-case name."""
        return {name.lower(): value for name, value in self._response.headers.items()}

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives; see ``Reply``.

        Raises:
            TransportError: The connection broke, or nothing came for too long.
        """
        try:
            while chunk := self._response.read1(_CHUNK, decode_content=False):
                yield chunk
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise TransportError(f"the answer broke off: {error}") from error
        self._done = True

    def close(self) -> None:
        """Keep the connection if the answer was read to its end or is a short refusal; close it otherwise."""
        if not self._done and self.status not in _OK:
            self._pass_over()
        if self._done:
            self._response.release_conn()
        else:
            self._response.close()

    def _pass_over(self) -> None:
        length = self.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) <= _SMALL:
            with contextlib.suppress(HTTPError, HTTPException, OSError, ValueError):
                read = self._response.read1(_SMALL, decode_content=False) if int(length) else b""
                self._done = len(read) == int(length)


class Urllib3Http:
    """Asks over urllib3; see ``Http``. A context manager that closes it."""

    def __init__(
        self, *, connect_seconds: float, read_seconds: float, answer_seconds: float, proxy: str | None = None
    ) -> None:
        """Connect to nobody yet.

        Args:
            connect_seconds: Most seconds for making a connection.
            read_seconds: Most seconds between two arrivals of bytes.
            answer_seconds: Most seconds until the headers of an answer are there.
            proxy: A proxy's origin; None: none.
        """
        timeout = Timeout(connect=connect_seconds, read=read_seconds)
        self._pool = (
            PoolManager(num_pools=1, maxsize=1, timeout=timeout)
            if proxy is None
            else ProxyManager(proxy, num_pools=1, maxsize=1, timeout=timeout)
        )
        self._answer_seconds = answer_seconds
        self._watch = Watch()
        self._pool.pool_classes_by_scheme = watched_pools(self._watch)

    def get(self, url: str, headers: Mapping[str, str]) -> Urllib3Reply:
        """Ask; see ``Http``.

        Raises:
            TransportError: There is no answer.
        """
        try:
            with self._watch.within(self._answer_seconds):
                response = self._pool.urlopen(
                    "GET", url, headers=dict(headers), redirect=False, retries=False, preload_content=False
                )
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            left = not isinstance(error, _NEVER_LEFT)
            raise TransportError(f"{url} gave no answer: {error}", may_have_left=left) from error
        if self._watch.was_cut:
            # Headers that were cut off can pass for the end of the headers.
            response.close()
            raise TransportError(f"{url} gave no answer within {self._answer_seconds:g} seconds.")
        return Urllib3Reply(response)

    def close(self) -> None:
        """Close every connection; closing twice does nothing."""
        self._pool.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
