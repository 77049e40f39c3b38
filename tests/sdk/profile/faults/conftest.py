"""Counts the fault points at which processes really died."""

from collections import Counter
from collections.abc import Callable

import pytest

HIT = pytest.StashKey[dict[tuple[str, bool, int], str]]()


@pytest.fixture
def hit(pytestconfig: pytest.Config) -> Callable[[str, bool, int, str], None]:
    """Call with the phase, whether keys were outside, the call's number and its kind."""
    points = pytestconfig.stash.setdefault(HIT, {})

    def told(phase: str, outside: bool, number: int, kind: str) -> None:  # noqa: FBT001 - it is a part of the point
        points[phase, outside, number] = kind

    return told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    points = config.stash.get(HIT, {})
    if points:
        kinds = ", ".join(f"{number} at a {kind}" for kind, number in Counter(points.values()).most_common())
        terminalreporter.section("fault points")
        terminalreporter.write_line(f"killed at {len(points)} distinct fault points: {kinds}")
