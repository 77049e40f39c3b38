"""Runs benchmarks: ``python -m benchmarks [NAME ...]`` (``make bench`` prepares an environment for it)."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import footprint, latency, membership, planning, privacy, profile, quality, release, statistics
from benchmarks.result import Section, as_table, machine, write_result
from benchmarks.workspace import ROOT, Workspace, make_cache
from homespun_server.display import progress

CACHE = ROOT / ".benchmarks"
"""Not in ``.cache``, which every build of the documentation empties."""

LEAST_WIDTH = 130
"""Columns of a table where the output is no terminal."""

BENCHMARKS: dict[str, Callable[[Workspace], Sequence[Section]]] = {
    "quality": quality.run,
    "privacy": privacy.run,
    "footprint": footprint.run,
    "latency": latency.run,
    "release": release.run,
    "membership": membership.run,
    "planning": planning.run,
    "profile": profile.run,
    "statistics": statistics.run,
}


def main() -> int:
    """Run the named benchmarks, or all."""
    arguments = _arguments()
    console = Console()
    if not console.is_terminal:
        console = Console(width=LEAST_WIDTH)
    if arguments.list:
        for name, benchmark in BENCHMARKS.items():
            console.print(f"{name:<10} {benchmark.__doc__}")
        return 0
    for name in arguments.names or BENCHMARKS:
        _run(name, arguments.out, console)
    return 0


def _run(name: str, out: Path, console: Console) -> None:
    make_cache(CACHE)
    start = time.perf_counter()
    with progress(console) as observer:
        sections = BENCHMARKS[name](Workspace(CACHE, time.perf_counter, lambda: datetime.now(UTC), observer))
    for section in sections:
        console.print(as_table(section))
    path = write_result(name, sections, datetime.now(UTC), out, measured_on=machine())
    console.print(f"{name}: {time.perf_counter() - start:.0f} s, written to {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure homespun beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all if none is named")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument("--out", type=Path, default=CACHE, metavar="DIR", help="folder for the JSON results")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; choose from {', '.join(BENCHMARKS)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
