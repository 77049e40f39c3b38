"""Made-up people that are not what they are said to be, or not counted as a device counts."""

from typing import Any

import numpy as np
import pytest

from homespun.protocol.experiment import statistic_of
from homespun.protocol.statistics.grid import GRID
from homespun.protocol.statistics.variants import Variants
from homespun_server.experiments import trials
from homespun_server.experiments.power import Request, unit_of
from homespun_server.experiments.trials import BOUGHT, CAP, CELLS, CLICKS, IMPRESSIONS, PLACES, World, simulate
from tests.server.experiments.support import experiment


def sums_of(world: World, people: int, **changed: Any) -> np.ndarray:
    given: dict[str, Any] = {"windows": 1, "trials": 1, "epsilon": None, "rng": np.random.default_rng(8)}
    return simulate(world, people=people, **(given | changed)).sums


def test_the_truth_is_another_than_is_said() -> None:
    world = World(clicks=(0.2, 0.3), bought=(0.1, 0.4), shares=(0.3, 0.7))
    made = simulate(world, people=400_000, windows=1, trials=1, epsilon=None, rng=np.random.default_rng(8))
    sums = made.sums[0, :, 0]
    people = sums[:, 0, 0]
    assert people.sum() == pytest.approx(400_000)
    assert people[1] / people.sum() == pytest.approx(0.7, abs=0.005)
    # Rounded down to the grid, so a little below.
    assert sums[:, 0, IMPRESSIONS] / people == pytest.approx(world.seen, rel=0.01)
    assert sums[:, 0, BOUGHT] / people == pytest.approx(world.bought, rel=0.02)
    assert sums[:, 0, CLICKS] / sums[:, 0, IMPRESSIONS] == pytest.approx(world.clicks, rel=0.02)


def test_a_device_would_count_otherwise() -> None:
    declared = statistic_of(experiment()).transformation
    assert isinstance(declared, Variants)
    assert declared.cells == CELLS
    assert declared.unit(GRID) == unit_of(GRID, CELLS)
    seen: dict[str, np.ndarray] = {}

    class Rng:
        """The generator, remembering what people did."""

        def __init__(self) -> None:
            self._rng = np.random.default_rng(9)

        def __getattr__(self, name: str) -> Any:
            def drawn(*given: Any, **named: Any) -> np.ndarray:
                seen[name] = getattr(self._rng, name)(*given, **named)
                return seen[name]

            return drawn

    found = trials._exact(World(), 300, 1, unit_of(GRID, CELLS), Rng())  # type: ignore[arg-type]
    expected = np.zeros_like(found[0])
    for variant, impressions, clicks, chance in zip(
        seen["choice"][0], seen["poisson"][0], seen["binomial"][0], seen["random"][0], strict=True
    ):
        values = (int(min(impressions, CAP)), int(clicks), int(chance < 0.1))
        expected[variant] += declared.row(values, declared.unit(GRID))
    assert np.array_equal(found[0], expected)


def test_the_noise_is_less_than_a_claim_needs() -> None:
    quiet = sums_of(World(), 400, trials=2000, rng=np.random.default_rng(10))
    loud = simulate(World(), people=400, windows=1, trials=2000, epsilon=1.0, rng=np.random.default_rng(10))
    planned = Request(people=400, base=0.1, deviation=None, effect=0.01, epsilon=1.0).noise
    assert loud.noise == pytest.approx(planned**2)
    rows, columns = zip(*PLACES, strict=True)
    away = loud.sums[:, :, 0, rows, columns].std(axis=0)
    chance = quiet[:, :, 0, rows, columns].std(axis=0)
    assert np.sqrt(away**2 - chance**2) == pytest.approx(planned, rel=0.1)


def test_returning_people_are_others() -> None:
    same = sums_of(World(), 3000, windows=3, returning=True)
    others = sums_of(World(), 3000, windows=3)
    assert np.array_equal(same[:, :, 0], same[:, :, 2], equal_nan=True)
    assert not np.array_equal(others[:, :, 0], others[:, :, 2], equal_nan=True)


def test_a_product_that_is_not_counted_is_there() -> None:
    assert np.isnan(sums_of(World(), 100)[..., BOUGHT, CLICKS]).all()


def test_people_are_lost_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_AT_ONCE", 250)
    sums = sums_of(World(), 100, trials=7)
    assert sums[..., 0, 0].sum(axis=1) == pytest.approx(100.0)
