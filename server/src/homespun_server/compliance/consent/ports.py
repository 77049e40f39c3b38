"""What the ledger needs of others."""

from collections.abc import Mapping
from typing import Literal, Protocol

from sqlalchemy import Connection


class Log(Protocol):
    """What the ledger needs of the transparency log."""

    def append_within(
        self,
        connection: Connection,
        kind: Literal["consent"],
        content: Mapping[str, object],
        *,
        reference: str,
        subject: str | None = None,
    ) -> int:
        """Append an entry in the caller's transaction, and return its index."""
