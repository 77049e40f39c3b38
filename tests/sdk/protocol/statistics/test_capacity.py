"""What could wrap is refused, at the very border, with noise and without."""

import math

import msgspec
import pytest

from homespun.errors import MisuseError
from homespun.protocol.statistics import standard
from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.grid import GRID, MAX_BOUND
from tests.sdk.protocol.statistics.declarations import universe

COUNTS = standard.item_counts(universe(3))
replace = msgspec.structs.replace


def wraps(statistic: Statistic, sigma: int = 0) -> bool:
    try:
        statistic.check_capacity(sigma)
    except MisuseError:
        return True
    return False


@pytest.mark.parametrize("bound", [1, 3, GRID, MAX_BOUND])
def test_a_sum_that_just_wraps_is_declared_or_one_that_just_fits_is_refused(bound: int) -> None:
    most = ((1 << 31) - 1) // bound
    fits = replace(COUNTS, width=32, l2_bound=bound, max_people=most)
    assert not wraps(fits)
    with pytest.raises(MisuseError, match="wraps integers of 32 bits"):
        replace(fits, max_people=most + 1)
    with pytest.raises(msgspec.ValidationError, match="wraps integers of 32 bits"):
        msgspec.convert(msgspec.to_builtins(fits) | {"max_people": most + 1}, Statistic)
    assert not wraps(replace(fits, width=64, max_people=1 << 40))


def tail(statistic: Statistic, sigma: int) -> int:
    """The least t with 2·size·e^(−t²/2σ²) ≤ 2⁻⁶⁴."""
    return math.ceil(sigma * math.sqrt(2 * math.log(statistic.size * 2.0**65)))


@pytest.mark.parametrize("sigma", [1, 1000, 8192 * 50])
@pytest.mark.parametrize("statistic", [COUNTS, standard.item_trend(universe(1 << 20), range(20)), standard.people()])
def test_noise_that_just_wraps_is_allowed(statistic: Statistic, sigma: int) -> None:
    room = (1 << 31) - 1 - tail(statistic, sigma)
    fits = replace(statistic, width=32, l2_bound=1, max_people=room)
    assert not wraps(fits, sigma)
    assert wraps(fits, sigma + 1)
    assert wraps(replace(fits, max_people=room + 1), sigma)


def test_noise_alone_wraps_64_bits() -> None:
    within = replace(COUNTS, max_people=1, l2_bound=1)
    probability = 2 * within.size * math.exp(-((tail(within, 10**9) / 10**9) ** 2) / 2)
    assert probability <= 2.0**-64 * (1 + 1e-9)
    assert not wraps(within, 1 << 58)
    assert wraps(within, 1 << 60)
