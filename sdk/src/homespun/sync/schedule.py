"""When to look for something newer. Pure.

Devices look at moments of their own: chance moves each look within the interval, so that a fleet that started together
does not ask together. After a failure a device asks again soon, then ever more rarely. The times are of this device's
clock; where that was set back behind the last look, nothing is known of the time since, and the next look is due.
"""

from typing import Final

from homespun.sync.state import State

FIRST_RETRY_SECONDS: Final = 300.0
"""Seconds until another attempt after the first failure; twice as many after each further one."""

LONGEST_RETRY_SECONDS: Final = 6 * 3600.0
"""Most seconds between attempts after failures, unless the interval is longer."""

_MOST_DOUBLINGS = 30


def wait_seconds(interval: float, jitter: float, *, failures: int, draw: float) -> float:
    """Return the seconds from one look to the next.

    Args:
        interval: Seconds between two looks.
        jitter: By which share of the interval a look is moved at most, 0 to 0.5.
        failures: Looks in a row that failed.
        draw: A number drawn by chance, 0 to 1.
    """
    if not failures:
        return interval * (1 + jitter * (2 * draw - 1))
    longest = max(interval, LONGEST_RETRY_SECONDS)
    growing: float = FIRST_RETRY_SECONDS * 2 ** min(failures - 1, _MOST_DOUBLINGS)
    return min(longest, growing) * (0.5 + draw / 2)


def next_look(state: State, interval: float, jitter: float, now: float) -> float:
    """Return when the next look is due, seconds since 1970; ``now`` if it already is.

    Args:
        state: What is remembered.
        interval: Seconds between two looks.
        jitter: By which share of the interval a look is moved at most.
        now: Seconds since 1970.
    """
    if state.attempted is None or now < state.attempted:
        return now
    wait = wait_seconds(interval, jitter, failures=state.failures, draw=state.draw)
    return max(now, state.attempted + wait)
