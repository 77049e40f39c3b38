"""A table's histories are those of the devices, event for event; nobody is cut in two or grows what is told apart."""

import random
from pathlib import Path

import duckdb
import numpy as np
import pytest

from homespun.errors import ClosedError, MisuseError
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.database import ReadLimits
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.population import Population, _whole_people
from tests.conftest import Runs
from tests.server.statistics.people import (
    KINDS,
    SECRET,
    Deed,
    as_lists,
    device_histories,
    people_in,
    population_of,
    secret_of,
    some_deeds,
    write_deeds,
)
from tests.server.support import catalogue

ITEMS = catalogue(12)
EVERYBODY = Cohort.everybody()


def test_a_device_sees_another_history(tmp_path: Path, runs: Runs) -> None:
    for number in runs("history parity", 60):
        draw = random.Random(f"parity {number}")
        deeds = some_deeds(draw, ITEMS, count=draw.randrange(1, 200))
        expected = {secret_of(user): as_lists(own) for user, own in device_histories(deeds, ITEMS).items()}
        with population_of(tmp_path, deeds, ITEMS) as population:
            found = people_in(population.histories(EVERYBODY, draw.choice([1, 7, 64, 1 << 17])))
        assert {secret: as_lists(own) for secret, own in found.items()} == expected, number
        assert list(found) == list(expected), number


def test_a_user_is_split_over_batches_or_people_change_with_the_size_of_a_batch(tmp_path: Path) -> None:
    draw = random.Random("batches")
    deeds = [Deed(f"u{draw.randrange(40)}", draw.choice(ITEMS.ids), draw.random() * 100) for _ in range(3000)]
    deeds += [Deed("u7", "item-3", 50.0)] * 5000
    with population_of(tmp_path, deeds, ITEMS) as population:
        # Batches end where DuckDB's vectors of 2,048 rows do, inside of people.
        found = [people_in(population.histories(EVERYBODY, size)) for size in (1, 2048, 4096, 1 << 20)]
        sizes = [batch.items.size for batch in population.histories(EVERYBODY, 2048)]
    assert len(sizes) > 1
    assert max(sizes) > 5000
    first = {secret: as_lists(own) for secret, own in found[0].items()}
    assert len(first) == 40
    assert all({secret: as_lists(own) for secret, own in other.items()} == first for other in found[1:])


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([[1, 1], [2, 2], [3, 3]], [[1, 1], [2, 2], [3, 3]]),
        ([[1, 1], [1], [1, 1, 2], [2, 3]], [[1] * 5, [2, 2], [3]]),
        ([[1, 2, 3], [3], [3, 3], [4]], [[1, 2], [3] * 4, [4]]),
        ([[1]], [[1]]),
        ([], []),
    ],
)
def test_a_person_is_cut_or_people_of_whole_batches_pile_up(
    batches: list[list[int]], expected: list[list[int]]
) -> None:
    columns = ({"person": np.array(batch), "item": np.array(batch) * 10} for batch in batches)
    found = list(_whole_people(columns))
    assert [part["person"].tolist() for part in found] == expected
    assert all(np.array_equal(part["item"], part["person"] * 10) for part in found)


def test_times_are_rounded_before_they_are_ordered(tmp_path: Path) -> None:
    deeds = [Deed("u", f"item-{n}", time) for n, time in enumerate([5.9, 5.1, None, 5.5, 0.0, 5.1, None])]
    with population_of(tmp_path, deeds, ITEMS) as population:
        (histories,) = population.histories(EVERYBODY)
    assert histories.items.tolist() == [2, 6, 4, 1, 5, 3, 0]
    assert histories.times.tolist() == [-1, -1, 0, 5, 5, 5, 5]


def test_what_is_not_known_is_taken_for_something(tmp_path: Path) -> None:
    with population_of(tmp_path, [Deed("u", "item-1")], ITEMS) as population:
        (histories,) = population.histories(EVERYBODY)
    assert (histories.times.tolist(), histories.kinds.tolist()) == ([-1], [-1])
    assert histories.contexts["place"].tolist() == [-1]
    assert np.isnan(histories.weights).all()
    assert histories.weights.dtype == np.float64


def test_invented_kinds_and_contexts_grow_what_is_kept(tmp_path: Path) -> None:
    deeds = [Deed("u", "item-1", 1.0, None, f"kind{n}", f"place {n}" * 20) for n in range(3000)]
    with population_of(tmp_path, [*deeds, Deed("u", "item-2", 2.0, None, "BUY", "work")], ITEMS) as population:
        (histories,) = population.histories(EVERYBODY)
        connection = population._interactions.connection
        kept = dict(connection.execute("SELECT column_name, data_type FROM duckdb_columns() "
                                       "WHERE table_name = 'population_0_events'").fetchall())  # fmt: skip
    assert histories.kind_names == KINDS
    assert np.unique(histories.kinds).tolist() == [-1, 1]
    assert np.unique(histories.contexts["place"]).tolist() == [-1, 1]
    assert set(kept) == {"person", "item", "seconds", "weight", "kind", "value_0"}
    assert "VARCHAR" not in kept.values()


