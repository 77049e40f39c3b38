"""A table's sums are what the devices would have sent, added up; one person moves them by no more than their bound."""

import random
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.statistics import standard
from homespun.protocol.statistics.declaration import LikeRule, Statistic, universe_of
from homespun.protocol.statistics.encoding import Encoder
from homespun.protocol.statistics.grid import GRID, Integers
from homespun.protocol.statistics.histories import Histories
from homespun_server.statistics import sums as module
from homespun_server.statistics.cohort import Cohort, Window
from homespun_server.statistics.items import Items
from homespun_server.statistics.sums import sum_metrics, sum_over_people
from tests.conftest import Runs
from tests.server.statistics.people import PLACES, Deed, device_histories, population_of, some_deeds
from tests.server.support import catalogue, share_of_hash, squared_norm

ITEMS = catalogue(15)
RULE = LikeRule(min_weight=Decimal(3), negative_kinds=("dislike", "hide"))
EVERYBODY = Cohort.everybody()
DAY = 86_400


def all_statistics(items: Items, selection: Integers, draw: random.Random) -> tuple[Statistic, ...]:
    """Return one of each kind over a universe, with limits that some people exceed."""
    universe = universe_of([items.ids[item] for item in selection])
    size = selection.size
    return (
        standard.people(),
        standard.item_counts(universe, RULE, max_items=4),
        standard.item_trend(universe, [0, 8, DAY, 2 * DAY], RULE, max_cells=5),
        standard.item_pairs(universe, [draw.choice([1, 1024, 1 << 15]) for _ in range(size)], RULE, max_items=4),
        standard.transitions(universe, RULE, gaps=[(10, 3), (DAY, 1)], max_events=8),
        standard.item_context(universe, "place", PLACES[::-1], RULE, max_count=2, max_cells=5),
        standard.repeats(universe, RULE, thresholds=(1, 2, 4), max_cells=5),
        standard.outcomes(universe, ("dislike", "view"), RULE, max_cells=5),
        standard.archetypes(universe, [[draw.randrange(9) for _ in range(size)] for _ in range(3)], RULE, max_items=4),
    )


def select(histories: Histories, selection: Integers, items: int) -> Histories:
    """Return a device's history as a statistic over a universe is given it."""
    lookup = {int(item): place for place, item in enumerate(selection)}
    recoded = {code: PLACES[::-1].index(place) for code, place in enumerate(PLACES)}
    places = [recoded.get(code, -1) for code in histories.contexts["place"].tolist()]
    return Histories(
        starts=histories.starts,
        items=np.array([lookup.get(item, -1) for item in histories.items.tolist()], np.int64),
        times=histories.times,
        kinds=histories.kinds,
        weights=histories.weights,
        secrets=histories.secrets,
        kind_names=histories.kind_names,
        contexts={"place": np.array(places, np.int64)},
    )


def added_up(statistic: Statistic, people: Iterable[Histories]) -> tuple[list[int], int]:
    """Let every device encode for itself, and add up; also how many added anything."""
    encoder, total, contributors = Encoder(statistic), [0] * statistic.size, 0
    for own in people:
        sent = encoder.encode(own)
        contributors += bool(sent.cells.size)
        for cell, value in zip(sent.cells.tolist(), sent.values.tolist(), strict=True):
            total[cell] += value
    return total, contributors


def selections(statistics: Iterable[Statistic], selection: Integers) -> dict[str, Integers]:
    return {statistic.name: selection for statistic in statistics if statistic.universe.items}


def test_the_sums_differ_from_what_devices_would_add_up(tmp_path: Path, runs: Runs) -> None:
    for number in runs("sum parity", 40):
        draw = random.Random(f"sums {number}")
        deeds = some_deeds(draw, ITEMS, users=20, count=draw.randrange(1, 500))
        selection = np.array(draw.sample(range(15), draw.randrange(2, 16)), np.int64)
        statistics = all_statistics(ITEMS, selection, draw)
        with population_of(tmp_path, deeds, ITEMS) as population:
            sums = sum_over_people(
                statistics,
                population,
                EVERYBODY,
                selections=selections(statistics, selection),
                batch_events=draw.choice([1, 100, 1 << 17]),
            )
        devices = [select(own, selection, 15) for own in device_histories(deeds, ITEMS).values()]
        for statistic, total in zip(statistics, sums, strict=True):
            values, contributors = added_up(statistic, devices)
            assert total.statistic is statistic
            assert total.values.dtype == np.int64
            assert (total.values.tolist(), total.contributors) == (values, contributors), (number, statistic.name)
            assert 0 < total.kept <= 1


