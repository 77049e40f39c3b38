"""What a private fit costs: wall time and memory from files to a bundle, beside ALS from the same files.

Every figure is of a process of its own, one after the other in the same run.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.models.datasets import ML1M, locate, title_of
from benchmarks.models.part import says_what_is_missing
from benchmarks.peers.running import ENVIRONMENT, Missing
from benchmarks.population import ITEMS, PEOPLE, made_up_population
from benchmarks.result import Cell, Section
from benchmarks.workspace import ROOT, BenchmarkError, Workspace

EPSILON = 1.0
INTERACTIONS = 20_000_000
FACTORS, ITERATIONS = 64, 15
PARTS = {"pairs": "collaborative", "all parts": "all"}

Command = Sequence[str | Path]


@dataclass(frozen=True)
class Answer:
    """What a probe printed: seconds, bytes, and for a private fit the noise that was drawn."""

    read: float
    seconds: float
    peak: int
    model_bytes: int
    drawn: int = 0
    drawing: float = 0.0


@says_what_is_missing
def run(workspace: Workspace) -> Sequence[Section]:
    """Time and memory of a fit at ε = 1, MovieLens-1M and 20 million made-up interactions, beside implicit's ALS."""
    found = locate(ML1M, workspace)
    size = INTERACTIONS if workspace.sample is None else int(INTERACTIONS * workspace.sample)
    made_up = made_up_population(workspace.cache, size)
    tables = (
        (title_of(ML1M), found.interactions, found.catalogue),
        (f"{size:,} made-up interactions", made_up.interactions, made_up.items),
    )
    rows = [row for title, *paths in tables for row in _rows(title, paths, workspace)]
    columns = (
        "data",
        "model",
        "all, s",
        "reading, s",
        "noise, s",
        "values drawn",
        "peak, MB",
        "model, MB",
        "time × ALS",
    )
    note = (
        f"From files to a bundle on disk at ε = {EPSILON:g}, nobody kept aside; ALS with {FACTORS} factors and "
        f"{ITERATIONS} sweeps from the same table to factors in memory. One process each, one run each. Made up: "
        f"{PEOPLE:,} people, {ITEMS:,} items. What it claims: privacy costs minutes of a server, not hours."
    )
    return [Section("What a fit costs", columns, tuple(rows), note)]


def _rows(title: str, paths: Sequence[Path], workspace: Workspace) -> Iterator[tuple[Cell, ...]]:
    interactions, items = paths
    peer = als(interactions)
    workspace.observer(f"costs of {title}", 1, 1 + len(PARTS))
    answer = None if isinstance(peer, Missing) else peer
    for done, (name, parts) in enumerate(PARTS.items(), start=2):
        folder = workspace.cache / "models" / "costs" / name.replace(" ", "-")
        folder.parent.mkdir(parents=True, exist_ok=True)
        fit = probe(
            (sys.executable, "-m", "benchmarks.models.costs_probe", interactions, items, folder, f"{EPSILON}", parts)
        )
        workspace.observer(f"costs of {title}", done, 1 + len(PARTS))
        yield _row(title, f"homespun, {name}", fit, answer)
    if isinstance(peer, Missing):
        yield (title, f"{peer.name}: missing, {peer.reason}", *(None for _ in range(7)))
    else:
        yield _row(title, f"implicit ALS, {FACTORS} factors", peer, None)


def _row(title: str, name: str, found: Answer, peer: Answer | None) -> tuple[Cell, ...]:
    noise = (found.drawing, found.drawn) if found.drawn else (None, None)
    times = None if peer is None else found.seconds / peer.seconds
    return title, name, found.seconds, found.read, *noise, found.peak / 1e6, found.model_bytes / 1e6, times


def als(interactions: Path, environment: Path = ENVIRONMENT) -> Answer | Missing:
    """Fit ALS in the peers' environment, if it is there."""
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.is_file():
        return Missing("implicit ALS", "the peers' environment is not there: run `make peers`")
    return probe((python, "-m", "benchmarks.peers.als_cost", interactions, f"{FACTORS}", f"{ITERATIONS}"))


def probe(command: Command) -> Answer:
    """Run a probe in a new process and return its answer.

    Raises:
        BenchmarkError: If it fails; what it said is in the message.
    """
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise BenchmarkError(f"{command[2]} failed with code {done.returncode}:\n{done.stderr[-3000:]}")
    return Answer(**json.loads(done.stdout.splitlines()[-1]))
