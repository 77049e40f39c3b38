"""What every benchmark is given: where to keep things, the clock, the date and who watches."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.measure import Clock
from homespun_server.evaluation.comparison import Observer

ROOT = Path(__file__).resolve().parent.parent


class BenchmarkError(Exception):
    """Something that a benchmark needs is missing or not what it must be."""


@dataclass(frozen=True)
class Workspace:
    """Surroundings of a run.

    Attributes:
        cache: Folder for data and environments; whatever is in it can be made again.
        clock: Seconds, for timing.
        now: The date, for what is written.
        observer: Called with (step, done, in all).
        data: Folder of data sets that may not be passed on; None: none was named.
        sample: Share of the people that is looked at, to try things out; None: all.
    """

    cache: Path
    clock: Clock
    now: Callable[[], datetime]
    observer: Observer
    data: Path | None = None
    sample: float | None = None


def make_cache(folder: Path) -> None:
    """Make a folder that keeps itself out of version control: some of what it will hold may not be passed on."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
