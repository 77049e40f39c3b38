"""Downloads that are too fast for the person, or too slow to ever end."""

import pytest

from homespun.errors import TransportError
from homespun.sync.pace import Meter, Pace
from homespun.testing import FakeClock


def meter(clock: FakeClock, *, most: int | None = None, least: int = 100) -> Meter:
    return Meter(Pace(most=most, least=least, patience=10.0), clock, clock.advance)


def test_a_trickle_is_waited_for() -> None:
    clock = FakeClock()
    found = meter(clock)
    for _ in range(9):
        clock.advance(1)
        found.take(99)
    clock.advance(1)
    with pytest.raises(TransportError, match="990 bytes"):
        found.take(99)


def test_a_fast_start_pays_for_a_trickle() -> None:
    clock = FakeClock()
    found = meter(clock)
    found.take(1 << 40)
    for _ in range(2):
        clock.advance(10)
        found.take(1000)
    clock.advance(10)
    with pytest.raises(TransportError):
        found.take(999)


def test_a_slow_but_steady_download_is_ended() -> None:
    clock = FakeClock()
    found = meter(clock)
    for _ in range(1000):
        clock.advance(1)
        found.take(100)


def test_a_ceiling_is_exceeded() -> None:
    clock, start = FakeClock(), FakeClock()()
    found = meter(clock, most=1000)
    for _ in range(100):
        found.take(500)
    assert clock() - start == pytest.approx(50)


def test_its_own_waiting_makes_a_download_slow() -> None:
    clock = FakeClock()
    found = meter(clock, most=1000, least=900)
    for _ in range(100):
        clock.advance(1)
        found.take(950)
        found.take(8000)
