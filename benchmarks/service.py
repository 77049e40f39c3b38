"""How many small requests the service answers: one worker on one core, the load on another, beside bare uvicorn.

The limit is uvicorn with an application that returns the very same answers from memory. Latencies are those of 16
connections that are always busy: at full load, not at rest.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.bare import Answer
from benchmarks.load import CONNECTIONS, Load, run_load
from benchmarks.measure import ratio, scaled, spread
from benchmarks.random_bundle import write_random_bundle
from benchmarks.result import Cell, Section
from benchmarks.workspace import ROOT, Workspace

AIM = 2_000
"""Requests a second that were to be reached."""

ROUNDS = 5
SECONDS = 3.0
BUNDLES = 5
PASSPHRASE = "a passphrase of a measurement"  # noqa: S105 - of nothing
TIMESTAMP = "/repository/metadata/timestamp.json"

# What is measured here is not to be turned away.
UNLIMITED = "token_rate = 1e9\ntoken_burst = 1000000000\nanonymous_rate = 1e9\nanonymous_burst = 1000000000\n"


class Kind(msgspec.Struct, frozen=True):
    """A request that is sent over and over."""

    name: str
    path: str
    headers: dict[str, str]
    status: int

    def raw(self, path: str) -> bytes:
        """Return the whole request, for a path."""
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {v}" for name, v in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode()


def run(workspace: Workspace) -> list[Section]:
    """Requests a second and their latency: repository files and the API, beside the same answers from bare uvicorn."""
    measured: dict[str, list[tuple[Load, Load]]] = {}
    with tempfile.TemporaryDirectory(dir=workspace.cache) as temporary:
        folder = Path(temporary) / "wd"
        token = _prepare(folder, workspace)
        with _apart() as core, _service(folder, core) as port:
            kinds = _kinds(port, token)
            with _bare(port, kinds, Path(temporary) / "answers.json", core) as bare:
                for number in range(ROUNDS):
                    for place, kind in enumerate(kinds):
                        own = run_load(port, kind.raw(kind.path), kind.status, SECONDS)
                        limit = run_load(bare, kind.raw(_bare_path(place)), kind.status, SECONDS)
                        measured.setdefault(kind.name, []).append((own, limit))
                    workspace.observer("load the service", number + 1, ROUNDS)
    return [_rates(measured), _latencies(measured)]


def _kinds(port: int, token: str) -> list[Kind]:
    etag = _ask(port, TIMESTAMP, {}).headers
    held = dict(etag)["etag"]
    bearer = {"Authorization": f"Bearer {token}"}
    return [
        Kind("timestamp.json", TIMESTAMP, {}, 200),
        Kind("timestamp.json, held", TIMESTAMP, {"If-None-Match": held}, 304),
        Kind("API: list bundles", "/api/v1/bundles", bearer, 200),
    ]


def _ask(port: int, path: str, headers: dict[str, str]) -> Answer:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, [(name.lower(), value) for name, value in answer.getheaders()], answer.read())
    finally:
        connection.close()


def _prepare(folder: Path, workspace: Workspace) -> str:
    """Make a working directory with bundles and return a token."""
    _command("init", str(folder))
    settings = folder / "homespun.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + UNLIMITED, encoding="utf-8")
    rng = np.random.default_rng(1)
    for number in range(BUNDLES):
        bundle = folder / "work" / str(number)
        write_random_bundle(100, 8, bundle, rng, workspace.now())
        _command("registry", "add", str(bundle), "--in", str(folder))
    told = _command("tokens", "create", "--role", "auditor", "--in", str(folder))
    found = re.search(r"hsp_\S+", told)
    if found is None:
        raise RuntimeError("the service's command told no token")
    return found[0]


def _environment() -> dict[str, str]:
    return {**os.environ, "HOMESPUN_KEY_PASSPHRASE": PASSPHRASE}


def _command(*arguments: str) -> str:
    command = [sys.executable, "-X", "utf8", "-m", "homespun_server.cli", *arguments]
    done = subprocess.run(command, env=_environment(), stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return done.stdout


@contextmanager
def _apart() -> Iterator[int | None]:
    """Keep this process on one core while the context lasts, and return another one; None: there is no other."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) == 1:
        yield None
        return
    before = os.sched_getaffinity(0)
    mine, other, *_ = sorted(before)
    os.sched_setaffinity(0, {mine})
    try:
        yield other
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _service(folder: Path, core: int | None) -> Iterator[int]:
    command = [sys.executable, "-X", "utf8", "-m", "homespun_server.cli", "serve", "--in", str(folder), "--port", "0"]
    with _program(command, core) as process:
        yield int(_line(process).rpartition(":")[2])


@contextmanager
def _bare(port: int, kinds: Sequence[Kind], path: Path, core: int | None) -> Iterator[int]:
    answers = {_bare_path(number): _ask(port, kind.path, kind.headers) for number, kind in enumerate(kinds)}
    path.write_bytes(msgspec.json.encode(answers))
    with _program([sys.executable, "-m", "benchmarks.bare", str(path)], core) as process:
        yield int(_line(process))


def _bare_path(number: int) -> str:
    return f"/{number}"


@contextmanager
def _program(command: Sequence[str], core: int | None) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        command, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as process:
        if core is not None:
            # Before it has threads, which inherit it.
            os.sched_setaffinity(process.pid, {core})
        try:
            yield process
        finally:
            process.terminate()


def _line(process: "subprocess.Popen[str]") -> str:
    if process.stdout is None or not (line := process.stdout.readline()):
        raise RuntimeError("a program that was to be measured ended at once")
    return line


def _rates(measured: dict[str, list[tuple[Load, Load]]]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for name, loads in measured.items():
        own, bare = ([pair[place].rate for pair in loads] for place in (0, 1))
        verdict = "met" if spread(own).median >= AIM else "not met"
        rows.append((name, spread(own), AIM, verdict, spread(bare), ratio(own, bare)))
    columns = ("request", "service, a second", "aim", "verdict", "bare uvicorn, a second", "service / bare")
    note = (
        f"Median (range) of {ROUNDS} rounds of {SECONDS:g} s each; {CONNECTIONS} connections that are kept open, one "
        f"worker. {_cores()} {_loop()}"
    )
    return Section("Small requests that the service answers", columns, tuple(rows), note)


def _latencies(measured: dict[str, list[tuple[Load, Load]]]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for name, loads in measured.items():
        cells = [scaled([getattr(pair[at], what) for pair in loads], 1e3) for at in (0, 1) for what in ("p50", "p99")]
        rows.append((name, *cells))
    columns = ("request", "p50, ms", "p99, ms", "bare p50, ms", "bare p99, ms")
    note = "Median (range) of each round's percentile, at full load: every connection waits for fifteen others."
    return Section("How long an answer takes at full load", columns, tuple(rows), note)


def _cores() -> str:
    if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1:
        return "The server has one core, and the load another."
    return "The server and the load share the machine's cores."


def _loop() -> str:
    fast = [name for name in ("httptools", "uvloop") if find_spec(name) is not None]
    return f"With {' and '.join(fast)}." if fast else "Without httptools and uvloop."
