"""A clock that moves only when it is told to."""

import math
import threading

from homespun.errors import MisuseError


class FakeClock:
    """Stands in for the time, for instance ``Personalizer.open(..., clock=FakeClock())``. Thread-safe."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        """Start at a fixed moment.

        Args:
            now: Seconds since 1970-01-01 UTC; a moment in November 2023 unless told otherwise.

        Raises:
            MisuseError: If it is not finite.
        """
        self._lock = threading.Lock()
        self._now = _finite(now)

    def __call__(self) -> float:
        """Return the time, seconds since 1970-01-01 UTC."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock; backwards too, as real clocks do when they are set.

        Raises:
            MisuseError: If ``seconds`` is not finite.
        """
        with self._lock:
            self._now = _finite(self._now + seconds)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise MisuseError(f"the time would be {value!r}; give finite seconds.")
    return value
