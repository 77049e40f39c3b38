"""What is kept of contributions beside the ledger, where no restored backup and no erasure takes it back.

Rules:

- What is marked there as having left counts, whatever the ledger says of it: a ledger that was restored from a backup
  says that something waits which an earlier state of it has sent.
- It is marked before the first byte goes. Where that cannot be written down, nothing goes.
"""

from collections.abc import Mapping
from typing import Protocol


class Elsewhere(Protocol):
    """What was taken of the ceiling, and what may have left, beside the ledger."""

    def taken(self, told: Mapping[str, bool]) -> int:
        """Return the ε, in steps of 10⁻¹², that this installation took and that the ledger does not charge.

        A profile that was erased, or a later state of one that was restored from a backup, took it.

        Args:
            told: The names of what the ledger tells of, and whether it charges for them.

        Raises:
            ProfileError: It cannot be told.
        """

    def has_left(self, what: str) -> bool:
        """Return whether a contribution may have left before; yes where that cannot be told.

        Args:
            what: Its name.
        """

    def mark(self, what: str, *, left: bool) -> bool:
        """Write down durably whether a contribution may have left; return what was written there before.

        Args:
            what: Its name; one of which nothing is kept stays as it is.
            left: Whether it may have left.

        Raises:
            ProfileError: It could not be written down.
        """


class NothingElsewhere:
    """The ledger tells of everything."""

    def taken(self, told: Mapping[str, bool]) -> int:  # noqa: ARG002
        """Return 0."""
        return 0

    def has_left(self, what: str) -> bool:  # noqa: ARG002
        """Return that it has not."""
        return False

    def mark(self, what: str, *, left: bool) -> bool:  # noqa: ARG002
        """Write nothing down."""
        return False
