"""One request to an aggregator: reading its body within bounds, and answering.

Written on ASGI itself: uploads come by the thousand, each has one length that is right, and nothing of them is kept
that a framework would look for.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus

import msgspec
from litestar.types import HTTPScope, Receive, Send

from homespun_server.api.problem import MEDIA_TYPE, Problem
from homespun_server.collection import PROBLEM

Header = tuple[bytes, bytes]

RETRY_SECONDS = 30
"""After so many seconds whoever could not be served may come back."""


class TypedProblem(Problem, frozen=True, omit_defaults=True, kw_only=True):
    """An error that a program is to understand.

    Attributes:
        type: Which, see ``PROBLEM``.
    """

    type: str


class TooMuchError(Exception):
    """More is being read than there is room for."""


class GoneError(Exception):
    """Whoever asked is not there any more."""


class Room:
    """Bytes of memory for what is being read. For one event loop."""

    def __init__(self, total: int) -> None:
        """Begin empty.

        Args:
            total: Bytes that there are.
        """
        self._left = total

    def take(self, size: int) -> None:
        """Take room.

        Raises:
            TooMuchError: There is not so much.
        """
        if size > self._left:
            raise TooMuchError
        self._left -= size

    def give_back(self, size: int) -> None:
        """Give room back."""
        self._left += size


class Exchange:
    """A request and its answer."""

    def __init__(self, scope: HTTPScope, receive: Receive, send: Send, common: Sequence[Header]) -> None:
        """Begin to answer.

        Args:
            scope: The request.
            receive: Gives its body.
            send: Takes the answer.
            common: Headers of every answer.
        """
        self._scope = scope
        self._receive = receive
        self._send = send
        self._common = common

    @property
    def headers(self) -> Sequence[Header]:
        """The request's, names in lower case."""
        return list(self._scope["headers"])

    def header(self, name: bytes) -> bytes | None:
        """Return a header that stands there once."""
        found = [value for key, value in self._scope["headers"] if key == name]
        return found[0] if len(found) == 1 else None

    @property
    def length(self) -> int | None:
        """The length that the body is said to have; None: none."""
        text = self.header(b"content-length") or b""
        return int(text) if text.isdigit() and len(text) <= len(str(1 << 40)) else None

    @property
    def bearer(self) -> str | None:
        """The token that the request bears."""
        scheme, _, token = (self.header(b"authorization") or b"").decode("latin-1").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    async def body(self, largest: int, room: Room) -> bytes | None:
        """Return the body; None: it is longer than allowed. The room that it takes is the caller's to give back.

        Raises:
            TooMuchError: There is no room for it.
            GoneError: It did not come whole.
        """
        chunks, size = [], 0
        try:
            while True:
                chunk, more = await self._chunk()
                if size + len(chunk) > largest:
                    room.give_back(size)
                    return None
                room.take(len(chunk))
                chunks.append(chunk)
                size += len(chunk)
                if not more:
                    return b"".join(chunks)
        except (GoneError, TooMuchError):
            room.give_back(size)
            raise

    async def _chunk(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] != "http.request":
            raise GoneError
        return message.get("body", b""), message.get("more_body", False)

    async def answer(
        self, status: int, body: bytes = b"", kind: str | None = None, headers: Iterable[Header] = ()
    ) -> None:
        """Answer."""
        fields = [*self._common, (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store"), *headers]
        if kind is not None:
            fields.append((b"content-type", kind.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": fields})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def refuse(self, status: int, word: str, detail: str, wait: int | None = None) -> None:
        """Answer with a problem.

        Args:
            status: The status.
            word: Its type, for programs.
            detail: What happened, for people.
            wait: Seconds after which to come back; None: there is no point.
        """
        found = TypedProblem(type=PROBLEM + word, title=HTTPStatus(status).phrase, status=status, detail=detail)
        headers = [] if wait is None else [(b"retry-after", b"%d" % wait)]
        await self.answer(status, msgspec.json.encode(found), MEDIA_TYPE, headers)
