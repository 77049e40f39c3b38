"""Golden scores: a device on which lists come out otherwise uses the bundle nevertheless."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.errors import BundleIntegrityError
from homespun.model.bundle import Bundle
from homespun.model.golden import check_golden
from homespun.protocol.bundle import GOLDEN
from homespun.protocol.golden import TOLERANCE
from tests.sdk.updating import good_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return good_bundle(tmp_path_factory.mktemp("golden") / "bundle", seed=4)


def checked(folder: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    golden = msgspec.json.decode((folder / GOLDEN).read_bytes())
    change(golden["cases"])
    with Bundle.open(folder) as bundle:
        check_golden(bundle, msgspec.json.encode(golden))


def scaled(cases: list[dict[str, Any]], by: float) -> None:
    score = float(cases[1]["scores"][2])
    cases[1]["scores"][2] = f"{score + by * max(1.0, abs(score)):.12f}"


def test_a_bundle_fails_its_own_test(folder: Path) -> None:
    checked(folder, lambda _: None)


@pytest.mark.parametrize("by", [0.9 * TOLERANCE, -0.9 * TOLERANCE])
def test_another_order_of_addition_fails_the_test(folder: Path, by: float) -> None:
    checked(folder, lambda cases: scaled(cases, by))


@pytest.mark.parametrize("by", [1.1 * TOLERANCE, -1.1 * TOLERANCE, 1.0])
def test_another_score_passes_the_test(folder: Path, by: float) -> None:
    with pytest.raises(BundleIntegrityError, match=r"list 2 of golden\.json"):
        checked(folder, lambda cases: scaled(cases, by))


def swapped(cases: list[dict[str, Any]]) -> None:
    cases[0]["items"][:2] = reversed(cases[0]["items"][:2])


def test_two_items_that_are_no_ties_change_places(folder: Path) -> None:
    with pytest.raises(BundleIntegrityError, match="at place 1"):
        checked(folder, swapped)


def test_a_stranger_stands_in_a_golden_list(folder: Path) -> None:
    def change(cases: list[dict[str, Any]]) -> None:
        unlisted = next(f"item-{n}" for n in range(30) if f"item-{n}" not in cases[0]["items"])
        cases[0]["items"][0] = unlisted

    with pytest.raises(BundleIntegrityError, match="at place 1"):
        checked(folder, change)


def test_an_item_that_nobody_knows_is_golden(folder: Path) -> None:
    with pytest.raises(BundleIntegrityError, match="at place 3"):
        checked(folder, lambda cases: cases[2]["items"].__setitem__(2, "nothing"))


@pytest.mark.parametrize(
    "change",
    [
        lambda cases: cases[1].update(items=cases[1]["items"][:3]),
        lambda cases: cases[1].update(items=[], scores=[]),
        lambda cases: cases[1]["events"][0].update(item=""),
        lambda cases: cases[1]["events"][0].update(kind="No Kind"),
        lambda cases: cases[1]["scores"].__setitem__(0, "NaN"),
        lambda cases: cases[1].update(items=cases[1]["items"][:1] * 5),
        lambda cases: cases.clear(),
    ],
)
def test_a_golden_list_is_impossible(folder: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    with pytest.raises(BundleIntegrityError):
        checked(folder, change)


def test_ties_that_change_places_fail_the_test(tmp_path: Path) -> None:
    from tests.sdk import bundles, models
    from tests.sdk.updating import with_golden

    model = models.with_zeros(bundles.random_model(30))
    model.priors[:] = 1.0
    tied = with_golden(bundles.write(tmp_path / "tied", model))

    def change(cases: list[dict[str, Any]]) -> None:
        cases[0]["items"].reverse()
        cases[0]["items"][0] = "item-29"

    checked(tied, change)
