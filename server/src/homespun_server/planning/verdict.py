"""Whether a fleet is large enough, in plain words, and what would be."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from homespun_server.planning.curve import Kept, Matrix, kept
from homespun_server.planning.fleet import MOST_USERS, Fleet
from homespun_server.planning.kinds import DEFAULT_WORDS
from homespun_server.planning.shares import ENOUGH, matrix_of, split
from homespun_server.privacy.zcdp import epsilon_of, rho_for

LARGEST_EPSILON = 100.0
"""No larger ε is proposed; long before, it promises next to nothing."""

_STEPS = 60


@dataclass(frozen=True)
class Verdict:
    """What to say of one statistic that is too small for its fleet.

    Attributes:
        matrix: The statistic.
        kept: What would be left of it.
        users: A number of users that would be enough at the same ε; None: no number is.
        epsilon: An ε that would be enough with the same users; None: none up to LARGEST_EPSILON is.
    """

    matrix: Matrix
    kept: Kept
    users: int | None
    epsilon: float | None

    def text(self, fleet: Fleet, epsilon: float) -> str:
        """Say it."""
        few, little = _LITTLE[self.matrix]
        users = "1 user is" if fleet.users == 1 else f"{fleet.users:,} users are"
        return (
            f"{users} few for {few}ε = {epsilon:g}: expect {little}. "
            f"{_users(self.users)} at this ε; {_epsilon(self.epsilon)}."
        )


_LITTLE: dict[Matrix, tuple[str, str]] = {
    "pairs": ("", "little more than popularity and content"),
    "transitions": ("transitions at ", "to learn little of what comes next beyond what is popular"),
}


def predictions(words: Sequence[str], fleet: Fleet, rho: Fraction) -> dict[Matrix, Kept]:
    """Predict what is left of every statistic whose quality can be predicted.

    Args:
        words: The statistics that share the budget.
        fleet: The population.
        rho: zCDP of the whole budget.

    Raises:
        MisuseError: If the statistics contradict each other.
    """
    found = ((matrix_of(share.word), share.rho) for share in split(words, fleet, rho))
    return {matrix: kept(matrix, fleet, own) for matrix, own in found if matrix is not None}


def too_small(fleet: Fleet, epsilon: float, delta: float, words: Sequence[str] = DEFAULT_WORDS) -> tuple[Verdict, ...]:
    """Return a verdict for each statistic of which less than ENOUGH is left; none if all is well.

    Raises:
        PrivacyParameterError: If (ε, δ) promises nothing.
    """
    rho = Fraction(rho_for(epsilon, delta))
    return tuple(
        Verdict(
            matrix, left, _enough_users(matrix, fleet, rho, words), _enough_epsilon(matrix, fleet, rho, delta, words)
        )
        for matrix, left in predictions(words, fleet, rho).items()
        if left.share < ENOUGH
    )


def is_weak(delta: float, users: int) -> bool:
    """Return whether δ is so large that somebody's data could be published whole and the bound still hold."""
    return delta * users >= 1


def _enough_users(matrix: Matrix, fleet: Fleet, rho: Fraction, words: Sequence[str]) -> int | None:
    def is_enough(users: float) -> bool:
        grown = replace(fleet, users=math.ceil(users))
        return predictions(words, grown, rho)[matrix].share >= ENOUGH

    found = _least(is_enough, fleet.users, MOST_USERS)
    return None if found is None else int(min(_rounded_up(found), MOST_USERS))


def _enough_epsilon(matrix: Matrix, fleet: Fleet, rho: Fraction, delta: float, words: Sequence[str]) -> float | None:
    def is_enough(larger: float) -> bool:
        return predictions(words, fleet, Fraction(larger))[matrix].share >= ENOUGH

    most = rho_for(LARGEST_EPSILON, delta)
    found = _least(is_enough, float(rho), most) if rho < most else None
    return None if found is None else min(_rounded_up(epsilon_of(found, delta)), LARGEST_EPSILON)


def _least(is_enough: Callable[[float], bool], low: float, high: float) -> float | None:
    """Return about the least number that is enough, and is itself; None if even ``high`` is not."""
    if not is_enough(high):
        return None
    for _ in range(_STEPS):
        if high / low < 1.001:  # noqa: PLR2004 - two digits are told
            break
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _rounded_up(value: float) -> float:
    """Round up to two significant digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(value / unit - 1e-9) * unit, 10)


def _users(users: int | None) -> str:
    return "No number of users would be enough" if users is None else f"About {users:,} users would be enough"


def _epsilon(epsilon: float | None) -> str:
    if epsilon is None:
        return f"with these users no ε up to {LARGEST_EPSILON:g} would do"
    return f"with these users it would take ε ≈ {epsilon:.2g}"