def attacker_of_one_item(draw: random.Random) -> list[Deed]:
    return [Deed("attacker", draw.choice(ITEMS.ids), 1.0)] * draw.choice([1, 1000])


def attacker_of_everything(draw: random.Random) -> list[Deed]:
    return [Deed("attacker", item, draw.random() * 2 * DAY, 9.0, "view", PLACES[0]) for item in ITEMS.ids * 20]


def attacker_of_extremes(draw: random.Random) -> list[Deed]:
    weights, kinds = [None, 0.0, 1e-300, 1.7e308], [None, "view", "hide", "invented"]
    times = [None, 0.0, 253_402_300_799.0]
    return [
        Deed("attacker", draw.choice(ITEMS.ids), draw.choice(times), draw.choice(weights), draw.choice(kinds), "x")
        for _ in range(300)
    ]


@pytest.mark.parametrize("attack", [attacker_of_one_item, attacker_of_everything, attacker_of_extremes])
def test_one_user_moves_a_sum_by_more_than_its_bound(
    attack: Callable[[random.Random], list[Deed]], tmp_path: Path, runs: Runs
) -> None:
    for number in runs(f"table sensitivity, {attack.__name__}", 30):
        draw = random.Random(f"{attack.__name__} {number}")
        selection = np.array(draw.sample(range(15), draw.randrange(2, 16)), np.int64)
        statistics = all_statistics(ITEMS, selection, draw)
        together = some_deeds(draw, ITEMS) + attack(draw)
        draw.shuffle(together)
        # Both neighbours keep the same order of the others' rows; only the attacker's come or go.
        alone = [deed for deed in together if deed.user != "attacker"]
        sums = []
        for deeds in (alone, together):
            with population_of(tmp_path, deeds, ITEMS) as population:
                sums.append(
                    sum_over_people(statistics, population, EVERYBODY, selections=selections(statistics, selection))
                )
        for before, after in zip(*sums, strict=True):
            moved = squared_norm(after.values - before.values)
            assert moved <= GRID * GRID, (number, before.statistic.name)


def test_a_user_of_thousands_of_items_moves_a_sum_by_more_than_its_bound_or_hardly(tmp_path: Path) -> None:
    items = catalogue(3000)
    draw = random.Random("thousands")
    selection = np.array(draw.sample(range(3000), 1200), np.int64)
    universe = universe_of([items.ids[item] for item in selection])
    statistics = (
        standard.item_counts(universe, max_items=3000),
        standard.item_pairs(universe, [draw.randint(1, 1 << 15) for _ in range(1200)], max_items=1500),
    )
    alone = [Deed(f"u{n}", draw.choice(items.ids)) for n in range(30)]
    attacker = [Deed("attacker", item, float(turn)) for turn in range(2) for item in items.ids]
    sums = []
    for deeds in (alone, alone + attacker):
        with population_of(tmp_path, deeds, items) as population:
            chosen = selections(statistics, selection)
            sums.append(sum_over_people(statistics, population, EVERYBODY, selections=chosen))
    for before, after in zip(*sums, strict=True):
        assert 0.8 * GRID * GRID < squared_norm(after.values - before.values) <= GRID * GRID


def test_the_sides_of_a_split_do_not_add_up_or_somebody_is_in_both(tmp_path: Path) -> None:
    draw = random.Random("split")
    deeds = some_deeds(draw, ITEMS, users=60, count=600)
    statistic = standard.item_counts(universe_of(ITEMS.ids))
    with population_of(tmp_path, deeds, ITEMS) as population:
        cohorts = (EVERYBODY, Cohort.training(0.4), Cohort.held_out(0.4))
        whole, training, held_out = (sum_over_people([statistic], population, cohort)[0] for cohort in cohorts)
    trained_on = [deed for deed in deeds if share_of_hash("homespun-split-1:" + deed.user) >= 0.4]
    with population_of(tmp_path, trained_on, ITEMS) as population:
        (alone,) = sum_over_people([statistic], population, EVERYBODY)
    assert np.array_equal(training.values, alone.values)
    assert np.array_equal(whole.values, training.values + held_out.values)
    assert whole.contributors == training.contributors + held_out.contributors
    assert min(training.contributors, held_out.contributors) > 5
    assert (training.cohort, held_out.cohort) == cohorts[1:]


