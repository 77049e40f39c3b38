"""The transport of reports over urllib3: TLS by the system's certificates, and nothing but the report.

Every upload has the same few headers on every device: no cookie, no identifier, no redirect, no proxy from the
environment. A connection is used for one report and closed, so that two reports cannot be told to be of one device by
the connection that brought them; what the device's address tells is said in the threat model.

Answers: 2xx is taken. 429 and 503 ask to be left alone for a while; nothing goes to that destination meanwhile. An
answer is a refusal for good where it says that this report is none, or that the task takes no more: by the word of its
problem, or by 400, 413 or 422 where it has no word that is known. Everything else is tried again until the task closes:
a leader that does not know a task yet, or whoever answers in its place, must not end what cannot be repeated.
"""

import re
import threading
from collections.abc import Callable
from http.client import HTTPException
from typing import Final

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from homespun.contribute.cutting_off import Watch, watched_pools
from homespun.contribute.uploads import CONTENT_TYPE, INTAKE, INTAKE_TYPE, parse_upload
from homespun.errors import TransportError

HEADERS: Final = {
    "User-Agent": "homespun",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "Content-Type": CONTENT_TYPE,
}
"""What every report says, on every device; what bears the person's name says another type."""

_NEVER_LEFT: Final = (NewConnectionError, ConnectTimeoutError, NameResolutionError)
_TAKEN: Final = range(200, 300)
_REFUSED: Final = (400, 413, 422)
_FINAL: Final = {
    "malformed": True,
    "expired": True,
    "full": True,
    "conflict": True,
    "outside-window": False,
    "closed": False,
    "unknown-task": False,
}
_LATER: Final = (408, 425, 429, 503)
_PROBLEM: Final = re.compile(rb'"type": *"(?:[a-z0-9:/.-]*[:/])?([a-z-]{1,40})"')
_MOST_READ: Final = 1 << 12
_MOST_SAID: Final = 1 << 16
_REST_SECONDS: Final = 300.0
_MOST_REST_SECONDS: Final = 86_400.0


class Urllib3Transport:
    """Sends reports; see ``Transport``. Thread-safe: one at a time."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        connect_seconds: float = 15.0,
        read_seconds: float = 30.0,
        whole_seconds: float = 300.0,
        proxy: str | None = None,
    ) -> None:
        """Connect to nobody yet.

        Args:
            clock: Returns seconds since 1970, for how long a destination is left alone.
            connect_seconds: Most seconds for making a connection.
            read_seconds: Most seconds between two signs of life.
            whole_seconds: Most seconds of one upload.
            proxy: A proxy's origin; None: none.
        """
        timeout = Timeout(connect=connect_seconds, read=read_seconds)
        self._pool = (
            PoolManager(num_pools=1, maxsize=1, timeout=timeout)
            if proxy is None
            else ProxyManager(proxy, num_pools=1, maxsize=1, timeout=timeout)
        )
        self._watch = Watch()
        self._pool.pool_classes_by_scheme = watched_pools(self._watch)
        self._clock = clock
        self._whole_seconds = whole_seconds
        self._resting: dict[str, float] = {}
        self._one = threading.Lock()

    def rests(self) -> dict[str, float]:
        """Return the destinations that asked to be left alone, and still are, and until when, seconds since 1970."""
        now = self._clock()
        # A clock that was set back must not keep something waiting for years.
        return {each: until for each, until in dict(self._resting).items() if now < until <= now + _MOST_REST_SECONDS}

    def send(self, destination: str, payload: bytes) -> bytes | None:
        """Send an upload; see ``Transport``. Of what bears the person's name the answer is read: it is the receipt.

        Raises:
            MisuseError: It is no upload.
            TransportError: It was not taken, or that is unknown.
        """
        path, body = parse_upload(payload)
        with self._one:
            response = self._asked(f"{destination}{path}", body, INTAKE_TYPE if path in INTAKE else CONTENT_TYPE)
            try:
                self._heard(destination, response)
                return self._said(response) if path in INTAKE else None
            finally:
                response.close()

    def close(self) -> None:
        """Close every connection; closing twice does nothing."""
        self._pool.clear()

    def _said(self, response: BaseHTTPResponse) -> bytes | None:
        """Return a short answer; None where it does not come, as it can be asked for again."""
        try:
            with self._watch.within(self._whole_seconds):
                said = response.read(_MOST_SAID + 1, decode_content=False)
        except (HTTPError, HTTPException, OSError, ValueError):
            return None
        return said if len(said) <= _MOST_SAID else None

    def _asked(self, url: str, body: bytes, kind: str) -> BaseHTTPResponse:
        headers = {**HEADERS, "Content-Type": kind}
        try:
            with self._watch.within(self._whole_seconds):
                response = self._pool.urlopen(
                    "POST", url, body=body, headers=headers, redirect=False, retries=False, preload_content=False
                )
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            left = not isinstance(error, _NEVER_LEFT)
            raise TransportError(f"{url} gave no answer: {error}", may_have_left=left) from error
        if self._watch.was_cut:
            response.close()
            raise TransportError(f"{url} gave no answer within {self._whole_seconds:g} seconds.")
        return response

    def _heard(self, destination: str, response: BaseHTTPResponse) -> None:
        status = response.status
        if status in _TAKEN:
            return
        if status in _LATER:
            self._resting[destination] = self._clock() + _rest(response)
            raise TransportError(f"{destination} asked to be left alone for now (HTTP {status})")
        word = _problem(response)
        is_final = 400 <= status < 500 and _FINAL.get(word, status in _REFUSED)  # noqa: PLR2004 - 4xx
        said = f", {word}" if word else ""
        raise TransportError(f"{destination} refused it: HTTP {status}{said}", is_final=is_final)


def _rest(response: BaseHTTPResponse) -> float:
    """Return for how many seconds to leave the destination alone."""
    said = response.headers.get("Retry-After", "")
    # The other form, a date, is by a clock that is not ours.
    seconds = float(said) if re.fullmatch("[0-9]{1,9}", said, re.ASCII) else _REST_SECONDS
    return min(max(seconds, 1.0), _MOST_REST_SECONDS)


def _problem(response: BaseHTTPResponse) -> str:
    """Return the word by which the answer says what is wrong, if it is one: only that is shown to anybody."""
    try:
        raw = response.read(_MOST_READ, decode_content=False)
    except (HTTPError, HTTPException, OSError, ValueError):
        return ""
    match = _PROBLEM.search(raw)
    return match[1].decode() if match else ""
