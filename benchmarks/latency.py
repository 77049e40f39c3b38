"""How long one list takes: the client beside implicit and beside the arithmetic that nothing can avoid.

Bundles with random weights of 64 dimensions; one thread; a list of 20. The limit is one float32 product of
the items' factors with a vector and numpy's partial sort of the result: it knows of no events, rules, titles
or reasons.
"""

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import homespun as hs
from benchmarks.measure import ratio, scaled, time_in_rounds
from benchmarks.peers.als import als_with_random_factors, history_row
from benchmarks.random_bundle import write_random_bundle
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace

CATALOGUES = (1_000, 10_000, 100_000)
HISTORIES = (1, 10, 50, 500)
DIMENSIONS = 64
LENGTH = 20
SEED = 20_130_101
ROUNDS = 15
LEAST_SECONDS = 0.01

Timings = dict[str, list[float]]


def run(workspace: Workspace) -> list[Section]:
    """Time of one list for several catalogues and histories beside implicit and the bare product."""
    timings: dict[tuple[int, int], Timings] = {}
    # The numbers of the model are not what is timed, but the same ones make runs alike.
    rng = np.random.default_rng(SEED)
    with threadpool_limits(1, "blas"):
        for items in CATALOGUES:
            folder = workspace.cache / "latency-bundles" / str(items)
            write_random_bundle(items, DIMENSIONS, folder, rng, workspace.now())
            with closing(hs.Bundle.open(folder)) as bundle:
                for events in HISTORIES:
                    timings[items, events] = _time(bundle, events, rng, workspace)
                    workspace.observer("time lists", len(timings), len(CATALOGUES) * len(HISTORIES))
    return [_times(timings), _ratios(timings)]


def _time(bundle: hs.Bundle, events: int, rng: np.random.Generator, workspace: Workspace) -> Timings:
    places = rng.choice(bundle.manifest.items, events, replace=False)
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle) as me:
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=hs.Notice("A measurement."))
        for place in places.tolist():
            me.record(bundle.items[place])
        subjects = dict(_subjects(bundle, me, places, rng))
        return time_in_rounds(subjects, workspace.clock, rounds=ROUNDS, least_seconds=LEAST_SECONDS)


def _subjects(
    bundle: hs.Bundle, me: hs.Personalizer, places: NDArray[np.int64], rng: np.random.Generator
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what is compared, by name; everything that can be prepared is."""
    events = me.events()
    yield "rank", lambda: bundle.rank(events, k=LENGTH)
    yield "recommend", lambda: me.recommend(LENGTH)
    model = als_with_random_factors(bundle.manifest.items, DIMENSIONS, rng)
    row = history_row(places, bundle.manifest.items)
    yield "implicit", lambda: model.recommend(0, row, N=LENGTH, recalculate_user=True)
    factors = model.item_factors
    query = rng.standard_normal(DIMENSIONS, np.float32)
    yield "product", lambda: np.argpartition(factors @ query, -LENGTH)[-LENGTH:]


def _times(timings: dict[tuple[int, int], Timings]) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (f"{items:,}", events, *(scaled(values, 1e3) for values in timing.values()))
        for (items, events), timing in timings.items()
    ]
    columns = ("items", "events", "rank, ms", "recommend, ms", "implicit, ms", "product, ms")
    note = f"Median (range) of {ROUNDS} rounds, one thread, lists of {LENGTH}. rank: Bundle.rank, scores only. "
    note += "recommend: Personalizer.recommend, which reads the profile and gives titles and reasons."
    return Section("Time of one list", columns, tuple(rows), note)


def _ratios(timings: dict[tuple[int, int], Timings]) -> Section:
    pairs = (("rank", "implicit"), ("rank", "product"), ("recommend", "implicit"), ("recommend", "rank"))
    rows: list[tuple[Cell, ...]] = [
        (f"{items:,}", events, *(ratio(timing[mine], timing[peer]) for mine, peer in pairs))
        for (items, events), timing in timings.items()
    ]
    columns = ("items", "events", *(f"{mine} / {peer}" for mine, peer in pairs))
    note = "Median (range) of each round's ratio; below 1 the first is faster."
    return Section("Ratios", columns, tuple(rows), note)
