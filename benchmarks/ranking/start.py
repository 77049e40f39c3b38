"""How long a new process takes to its first list, and what it holds in memory, beside the import of onnxruntime alone.

A bundle of 100,000 items with every kind of part, a profile of 500 events that a raw key opens, a list of 20 with
reasons. Measured in a new environment that holds the client alone, in new processes, in turn with the peer's; files are
in the operating system's cache. A passphrase would add Argon2id's time, which is meant to be long.
"""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

import homespun as hs
from benchmarks.client_environment import make_client_environment
from benchmarks.footprint import probe
from benchmarks.measure import ratio, scaled, spread
from benchmarks.ranking.bundles import write_full_bundle
from benchmarks.ranking.everything import history
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace

PROBE = Path(__file__).with_name("start_probe.py")
ITEMS = 100_000
ROUNDS = 15
SEED = 20_130_101
AIM_TIME, AIM_MEMORY = 1.5, 40.0
SUBJECTS = ("onnxruntime", "homespun")


def run(workspace: Workspace) -> list[Section]:
    """Time and memory of a new process to its first list, beside the import of onnxruntime."""
    environment = make_client_environment(workspace.cache / "client")
    bundle, profile = _prepared(workspace)
    seconds: dict[str, list[float]] = {}
    resident: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    for done in range(ROUNDS):
        for subject in SUBJECTS:
            steps, memory = probe(environment.python, subject, bundle, profile, script=PROBE)
            for step, value in steps.items():
                seconds.setdefault(step, []).append(value)
            resident[subject].append(memory)
        workspace.observer("start in new processes", done + 1, ROUNDS)
    return [_times(seconds), _memory(resident)]


def _prepared(workspace: Workspace) -> tuple[Path, Path]:
    rng = np.random.default_rng(SEED)
    bundle, profile = workspace.cache / "start-bundle", workspace.cache / "start-profile"
    write_full_bundle(ITEMS, bundle, rng, workspace.now())
    shutil.rmtree(profile, ignore_errors=True)
    with closing(hs.Bundle.open(bundle)) as opened:
        me = hs.Personalizer.open(profile, key=hs.Key.bytes(bytes(32)), bundle=opened)
        with me:
            me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=hs.Notice("A measurement."))
            me.record_many(history(opened.items, workspace.now().timestamp(), rng))
    return bundle, profile


def _times(seconds: Mapping[str, Sequence[float]]) -> Section:
    peer = seconds["import onnxruntime"]
    rows: list[tuple[Cell, ...]] = [
        (step, scaled(values, 1e3), ratio(values, peer)) for step, values in seconds.items()
    ]
    found = ratio(seconds["all"], peer).median
    note = f"Median (range) of {ROUNDS} rounds. All, beside the import: {found:.2f}; aim {AIM_TIME:g}: "
    note += "met." if found <= AIM_TIME else "not met."
    return Section("From a new process to the first list", ("step", "ms", "beside the import"), tuple(rows), note)


def _memory(resident: Mapping[str, Sequence[float]]) -> Section:
    megabyte = 1 / 2**20
    over = [mine - peer for mine, peer in zip(resident["homespun"], resident["onnxruntime"], strict=True)]
    rows: list[tuple[Cell, ...]] = [(name, scaled(values, megabyte)) for name, values in resident.items()]
    rows.append(("over the import", scaled(over, megabyte)))
    found = spread(over).median * megabyte
    note = f"Resident, after the first list; pages of mapped files that were touched count. Aim {AIM_MEMORY:g} MB over "
    note += f"the import: {'met' if found <= AIM_MEMORY else 'not met'}."
    return Section("Memory", ("process", "MB"), tuple(rows), note)
