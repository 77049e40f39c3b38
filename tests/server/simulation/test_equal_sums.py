"""What would make devices' sums other sums than the table's."""

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.protocol.collection.shares import add_vectors, centre
from homespun.protocol.collection.task import WIDTH
from homespun.protocol.statistics import standard
from homespun.protocol.statistics.declaration import LikeRule, Statistic, Universe, universe_of
from homespun.protocol.statistics.encoding import encode_metrics, encode_variants
from homespun_server.simulation.fleet import Device, devices_of
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.columns import InteractionColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.population import Population
from homespun_server.statistics.sums import sum_metrics, sum_over_people
from tests.server.collection.batches import asked, running_shares
from tests.server.support import catalogue

ITEMS, PEOPLE = 12, 40
SECRET = bytes(range(32))
PRIVATE = X25519PrivateKey.generate()
IDS = tuple(catalogue(ITEMS).ids)
UNIVERSE: Universe = universe_of(IDS)
RULE = LikeRule(negative_kinds=("hide",))
KINDS = ("view", "buy", "hide")

STATISTICS: dict[str, Statistic] = {
    "people": standard.people(),
    "item-counts": standard.item_counts(UNIVERSE, RULE, max_items=4),
    "item-trend": standard.item_trend(UNIVERSE, (0, 1000, 2500, 4000), RULE, max_cells=3),
    "item-pairs": standard.item_pairs(UNIVERSE, range(1, ITEMS + 1), RULE, max_items=4),
    "transitions": standard.transitions(UNIVERSE, RULE, lags=(5, 3, 1), gaps=((300, 4), (2000, 1)), max_events=6),
    "item-context": standard.item_context(UNIVERSE, "daytime", ("day", "night"), RULE, max_count=2, max_cells=4),
    "repeats": standard.repeats(UNIVERSE, RULE, thresholds=(1, 2, 3), max_cells=5),
    "outcomes": standard.outcomes(UNIVERSE, KINDS, RULE, max_cells=4),
    "archetypes": standard.archetypes(UNIVERSE, np.eye(3, ITEMS, dtype=int).tolist(), RULE, max_items=4),
}
"""Every statistic of events, with limits so low that people are sampled."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interactions]:
    """People with few and many events, of all kinds, at equal times too."""
    draw = np.random.default_rng(3)
    lines = ["user,item,time,kind,weight,daytime"]
    for person in range(PEOPLE):
        for _ in range(int(draw.integers(1, 25))):
            item, time = int(draw.integers(0, ITEMS)), int(draw.integers(0, 4000))
            time -= time % 50
            kind = KINDS[int(draw.choice(3, p=[0.6, 0.3, 0.1]))]
            lines.append(f"user-{person},item-{item},{time},{kind},,{'day' if time % 100 else 'night'}")
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    columns = InteractionColumns(context=("daytime",))
    with Interactions.read(path, columns, items=catalogue(ITEMS)) as interactions:
        yield interactions


def devices(table: Interactions) -> list[Device]:
    return list(devices_of(table, Cohort.everybody(), SECRET))


@pytest.mark.parametrize("name", STATISTICS)
def test_devices_add_up_to_another_sum_than_the_table(name: str, table: Interactions) -> None:
    statistic = msgspec.structs.replace(STATISTICS[name], width=WIDTH, max_people=1000)
    population = Population(table, SECRET, kinds=KINDS, contexts={"daytime": ("day", "night")})
    (expected,) = sum_over_people([statistic], population, Cohort.everybody())
    task = asked(PRIVATE, statistic)
    ids = IDS if statistic.universe.items else ()
    shares = running_shares(task, [device.vector(task, ids) for device in devices(table)])
    found = centre(add_vectors(shares["leader"], shares["helper"]))
    assert found.any()
    assert np.array_equal(found, expected.values)
    # And neither of the two is anywhere near it.
    assert not np.array_equal(shares["leader"].astype(np.int64), found)


def test_metrics_of_devices_add_up_to_another_sum_than_the_operator_s() -> None:
    statistic = msgspec.structs.replace(standard.metric_sums(("hit", "rank")), width=WIDTH, max_people=1000)
    metrics = np.random.default_rng(1).random((PEOPLE, 2))
    task = asked(PRIVATE, statistic)
    vectors = [encode_metrics(statistic, row[None]).values for row in metrics]
    shares = running_shares(task, vectors)
    expected = sum_metrics(statistic, metrics, Cohort.everybody()).values
    assert np.array_equal(centre(add_vectors(shares["leader"], shares["helper"])), expected)


def test_outcomes_of_an_experiment_add_up_to_another_sum() -> None:
    statistic = standard.variant_outcomes(("a", "b"), (("clicks", 20), ("seconds", 600)), (("clicks", "seconds"),))
    statistic = msgspec.structs.replace(statistic, width=WIDTH, max_people=1000)
    draw = np.random.default_rng(2)
    vectors = [
        encode_variants(statistic, [0, 1, None][number % 3], [int(draw.integers(0, 30)), int(draw.integers(0, 900))])
        for number in range(PEOPLE)
    ]
    shares = running_shares(asked(PRIVATE, statistic), vectors)
    assert np.array_equal(centre(add_vectors(shares["leader"], shares["helper"])), np.sum(vectors, axis=0))


def test_a_statistic_is_not_looked_at() -> None:
    known = {type(each.transformation).__name__ for each in standard.STANDARD}
    assert known == {type(each.transformation).__name__ for each in STATISTICS.values()} | {"Metrics", "Variants"}
