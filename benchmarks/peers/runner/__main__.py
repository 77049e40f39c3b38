"""``python -m benchmarks.peers.runner PEER FOLDER``: tune on validation, fit again, recommend for the test.

Reads ``training.parquet``, ``refit.parquet``, ``validation.parquet`` and ``cases.parquet`` in FOLDER; writes
``FOLDER/PEER/recommendations.parquet`` and ``facts.json``, or ``facts.json`` alone, with ``missing``, if the peer
cannot run here. Each line of the output is a step of the progress, as JSON.
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from benchmarks.peers.runner.cases import Case, read_cases, write_recommendations
from benchmarks.peers.runner.catalogue import PEERS, Entry, lacking, make_peer
from benchmarks.peers.runner.events import Events
from benchmarks.peers.runner.ranking import Scorer, mean_ndcg, recommend
from benchmarks.peers.runner.tuning import Allowance, Peer, Progress, Trial, UnsuitableDataError, best_of, tune

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Facts:
    """How the recommendations came about, or why there are none.

    Attributes:
        peer: Its name.
        missing: Why it could not run; None: it ran.
        seed: Of what is random.
        limit_seconds: After so many seconds no further trial began.
        offered: How many settings the peer has.
        tried: Those that there was time for.
        chosen: The best of them, fitted again.
        tune_seconds: Of all trials.
        fit_seconds: Of the last fit.
        recommend_seconds: Of the test's lists.
        model_bytes: Of what scores, in memory.
        items: In the catalogue of the last fit.
        versions: Of the libraries.
        schema: Of this file.
    """

    peer: str
    missing: str | None = None
    seed: int | None = None
    limit_seconds: float | None = None
    offered: int = 0
    tried: Sequence[Trial] = ()
    chosen: Trial | None = None
    tune_seconds: float = 0.0
    fit_seconds: float = 0.0
    recommend_seconds: float = 0.0
    model_bytes: int = 0
    items: int = 0
    versions: dict[str, str] | None = None
    schema: int = SCHEMA_VERSION


def main() -> int:
    """Run one peer; a complaint about the data is a fact, not a failure."""
    arguments = _arguments()
    folder: Path = arguments.folder / arguments.peer
    folder.mkdir(exist_ok=True)
    # Libraries print; the output is the progress alone.
    progress = partial(_report, sys.stdout)
    with contextlib.redirect_stdout(sys.stderr):
        facts = _run(arguments, folder, progress)
    (folder / "facts.json").write_text(json.dumps(asdict(facts), indent=2) + "\n", encoding="utf-8")
    return 0


def _run(arguments: argparse.Namespace, folder: Path, progress: Progress) -> Facts:
    entry = PEERS[arguments.peer]
    if absent := lacking(entry):
        return Facts(arguments.peer, missing=f"not installed: {', '.join(absent)}")
    peer = make_peer(entry, arguments.seed)
    try:
        return _compare(peer, entry, arguments, folder, progress)
    except UnsuitableDataError as error:
        return Facts(arguments.peer, missing=str(error))


def _compare(peer: Peer, entry: Entry, arguments: argparse.Namespace, folder: Path, progress: Progress) -> Facts:
    tuning = Allowance(arguments.seconds, time.perf_counter, time.perf_counter())
    tried = _tune(peer, arguments.folder, tuning, progress)
    tune_seconds, chosen = tuning.used, best_of(tried)
    events = Events.read(arguments.folder / "refit.parquet")
    fitting = Allowance(0, time.perf_counter, time.perf_counter())
    scorer = peer.fit(events, chosen.setting)
    fit_seconds = fitting.used
    recommend_seconds = _recommend(scorer, events, read_cases(arguments.folder / "cases.parquet"), folder)
    progress("recommend", 1, 1)
    return Facts(
        peer=arguments.peer,
        seed=arguments.seed,
        limit_seconds=arguments.seconds,
        offered=len(peer.settings()),
        tried=tried,
        chosen=chosen,
        tune_seconds=tune_seconds,
        fit_seconds=fit_seconds,
        recommend_seconds=recommend_seconds,
        model_bytes=scorer.model_bytes,
        items=len(events.ids),
        versions=_versions(entry.distributions),
    )


def _tune(peer: Peer, folder: Path, within: Allowance, progress: Progress) -> list[Trial]:
    events = Events.read(folder / "training.parquet")
    cases = read_cases(folder / "validation.parquet")

    def judge(scorer: Scorer) -> float:
        return mean_ndcg(list(recommend(scorer, events, cases)), cases)

    return tune(peer, events, judge, within, progress)


def _recommend(scorer: Scorer, events: Events, cases: Sequence[Case], folder: Path) -> float:
    start = time.perf_counter()
    lists = list(recommend(scorer, events, cases))
    seconds = time.perf_counter() - start
    write_recommendations(folder / "recommendations.parquet", cases, lists)
    return seconds


def _versions(distributions: Iterable[str]) -> dict[str, str]:
    return {name: version(name) for name in distributions}


def _report(output: TextIO, step: str, done: int, of: int) -> None:
    print(json.dumps({"step": step, "done": done, "of": of}), file=output, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.runner", description="Run one peer.")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, required=True, help="of what is random")
    parser.add_argument("--seconds", type=float, required=True, help="no further trial begins after so many")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
