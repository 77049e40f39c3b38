"""The signed repository's files over HTTP: GET and HEAD, for everybody, with conditions and ranges.

What is served is signed, so that the service need not be trusted; what it must not do is serve anything else. A file
with a hash or a version in its name never changes and may be kept for ever; the timestamp is always asked for again.
"""

from collections.abc import Mapping

import anyio
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Receive, Scope, Send

from homespun_server.api.cache import Content, FileCache
from homespun_server.api.conditions import Answer, answer
from homespun_server.api.layout import RepositoryFile, repository_file
from homespun_server.api.problem import send_problem

PIECE = 1 << 16
"""Files are sent in pieces of so many bytes: so much of one waits for a client at most."""

IMMUTABLE = b"public, max-age=31536000, immutable"
CHANGING = b"no-cache"

_LOOKED_AT = (b"if-match", b"if-none-match", b"if-range", b"range")


class RepositoryFiles:
    """An ASGI application that serves a repository's folder."""

    def __init__(self, cache: FileCache) -> None:
        """Serve what a cache reads."""
        self._cache = cache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; its body, if it has one, is passed over."""
        if scope["type"] != ScopeType.HTTP:
            return
        if scope["method"] not in ("GET", "HEAD"):
            await send_problem(send, 405, "files are read with GET and HEAD only.", headers=[(b"allow", b"GET, HEAD")])
            return
        file = repository_file(scope["path"].strip("/"))
        content = None if file is None else await self._cache.get(file)
        if file is None or content is None:
            await send_problem(send, 404, "there is no such file in the repository.")
            return
        decided = answer(scope["method"], _headers(scope), etag=content.etag, size=content.size)
        if decided.status == 412:  # noqa: PLR2004 - a status
            await send_problem(send, 412, "the file is another one by now.")
            return
        fields = _fields(file, content, decided)
        await send({"type": "http.response.start", "status": decided.status, "headers": fields})
        length = 0 if scope["method"] == "HEAD" else decided.stop - decided.start
        if length > PIECE:
            await self._stream(file, content, decided, receive, send)
            return
        body = await self._piece(file, content, decided.start, length) if length else b""
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _stream(
        self, file: RepositoryFile, content: Content, decided: Answer, receive: Receive, send: Send
    ) -> None:
        """Send a long answer in pieces, until the client is gone."""
        failed: OSError | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, receive, group.cancel_scope)
            try:
                for start in range(decided.start, decided.stop, PIECE):
                    length = min(PIECE, decided.stop - start)
                    body = await self._piece(file, content, start, length)
                    more = start + length < decided.stop
                    await send({"type": "http.response.body", "body": body, "more_body": more})
            except OSError as error:
                failed = error
            group.cancel_scope.cancel()
        if failed is not None:
            raise failed

    async def _piece(self, file: RepositoryFile, content: Content, start: int, length: int) -> bytes:
        if content.data is not None:
            return content.data[start : start + length]
        piece = await self._cache.read(file, start, length)
        if len(piece) != length:
            # It was cut short on the disk. Nothing but breaking off tells the client so.
            raise OSError("a file of the repository became shorter while it was sent")
        return piece


async def _watch(receive: Receive, scope: anyio.CancelScope) -> None:
    # Sending to a client that is gone raises nothing, and the disk would be read to the end for nobody.
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _headers(scope: HTTPScope) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name in _LOOKED_AT:
            text = value.decode("latin-1")
            key = name.decode("ascii")
            found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _fields(file: RepositoryFile, content: Content, decided: Answer) -> list[tuple[bytes, bytes]]:
    fields = [
        (b"etag", content.etag.encode()),
        (b"cache-control", CHANGING if file.changes else IMMUTABLE),
        (b"accept-ranges", b"bytes"),
    ]
    if decided.status == 304:  # noqa: PLR2004 - a status
        return fields
    if decided.status == 416:  # noqa: PLR2004 - a status
        fields[1] = (b"cache-control", b"no-store")
        return [*fields, (b"content-range", b"bytes */%d" % content.size), (b"content-length", b"0")]
    if decided.status == 206:  # noqa: PLR2004 - a status
        last = decided.stop - 1
        fields.append((b"content-range", b"bytes %d-%d/%d" % (decided.start, last, content.size)))
    fields.append((b"content-type", file.media_type.encode()))
    return [*fields, (b"content-length", b"%d" % (decided.stop - decided.start))]