def test_a_window_counts_people_whom_it_does_not_see(tmp_path: Path) -> None:
    deeds = [Deed("u", "item-1", 5.0), Deed("v", "item-2", 15.0), Deed("v", "item-3", 25.0), Deed("w", "item-4")]
    window = EVERYBODY.within(Window("p", 0, 1, 10, 20))
    statistics = (standard.people(), standard.item_counts(universe_of(ITEMS.ids)))
    with population_of(tmp_path, deeds, ITEMS) as population:
        people, counts = sum_over_people(statistics, population, window)
    assert (people.values.tolist(), people.contributors, counts.contributors) == ([GRID], 1, 1)
    assert np.flatnonzero(counts.values).tolist() == [2]


def test_an_item_that_nobody_used_is_missing(tmp_path: Path) -> None:
    deeds = [Deed("u", "item-3"), Deed("v", "item-3"), Deed("v", "item-9")]
    with population_of(tmp_path, deeds, ITEMS) as population:
        (counts,) = sum_over_people([standard.item_counts(universe_of(ITEMS.ids))], population, EVERYBODY)
    assert counts.values.shape == (15,)
    assert np.flatnonzero(counts.values).tolist() == [3, 9]


def test_items_outside_the_universe_dilute_the_pairs_or_enter_them(tmp_path: Path) -> None:
    statistic = standard.item_pairs(universe_of(["item-4", "item-2"]), [7, 900])
    with population_of(tmp_path, [Deed("u", item) for item in ITEMS.ids], ITEMS) as population:
        (total,) = sum_over_people(
            [statistic], population, EVERYBODY, selections={"item-pairs": np.array([4, 2], np.int64)}
        )
    assert total.values.tolist() == [GRID]


def test_the_report_states_another_share_than_clipping_kept(tmp_path: Path) -> None:
    deeds = [Deed("u", f"item-{item}") for item in range(4)] + [Deed("v", "item-0")]
    universe = universe_of(ITEMS.ids)
    statistics = (standard.item_counts(universe), standard.item_pairs(universe, [77] * 15))
    with population_of(tmp_path, deeds, ITEMS) as population:
        counts, pairs = sum_over_people(statistics, population, EVERYBODY)
    assert (counts.contributors, counts.kept) == (2, 3 / 5)
    assert pairs.contributors == 1
    assert abs(pairs.kept - 1 / 6**0.5) < 1e-3


def test_how_much_is_held_at_once_changes_a_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random("slices")
    deeds = some_deeds(draw, ITEMS, users=40, count=1500)
    selection = np.arange(15)
    statistics = all_statistics(ITEMS, selection, draw)
    found = []
    with population_of(tmp_path, deeds, ITEMS) as population:
        for most in (1, 17, 1 << 21):
            monkeypatch.setattr(module, "MOST_CELLS", most)
            sums = sum_over_people(statistics, population, EVERYBODY)
            found.append([(total.values.tolist(), total.contributors, round(total.kept, 12)) for total in sums])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("most", [1, 10, 33, 10_000])
