import math

import pytest

from homespun.errors import MisuseError
from homespun.testing import FakeClock


def test_the_clock_moves_by_itself() -> None:
    clock = FakeClock(100.0)
    assert [clock(), clock()] == [100.0, 100.0]


def test_the_clock_does_not_move_when_told() -> None:
    clock = FakeClock()
    start = clock()
    clock.advance(60)
    assert clock() == start + 60
    clock.advance(-120.5)
    assert clock() == start - 60.5


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_the_time_becomes_none(wrong: float) -> None:
    with pytest.raises(MisuseError, match="finite"):
        FakeClock(wrong)
    clock = FakeClock()
    with pytest.raises(MisuseError, match="finite"):
        clock.advance(wrong)
    assert math.isfinite(clock())
