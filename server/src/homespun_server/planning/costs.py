"""What a plan costs: numbers, time for noise, bytes of an upload, memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from homespun_server.planning.fleet import Fleet
from homespun_server.planning.kinds import BY_WORD

NOISE_MICROSECONDS = (17, 20)
"""What one exact discrete Gaussian takes, on one core."""

DEVICE_BYTES = 4
"""Bytes of one number that a device sends."""

_SERVER_BYTES = 8
_COPIES = 3
"""The sum, the noised sum, and a copy while it is being noised."""

_SQUARES = 6
"""Square matrices that training a statistic of pairs of items holds at once."""


@dataclass(frozen=True)
class Cost:
    """What one period's releases of one statistic cost.

    Attributes:
        word: The statistic.
        numbers: How many numbers are released.
        least_seconds: Time to draw the noise on one core, at best.
        most_seconds: The same, at worst.
        upload_bytes: What a device sends, before any encoding, if devices send it.
        memory_bytes: About what the server holds at once.
    """

    word: str
    numbers: int
    least_seconds: float
    most_seconds: float
    upload_bytes: int
    memory_bytes: int


def costs(words: Sequence[str], fleet: Fleet, universe: int) -> tuple[Cost, ...]:
    """Return the cost of each statistic over a universe of so many items."""
    return tuple(_cost(word, fleet.items, universe) for word in words)


def _cost(word: str, items: int, universe: int) -> Cost:
    numbers = BY_WORD[word].size(items, universe)
    squares = _SQUARES * universe**2 if BY_WORD[word].share is None else 0
    fast, slow = NOISE_MICROSECONDS
    return Cost(
        word,
        numbers,
        numbers * fast / 1e6,
        numbers * slow / 1e6,
        numbers * DEVICE_BYTES,
        _SERVER_BYTES * (_COPIES * numbers + squares),
    )
