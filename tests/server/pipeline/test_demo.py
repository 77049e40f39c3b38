"""The shipped films, a slice of them, from table to recommendations."""

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun_server import FitOptions, fit, fit_content
from homespun_server.data import movietweetings

SMALL = {"max_items": 150, "dimensions": 16, "min_weight": 7.0}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The 600 films that are rated most, and an eighth of the people who rated them."""
    folder = tmp_path_factory.mktemp("films")
    demo = movietweetings()
    with duckdb.connect() as connection:
        connection.read_parquet(str(demo.interactions)).create("ratings")
        connection.read_parquet(str(demo.items)).create("films")
        connection.execute(
            "CREATE TABLE most AS SELECT item FROM ratings GROUP BY item ORDER BY count(*) DESC, item LIMIT 600"
        )
        connection.sql("SELECT * FROM films SEMI JOIN most USING (item) ORDER BY item").write_parquet(
            str(folder / "items.parquet")
        )
        connection.sql("SELECT * FROM ratings SEMI JOIN most USING (item) WHERE user % 8 = 0").write_parquet(
            str(folder / "interactions.parquet")
        )
    return folder / "interactions.parquet", folder / "items.parquet"


def test_films_are_recommended_worse_than_popular_ones(films: tuple[Path, Path], tmp_path: Path) -> None:
    interactions, items = films
    options = FitOptions(test_share=0.15, **SMALL)  # type: ignore[arg-type]
    fitted = fit(interactions, items=items, out=tmp_path, non_private=True, options=options)
    assert fitted.report.quality is not None
    popularity, ease, model = fitted.report.quality.rows
    assert ease.model.startswith("EASE")
    assert model.recall_50.mean > 0.5 * popularity.recall_50.mean > 0
    assert fitted.report.quality.proposal_recall_100 > 0.999


def test_a_private_fit_of_films_promises_more_than_it_keeps(films: tuple[Path, Path], tmp_path: Path) -> None:
    interactions, items = films
    options = FitOptions(test_share=0.0, **SMALL)  # type: ignore[arg-type]
    fitted = fit(interactions, items=items, out=tmp_path, epsilon=4.0, delta=1e-5, options=options)
    privacy = fitted.report.privacy
    assert privacy.epsilon is not None
    assert 3.99 < privacy.epsilon <= 4
    assert float(privacy.delta or 0) == 1e-5
    assert [entry.values for entry in privacy.releases] == [600, 150 * 149 // 2]
    assert "users are few for ε = 4" in fitted.report.warnings[0]
    with closing(Bundle.open(fitted.bundle)) as bundle:
        assert (bundle.manifest.items, bundle.manifest.new_items.first) == (600, 150)
        first = bundle.items[0]
        assert first not in [scored.item for scored in bundle.rank([Event(first, weight=9.0)], k=20)]


def test_films_of_other_genres_are_called_alike(films: tuple[Path, Path], tmp_path: Path) -> None:
    folder = fit_content(films[1], out=tmp_path, options=FitOptions(dimensions=64))
    with closing(Bundle.open(folder)) as bundle:
        film = next(item for item in bundle.items if set(bundle.tags(item)) == {"Horror"})
        similar = bundle.rank([Event(film)], k=10)
        assert sum("Horror" in bundle.tags(scored.item) for scored in similar) >= 8
