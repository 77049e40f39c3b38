"""How fast leader and helper add reports, one core each, beside a bare loop that only opens and adds.

Large reports have 499,500 numbers (pairs of 1,000 items, 2 MB), small ones at most 4 kB. The bare loop has everything
in memory, checks nothing and keeps nothing: HPKE, for the helper SHAKE-128 as well, and a sum. It is measured in the
same rounds, for each side, on one core; a pair of aggregators cannot be faster than its slower side.

Rates are taken by the clock, and by the processor time of the slower side: what others do on the machine meanwhile
takes time by the clock away from leader and helper, who need both cores at once, but not from a loop of one process.
"""

import asyncio
import hashlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from benchmarks.collection_pair import Folders, Served, make_folders, raw_upload, served, statistic_of
from benchmarks.measure import Spread, ratio, spread
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun_server.collection.messages import Role
from homespun_server.collection.sealing import SUITE

LARGE_ITEMS = 1_000
LARGE_REPORTS = 128
LARGE_UPLOADS = 64
SMALL_ITEMS = 24
SMALL_REPORTS = 10_000
SMALL_STORED = 5_000
SMALL_FIRST = 1_000
ROUNDS = 3
BARE_LOOPS = 150
CONNECTIONS = 8
AIM_SHARE = 0.5
AIM_SMALL = 1_000
MEGABYTE = 1e6

LOOK_SECONDS = 0.2
"""How often the leader is asked how far it is; each time it makes a page of metrics."""

RATES = ("reports a second", "by processor time")


@dataclass(frozen=True)
class Rate:
    """Reports a second.

    Attributes:
        clock: By the clock.
        processor: By the processor time of the side that needs more.
    """

    clock: float
    processor: float


class Stretch:
    """A stretch of time in which two aggregators work."""

    def __init__(self, running: dict[Role, Served]) -> None:
        """Begin."""
        self._running = running
        self._begun = time.perf_counter()
        self._worked = {role: each.processor_seconds() for role, each in running.items()}

    def rate(self, reports: int) -> Rate:
        """Return the rate of so many reports up to now."""
        passed = time.perf_counter() - self._begun
        worked = max(each.processor_seconds() - self._worked[role] for role, each in self._running.items())
        return Rate(reports / passed, reports / worked)


def run(workspace: Workspace) -> list[Section]:
    """Reports a second that leader and helper add, beside a bare decrypt-and-add loop, and the memory it takes."""
    cores = _cores()
    stored: list[Rate] = []
    over_http: list[Rate] = []
    bare: dict[Role, list[Rate]] = {"leader": [], "helper": []}
    peaks: list[dict[Role, int | None]] = []
    with tempfile.TemporaryDirectory(dir=workspace.cache) as temporary:
        for number in range(ROUNDS):
            for role, rates in bare.items():
                rates.append(_bare(role, cores[role]))
            rate, _ = _from_store(Path(temporary) / f"stored {number}", LARGE_ITEMS, LARGE_REPORTS, cores)
            stored.append(rate)
            rate, peak = _uploaded(Path(temporary) / f"http {number}", LARGE_ITEMS, LARGE_UPLOADS, cores)
            over_http.append(rate)
            peaks.append(peak)
            workspace.observer("large reports", number + 1, ROUNDS)
        small, memory = _small(Path(temporary), cores, workspace)
    return [_large(stored, over_http, bare), small, _memory(peaks, memory)]


def _cores() -> dict[Role, int | None]:
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) == 1:
        return {"leader": None, "helper": None}
    first, second, *_ = sorted(os.sched_getaffinity(0))
    return {"leader": first, "helper": second}


def _bare(role: Role, core: int | None) -> Rate:
    """Let one side open and add and do nothing else, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(bare_loop, (role, core))


def bare_loop(role: Role, core: int | None) -> Rate:
    """Open and add the same shares again and again."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    private = X25519PrivateKey.generate()
    size = LARGE_ITEMS * (LARGE_ITEMS - 1) // 2
    length = 4 * size if role == "leader" else 48
    sealed = [SUITE.encrypt(os.urandom(length), private.public_key(), b"bare") for _ in range(8)]
    total = np.zeros(size, np.uint64)
    begun, worked = time.perf_counter(), time.process_time()
    for number in range(BARE_LOOPS):
        raw = SUITE.decrypt(sealed[number % len(sealed)], private, b"bare")
        if role == "helper":
            # As many bytes as there are numbers; the few that are drawn anew do not matter.
            raw = hashlib.shake_128(raw).digest(4 * size)
        np.add(total, np.frombuffer(raw, "<u4"), out=total)
    return Rate(BARE_LOOPS / (time.perf_counter() - begun), BARE_LOOPS / (time.process_time() - worked))


