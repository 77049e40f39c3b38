"""How many requests are let through: token buckets, for one event loop.

A bucket a token, one for everything that is read without a token, and one for tokens that are not known. There is none
per address: addresses would have to be kept, an attacker has many, and devices behind one carrier share one. What a
flood of anonymous readers needs is a proxy or a content network in front, for which the files are made.
"""

import math
from collections.abc import Callable


class TokenBucket:
    """Lets ``rate`` requests a second through for long, and ``burst`` at once after a pause."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        """Start full.

        Args:
            rate: Requests a second.
            burst: Requests at once, at least 1.
            clock: Seconds since any fixed moment; it never goes back.
        """
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._left = float(burst)
        self._at = clock()

    def take(self) -> int:
        """Take one request out and return 0; or return after how many seconds, rounded up, there is one."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0
        return math.ceil((1 - self._left) / self._rate)
