"""What exact discrete Gaussian noise costs: time per value, and its share of a fit.

Beside two things that do less: the system's secure randomness for 8 bytes a value, and a rounded float
Gaussian from a seeded generator, which promises nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Clock, ratio, scaled, time_in_rounds
from benchmarks.ml1m import movielens
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.protocol.statistics.grid import GRID
from homespun_server.data import DemoTables, movietweetings
from homespun_server.learning import FitData, FitOptions, make_bundle
from homespun_server.privacy import release
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.mechanisms import CHUNK, Progress, add_discrete_gaussian
from homespun_server.privacy.zcdp import DEFAULT_DELTA, rho_for, sigma_for
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

EPSILONS = (1.0, 8.0)
ROUNDS = 7
SEED = 20_130_101

MOVIETWEETINGS = FitOptions(name="MovieTweetings", min_weight=7, test_share=0)
MOVIELENS = FitOptions(name="MovieLens-1M", min_weight=4, test_share=0)


@dataclass
class Drawing:
    """What was drawn so far, and how long it took on all cores."""

    values: int = 0
    seconds: float = 0.0


def run(workspace: Workspace) -> list[Section]:
    """Time of a discrete Gaussian draw, and the share of a fit that is spent drawing."""
    fits = ((MOVIETWEETINGS, movietweetings()), (MOVIELENS, movielens(workspace.cache)))
    rows = [row for options, tables in fits for row in _fit_rows(options, tables, workspace)]
    return [_draw(workspace), _share(rows)]


def _draw(workspace: Workspace) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for done, epsilon in enumerate(EPSILONS, start=1):
        sigma = sigma_for(GRID, Fraction(rho_for(epsilon, DEFAULT_DELTA)))
        subjects = _drawers(sigma)
        timing = time_in_rounds(subjects, workspace.clock, rounds=ROUNDS, least_seconds=0.01)
        peers = (ratio(timing["discrete"], timing[peer]) for peer in ("rounded", "random"))
        per_value = (scaled(timing[name], 1e6 / CHUNK) for name in subjects)
        rows.append((epsilon, sigma, *per_value, *peers))
        workspace.observer("draw", done, len(EPSILONS))
    columns = ("ε", "σ, steps", "discrete, µs", "rounded, µs", "urandom, µs", "× rounded", "× urandom")
    note = f"Per value, one core; median (range) of {ROUNDS} rounds of {CHUNK:,} values. δ = {DEFAULT_DELTA:g}."
    return Section("A draw of discrete Gaussian noise", columns, tuple(rows), note)


def _drawers(sigma: int) -> dict[str, Callable[[], object]]:
    """Return what is compared, by name; each adds noise to, or draws for, one chunk in one thread."""
    zeros = np.zeros(CHUNK, np.int64)
    rng = np.random.default_rng(SEED)
    return {
        "discrete": lambda: add_discrete_gaussian(zeros, sigma),
        "rounded": lambda: zeros + np.rint(rng.normal(0, sigma, CHUNK)).astype(np.int64),
        "random": lambda: os.urandom(8 * CHUNK),
    }


def _fit_rows(options: FitOptions, tables: DemoTables, workspace: Workspace) -> Iterator[tuple[Cell, ...]]:
    with Interactions.read(tables.interactions, items=Items.read(tables.items)) as interactions:
        for epsilon in EPSILONS:
            start = workspace.clock()
            budget = one_off_budget(epsilon, DEFAULT_DELTA)
            with watched_drawing(workspace.clock) as drawing:
                learned, _ = make_bundle(
                    FitData(interactions, options, budget),
                    workspace.cache / "release-bundle",
                    budget=budget,
                    options=options,
                    observer=workspace.observer,
                    now=workspace.now(),
                )
            seconds = workspace.clock() - start
            share = f"{drawing.seconds / seconds:.0%}"
            size = int(learned.model.value.items.size)
            yield options.name, epsilon, size, drawing.values, seconds, drawing.seconds, share


@contextmanager
def watched_drawing(clock: Clock) -> Iterator[Drawing]:
    """Watch what the releases inside the context draw."""
    drawing = Drawing()

    def watched(values: NDArray[np.int64], sigma: int, progress: Progress | None = None) -> NDArray[np.int64]:
        start = clock()
        noised = add_discrete_gaussian(values, sigma, progress)
        drawing.seconds += clock() - start
        drawing.values += values.size
        return noised

    with patch.object(release, "add_discrete_gaussian", watched):
        yield drawing


def _share(rows: list[tuple[Cell, ...]]) -> Section:
    columns = ("data", "ε", "items", "values drawn", "fit, s", "drawing, s", "share")
    note = (
        "A fit of everybody from interactions that were read to a bundle on disk, drawing on all cores; one run each."
    )
    return Section("The share of drawing in a fit", columns, tuple(rows), note)