def _from_store(
    folder: Path, items: int, reports: int, cores: dict[Role, int | None]
) -> tuple[Rate, dict[Role, int | None]]:
    """Return how many reports a second are added that wait in the store, and the peaks of memory."""
    folders = make_folders(folder, statistic_of(items, pairs=items == LARGE_ITEMS))
    folders.fill(reports, 8 if items == LARGE_ITEMS else 256)
    with served(folders, cores) as running:
        while not (first := running["leader"].added()):
            time.sleep(0.01)
        # From the end of the first job to the end of the last.
        stretch = Stretch(running)
        while running["leader"].added() < reports:
            time.sleep(LOOK_SECONDS)
        return stretch.rate(reports - first), _peaks(running)


def _uploaded(
    folder: Path, items: int, reports: int, cores: dict[Role, int | None]
) -> tuple[Rate, dict[Role, int | None]]:
    """Return how many reports a second go from the first upload over loopback to the sum, and the peaks of memory."""
    folders = make_folders(folder, statistic_of(items, pairs=items == LARGE_ITEMS))
    requests = _requests(folders, reports)
    with served(folders, cores) as running:
        stretch = Stretch(running)
        asyncio.run(_send(running["leader"].port, requests))
        while running["leader"].added() < reports:
            time.sleep(LOOK_SECONDS)
        return stretch.rate(reports), _peaks(running)


def _requests(folders: Folders, reports: int) -> list[bytes]:
    return [raw_upload(folders.task, folders.report()) for _ in range(reports)]


def _peaks(running: dict[Role, Served]) -> dict[Role, int | None]:
    return {role: each.peak() for role, each in running.items()}


async def _send(port: int, requests: Sequence[bytes]) -> None:
    """Upload every report once, over a few connections that are kept open."""
    left = iter(requests)
    loop = asyncio.get_running_loop()
    clients = [await loop.create_connection(lambda: _Client(left), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(client.ended for _, client in clients))


class _Client(asyncio.Protocol):
    """Sends the next request when the one before was answered with 201."""

    def __init__(self, left: "object") -> None:
        self._left = cast("asyncio.Queue[bytes]", left)
        self._buffer = b""
        self._transport = asyncio.Transport()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if b"\r\n\r\n" not in self._buffer:
            return
        if not self._buffer.startswith(b"HTTP/1.1 201"):
            self.ended.set_exception(RuntimeError(f"another answer than expected: {self._buffer[:500]!r}"))
            return
        self._buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or RuntimeError("a connection was closed"))

    def _next(self) -> None:
        request = next(self._left, None)  # type: ignore[call-overload]
        if request is None:
            self.ended.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)


def _small(
    folder: Path, cores: dict[Role, int | None], workspace: Workspace
) -> tuple[Section, dict[int, dict[Role, int | None]]]:
    acknowledged: list[Rate] = []
    added: list[Rate] = []
    stored: list[Rate] = []
    memory: dict[int, dict[Role, int | None]] = {}
    size = 0
    for number in range(ROUNDS):
        rate, _ = _from_store(folder / f"small stored {number}", SMALL_ITEMS, SMALL_STORED, cores)
        stored.append(rate)
        folders = make_folders(folder / f"small {number}", statistic_of(SMALL_ITEMS, pairs=False))
        requests = _requests(folders, SMALL_REPORTS)
        size = len(requests[0])
        with served(folders, cores) as running:
            _uploading(running, requests[:SMALL_FIRST], 0)
            memory[SMALL_FIRST] = _peaks(running)
            first, second = _uploading(running, requests[SMALL_FIRST:], SMALL_FIRST)
            memory[SMALL_REPORTS] = _peaks(running)
        acknowledged.append(first)
        added.append(second)
        workspace.observer("small reports", number + 1, ROUNDS)
    rows = [
        _against("uploaded over loopback and acknowledged", acknowledged),
        _against("from the first upload to the sum", added),
        _against("added, from the store", stored),
    ]
    note = (
        f"Median (range) of {ROUNDS} rounds. {SMALL_ITEMS} numbers, uploads of {size:,} bytes with their headers over "
        f"{CONNECTIONS} connections; an upload is acknowledged when it is on the disk, while those before it are "
        "being added. What uploads shares the cores."
    )
    return Section("Small reports", ("what", *RATES, "aim", "verdict"), tuple(rows), note), memory


