"""Runs benchmarks: ``python -m benchmarks [NAME ...]`` (``make bench`` prepares an environment for it)."""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.models.datasets import FOLDER_VARIABLE
from benchmarks.models.parts import PARTS
from benchmarks.result import Section, as_table, machine, write_result
from benchmarks.workspace import ROOT, Workspace, make_cache
from homespun_server.display import progress

CACHE = ROOT / ".benchmarks"
"""Not in ``.cache``, which every build of the documentation empties."""

LEAST_WIDTH = 130
"""Columns of a table where the output is no terminal."""

RUNS_ITSELF = (
    "quality",
    "privacy",
    "experiments",
    "explanations",
    "federated",
    "footprint",
    "influence",
    "latency",
    "release",
    "reports",
    "membership",
    "planning",
    "profile",
    "statistics",
    "ranking.rules",
    "ranking.speed",
    "ranking.start",
    "service",
    "collection",
    "compliance",
    "compliance.requests",
    "compliance.console",
)
"""Modules whose ``run`` is a benchmark of their name."""

NAMES = (*RUNS_ITSELF, *PARTS)


def benchmark(name: str) -> Callable[[Workspace], Sequence[Section]]:
    """Return a benchmark; its module is imported now, because not all need the same packages."""
    if name in PARTS:
        return PARTS[name]
    found: Callable[[Workspace], Sequence[Section]] = importlib.import_module(f"benchmarks.{name}").run
    return found


def _about(name: str) -> str:
    try:
        return benchmark(name).__doc__ or ""
    except ModuleNotFoundError as error:
        return f"needs {error.name}, which is not installed here: make bench"


def main() -> int:
    """Run the named benchmarks, or all."""
    arguments = _arguments()
    console = Console()
    if not console.is_terminal:
        console = Console(width=LEAST_WIDTH)
    if arguments.list:
        for name in NAMES:
            console.print(f"{name:<{max(map(len, NAMES))}} {_about(name)}")
        return 0
    for name in arguments.names or NAMES:
        _run(name, arguments, console)
    return 0


def _run(name: str, arguments: argparse.Namespace, console: Console) -> None:
    make_cache(CACHE)
    measure, start = benchmark(name), time.perf_counter()
    with progress(console) as observer:
        workspace = Workspace(
            CACHE, time.perf_counter, lambda: datetime.now(UTC), observer, arguments.data, arguments.sample
        )
        sections = measure(workspace)
    for section in sections:
        console.print(as_table(section))
    path = write_result(
        name,
        sections,
        datetime.now(UTC),
        arguments.out,
        measured_on=machine(),
        about=measure.__doc__ or "",
        sample=arguments.sample,
    )
    console.print(f"{name}: {time.perf_counter() - start:.0f} s, written to {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure homespun beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all if none is named")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument("--out", type=Path, default=CACHE, metavar="DIR", help="folder for the JSON results")
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get(FOLDER_VARIABLE) or None,
        metavar="DIR",
        help=f"folder of data sets that may not be passed on ({FOLDER_VARIABLE})",
    )
    parser.add_argument(
        "--sample", type=_share, metavar="S", help="look at a share of the people only, to try things out (models-…)"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; choose from {', '.join(NAMES)}")
    return arguments


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text} is no share between 0 and 1")
    return share


if __name__ == "__main__":
    sys.exit(main())