def test_a_slice_leaves_somebody_out_or_holds_too_much(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CELLS", most)
    draw = np.random.default_rng(most)
    cells = draw.integers(0, 20, 300)
    slices = list(module._slices(cells))
    taken = np.concatenate([np.arange(300)[part] for part in slices])
    assert taken.tolist() == list(range(300))
    assert all(cells[part].sum() <= most or part.stop - part.start == 1 for part in slices)


def test_progress_ends_before_the_end_or_is_not_told(tmp_path: Path) -> None:
    deeds = [Deed(f"u{n % 700}", "item-1", float(n)) for n in range(7000)]
    told: list[tuple[str, int, int]] = []
    statistics = [standard.people(), standard.item_counts(universe_of(ITEMS.ids))]
    with population_of(tmp_path, deeds, ITEMS) as population:
        sum_over_people(
            statistics, population, Cohort.held_out(0.2), observer=lambda *step: told.append(step), batch_events=2048
        )
    assert {step for step, _, _ in told} == {"sum people, item-counts"}
    done = [done for _, done, _ in told]
    assert len(done) > 1
    assert done == sorted(done)
    assert told[-1][1:] == (7000, 7000)


def test_more_people_than_declared_wrap_a_sum(tmp_path: Path) -> None:
    statistic = standard.people()
    few = type(statistic)(
        **{name: getattr(statistic, name) for name in statistic.__struct_fields__} | {"max_people": 3}
    )
    deeds = [Deed(f"u{n}", "item-1") for n in range(4)]
    with population_of(tmp_path, deeds, ITEMS) as population, pytest.raises(MisuseError, match="at most 3 people"):
        sum_over_people([few], population, EVERYBODY)
    with population_of(tmp_path, deeds[:3], ITEMS) as population:
        assert sum_over_people([few], population, EVERYBODY)[0].contributors == 3


def test_a_sums_text_or_array_gives_it_away(tmp_path: Path) -> None:
    deeds = [Deed(f"u{n}", "item-1") for n in range(37)]
    with population_of(tmp_path, deeds, ITEMS) as population:
        (total,) = sum_over_people([standard.people()], population, EVERYBODY)
    assert repr(total) == str(total) == f"UserSum('people', {EVERYBODY!r})"
    assert "37" not in repr(total)
    assert str(37 * GRID) not in repr([total])
    with pytest.raises(ValueError, match="read-only"):
        total.values[0] = 0


UNIVERSE = universe_of(ITEMS.ids)
FIRST_TWO = np.array([0, 1], np.int64)


@pytest.mark.parametrize(
    ("statistics", "chosen", "message"),
    [
        ([standard.people(), standard.people()], {}, "each name once"),
        ([standard.people()], {"item-counts": FIRST_TWO}, "each name once"),
        ([standard.item_counts(UNIVERSE)], {"item-counts": FIRST_TWO}, "another universe"),
        ([standard.item_counts(universe_of(ITEMS.ids[::-1]))], {}, "another universe"),
        ([standard.item_counts(universe_of(["item-0", "x"]))], {"item-counts": FIRST_TWO}, "another universe"),
        ([standard.item_counts(UNIVERSE)], {"item-counts": np.array([1, 1])}, "positions that differ"),
        ([standard.item_counts(UNIVERSE)], {"item-counts": np.array([[1]])}, "positions that differ"),
        ([standard.item_counts(UNIVERSE)], {"item-counts": np.array([1.0])}, "positions that differ"),
        ([standard.item_counts(UNIVERSE)], {"item-counts": np.array([15])}, "outside the catalogue"),
        ([standard.item_counts(UNIVERSE)], {"item-counts": np.array([-1])}, "outside the catalogue"),
        ([standard.item_counts(UNIVERSE, LikeRule(negative_kinds=("skip",)))], {}, "needs the kinds skip"),
        ([standard.outcomes(UNIVERSE, ("buy", "share"))], {}, "needs the kinds share"),
        ([standard.item_context(UNIVERSE, "daypart", ("day",))], {}, "needs the values day of daypart"),
        ([standard.item_context(UNIVERSE, "place", ("home", "moon"))], {}, "needs the values moon of place"),
        ([standard.metric_sums(("ndcg",))], {}, "metrics"),
    ],
)
def test_what_does_not_fit_together_is_summed(
    statistics: list[Statistic], chosen: dict[str, Integers], message: str, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    with population_of(tmp_path, [Deed("u", "item-1")], ITEMS) as population:
        with pytest.raises(MisuseError, match=message):
            sum_over_people(
                statistics, population, EVERYBODY, selections=chosen, observer=lambda *step: told.append(step)
            )
        assert not told
        assert population._name is None, "something was read"


def test_metrics_are_summed_with_another_bound_or_number_of_people() -> None:
    statistic = standard.metric_sums(("ndcg", "recall", "coverage"))
    draw = np.random.default_rng(3)
    metrics = np.vstack([draw.random((50, 3)), np.array([[0, 1, 1], [-5, 2, 0.5]])])
    cohort = Cohort.held_out(0.1)
    total = sum_metrics(statistic, metrics, cohort)
    unit = GRID / 2
    assert (total.values[0], total.contributors, total.cohort) == (52 * unit, 52, cohort)
    assert np.allclose(total.values[1:] / unit, np.clip(metrics, 0, 1).sum(axis=0), atol=52 / unit)
    assert total.kept == pytest.approx(0.5, abs=1e-3)
    for left_out in range(52):
        without = sum_metrics(statistic, np.delete(metrics, left_out, axis=0), cohort)
        assert squared_norm(total.values - without.values) <= GRID * GRID


def test_nobody_was_measured() -> None:
    total = sum_metrics(standard.metric_sums(("ndcg",)), np.empty((0, 1)), Cohort.held_out(0.1))
    assert (total.values.tolist(), total.contributors, total.kept) == ([0, 0], 0, 1.0)


@pytest.mark.parametrize(
    ("statistic", "metrics"),
    [
        (standard.people(), np.zeros((2, 1))),
        (standard.metric_sums(("a", "b")), np.zeros((2, 3))),
        (standard.metric_sums(("a", "b")), np.zeros(2)),
        (standard.metric_sums(("a", "b")), np.array([[0.5, np.nan]])),
    ],
)
def test_metrics_that_are_none_are_summed(statistic: Statistic, metrics: np.ndarray) -> None:
    with pytest.raises(MisuseError):
        sum_metrics(statistic, metrics, Cohort.held_out(0.1))