def _uploading(running: dict[Role, Served], requests: Sequence[bytes], before: int) -> tuple[Rate, Rate]:
    """Return the rates until everything is acknowledged, and until it is added."""
    stretch = Stretch(running)
    asyncio.run(_send(running["leader"].port, requests))
    acknowledged = stretch.rate(len(requests))
    while running["leader"].added() < before + len(requests):
        time.sleep(LOOK_SECONDS)
    return acknowledged, stretch.rate(len(requests))


def _both(rates: Sequence[Rate]) -> tuple[Spread, Spread]:
    return spread([rate.clock for rate in rates]), spread([rate.processor for rate in rates])


def _against(what: str, rates: Sequence[Rate]) -> tuple[Cell, ...]:
    found = _both(rates)
    return what, *found, AIM_SMALL, _verdict(clock=found[0].median, processor=found[1].median, aim=AIM_SMALL)


def _verdict(*, clock: float, processor: float, aim: float) -> str:
    if clock >= aim:
        return "met"
    return "met by processor time" if processor >= aim else "not met"


def _large(stored: Sequence[Rate], over_http: Sequence[Rate], bare: dict[Role, list[Rate]]) -> Section:
    rows: tuple[tuple[Cell, ...], ...] = (
        ("bare loop, leader's side", *_both(bare["leader"]), None, None, None, None),
        ("bare loop, helper's side", *_both(bare["helper"]), None, None, None, None),
        _beside("leader and helper, from the store", stored, bare),
        _beside("leader and helper, uploads over loopback included", over_http, bare),
    )
    note = (
        f"Median (range) of {ROUNDS} rounds; {LARGE_REPORTS} reports of 2 MB from the store, {LARGE_UPLOADS} uploaded. "
        "Beside opening and adding, leader and helper check both commitments and the proof of the norm, keep all of it "
        "durably and destroy it. Where there are two cores, each has one, and what uploads shares them."
    )
    columns = ("what", *RATES, "ratio by the clock", "ratio by processor time", "aim", "verdict")
    return Section("Reports of 499,500 numbers", columns, rows, note)


def _beside(what: str, rates: Sequence[Rate], bare: dict[Role, list[Rate]]) -> tuple[Cell, ...]:
    """Compare with the slower side of the bare loop in the same round."""
    slower = [min(pair, key=lambda each: each.processor) for pair in zip(bare["leader"], bare["helper"], strict=True)]
    clock = ratio([rate.clock for rate in rates], [rate.clock for rate in slower])
    processor = ratio([rate.processor for rate in rates], [rate.processor for rate in slower])
    verdict = _verdict(clock=clock.median, processor=processor.median, aim=AIM_SHARE)
    return what, *_both(rates), clock, processor, AIM_SHARE, verdict


def _memory(peaks: Sequence[dict[Role, int | None]], small: dict[int, dict[Role, int | None]]) -> Section:
    large = {role: max((peak[role] or 0 for peak in peaks), default=0) for role in ("leader", "helper")}
    rows: list[tuple[Cell, ...]] = [
        (f"{count:,} small reports", _megabytes(peak["leader"]), _megabytes(peak["helper"]))
        for count, peak in sorted(small.items())
    ]
    rows.append((f"{LARGE_UPLOADS} reports of 2 MB", _megabytes(large["leader"]), _megabytes(large["helper"])))
    note = "The most memory that was resident, of each process since it began, Python and libraries included."
    return Section("Memory", ("after", "leader, MB", "helper, MB"), tuple(rows), note)


def _megabytes(size: int | None) -> float | None:
    return None if size is None else size / MEGABYTE
