"""What would make the made-up population another one, or half of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks import population
from benchmarks.population import ITEMS, KINDS, PEOPLE, made_up_population


def test_the_population_changes_from_run_to_run_or_with_its_pieces(tmp_path: Path) -> None:
    tables = [parquet.read_table(made_up_population(tmp_path / name, 20_000).interactions) for name in "ab"]
    assert tables[0].equals(tables[1])


def test_the_population_has_no_long_tail_or_no_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population, "_PIECE", 30_000)
    tables = made_up_population(tmp_path, 100_000)
    found = parquet.read_table(tables.interactions).to_pydict()
    assert len(found["user"]) == 100_000
    assert set(found["kind"]) == set(KINDS)
    assert set(found["rating"]) == {1, 2, 3, 4, 5}
    assert set(found["item"]) <= set(parquet.read_table(tables.items)["item"].to_pylist())
    assert parquet.read_table(tables.items).num_rows == ITEMS
    for column, everything in (("user", PEOPLE), ("item", ITEMS)):
        counts = np.sort(np.unique(found[column], return_counts=True)[1])[::-1]
        assert counts[: everything // 100].sum() > 0.05 * 100_000, column
    times = np.array(found["time"])
    assert times.max() - times.min() > 150 * 86_400
    order = np.lexsort((times, found["user"]))
    users, times = np.array(found["user"])[order], times[order]
    gaps = np.diff(times)[users[1:] == users[:-1]]
    assert (gaps < 600).mean() > 0.5
    assert (gaps > 86_400).any()


def test_half_a_table_is_taken_for_a_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = population._pieces

    def stopped(interactions: int) -> Iterator[pa.Table]:
        yield next(real(interactions))
        raise KeyboardInterrupt

    monkeypatch.setattr(population, "_pieces", stopped)
    with pytest.raises(KeyboardInterrupt):
        made_up_population(tmp_path, 5000)
    assert not list(tmp_path.rglob("*-5000.parquet"))
    monkeypatch.undo()
    assert parquet.read_table(made_up_population(tmp_path, 5000).interactions).num_rows == 5000
