"""Frozen settings: every limit with its unit. Nothing here is read from the environment."""

from dataclasses import dataclass
from typing import Literal

from homespun.errors import MisuseError

ARGON2_MEMORY_KIB = (8 * 1024, 1024 * 1024)
"""Least and most memory of the passphrase derivation, in KiB; a key file may not ask for more."""

ARGON2_ITERATIONS = (1, 16)
"""Least and most passes of the passphrase derivation."""

ARGON2_LANES = (1, 16)
"""Least and most parallel lanes of the passphrase derivation."""


def _check_range(name: str, value: int, limits: tuple[int, int]) -> None:
    least, most = limits
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise MisuseError(f"{name} is {value!r}; use a whole number from {least} to {most}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an application may tune; the defaults suit a desktop or a phone.

    Attributes:
        busy_timeout_ms: How long to wait for another process that writes to the same profile, in
            milliseconds.
        synchronous: ``normal``: what was recorded survives a crash of the application, and after a
            power cut the last moments may be missing. ``full``: it survives the power cut too, and
            every write waits for the disk.
        argon2_memory_kib: Memory of the passphrase derivation of new profiles, in KiB.
        argon2_iterations: Passes of the passphrase derivation of new profiles.
        argon2_lanes: Parallel lanes of the passphrase derivation of new profiles.
        threads: Threads of one model run, for the built-in sample; other bundles say it in ``Bundle.open``.

    Raises:
        MisuseError: On construction, if a value is out of range.
    """

    busy_timeout_ms: int = 2000
    synchronous: Literal["normal", "full"] = "normal"
    argon2_memory_kib: int = 64 * 1024
    argon2_iterations: int = 3
    argon2_lanes: int = 4
    threads: int = 1

    def __post_init__(self) -> None:
        """Check every range, so that Settings that exist are usable."""
        _check_range("busy_timeout_ms", self.busy_timeout_ms, (0, 600_000))
        _check_range("argon2_memory_kib", self.argon2_memory_kib, ARGON2_MEMORY_KIB)
        _check_range("argon2_iterations", self.argon2_iterations, ARGON2_ITERATIONS)
        _check_range("argon2_lanes", self.argon2_lanes, ARGON2_LANES)
        _check_range("threads", self.threads, (1, 1024))
        if self.synchronous not in ("normal", "full"):
            raise MisuseError(f"synchronous is {self.synchronous!r}; use 'normal' or 'full'.")


DEFAULTS = Settings()
"""The settings that are used where an application gives none."""
