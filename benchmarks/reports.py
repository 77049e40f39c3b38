"""What a report costs: splitting and proving on a device, checking and adding at each aggregator, on one core.

Beside what nobody can save: expanding the helper's seed, hashing the leader's share, and adding a vector. Sealing and
sending are not in it.
"""

import hashlib
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import scaled, time_in_rounds
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.protocol.collection.report import report_size
from homespun.protocol.collection.shares import Prepared, ShareForm, ShareVerifier, Split, split
from homespun.protocol.collection.xof import elements
from homespun.protocol.statistics.grid import GRID

SEED = 7
ROUNDS = 7
LEAST_SECONDS = 0.2
JOBS = ((3, 256), (32, 256), (1000, 64), (499_500, 8))
"""Numbers of a report, and reports of one job."""


def run(workspace: Workspace) -> list[Section]:
    """Time for each report of splitting, checking and adding, by the numbers of a report."""
    rows = []
    for done, (size, count) in enumerate(JOBS, start=1):
        rows.append(_row(size, count))
        workspace.observer("costs of reports", done, len(JOBS))
    columns = (
        "numbers",
        "bytes",
        "reports in a job",
        "device: split and prove, ms",
        "leader: check and add, ms",
        "helper: check and add, ms",
        "leader: hash and add alone, ms",
        "helper: expand and add alone, ms",
    )
    note = (
        "Median and range of processor time for one report. Run with OPENBLAS_NUM_THREADS=1, so that one core does it. "
        "Opening what is sealed, the network and the disk come on top."
    )
    return [Section("What a report costs", columns, tuple(rows), note)]


def _row(size: int, count: int) -> tuple[Cell, ...]:
    form, draw = ShareForm(size, GRID, int(GRID / size**0.5) if size < 100 else GRID), np.random.default_rng(SEED)
    vector = np.full(size, int(GRID / size**0.5), np.int64)
    bindings = [draw.bytes(56) for _ in range(count)]
    splits = [split(form, vector, bound_to, draw.bytes) for bound_to in bindings]
    total = np.zeros(size, np.uint64)
    subjects: dict[str, Callable[[], object]] = {
        "split": lambda: split(form, vector, bindings[0], draw.bytes),
        "leader": _checking(form, splits, bindings, total),
        "helper": _checking(form, splits, bindings, total, helper=True),
        "hash": lambda: _added(total, splits[0].leader),
        "expand": lambda: np.add(total, elements(size, "measurement", splits[0].helper), out=total),
    }
    seconds = time_in_rounds(subjects, time.process_time, rounds=ROUNDS, least_seconds=LEAST_SECONDS)
    for name in ("leader", "helper"):
        seconds[name] = [value / count for value in seconds[name]]
    return size, report_size(form), count, *(scaled(seconds[name], 1000) for name in subjects)


def _checking(
    form: ShareForm, splits: list[Split], bindings: list[bytes], total: NDArray[np.uint64], *, helper: bool = False
) -> Callable[[], None]:
    publics = [one.public for one in splits]
    leader = partial(ShareVerifier(form, "leader", bytes(32)).prepare, [one.leader for one in splits])
    other = partial(ShareVerifier(form, "helper", bytes(32)).prepare, [one.helper for one in splits])
    mine, theirs = (other, leader) if helper else (leader, other)
    messages = theirs(publics, bindings).messages

    def check() -> None:
        prepared: Prepared = mine(publics, bindings)
        prepared.add_accepted(prepared.accepted(messages), total)

    return check


def _added(total: NDArray[np.uint64], share: bytes) -> None:
    hashlib.sha256(share).digest()
    np.add(total, np.frombuffer(share, "<u4", total.size, 16), out=total)
