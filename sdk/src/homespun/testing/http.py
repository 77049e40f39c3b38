"""The transport of updates without a network: reads a repository in memory, and remembers who asked for what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from homespun.errors import TransportError
from homespun.testing.answers import Answer, Fault, Request, answered

URL = "https://updates.example.org/films/"
"""Where a repository in memory seems to be."""


class Files(Protocol):
    """What has a repository's files, as ``MemoryRepository`` does."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """Content by path below the repository's URL."""


@dataclass
class MemoryHttp:
    """Answers ``homespun.sync`` from a repository in memory, as a server of static files would.

    Attributes:
        repository: Whose files it answers with; they may change between requests.
        url: Where it seems to be. Whoever asks elsewhere gets no connection.
        online: Whether there is a connection at all.
        faults: What goes wrong, by the pattern (``fnmatch``) of the path; see ``homespun.testing.faults``.
        requests: Every request that was made, also those elsewhere: then ``path`` is the whole URL.
    """

    repository: Files
    url: str = URL
    online: bool = True
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def get(self, url: str, headers: Mapping[str, str]) -> "MemoryReply":
        """Answer a request.

        Raises:
            TransportError: It goes elsewhere, there is no connection, or a fault says so.
        """
        request = Request(url.removeprefix(self.url), {name.lower(): value for name, value in headers.items()})
        self.requests.append(request)
        if not self.online or not url.startswith(self.url):
            raise TransportError(f"{url} cannot be reached.", may_have_left=False)
        found = answered(self.repository.files, self.faults, request)
        if found.status == 0:
            raise TransportError(f"{url} closed the connection without an answer.")
        return MemoryReply(found)

    def close(self) -> None:
        """Do nothing: there is no connection to close."""


class MemoryReply:
    """An answer from memory.

    Attributes:
        status: The HTTP status.
        headers: Its headers, names in lower case.
        closed: Whether the reader closed it.
    """

    def __init__(self, found: Answer) -> None:
        self.status = found.status
        self.headers = dict(found.headers)
        self.closed = False
        self._body = found.body

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as a connection delivers it: at most as many bytes as ``content-length`` says.

        Raises:
            TransportError: There are fewer.
        """
        left = int(self.headers["content-length"]) if "content-length" in self.headers else None
        for piece in self._body:
            if left == 0:
                return
            taken = piece if left is None else piece[:left]
            left = None if left is None else left - len(taken)
            yield taken
        if left:
            raise TransportError(f"the connection was closed {left} bytes before the end.")

    def close(self) -> None:
        """Let go of it; nothing of it is read after."""
        self.closed = True
        self._body = ()
