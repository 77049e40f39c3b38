"""Helpers for the tests of applications that embed homespun. Nothing here is used by homespun itself."""

from homespun.testing.clock import FakeClock

__all__ = ["FakeClock"]
