"""How a leader talks to its helper: over HTTP, with the token that both derive from their pairing.

Nothing but the paired helper's origin is ever asked, redirects are not followed, and answers are bounded. A
connection a thread is kept open.
"""

import http.client
import ssl
import threading
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from homespun_server.collection import PROBLEM
from homespun_server.collection.messages import JOB_TYPE, MAX_JOB_REPORTS, ShareRequest
from homespun_server.collection.places import Known
from homespun_server.collection.sealing import OVERHEAD
from homespun_server.errors import AggregationError, DisagreementError

MAX_WORD = 40
"""Longest word of a problem's type."""

MAX_PROBLEM = 1 << 16
"""Largest answer that is no success, bytes."""

ENTRY_BYTES = 128
"""More than an answer says of a report beside its verifier message."""


class HelperAwayError(AggregationError):
    """The helper cannot be reached, or cannot answer at the moment; the same is asked again later."""


class Peer(Protocol):
    """A helper."""

    def job(self, known: Known, job: str, request: bytes) -> bytes:
        """Have a job done; return the answer, which nothing of is checked.

        Raises:
            HelperAwayError: There is no answer.
            DisagreementError: The helper refuses the job for good.
        """

    def share(self, known: Known, request: ShareRequest) -> bytes:
        """Have the task closed; return the helper's sealed sum.

        Raises:
            HelperAwayError: There is no answer.
            DisagreementError: The helper has another set of reports.
        """


class HttpPeer:
    """The helper that the leader is paired with, whatever address a task names."""

    def __init__(self, url: str, bearer: str, seconds: float) -> None:
        """Talk to a helper.

        Args:
            url: Its origin.
            bearer: The token that is shown to it.
            seconds: So long an answer may take.
        """
        self._url = url
        self._bearer = bearer
        self._seconds = seconds
        self._tls = ssl.create_default_context()
        self._open = threading.local()

    def job(self, known: Known, job: str, request: bytes) -> bytes:
        """Have a job done."""
        largest = MAX_JOB_REPORTS * (known.form.verifier_bytes + ENTRY_BYTES)
        return self._ask("PUT", known, f"jobs/{job}", request, largest)

    def share(self, known: Known, request: ShareRequest) -> bytes:
        """Have the task closed."""
        exact = 4 * known.task.statistic.size + OVERHEAD
        return self._ask("POST", known, "aggregate-share", msgspec.msgpack.encode(request), exact)

    def _ask(self, method: str, known: Known, what: str, body: bytes, largest: int) -> bytes:
        url = self._url
        try:
            status, answer = self._exchange(url, method, f"/tasks/{known.hex}/{what}", body, largest)
        except (OSError, http.client.HTTPException) as error:
            self._close(url)
            raise HelperAwayError(f"the helper at {url} does not answer: {type(error).__name__}.") from error
        if status == http.HTTPStatus.OK:
            if len(answer) > largest:
                self._close(url)
                raise HelperAwayError(f"the helper at {url} answers more than there can be; it is no helper.")
            return answer
        said = _type_of(answer)
        if status == http.HTTPStatus.CONFLICT and said:
            raise DisagreementError(f"the helper at {url} refuses: {said}.")
        raise HelperAwayError(f"the helper at {url} answers with status {status} {said}; it is asked again.")

    def _exchange(self, url: str, method: str, path: str, body: bytes, largest: int) -> tuple[int, bytes]:
        connection = self._connection(url)
        headers = {"Authorization": f"Bearer {self._bearer}", "Content-Type": JOB_TYPE}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
        except (ConnectionError, http.client.BadStatusLine):
            # It was kept open, and the helper closed it meanwhile; what is asked may be asked twice.
            connection.close()
            connection.request(method, path, body, headers)
            response = connection.getresponse()
        return response.status, response.read(max(largest, MAX_PROBLEM) + 1)

    def _connection(self, url: str) -> http.client.HTTPConnection:
        kept: dict[str, http.client.HTTPConnection] = self._open.__dict__.setdefault("kept", {})
        if url not in kept:
            parts = urlsplit(url)
            host = parts.hostname or ""
            if parts.scheme == "https":
                kept[url] = http.client.HTTPSConnection(host, parts.port, timeout=self._seconds, context=self._tls)
            else:
                kept[url] = http.client.HTTPConnection(host, parts.port, timeout=self._seconds)
        return kept[url]

    def _close(self, url: str) -> None:
        self._connection(url).close()


class _Problem(msgspec.Struct):
    type: str = ""


def _type_of(raw: bytes) -> str:
    """Return the word of a problem's type; what is no problem has none."""
    try:
        found = msgspec.json.decode(raw[:MAX_PROBLEM], type=_Problem).type
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    word = found.removeprefix(PROBLEM)
    return word if found.startswith(PROBLEM) and word.replace("-", "").isalpha() and len(word) <= MAX_WORD else ""
