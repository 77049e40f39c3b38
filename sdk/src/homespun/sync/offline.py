"""What a device does that has not reached its repository for so long that what it knows has expired.

Whoever keeps a device from its repository, for instance to keep an old bundle in use, can do no more than let the
metadata expire. What follows from that is the application's explicit choice:

- ``keep()``: the last verified bundle stays in use, and its age is reported. The default.
- ``keep_until(days)``: so long after the expiry; then lists are the same for everybody, from the same bundle.
- ``fallback()``: lists are the same for everybody as soon as the metadata has expired.

None of them ever accepts an older bundle: protection against rollback knows no policy.
"""

from dataclasses import dataclass
from typing import Literal

from homespun.config import check_positive
from homespun.errors import MisuseError

_MOST_DAYS = 3660.0


@dataclass(frozen=True, slots=True)
class OfflinePolicy:
    """What follows from expired metadata; made by ``keep``, ``keep_until`` and ``fallback``.

    Attributes:
        kind: Which of the three.
        days: Days after the expiry; 0 unless it is ``keep_until``.

    Raises:
        MisuseError: On construction, if it is none of the three.
    """

    kind: Literal["keep", "keep_until", "fallback"]
    days: float = 0.0

    def __post_init__(self) -> None:
        """Check the kind and the days."""
        if self.kind not in ("keep", "keep_until", "fallback"):
            raise MisuseError(f"the offline policy is {self.kind!r}; use keep(), keep_until(days) or fallback().")
        if self.kind == "keep_until":
            check_positive("keep_until's days", self.days, _MOST_DAYS)


def keep() -> OfflinePolicy:
    """Keep the last verified bundle in use for as long as it takes."""
    return OfflinePolicy("keep")


def keep_until(days: float) -> OfflinePolicy:
    """Keep it for some days after the metadata has expired, then list what is the same for everybody.

    Args:
        days: How many, above 0.

    Raises:
        MisuseError: ``days`` is out of range.
    """
    return OfflinePolicy("keep_until", days)


def fallback() -> OfflinePolicy:
    """List what is the same for everybody as soon as the metadata has expired."""
    return OfflinePolicy("fallback")
