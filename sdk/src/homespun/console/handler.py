"""One request: read within limits, checked for where it comes from, answered with the same headers always.

What is checked, in this order: that the request is one of HTTP and small; that it names exactly this server as its
host, so that no name that was pointed at this machine will do (DNS rebinding); that the browser does not say that
another page made it; then the session; and for what changes something, the origin and the form's own token.
"""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from homespun.console.answers import HEADERS, Answer, refusal
from homespun.console.forms import FORM, MAX_BODY
from homespun.errors import MisuseError
from homespun.protocol.read_only import ReadOnlyDict

if TYPE_CHECKING:
    from homespun.console.serving import Server

COOKIE = "homespun"

MOST_COOKIES = 16
"""Cookies of our name that are looked at, in the order in which they come."""

BAD, TOO_LARGE, NOT_OURS, NOT_ALLOWED, FAILED = 400, 413, 421, 405, 500

READ_SECONDS = 5.0
"""How long a connection may be silent."""

_MAX_TARGET = 4096
_WITHOUT_HEADERS = "HTTP/0.9"


class Site(Protocol):
    """What is served."""

    @property
    def host(self) -> str:
        """What requests must name as their host."""
        ...

    def listens_at(self, port: int) -> None:
        """Take note of the port."""
        ...

    def is_over(self, idle_seconds: float) -> bool:
        """Return whether nobody can come any more, or nobody who may came for so long."""
        ...

    def get(self, target: str, headers: "Asked") -> Answer:
        """Answer a request that changes nothing."""
        ...

    def post(self, target: str, headers: "Asked", body: str) -> Answer:
        """Answer a form."""
        ...


class Asked:
    """The headers of a request that matter; each is empty if it is not there."""

    def __init__(self, secrets: Sequence[str], origin: str, site: str, *, ahead: bool, fetched: bool) -> None:
        """Take what was sent.

        Args:
            secrets: What cookies of our name hold, in their order.
            origin: ``Origin``.
            site: ``Sec-Fetch-Site``.
            ahead: Whether a browser asks ahead of anybody's wish, or for headers alone: nobody reads the answer.
            fetched: Whether our own script asks.
        """
        self.secrets = secrets
        self.origin = origin
        self.site = site
        self.ahead = ahead
        self.fetched = fetched


class Handler(BaseHTTPRequestHandler):
    """Reads a request and writes its answer; HTTP/1.0, so that a connection is for one request."""

    timeout = READ_SECONDS
    server: "Server"
    connection: socket.socket

    def do_GET(self) -> None:
        """Answer a request for a page."""
        self._answer(self._get())

    def do_HEAD(self) -> None:
        """Answer what a page's headers would be; nobody comes in by it."""
        self._answer(self._get())

    def do_POST(self) -> None:
        """Answer a form."""
        self._answer(self._post())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse what is no request of ours, with our headers and without repeating what was sent."""
        self._arrived()
        status = NOT_ALLOWED if code == 501 else int(code)  # noqa: PLR2004 - what http.server says of other methods
        allow = {"Allow": "GET, HEAD, POST"} if status == NOT_ALLOWED else {}
        self._answer(replace(refusal(status, "This is no request of this page."), headers=ReadOnlyDict(allow)))

    def version_string(self) -> str:
        """Return what is said of the server: nothing of its version."""
        return "homespun"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of http.server
        """Write no log: addresses hold what somebody looked at."""

    def _arrived(self) -> None:
        self.server.arrived(self.connection)

    def _get(self) -> Answer:
        self._arrived()
        wrong = self._wrong()
        if wrong is not None:
            return wrong
        return self._made(lambda: self.server.site.get(self.path, self._asked()))

    def _post(self) -> Answer:
        try:
            body = self._body()
        except MisuseError as error:
            self._arrived()
            return refusal(TOO_LARGE if "too large" in str(error) else BAD, str(error))
        self._arrived()
        wrong = self._wrong()
        if wrong is not None:
            return wrong
        return self._made(lambda: self.server.site.post(self.path, self._asked(), body))

    def _made(self, make: Any) -> Answer:
        try:
            made = make()
        except Exception:  # noqa: BLE001 - whatever it is, it must neither end the server nor tell anything
            return refusal(FAILED, "That did not work, and nothing more can be said of it here. Load the page again.")
        return made if isinstance(made, Answer) else refusal(FAILED, "That did not work.")

    def _wrong(self) -> Answer | None:
        """Return why a request is not looked at, if it is not."""
        if self.headers.get_all("Host", []) != [self.server.site.host]:
            return refusal(NOT_OURS, "This page is at another address.")
        if self.request_version == _WITHOUT_HEADERS:
            return refusal(BAD, "This is no request of this page.")
        if not self.path.startswith("/") or len(self.path) > _MAX_TARGET or not self.path.isascii():
            return refusal(BAD, "This is no address of this page.")
        return None

    def _body(self) -> str:
        """Read a form.

        Raises:
            MisuseError: It is none, or too large.
        """
        kind = self._header("Content-Type").partition(";")[0].strip().lower()
        length = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or kind != FORM or len(length) != 1 or not _is_number(length[0]):
            raise MisuseError("this is no form of this page.")
        if int(length[0]) > MAX_BODY:
            raise MisuseError("this form is too large.")
        try:
            body = self.rfile.read(int(length[0])).decode("ascii")
        except (OSError, UnicodeDecodeError):
            raise MisuseError("this is no form of this page.") from None
        if len(body) != int(length[0]):
            raise MisuseError("this form broke off on its way.")
        return body

    def _asked(self) -> Asked:
        purpose = f"{self._header('Sec-Purpose')} {self._header('Purpose')}"
        return Asked(
            tuple(islice(self._cookies(), MOST_COOKIES)),
            self._header("Origin"),
            self._header("Sec-Fetch-Site"),
            ahead="prefetch" in purpose or self.command == "HEAD",
            fetched=self._header("X-Homespun") == "fetch",
        )

    def _header(self, name: str) -> str:
        # Of a header that is sent twice no single value is taken, and both together are none that we take.
        return ", ".join(self.headers.get_all(name, []))

    def _cookies(self) -> Iterator[str]:
        """Return what cookies of our name hold; others of this machine can set some of that name, too."""
        for header in self.headers.get_all("Cookie", []):
            for pair in header.split(";"):
                name, _, value = pair.partition("=")
                if name.strip() == COOKIE:
                    yield value.strip()

    def _answer(self, answer: Answer) -> None:
        if self.request_version == _WITHOUT_HEADERS:
            # Nothing would protect what it says.
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in {**HEADERS, **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 10  # noqa: PLR2004 - digits, no more than are needed
