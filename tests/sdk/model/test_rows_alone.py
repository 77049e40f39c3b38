"""Rows that are asked for alone are the very rows that score."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from homespun.model.bundle import Bundle
from homespun.person.items import Items
from tests.sdk import bundles


@pytest.fixture
def view(tmp_path: Path) -> Iterator[Bundle]:
    """A bundle with two items of the application's behind its own 40."""
    folder = bundles.write(tmp_path / "bundle", bundles.full_model(40), words=bundles.random_words(11))
    with Bundle.open(folder) as opened:
        items = Items(opened, 1000)
        items.update([{"id": "new-0", "title": "w1 w2"}, {"id": "new-1", "title": "w3"}])
        assert items.view.size == 42
        yield items.view


@pytest.mark.parametrize("wanted", [[5, 0, 39], [41, 3, 40], [40], []])
def test_an_item_is_learned_from_by_other_rows_than_it_is_scored_by(view: Bundle, wanted: list[int]) -> None:
    positions = np.array(wanted, np.int64)
    scored = view.scorer.score(view.history([]), positions)
    decoders = view.scorer.decoders(positions)
    assert decoders.keys() == scored.decoder.keys()
    assert all(np.array_equal(decoders[table], rows) for table, rows in scored.decoder.items())
    assert np.array_equal(view.scorer.priors(positions), scored.priors)
