"""A model is larger than it may be, or another one than was fitted before."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.bundle import MODEL_FILES
from homespun_server import FitOptions, fit
from homespun_server.errors import TrainingError
from homespun_server.learning.terms import LARGEST_SHARE_OF_ITEMS
from homespun_server.privacy import release as release_module
from homespun_server.statistics.columns import InteractionColumns
from tests.server.learning.support import EVERYTHING, NOON, in_contexts, walkers
from tests.server.publishing.support import contents
from tests.server.support import catalogue, write_table

MANY = 400


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred people among four hundred items, by day and by night."""
    return in_contexts(tmp_path_factory.mktemp("sizes") / "rows.csv", walkers(300, MANY, steps=20))


def files(bundle: Path) -> int:
    return sum((bundle / name).stat().st_size for name in MODEL_FILES)


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("most", [60_000, 80_000, 120_000, 200_000, 2_500_000])
def test_a_model_is_larger_than_it_may_be(most: int, everything: bool, table: Path, tmp_path: Path) -> None:  # noqa: FBT001
    options: dict[str, Any] = EVERYTHING if everything else {"test_share": 0.0}
    try:
        fitted = fit(
            table,
            items=catalogue(MANY),
            out=tmp_path,
            non_private=True,
            options=FitOptions(model_bytes=most, **options),
            interaction_columns=InteractionColumns(context=("daytime",)),
        )
    except TrainingError as error:
        # One clear error, and only where it is tight.
        assert "no size of the model fits" in str(error)  # noqa: PT017
        assert most <= 80_000
        assert not (tmp_path / "bundle").exists()
        return
    assert fitted.report.model_bytes == files(fitted.bundle) <= most


def test_more_room_makes_a_smaller_model(table: Path, tmp_path: Path) -> None:
    sizes = []
    for most in (60_000, 120_000, 1_000_000):
        options = FitOptions(test_share=0.0, model_bytes=most)
        fitted = fit(table, items=catalogue(MANY), out=tmp_path / str(most), non_private=True, options=options)
        sizes.append(files(fitted.bundle))
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_a_model_of_nothing_is_asked_for() -> None:
    with pytest.raises(MisuseError, match="holds nothing"):
        FitOptions(model_bytes=20_000)


def test_items_that_are_known_by_their_content_take_all_the_room(table: Path, tmp_path: Path) -> None:
    options = FitOptions(test_share=0.0, model_bytes=200_000)
    fitted = fit(table, items=catalogue(20_000), out=tmp_path, non_private=True, options=options)
    assert fitted.report.universe_items <= MANY
    (reason,) = fitted.report.left_out
    assert "20,000 items" in reason
    assert "200,000 bytes" in reason
    assert files(fitted.bundle) <= 200_000
    assert LARGEST_SHARE_OF_ITEMS < 1


def blind(values: np.ndarray, sigma: int, progress: object) -> np.ndarray:
    """Return noise that is the same for the same sum."""
    noised: np.ndarray = values + np.random.default_rng(values.size).normal(0, sigma, values.size).astype(np.int64)
    return noised


@pytest.mark.parametrize("private", [False, True])
def test_two_fits_of_the_same_releases_differ(
    private: bool,  # noqa: FBT001
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(release_module, "add_discrete_gaussian", blind)
    privacy: dict[str, Any] = {"epsilon": 20.0} if private else {"non_private": True}
    found = []
    for name in ("one", "other"):
        fitted = fit(
            table,
            items=catalogue(MANY),
            out=tmp_path / name,
            options=FitOptions(as_of=int(NOON.timestamp()), **EVERYTHING),
            interaction_columns=InteractionColumns(context=("daytime",)),
            clock=lambda: NOON,
            **privacy,
        )
        found.append(contents(fitted.bundle))
    assert found[0] == found[1]


def test_the_order_of_rows_makes_another_model(tmp_path: Path) -> None:
    """Rows of different times may stand anywhere in a table."""
    rows = walkers(150)
    draw = np.random.default_rng(1)
    found = []
    for name, listed in (("one", rows), ("other", [rows[place] for place in draw.permutation(len(rows))])):
        fitted = fit(
            write_table(tmp_path / f"{name}.csv", listed),
            items=catalogue(30),
            out=tmp_path / name,
            non_private=True,
            options=FitOptions(
                test_share=0.0, parts=("collaborative", "sequential", "content", "trend"), name="either"
            ),
            clock=lambda: NOON,
        )
        found.append(contents(fitted.bundle))
    assert found[0] == found[1]
