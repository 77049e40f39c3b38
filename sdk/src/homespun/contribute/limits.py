"""Limits of what may wait and of how often sending is tried."""

from dataclasses import dataclass

from homespun.errors import MisuseError


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressLimits:
    """Limits of what may wait and of how often sending is tried.

    Attributes:
        payload_bytes: Largest payload, in bytes.
        pending: Most contributions that wait at once.
        attempts: Most attempts at sending one contribution.
        retry_seconds: Seconds between the first attempt and the second; doubles with every attempt. A
            contribution whose sending was interrupted counts as ended after so long.
        longest_retry_seconds: Most seconds between two attempts.

    Raises:
        MisuseError: On construction, if a value is out of range.
    """

    payload_bytes: int = 1 << 23
    pending: int = 100
    attempts: int = 12
    retry_seconds: int = 60
    longest_retry_seconds: int = 86_400

    def __post_init__(self) -> None:
        """Check every range, so that limits that exist are usable."""
        _check("payload_bytes", self.payload_bytes, 1, 1 << 30)
        _check("pending", self.pending, 1, 100_000)
        _check("attempts", self.attempts, 1, 1000)
        _check("retry_seconds", self.retry_seconds, 0, 86_400)
        _check("longest_retry_seconds", self.longest_retry_seconds, self.retry_seconds, 31_536_000)

    def wait_after(self, attempts: int) -> int:
        """Return the seconds to wait after so many attempts, at least one."""
        return min(self.retry_seconds << min(attempts - 1, 32), self.longest_retry_seconds)


def _check(name: str, value: int, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise MisuseError(f"{name} is {value!r}; use a whole number from {least} to {most}.")
