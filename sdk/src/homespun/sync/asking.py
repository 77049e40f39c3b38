"""Asks for something, after it was written down: no request is made that is not in the ledger.

Every request has the same few headers, which say nothing of the device. An answer is read to a limit and no further,
at the pace that is allowed, and never decoded.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from homespun.contribute.requests import Ending, Requests
from homespun.errors import HomespunError, TransportError
from homespun.sync.http import Http, Reply
from homespun.sync.outcome import Deferred, Rejected
from homespun.sync.pace import Meter, Pace
from homespun.sync.stopping import StoppedError

HEADERS: Final[Mapping[str, str]] = {"User-Agent": "homespun", "Accept": "*/*", "Accept-Encoding": "identity"}
"""What every request says, on every device."""

_T = TypeVar("_T")
_DIGEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What asking needs.

    Attributes:
        http: The transport.
        requests: The ledger.
        pace: How fast downloads may and must be.
        monotonic: Returns seconds that never go back.
        wait: Waits so many seconds, or until the updater is closed.
        is_closed: Tells whether the updater was closed.
    """

    http: Http
    requests: Requests
    pace: Pace
    monotonic: Callable[[], float]
    wait: Callable[[float], object]
    is_closed: Callable[[], bool]


class Answer:
    """An answer whose body has not been read yet.

    Attributes:
        status: HTTP status code.
        headers: Headers by lower-case name.
    """

    def __init__(self, url: str, reply: Reply, means: Means) -> None:
        """Read nothing yet."""
        self.status = reply.status
        self.headers = reply.headers
        self._url = url
        self._reply = reply
        self._means = means

    def body(self, limit: int) -> Iterator[bytes]:
        """Yield the body as it arrives, at most ``limit`` bytes.

        Raises:
            StoppedError: It is longer, or the updater was closed meanwhile.
            TransportError: It broke off, came too slowly, or is encoded.
        """
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise TransportError(
                f"{self._url} was answered in the encoding {encoding[:40]!r}, which was not asked for."
            )
        meter = Meter(self._means.pace, self._means.monotonic, self._means.wait)
        left = limit
        for chunk in self._reply.chunks():
            left -= len(chunk)
            if left < 0:
                raise StoppedError(Rejected(f"{self._url} is longer than the {limit} bytes that it may have."))
            meter.take(len(chunk))
            if self._means.is_closed():
                raise StoppedError(Deferred("it was closed while something was being downloaded"))
            yield chunk

    def close(self) -> None:
        """Let the connection go."""
        self._reply.close()


@contextmanager
def asked(means: Means, url: str, extra: Mapping[str, str]) -> Iterator[Answer]:
    """Write a request down, make it, and give its answer; it is closed at the end.

    Args:
        means: What asking needs.
        url: What to ask for.
        extra: Headers beside ``HEADERS``.

    Raises:
        StoppedError: The request could not be written down, and was not made; or the updater was closed.
        TransportError: There is no answer.
    """
    if means.is_closed():
        raise StoppedError(Deferred("it was closed"))
    headers = {**HEADERS, **extra}
    number = _noted(lambda: means.requests.begin(_what(url), url, headers))
    answer = Answer(url, _reply(means, number, url, headers), means)
    try:
        _noted(lambda: means.requests.end(number, "sent", f"answered with {answer.status}"))
        yield answer
    finally:
        answer.close()


def _what(url: str) -> str:
    """Return what a URL asks for in a word: the file's name without the hash before it."""
    name = url.rpartition("/")[2]
    digest, _, rest = name.partition(".")
    return rest if len(digest) == _DIGEST else name


def _reply(means: Means, number: int, url: str, headers: Mapping[str, str]) -> Reply:
    try:
        return means.http.get(url, headers)
    except TransportError as error:
        state: Ending = "failed" if error.may_have_left else "unsent"
        said = str(error)
        _noted(lambda: means.requests.end(number, state, said))
        raise
    except Exception as error:
        said = f"the transport broke off: {type(error).__name__}: {error}"
        _noted(lambda: means.requests.end(number, "failed", said))
        raise TransportError(said) from error


def _noted(write: Callable[[], _T]) -> _T:
    try:
        return write()
    except HomespunError as error:
        raise StoppedError(Deferred(f"a request could not be written down: {error}")) from error
