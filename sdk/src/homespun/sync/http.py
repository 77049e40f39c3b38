"""What asks over the network, as a protocol: applications and tests may hand in another.

A transport asks exactly what it is told and nothing else: no redirects, no cookies, no repeated attempts, no proxy that
only the environment names, and no decoding of what comes back.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol


class Reply(Protocol):
    """An answer whose body has not been read yet; to be closed.

    Attributes:
        status: HTTP status code, for instance 200.
        headers: Headers by lower-case name.
    """

    @property
    def status(self) -> int:
        """HTTP status code."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers by lower-case name."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives, in pieces of any length, as sent: never decoded.

        Raises:
            TransportError: The connection broke, or nothing came for too long.
        """

    def close(self) -> None:
        """Let the connection go; closing twice does nothing."""


class Http(Protocol):
    """Asks with GET. Used by one thread at a time."""

    def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Ask, and return the answer as soon as its headers are there, whatever its status.

        Args:
            url: What to ask for.
            headers: All headers that the request has beside ``Host``.

        Raises:
            TransportError: There is no answer; ``may_have_left`` says whether bytes may have gone.
        """