def test_nothing_is_told_apart(tmp_path: Path) -> None:
    with Interactions.read(write_deeds(tmp_path / "deeds.parquet", [Deed("u", "item-1")]), items=ITEMS) as read:
        (histories,) = Population(read, SECRET, kinds=()).histories(EVERYBODY)
    assert (histories.kind_names, dict(histories.contexts), histories.kinds.tolist()) == ((), {}, [-1])


def test_two_populations_of_one_table_overwrite_each_other(tmp_path: Path) -> None:
    deeds = [Deed("u", "item-1", 1.0, None, "buy")]
    with Interactions.read(write_deeds(tmp_path / "deeds.parquet", deeds), items=ITEMS) as read:
        first, second = Population(read, SECRET, kinds=("view", "buy")), Population(read, SECRET, kinds=("buy",))
        kinds = [next(iter(one.histories(EVERYBODY))).kinds.tolist() for one in (first, second, first)]
    assert kinds == [[1], [0], [1]]


def test_somebody_who_does_not_know_the_data_sets_secret_knows_a_persons(tmp_path: Path) -> None:
    secrets = []
    for secret in (SECRET, bytes(32)):
        with population_of(tmp_path, [Deed("u", "item-1"), Deed("v", "item-1")], ITEMS, secret=secret) as population:
            batches = list(population.histories(EVERYBODY))
            secrets.append(list(people_in(batches)))
    assert secrets == [[secret_of("u"), secret_of("v")], [secret_of("u", bytes(32)), secret_of("v", bytes(32))]]
    assert len({*secrets[0], *secrets[1]}) == 4
    assert not any(secret_of(user).hex() in repr(batches) or str(secret_of(user)) in repr(batches) for user in "uv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"secret": b"short"}, "32 bytes"),
        ({"kinds": ("Hide",)}, "no kind of event"),
        ({"kinds": ("hide", "view", "hide")}, "stands twice"),
        ({"contexts": {"daypart": ("day",)}}, "was not read"),
        ({"contexts": {"place": ("home", "home")}}, "stands twice"),
    ],
)
def test_a_population_is_described_wrongly(arguments: dict, message: str, tmp_path: Path) -> None:
    with (
        population_of(tmp_path, [Deed("u", "item-1")], ITEMS) as population,
        pytest.raises(MisuseError, match=message),
    ):
        Population(population._interactions, **({"secret": SECRET} | arguments))


def test_a_batch_of_nothing_is_asked_for(tmp_path: Path) -> None:
    with (
        population_of(tmp_path, [Deed("u", "item-1")], ITEMS) as population,
        pytest.raises(MisuseError, match="at least 1"),
    ):
        next(population.histories(EVERYBODY, 0))


def test_the_table_was_closed(tmp_path: Path) -> None:
    with population_of(tmp_path, [Deed("u", "item-1")], ITEMS) as population:
        pass
    with pytest.raises(ClosedError, match="read them again"):
        next(population.histories(EVERYBODY))


def test_a_pass_that_was_given_up_blocks_the_next_or_the_end(tmp_path: Path) -> None:
    deeds = [Deed(f"u{n}", "item-1", float(n)) for n in range(9000)]
    with population_of(tmp_path, deeds, ITEMS) as population:
        batches = population.histories(EVERYBODY, 2048)
        next(batches)
        batches.close()
        assert sum(batch.people for batch in population.histories(EVERYBODY, 2048)) == 9000
        next(population.histories(EVERYBODY, 2048))


def test_sorting_runs_out_of_memory_with_a_message_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with population_of(tmp_path, [Deed("u", "item-1")], ITEMS) as population:
        real = population._interactions.connection

        class Full:
            def execute(self, query: str) -> duckdb.DuckDBPyConnection:
                if query.startswith("CREATE"):
                    raise duckdb.OutOfMemoryException("Out of Memory Error: u, item-1")
                return real.execute(query)

            def cursor(self) -> duckdb.DuckDBPyConnection:
                return real.cursor()

        monkeypatch.setattr(Interactions, "connection", Full())
        with pytest.raises(MisuseError, match=r"Raise ReadLimits\.memory") as caught:
            next(population.histories(EVERYBODY))
        assert "item-1" not in str(caught.value)
        monkeypatch.undo()
        assert next(population.histories(EVERYBODY)).people == 1


def test_more_interactions_than_memory_cannot_be_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "large.parquet"
    with duckdb.connect() as connection:
        connection.sql(
            "SELECT 'user-' || (i * 7919 % 5003) AS user, 'item-' || (i % 12) AS item, (i * 104729 % 999983)::DOUBLE "
            "AS time, 1.0 AS weight, 'view' AS kind FROM range(600000) numbers(i)"
        ).write_parquet(str(path))
    # The tables alone take more than this.
    with Interactions.read(path, items=ITEMS, limits=ReadLimits(memory="40MB", threads=1)) as read:
        population = Population(read, SECRET)
        events = people = 0
        for batch in population.histories(EVERYBODY, 1 << 14):
            events, people = events + batch.items.size, people + batch.people
        spilt = read.connection.execute("SELECT sum(temporary_storage_bytes) FROM duckdb_memory()").fetchall()
    assert (events, people) == (600_000, 5003)
    assert spilt[0][0] > 0
