"""An open place for whoever wants to let in only reports of genuine applications, or one a token.

Nothing is asked by default. What stands here is asked before anything of an upload is kept, and sees its headers and
its task; it must not keep what tells one installation from another. Anonymous tokens (RFC 9578) or the attestation of
an application by its platform are what it is for. It bounds how many reports one party can make up, which nothing
else does.
"""

from collections.abc import Sequence
from typing import Protocol

from homespun.protocol.collection.task import Task


class Attestation(Protocol):
    """Decides on uploads."""

    async def admits(self, task: Task, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Return whether an upload is let in.

        Args:
            task: What it is for.
            headers: Those of the request, names in lower case.
        """


class Everybody:
    """Lets every upload in."""

    async def admits(self, task: Task, headers: Sequence[tuple[bytes, bytes]]) -> bool:  # noqa: ARG002 - an answer for all
        """Return that it is let in."""
        return True
