"""Starts a peer in its own environment and reads its lists, or says why there are none.

``make peers`` makes the environment. A peer is another process, because what it needs cannot be installed beside
homespun; all that passes between them is files.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from pyarrow import parquet

from benchmarks.workspace import ROOT, BenchmarkError

PEERS = ("popularity", "recent-popularity", "als", "item-item", "ease", "recent-ease", "sasrec")
"""In the order of how much they know."""

ENVIRONMENT = ROOT / ".venv-peers"
SEED = 20_130_101
SECONDS = 120.0
"""After so many seconds of tuning, a peer begins no further trial."""

Observer = Callable[[str, int, int], None]
"""Told a step's name, how much of it is done, and of how much."""

_LINES_OF_AN_ERROR = 15


class Trial(msgspec.Struct, frozen=True):
    """One setting that a peer tried.

    Attributes:
        setting: By the library's names.
        score: Mean NDCG@k of the validation cases.
        seconds: Of fitting and judging.
        note: What ended it, or empty.
    """

    setting: dict[str, int | float | str]
    score: float
    seconds: float
    note: str


class PeerFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the lists came about; the runner's ``Facts``, read back."""

    peer: str
    missing: str | None
    seed: int | None
    limit_seconds: float | None
    offered: int
    tried: list[Trial]
    chosen: Trial | None
    tune_seconds: float
    fit_seconds: float
    recommend_seconds: float
    model_bytes: int
    items: int
    versions: dict[str, str] | None
    schema: int


@dataclass(frozen=True)
class PeerResult:
    """What a peer recommends.

    Attributes:
        recommendations: The best first, by the case's number; shorter than asked if no more was allowed.
        facts: How they came about.
    """

    recommendations: dict[int, list[str]]
    facts: PeerFacts


@dataclass(frozen=True)
class Missing:
    """A peer that cannot be run here.

    Attributes:
        name: Which.
        reason: Why, and what to do about it.
    """

    name: str
    reason: str


def run_peer(
    name: str,
    folder: Path,
    observer: Observer,
    *,
    seed: int = SEED,
    seconds: float = SECONDS,
    environment: Path = ENVIRONMENT,
) -> PeerResult | Missing:
    """Tune a peer on a split, fit it again, and return its lists for the test's cases.

    Args:
        name: One of ``PEERS``.
        folder: What ``write_split`` wrote; the lists and facts are kept in a folder of the peer's name in it.
        observer: Called with (step, done, in all).
        seed: Of what is random.
        seconds: After so many seconds of tuning, no further setting is tried.
        environment: The peers' virtual environment.

    Raises:
        BenchmarkError: If the peer failed, or its lists do not answer the cases.
    """
    if name not in PEERS:
        raise BenchmarkError(f"there is no peer {name}; choose from {', '.join(PEERS)}.")
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.is_file():
        return Missing(name, "the peers' environment is not there: run `make peers`.")
    results = folder.resolve() / name
    _run([python, "-m", "benchmarks.peers.runner", name, folder.resolve(), f"--{seed=}", f"--{seconds=}"], observer)
    facts = msgspec.json.decode((results / "facts.json").read_bytes(), type=PeerFacts)
    if facts.missing is not None:
        return Missing(name, facts.missing)
    lists = parquet.read_table(results / "recommendations.parquet").to_pydict()
    found = PeerResult(dict(zip(lists["case"], lists["items"], strict=True)), facts)
    check_lists(found.recommendations, folder / "cases.parquet", name)
    return found


def check_lists(lists: dict[int, list[str]], cases: Path, name: str) -> None:
    """Check that every case has one list of different items that may be recommended.

    Raises:
        BenchmarkError: If not.
    """
    asked = {row["case"]: row for row in parquet.read_table(cases, columns=["case", "exclude", "k"]).to_pylist()}
    if lists.keys() != asked.keys():
        raise BenchmarkError(f"{name} answered {len(lists)} cases, not the {len(asked)} that it was asked.")
    for number, items in lists.items():
        row = asked[number]
        if len(items) > row["k"] or len(set(items)) < len(items) or not set(items).isdisjoint(row["exclude"]):
            raise BenchmarkError(
                f"{name} answered case {number} with too many items, one twice, or one that is excluded: "
                "its figures would mean nothing."
            )


def _run(command: Sequence[str | Path], observer: Observer) -> None:
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            for line in process.stdout or ():
                said = json.loads(line)
                observer(f"{command[3]}: {said['step']}", said["done"], said["of"])
        except BaseException:
            process.kill()  # nobody waits for it any more
            raise
        if process.wait():
            errors.seek(0)
            last = "".join(errors.readlines()[-_LINES_OF_AN_ERROR:])
            raise BenchmarkError(f"the peer {command[3]} failed with code {process.returncode}:\n{last}")
