"""How long a batch of explanation records takes to be made again: 10,000 lists of the built-in sample, ten items each.

Beside it stands the time of making the same lists in the first place, without any explanation, as nothing else makes
such lists again.
"""

import os
import random
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.measure import spread
from benchmarks.result import Cell, Section
from benchmarks.workspace import BenchmarkError, Workspace
from homespun.explain.recording import inputs_of, record_of
from homespun.model.bundle import Bundle
from homespun.model.sample import open_sample, sample_folder
from homespun.protocol.controls import Steering
from homespun.protocol.events import Event
from homespun.protocol.records import parse_record
from homespun.ranking.decision import decide
from homespun.ranking.default import DEFAULT
from homespun.ranking.request import Inputs, Request
from homespun.ranking.surfaces import Compiled
from homespun_server.compliance.explanations.verifying import Sources, verify_batch

RECORDS = 10_000
AIM = 60.0
"""Seconds within which so many were to be verified."""

ROUNDS = 1
"""One is long enough for disturbances to even out."""

PROCESSES = 2
MOST_LIKES = 60

VERIFY = f"verify, {PROCESSES} processes"


def run(workspace: Workspace) -> list[Section]:
    """Seconds to verify 10,000 explanation records, beside making the same lists without explaining them."""
    path = workspace.cache / "explanations.jsonl"
    with closing(open_sample()) as bundle:
        _write(path, bundle, workspace)
        subjects: dict[str, Callable[[], None]] = {"make the lists": partial(_make, path, bundle)}
        subjects[VERIFY] = partial(_verify, path)
        timed: dict[str, list[tuple[float, float]]] = {name: [] for name in subjects}
        for number in range(ROUNDS):
            for name, work in subjects.items():
                timed[name].append(_timed(workspace, work))
            workspace.observer("verify", number + 1, ROUNDS)
    rows = tuple(_row(name, values) for name, values in timed.items())
    note = (
        f"{RECORDS:,} lists of 10 items, of 1 to {MOST_LIKES} likes each, {path.stat().st_size / 1e6:,.0f} MB of JSON "
        "lines. Verifying reads a record, makes its list, its parts, ranks and reasons again, and compares each."
    )
    columns = ("what", "seconds", "aim, at most", "verdict", "processor seconds", "lists a second")
    return [Section("Explanation records that are verified", columns, rows, note)]


def _row(name: str, values: list[tuple[float, float]]) -> tuple[Cell, ...]:
    seconds, busy = ([value[place] for value in values] for place in range(2))
    by_second = spread([RECORDS / value for value in seconds])
    if name != VERIFY:
        return (name, spread(seconds), None, None, spread(busy), by_second)
    verdict = _verdict(clock=spread(seconds).median, processor=spread(busy).median / PROCESSES)
    return (name, spread(seconds), AIM, verdict, spread(busy), by_second)


def _verdict(*, clock: float, processor: float) -> str:
    if clock <= AIM:
        return "met"
    return "met by processor time" if processor <= AIM else "not met"


def _timed(workspace: Workspace, work: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds by the clock, and those of processors, which other programs hardly change."""
    start, busy = workspace.clock(), _busy()
    work()
    return workspace.clock() - start, _busy() - busy


def _busy() -> float:
    """Return the processor time of this process and of those that it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _write(path: Path, bundle: Bundle, workspace: Workspace) -> None:
    compiled, rng = Compiled(bundle, DEFAULT), random.Random(1)  # noqa: S311 - no secret
    with path.open("wb") as file:
        for number in range(RECORDS):
            liked = rng.sample(bundle.items, rng.randint(1, MOST_LIKES))
            events = [Event(item, "like", 1.7e9 + 3600 * at) for at, item in enumerate(liked)]
            request = Request(k=10, now=1.71e9 + number, surface="home", seed=number)
            record = record_of(decide(compiled.beside(), Inputs(events, Steering(), {}), request), {})
            file.write(msgspec.json.encode(record) + b"\n")
            if number % 1000 == 0:
                workspace.observer("write records", number, RECORDS)


def _make(path: Path, bundle: Bundle) -> None:
    compiled = Compiled(bundle, DEFAULT)
    with path.open("rb") as file:
        for line in file:
            decide(compiled.beside(), *inputs_of(parse_record(line)))


def _verify(path: Path) -> None:
    found = verify_batch(path, Sources((sample_folder(),)), processes=PROCESSES)
    if found.failures or found.records != RECORDS:
        raise BenchmarkError(f"{len(found.failures)} of {found.records} records did not come out again.")
