"""What would let a bundle tell who it was trained from, unnoticed. On the ratings that the server ships."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homespun.errors import MisuseError
from homespun_server.data import movietweetings
from homespun_server.evaluation.membership import attack_bundle
from homespun_server.learning import FitData, FitOptions, make_bundle
from homespun_server.pipeline import fit_content
from homespun_server.privacy.audit.membership import Attack
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

OPTIONS = FitOptions(min_weight=7, test_share=0.5, max_items=300)


@pytest.fixture(scope="module")
def ratings() -> Iterator[Interactions]:
    tables = movietweetings()
    with Interactions.read(tables.interactions, items=Items.read(tables.items)) as interactions:
        yield interactions


def attacked(ratings: Interactions, folder: Path, epsilon: float | None) -> Attack:
    budget = None if epsilon is None else one_off_budget(epsilon, 1e-6)
    data = FitData(ratings, OPTIONS, budget)
    bundle = folder / "bundle"
    make_bundle(data, bundle, budget=budget, options=OPTIONS, observer=lambda *_: None, now=datetime.now(UTC))
    return attack_bundle(bundle, ratings, test_share=OPTIONS.test_share).for_the_operator()


def test_the_attack_finds_nobody_in_an_exact_model(ratings: Interactions, tmp_path: Path) -> None:
    found = attacked(ratings, tmp_path, None)
    assert min(found.members, found.others) > 1500
    assert found.auc.low > 0.65
    assert found.advantage.low > 10 * found.chance


def test_noise_for_an_epsilon_of_one_hides_nobody(ratings: Interactions, tmp_path: Path) -> None:
    found = attacked(ratings, tmp_path, 1.0)
    # With a thousand people on each side the standard deviation of an AUC is .013, so this is more than seven.
    assert abs(found.auc.value - 0.5) < 0.1
    assert found.advantage.value < 0.2


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_members_are_compared_with_members(share: float, ratings: Interactions, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="kept aside"):
        attack_bundle(tmp_path, ratings, test_share=share)


def test_a_bundle_without_people_is_attacked(ratings: Interactions, fleet_items: Items, tmp_path: Path) -> None:
    folder = fit_content(fleet_items, out=tmp_path)
    with pytest.raises(MisuseError, match="nobody is in it"):
        attack_bundle(folder, ratings, test_share=0.5)
