"""What the client costs before it does anything: bytes on disk, seconds to start, memory.

Measured in a new environment that holds the client alone, in new processes, beside numpy and onnxruntime,
which no client of this kind can do without.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.client_environment import Installed, installed, make_client_environment
from benchmarks.measure import ratio, scaled
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace

PROBE = Path(__file__).with_name("probe.py")
SUBJECTS = ("numpy", "onnxruntime", "homespun")
ROUNDS = 15

Seconds = dict[str, list[float]]


def run(workspace: Workspace) -> list[Section]:
    """Installed size, start and memory of the client beside numpy and onnxruntime."""
    environment = make_client_environment(workspace.cache / "client")
    found = installed(environment.packages)
    seconds: Seconds = {}
    resident: Seconds = {}
    for done in range(ROUNDS):
        for subject in SUBJECTS:
            steps, memory = probe(environment.python, subject)
            for step, value in steps.items():
                seconds.setdefault(f"{step} {subject}" if step == "import" else step, []).append(value)
            resident.setdefault(subject, []).append(memory)
        workspace.observer("start in new processes", done + 1, ROUNDS)
    return [_size(found, environment.wheel.stat().st_size), _start(seconds), _memory(resident)]


def probe(python: Path, *arguments: str | Path, script: Path = PROBE) -> tuple[dict[str, float], int]:
    """Run a probe in a new process; return its seconds by step and its resident bytes at the end.

    Raises:
        subprocess.CalledProcessError: If it fails; its message is on standard error.
    """
    command = (python, "-I", "-W", "error", script, *arguments)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        line = process.stdout.readline() if process.stdout else ""
        if line:
            answer = json.loads(line)
            memory: int = psutil.Process(answer["process"]).memory_info().rss
        process.communicate()
    if process.returncode or not line:
        raise subprocess.CalledProcessError(process.returncode, command)
    return answer["seconds"], memory


def _size(found: Sequence[Installed], wheel: int) -> Section:
    total = sum(one.size for one in found)
    rows: list[tuple[Cell, ...]] = [(one.name, one.version, one.size / 1e6, f"{one.size / total:.1%}") for one in found]
    rows.append(("all", "", total / 1e6, "100.0%"))
    note = f"The client's own wheel has {wheel / 1e6:.2f} MB."
    return Section("Installed size of the client alone", ("distribution", "version", "MB", "share"), tuple(rows), note)


def _start(seconds: Seconds) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for step, values in seconds.items():
        limits = [seconds[f"import {limit}"] for limit in ("numpy", "onnxruntime")]
        rows.append((step, scaled(values, 1e3), *(_ratio(values, limit) for limit in limits)))
    columns = ("step", "ms", "× import numpy", "× import onnxruntime")
    note = f"Median (range) of {ROUNDS} new processes each. The import of homespun holds numpy; opening a bundle "
    return Section("Start", columns, tuple(rows), note + "holds onnxruntime.")


def _memory(resident: Seconds) -> Section:
    rows = tuple(
        (subject, scaled(values, 1e-6), _ratio(values, resident["onnxruntime"])) for subject, values in resident.items()
    )
    note = "Resident memory: after the import alone; for homespun after the first recommendation."
    return Section("Memory", ("process", "MB", "× onnxruntime"), rows, note)


def _ratio(values: list[float], peer: list[float]) -> Cell:
    return None if values is peer else ratio(values, peer)
