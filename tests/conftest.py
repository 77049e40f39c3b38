"""What every test may use: seeded shares of long series, and Hypothesis without chance.

A series of crash or fuzz runs is made in full by ``--soak`` (``make soak``). Otherwise a tenth of it is
made, always the same tenth, and the summary says so: a short run must never pass for a full one.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

SHARE = 10
SEED = 2025

settings.register_profile(
    "share",
    max_examples=50,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak",
    deadline=None,
    derandomize=False,  # said because Hypothesis would turn it on by itself where CI is set
    max_examples=2000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Series(Sequence[int]):
    """Run numbers to make, which counts the ones that are really taken."""

    def __init__(self, chosen: Sequence[int], made: dict[str, int], kind: str) -> None:
        self._chosen = chosen
        self._made = made
        self._kind = kind

    def __iter__(self) -> Iterator[int]:
        for number in self._chosen:
            self._made[self._kind] += 1
            yield number

    def __len__(self) -> int:
        return len(self._chosen)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self._chosen[index]


class Runs:
    """Hands out series of runs, whole or in part, and remembers how many were made."""

    def __init__(self, *, soak: bool) -> None:
        self._soak = soak
        self._made: dict[str, int] = defaultdict(int)
        self._total: dict[str, int] = defaultdict(int)

    def __call__(self, kind: str, total: int) -> Series:
        """Return which of the runs 0..total-1 to make; ``kind`` is what the summary calls them."""
        self._total[kind] += total
        chosen = range(total) if self._soak else share_of(kind, total)
        return Series(chosen, self._made, kind)

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """How many runs of each kind were made, and how many there are."""
        return {kind: (self._made[kind], total) for kind, total in self._total.items()}

    def add(self, counts: dict[str, tuple[int, int]]) -> None:
        """Count what another process made."""
        for kind, (made, total) in counts.items():
            self._made[kind] += made
            self._total[kind] += total

    def summary(self) -> list[str]:
        """Return a line per kind."""
        note = "all" if self._soak else f"a share drawn with seed {SEED}; make soak makes them all"
        return [f"{kind} runs: {self._made[kind]} of {total} ({note})" for kind, total in sorted(self._total.items())]


def share_of(kind: str, total: int) -> list[int]:
    """Return the tenth of 0..total-1, at least one, that every short session makes, in order."""
    # A text seeds the same on every platform and Python version; a tuple would not.
    chosen = random.Random(f"{SEED} {kind} {total}").sample(range(total), max(1, total // SHARE))
    return sorted(chosen)


RUNS = pytest.StashKey[Runs]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="make every crash and fuzz run, not a share of them")


def pytest_configure(config: pytest.Config) -> None:
    soak = bool(config.getoption("--soak"))
    config.stash[RUNS] = Runs(soak=soak)
    if not config.getoption("--hypothesis-profile", None):
        settings.load_profile("soak" if soak else "share")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--soak"):
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that started this one, if tests are spread over several, how many runs were made."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["runs"] = session.config.stash[RUNS].counts


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what the processes made; one that crashed made its tests fail, and is not counted."""
    node.config.stash[RUNS].add(getattr(node, "workeroutput", {}).get("runs", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[RUNS].summary()
    if lines:
        terminalreporter.section("crash and fuzz runs")
    for line in lines:
        terminalreporter.write_line(line)


@pytest.fixture
def runs(pytestconfig: pytest.Config) -> Runs:
    """Call with a kind and a total to get the run numbers to make: ``for n in runs("crash", 200)``."""
    return pytestconfig.stash[RUNS]


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the working tree."""
    return Path(__file__).resolve().parent.parent
