"""How fast a download may and must be. Pure but for the clock and the waiting, which are handed in."""

from collections.abc import Callable
from dataclasses import dataclass

from homespun.errors import TransportError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The limits of a download's speed.

    Attributes:
        most: Most bytes a second; None: as many as come.
        least: Fewer bytes a second, over ``patience`` seconds, end the download.
        patience: Seconds.
    """

    most: int | None
    least: int
    patience: float


class Meter:
    """Measures one download. The time that it waits itself, so as not to be too fast, does not count as slow."""

    def __init__(self, pace: Pace, monotonic: Callable[[], float], wait: Callable[[float], object]) -> None:
        """Begin to measure.

        Args:
            pace: The limits.
            monotonic: Returns seconds that never go back.
            wait: Waits so many seconds.
        """
        self._pace = pace
        self._monotonic = monotonic
        self._wait = wait
        self._began = self._since = monotonic()
        self._bytes = self._recent = 0

    def take(self, count: int) -> None:
        """Count bytes that arrived, and wait if they came too fast.

        Raises:
            TransportError: Too few came for too long.
        """
        self._bytes += count
        self._recent += count
        now = self._monotonic()
        elapsed = now - self._since
        if elapsed >= self._pace.patience:
            if self._recent < self._pace.least * elapsed:
                raise TransportError(
                    f"only {self._recent} bytes came in {elapsed:.0f} seconds, and fewer than {self._pace.least} a "
                    "second count as none. It is tried again later."
                )
            self._since, self._recent = now, 0
        self._slow_down(now)

    def _slow_down(self, now: float) -> None:
        if self._pace.most is None:
            return
        ahead = self._bytes / self._pace.most - (now - self._began)
        if ahead > 0:
            self._wait(ahead)
            self._since += self._monotonic() - now
