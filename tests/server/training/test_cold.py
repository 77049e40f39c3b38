"""What would place an item that nobody has used among the wrong ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun_server.privacy.provenance import public
from homespun_server.statistics.items import Items
from homespun_server.training.cold import REGULARISATIONS, kernel, left_out_error, place_cold, placed, predicted
from homespun_server.training.content import train_content
from homespun_server.training.tables import Floats, LowRank


def unit(rows: Floats) -> Floats:
    found: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def planted(count: int, new: int, *, noise: float = 0.1, seed: int = 0) -> tuple[LowRank, Floats, Floats]:
    """Return learned items of four genres, contents of theirs and of new ones, and the new ones' true genres."""
    draw = np.random.default_rng(seed)
    genres = draw.integers(0, 4, count + new)
    content = unit(np.eye(6)[genres] + draw.normal(0, noise, (count + new, 6)))
    factors = np.eye(4)[genres[:count]] + draw.normal(0, noise, (count, 4))
    table = LowRank("collaborative", factors, np.full(count, 2.0), np.linspace(1, 3, count), np.array([4.0, 3, 2, 1]))
    return table, content, genres[count:].astype(float)


def test_a_new_item_of_a_genre_stands_with_another() -> None:
    table, content, genres = planted(200, 40)
    found = predicted(table, content)
    assert np.array_equal(found.argmax(axis=1), genres)
    assert np.allclose(found.max(axis=1), 1.0, atol=0.3)


def test_content_that_says_nothing_of_taste_places_items() -> None:
    table, content, _ = planted(200, 40)
    shuffled = np.random.default_rng(1).permutation(content)
    assert np.abs(predicted(table, shuffled)).max() < 0.55
    assert np.abs(predicted(table, shuffled) - table.vectors.mean(axis=0)).mean() < 0.15


@given(seed=st.integers(0, 99), strength=st.sampled_from(REGULARISATIONS))
def test_the_error_is_another_than_that_of_leaving_each_item_out(seed: int, strength: float) -> None:
    draw = np.random.default_rng(seed)
    own = unit(draw.normal(size=(9, 4)))
    targets = draw.normal(size=(9, 2))
    gram = kernel(own, own)
    slow = 0.0
    for item in range(9):
        rest = np.delete(np.arange(9), item)
        solved = np.linalg.solve(gram[np.ix_(rest, rest)] + strength * np.eye(8), targets[rest])
        slow += float(((targets[item] - gram[item, rest] @ solved) ** 2).sum())
    values, basis = np.linalg.eigh(gram)
    assert left_out_error(values, basis, basis.T @ targets, strength) == pytest.approx(slow)


def test_an_item_whose_fields_say_nothing_is_placed() -> None:
    table, content, _ = planted(60, 3)
    content[-1] = 0.0
    found = placed(table, content)
    assert not found.vectors[-1].any()
    assert found.vectors[-2].any()


def test_new_items_outweigh_learned_ones_or_learned_ones_move() -> None:
    table, content, _ = planted(60, 5)
    found = placed(table, content)
    assert np.array_equal(found.vectors[:60], table.vectors)
    assert np.array_equal(found.encoder[:60], table.encoder)
    assert np.allclose(found.decoder[60:], np.median(table.decoder[:30]))
    assert np.allclose(found.encoder[60:], 2.0)
    assert found.size == 65


@pytest.mark.parametrize("count", [1, 2])
def test_next_to_nothing_was_learned_and_placing_fails(count: int) -> None:
    table = LowRank("collaborative", np.ones((count, 1)), np.ones(count), np.ones(count), np.array([-1.0]))
    found = placed(table, np.tile([1.0, 0.0], (count + 2, 1)))
    assert np.isfinite(found.vectors).all()
    assert found.vectors[-1, 0] > 0


def test_nothing_is_new_and_the_table_changes() -> None:
    table, content, _ = planted(20, 0)
    assert np.array_equal(placed(table, content).vectors, table.vectors)
    with pytest.raises(MisuseError, match="19 items"):
        placed(table, content[:19])


def test_rows_of_other_items_are_read_or_their_origin_is_lost() -> None:
    titles = ["sea moon", "sea moon", "sun sand", "sun sand", "sea", "sun"]
    items = Items([str(n) for n in range(6)], titles, [()] * 6, [""] * 6)
    table = LowRank("collaborative", np.array([[1.0, 0], [0, 1.0]] * 2), np.ones(4), np.ones(4), np.ones(2))
    content = public(train_content(items, 4), "a catalogue")
    order = public(np.array([0, 2, 1, 3, 5, 4]), "a test")
    found = place_cold(public(table, "a model"), content, order)
    assert found.value.vectors[4:].argmax(axis=1).tolist() == [1, 0]
    assert found.public == ("a model", "a catalogue", "a test")
