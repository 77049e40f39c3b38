"""What is written down beside the profile's folder of what it gave, as the way out asks for it."""

from collections.abc import Callable, Mapping

from homespun.errors import ProfileError
from homespun.profile import FileGiven


class GivenBeside:
    """What this machine's profiles of a folder have given; see ``contribute.beside.Elsewhere``."""

    def __init__(self, given: FileGiven | None, profile: Callable[[], str]) -> None:
        """Read and mark what was given.

        Args:
            given: The file; None where nothing is kept.
            profile: Returns the id of the profile that the ledger is of.
        """
        self._given = given
        self._profile = profile

    def taken(self, told: Mapping[str, bool]) -> int:
        """Return the ε that was given and that the ledger does not charge, in steps of 10⁻¹².

        Raises:
            ProfileError: It cannot be told.
        """
        found = () if self._given is None else self._given.read()
        if not found:
            return 0
        profile = self._profile()
        return sum(
            each.epsilon
            for each in found
            if each.profile != profile or each.what not in told or (each.left and not told[each.what])
        )

    def has_left(self, what: str) -> bool:
        """Return whether a contribution of this profile may have left before; yes where that cannot be told."""
        try:
            found = () if self._given is None else self._given.read()
        except ProfileError:
            return True
        return any(each.left and each.what == what and each.profile == self._profile() for each in found)

    def mark(self, what: str, *, left: bool) -> bool:
        """Write down durably whether a contribution may have left; return what was written there before.

        Raises:
            ProfileError: It could not be written down.
        """
        return self._given is not None and self._given.mark(self._profile(), what, left=left)
