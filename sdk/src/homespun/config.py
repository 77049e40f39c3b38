"""Frozen settings: every limit with its unit. Nothing here is read from the environment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from homespun.errors import MisuseError
from homespun.protocol.events import KIND
from homespun.protocol.read_only import ReadOnlyDict

Durability = Literal["process", "power"]
"""What an acknowledged write survives: the death of the process, or also a power cut."""

MOST_EPSILON = Decimal(1000)
"""Largest ε that a device may be set to spend; far beyond any meaning."""

ARGON2_MEMORY_KIB = (8 * 1024, 256 * 1024)
"""Least and most memory of the passphrase derivation, in KiB; a key file may not ask for more."""

ARGON2_ITERATIONS = (1, 8)
"""Least and most passes of the passphrase derivation; with the memory above opening takes seconds at worst."""

ARGON2_LANES = (1, 16)
"""Least and most parallel lanes of the passphrase derivation."""


def check_range(name: str, value: int, limits: tuple[int, int]) -> None:
    """Check that a setting is a whole number between its limits, both included.

    Raises:
        MisuseError: It is not.
    """
    least, most = limits
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise MisuseError(f"{name} is {value!r}; use a whole number from {least} to {most}.")


def check_positive(name: str, value: float, most: float) -> None:
    """Check that a setting is a number above 0 and not above ``most``.

    Raises:
        MisuseError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise MisuseError(f"{name} is {value!r}; use a number above 0, at most {most:g}.")


def check_durability(durability: str) -> None:
    """Check that there is such a durability.

    Raises:
        MisuseError: There is not.
    """
    if durability not in ("process", "power"):
        raise MisuseError(f"durability is {durability!r}; use 'process' or 'power'.")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long and how many events are kept; whichever ends first.

    Attributes:
        days: Days since the event was recorded; None for ever.
        events: The latest so many; None for all.

    Raises:
        MisuseError: On construction, if a value is out of range.
    """

    days: float | None = None
    events: int | None = None

    def __post_init__(self) -> None:
        """Check every range."""
        if self.days is not None:
            check_positive("retention's days", self.days, 36_600.0)
        if self.events is not None:
            check_range("retention's events", self.events, (0, 100_000_000))


def _retention_of(kinds: Mapping[str, Retention]) -> Mapping[str, Retention]:
    if not isinstance(kinds, Mapping) or not all(
        isinstance(kind, str) and KIND.fullmatch(kind) and isinstance(limit, Retention) for kind, limit in kinds.items()
    ):
        raise MisuseError("retention_of is not what it should be; use {'view': Retention(days=90)}.")
    return ReadOnlyDict(kinds)


def _attributes(names: Iterable[str]) -> tuple[str, ...]:
    is_listed = isinstance(names, Iterable) and not isinstance(names, str)
    kept = tuple(names) if is_listed else ()
    if not is_listed or not all(isinstance(name, str) and KIND.fullmatch(name) for name in kept):
        raise MisuseError("attributes is not what it should be; use lower-case words: ('age_band', 'language').")
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an application may tune; the defaults suit a desktop or a phone.

    Attributes:
        busy_timeout_ms: How long to wait for another process that writes to the same profile, in
            milliseconds.
        durability: ``process``: what was recorded survives the death of the application, and after a
            power cut the last moments may be missing. ``power``: it survives the power cut too, and
            every write waits for the disk. Consent, controls and erasure are always written as with
            ``power``. A single ``record`` may ask for more or less.
        batch_events: How many events ``record`` may hold in memory before it writes them. With 1 every
            event is on the disk when ``record`` returns; with more, at most so many of the latest are
            lost if the process is killed.
        batch_seconds: How long an event may be held in memory, in seconds; the other half of what may be lost.
        epoch_days: Days of recording that share one file and key, which is destroyed once nothing in it is
            kept any more.
        retention: How long and how many events are kept.
        retention_of: The same for single kinds of events, beside ``retention``.
        decisions: Lists of which the explanation records are kept at most, where the person allows that; the oldest go
            first.
        attributes: Names of what the person may declare about themselves.
        strictly_necessary: Why the profile may be on the disk without being asked for, where the law allows
            that because the person asked for what cannot work without it. The declaration is recorded. None:
            nothing is on the disk before the person agrees.
        tombstones: Whether a complete erasure leaves a mark outside the folder, by which a restored backup
            erases itself again.
        lifetime_epsilon: The most that everything this device ever contributes may cost, as ε.
        argon2_memory_kib: Memory of the passphrase derivation of new profiles, in KiB.
        argon2_iterations: Passes of the passphrase derivation of new profiles.
        argon2_lanes: Parallel lanes of the passphrase derivation of new profiles.
        local_items: Most items that ``Personalizer.items`` may hold.
        threads: Threads of one model run, for the built-in sample; other bundles say it in ``Bundle.open``.

    Raises:
        MisuseError: On construction, if a value is out of range.
    """

    busy_timeout_ms: int = 2000
    durability: Durability = "process"
    batch_events: int = 1
    batch_seconds: float = 1.0
    epoch_days: float = 30.0
    retention: Retention = Retention(days=730, events=200_000)
    retention_of: Mapping[str, Retention] = field(default_factory=ReadOnlyDict[str, Retention])
    decisions: int = 1000
    attributes: tuple[str, ...] = ("age_band", "language", "location")
    strictly_necessary: str | None = None
    tombstones: bool = True
    lifetime_epsilon: Decimal = Decimal(8)
    argon2_memory_kib: int = 64 * 1024
    argon2_iterations: int = 3
    argon2_lanes: int = 4
    local_items: int = 10_000
    threads: int = 1

    def __post_init__(self) -> None:
        """Check every range, so that Settings that exist are usable."""
        check_range("busy_timeout_ms", self.busy_timeout_ms, (0, 600_000))
        check_range("argon2_memory_kib", self.argon2_memory_kib, ARGON2_MEMORY_KIB)
        check_range("argon2_iterations", self.argon2_iterations, ARGON2_ITERATIONS)
        check_range("argon2_lanes", self.argon2_lanes, ARGON2_LANES)
        check_range("local_items", self.local_items, (0, 1_000_000))
        check_range("decisions", self.decisions, (1, 1_000_000))
        check_range("threads", self.threads, (1, 1024))
        check_range("batch_events", self.batch_events, (1, 10_000))
        check_durability(self.durability)
        for name, most in (("batch_seconds", 3600.0), ("epoch_days", 3660.0)):
            check_positive(name, getattr(self, name), most)
        if not isinstance(self.retention, Retention):
            raise MisuseError("retention is not what it should be; use Retention(days=..., events=...).")
        object.__setattr__(self, "retention_of", _retention_of(self.retention_of))
        object.__setattr__(self, "attributes", _attributes(self.attributes))
        if self.strictly_necessary is not None and not _is_text(self.strictly_necessary):
            raise MisuseError("strictly_necessary is empty; say in a sentence why the profile is necessary, or None.")
        epsilon = self.lifetime_epsilon
        if not isinstance(epsilon, Decimal) or epsilon.is_nan() or not 0 <= epsilon <= MOST_EPSILON:
            raise MisuseError(f"lifetime_epsilon is {self.lifetime_epsilon!r}; use a Decimal from 0 to {MOST_EPSILON}.")


DEFAULTS = Settings()
"""The settings that are used where an application gives none."""
