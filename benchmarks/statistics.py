"""What the statistics engine costs at 2, 5 and 20 million interactions: time, the share of drawing noise, memory.

Beside what DuckDB needs for the same file alone. Every figure is of a process of its own.
"""

import json
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.population import ITEMS, Tables, made_up_population
from benchmarks.result import Cell, Section
from benchmarks.statistics_probe import EPSILON, QUERIES, THREADS, UNIVERSE
from benchmarks.workspace import ROOT, Workspace

SIZES = (2_000_000, 5_000_000, 20_000_000)
LIMITS = ("600MB", "2GB")
"""Memory of the database; Python's comes on top."""

STEPS = ("read", "sort", "counts", "pairs and transitions", "noise")


@dataclass(frozen=True)
class Answer:
    """What a probe printed: seconds by step, bytes at the peak, and for the engine what it summed and drew."""

    seconds: dict[str, float]
    peak: int
    people: int = 0
    drawn: int = 0

    @property
    def total(self) -> float:
        """Seconds of all steps."""
        return sum(self.seconds.values())


def run(workspace: Workspace) -> list[Section]:
    """Time and memory of the statistics engine up to 20 million interactions, beside DuckDB alone."""
    engine: list[tuple[Cell, ...]] = []
    alone: list[tuple[Cell, ...]] = []
    for done, size in enumerate(SIZES, start=1):
        tables = made_up_population(workspace.cache, size)
        for memory in LIMITS:
            answer = probe("engine", tables, memory)
            engine.append(_engine_row(size, memory, answer))
        bare = {query: probe(query, tables, LIMITS[-1]) for query in QUERIES}
        alone.append((size, *(one.total for one in bare.values()), answer.total / bare["order"].total))
        workspace.observer("statistics of made-up people", done, len(SIZES))
    return [_engine(engine), _alone(alone)]


def probe(subject: str, tables: Tables, memory: str) -> Answer:
    """Run the probe in a new process and return its answer.

    Raises:
        subprocess.CalledProcessError: If it fails; its message is on standard error.
    """
    command = (sys.executable, "-m", "benchmarks.statistics_probe", subject, tables.interactions, tables.items, memory)
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    return Answer(**json.loads(done.stdout))


def _engine_row(size: int, memory: str, answer: Answer) -> tuple[Cell, ...]:
    steps = (answer.seconds[step] for step in STEPS)
    share = f"{answer.seconds['noise'] / answer.total:.0%}"
    return size, answer.people, memory, *steps, answer.total, share, answer.drawn, answer.peak / 1e6


def _engine(rows: list[tuple[Cell, ...]]) -> Section:
    seconds = (f"{step}, s" for step in (*STEPS, "all"))
    columns = ("interactions", "people", "limit", *seconds, "noise", "values drawn", "peak, MB")
    note = (
        f"Counts of {ITEMS:,} items; then, in one pass, pairs and transitions of the {UNIVERSE:,} with the largest "
        f"noisy counts; noise at ε = {EPSILON:g} for all three. {THREADS} threads; one run each. The limit is the "
        "database's; the peak is the whole process's."
    )
    return Section("Sums over people, out of core", columns, tuple(rows), note)


def _alone(rows: list[tuple[Cell, ...]]) -> Section:
    columns = ("interactions", "scan, s", "count people by item, s", "order by person, s", "engine × order")
    note = (
        f"DuckDB alone on the same file, every row of the result taken; {LIMITS[-1]}, {THREADS} threads, one run each."
    )
    return Section("The same table in DuckDB alone", columns, tuple(rows), note)
