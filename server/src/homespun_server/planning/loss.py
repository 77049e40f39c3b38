"""What a budget that is spent every period adds up to, for one person and for somebody with several ids.

zCDP adds: after p periods of ρ each it is pρ. A person with k devices or ids adds k contributions, whose norm is
at most k times the bound, so that ρ grows with k². Both convert to (ε, δ) at the same δ.
"""

from dataclasses import dataclass

from homespun.errors import MisuseError
from homespun_server.privacy.zcdp import epsilon_of

MOST_PERIODS = 10_000
MOST_DEVICES = 1000
MOST_DAYS = 36_500

LATER = (1, 2, 5, 10)
"""Tenths of the lifetime at which the growing ε is told."""


@dataclass(frozen=True)
class Period:
    """How often a budget is spent.

    Attributes:
        per: ``once``, ``month``, or a number of days.
        periods: How many periods are looked at; 1 where it is once.

    Raises:
        MisuseError: On construction, if it is no period.
    """

    per: str = "month"
    periods: int = 12

    def __post_init__(self) -> None:
        """Refuse what is no period."""
        if self.per not in {"once", "month"} and not self._days:
            raise MisuseError(f"--per is {self.per!r}; give once, month, or a number of days up to {MOST_DAYS:,}.")
        if not 1 <= self.periods <= MOST_PERIODS or (self.per == "once" and self.periods > 1):
            raise MisuseError(
                f"{self.periods} periods of {self.per!r} cannot be planned; give 1 to {MOST_PERIODS:,}, and 1 for once."
            )

    @property
    def _days(self) -> bool:
        return self.per.isascii() and self.per.isdigit() and len(self.per) <= 5 and 1 <= int(self.per) <= MOST_DAYS  # noqa: PLR2004 - digits

    @property
    def unit(self) -> str:
        """The unit of an ε: ``user, per month``."""
        if self.per in {"once", "month"}:
            return "user, once" if self.per == "once" else "user, per month"
        return f"user, per {self.per} days"

    def after(self, periods: int) -> str:
        """Say after how much time: ``after 12 months``."""
        if self.per == "month":
            return f"after {periods} month{'s' if periods > 1 else ''}"
        return f"after {periods * int(self.per):,} days" if self._days else "for ever"


@dataclass(frozen=True)
class Loss:
    """An ε at the plan's δ.

    Attributes:
        periods: After how many periods.
        devices: For somebody with so many devices or ids.
        epsilon: The ε.
    """

    periods: int
    devices: int
    epsilon: float


def loss(rho: float, delta: float, *, periods: int = 1, devices: int = 1) -> Loss:
    """Return ε after some periods for somebody with some devices.

    Args:
        rho: zCDP of one period for one id.
        delta: δ that ε is stated at.
        periods: How many periods.
        devices: How many devices or ids of one person.

    Raises:
        MisuseError: If the numbers mean nothing.
    """
    if not 1 <= devices <= MOST_DEVICES:
        raise MisuseError(f"{devices} devices a person cannot be planned for; give 1 to {MOST_DEVICES:,}.")
    return Loss(periods, devices, epsilon_of(rho * periods * devices**2, delta))
