"""Runs in a new process: does one thing with a table of interactions, and prints what it took as one line of JSON.

Usage: python -m benchmarks.statistics_probe engine|scan|group|order INTERACTIONS ITEMS MEMORY

``engine`` reads the tables, sums three statistics over everybody in two passes and draws the noise of a release at
ε = 1. The others are what DuckDB does with the file alone, with as much memory and as many threads: read every
value, count the people of every item, and put everybody's rows in order.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.peak import peak_memory
from homespun.protocol.statistics.declaration import LikeRule, Statistic, universe_of
from homespun.protocol.statistics.standard import item_counts, item_pairs, transitions
from homespun_server.privacy.mechanisms import add_discrete_gaussian
from homespun_server.privacy.zcdp import DEFAULT_DELTA, rho_for, sigma_for
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.database import ReadLimits
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.population import Population
from homespun_server.statistics.sql import literal
from homespun_server.statistics.sums import UserSum, sum_over_people

UNIVERSE = 1000
EPSILON = 1.0
THREADS = 2
RULE = LikeRule(negative_kinds=("dislike",))

QUERIES = {
    "scan": 'SELECT "user", item, time, kind, rating FROM {table}',
    "group": 'SELECT item, count(DISTINCT "user") FROM {table} GROUP BY item',
    "order": 'SELECT "user", item, time, kind, rating FROM {table} ORDER BY "user", time',
}


class Stopwatch:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time inside the context to a step."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def engine(interactions: Path, items: Path, memory: str) -> dict[str, object]:
    """Read, sum and draw."""
    watch = Stopwatch()
    with watch.step("read"):
        read = Interactions.read(interactions, items=Items.read(items), limits=ReadLimits(memory, THREADS))
    with read:
        population = Population(read, bytes(32), kinds=RULE.negative_kinds)
        with watch.step("sort"):
            next(population.histories(Cohort.everybody()))
        ids = read.items.ids
        with watch.step("counts"):
            (counts,) = sum_over_people([item_counts(universe_of(ids), RULE)], population, Cohort.everybody())
        with watch.step("noise"):
            noised = _noised(counts)
        chosen = np.sort(np.argsort(-noised)[:UNIVERSE])
        statistics = _over([ids[item] for item in chosen])
        with watch.step("pairs and transitions"):
            selections = {statistic.name: chosen for statistic in statistics}
            sums = sum_over_people(statistics, population, Cohort.everybody(), selections=selections)
        with watch.step("noise"):
            drawn = counts.values.size + sum(_noised(total).size for total in sums)
        return {"seconds": watch.seconds, "peak": peak_memory(), "people": counts.contributors, "drawn": drawn}


def duckdb_alone(query: str, interactions: Path, memory: str) -> dict[str, object]:
    """Run one query over the file and take every row of its result."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection, watch.step(query):
        connection.execute(f"SET memory_limit = '{memory}'; SET threads = {THREADS}")
        connection.execute(f"SET temp_directory = {literal(folder)}")
        table = f"read_parquet({literal(interactions.as_posix())})"
        for _ in connection.sql(QUERIES[query].format(table=table)).to_arrow_reader(1 << 17):
            pass
    return {"seconds": watch.seconds, "peak": peak_memory()}


def _over(ids: list[str]) -> tuple[Statistic, Statistic]:
    universe = universe_of(ids)
    return item_pairs(universe, [1024] * UNIVERSE, RULE), transitions(universe, RULE)


def _noised(total: UserSum) -> np.ndarray:
    rho = Fraction(rho_for(EPSILON, DEFAULT_DELTA)) / 3
    return add_discrete_gaussian(total.values, sigma_for(total.statistic.l2_bound, rho))


def main() -> None:
    """Do what the arguments say."""
    subject, interactions, items, memory = sys.argv[1:]
    if subject == "engine":
        answer = engine(Path(interactions), Path(items), memory)
    else:
        answer = duckdb_alone(subject, Path(interactions), memory)
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
