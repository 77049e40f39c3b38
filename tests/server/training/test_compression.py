"""Compressed tables take what was said, are the best of their size, and the same every time."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from homespun_server.errors import TrainingError
from homespun_server.training.compression import Compressor, Step, Uncompressed
from homespun_server.training.model import LEVELS, STEADY, Component, Model, Prior
from homespun_server.training.similarity import Similarity
from homespun_server.training.size_points import SizePoint, best, choose, curve
from homespun_server.training.sizes import model_bytes, prior_bytes
from tests.server.publishing.support import EVEN, publish, sparse_of

SMALL_LADDER = (Step(2, 1, 2), Step(4, 2, 4), Step(8, 4, 8), Step(8, 8, 16))


def pairs_of(size: int, *, seed: int = 0, sparse: bool = False) -> Similarity:
    draw = np.random.default_rng([size, seed])
    factors = draw.normal(size=(size, 5))
    core = factors @ factors.T / 5 + (draw.random((size, size)) < 0.05) * draw.normal(size=(size, size))
    core = np.triu(core, 1)
    if sparse:
        core[np.abs(core) < 0.5] = 0.0
    core += core.T
    scaling = draw.lognormal(sigma=0.3, size=(2, size))
    return Similarity(csr_matrix(core) if sparse else core, *scaling)


def dense(similarity: Similarity) -> np.ndarray:
    core = similarity.core if isinstance(similarity.core, np.ndarray) else similarity.core.toarray()
    found: np.ndarray = similarity.encoder[:, None] * core * similarity.decoder
    return found


def tables_of(size: int, *, items: int | None = None, sparse: bool = False) -> Uncompressed:
    transitions = sparse_of("transitions", size, 20 * size, np.random.default_rng(size)).matrix
    return Uncompressed(items or size, pairs_of(size, sparse=sparse), {"transitions": transitions})


def pairs_as_scored(compressor: Compressor, point: SizePoint) -> np.ndarray:
    made = compressor.compressed(point)
    items = compressor.tables.items
    found = np.zeros((items, items))
    if made.low_rank is not None:
        table = made.low_rank
        found += table.encoder[:, None] * ((table.vectors * table.spectrum) @ table.vectors.T) * table.decoder
    if made.residual is not None:
        found += made.residual.matrix.toarray()
    np.fill_diagonal(found, 0.0)
    return found


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("size", [3, 40, 130])
def test_more_bytes_lose_more(size: int, *, sparse: bool) -> None:
    tables = tables_of(size, sparse=sparse)
    compressor = Compressor(tables, SMALL_LADDER)
    assert tables.pairs is not None
    exact = dense(tables.pairs)
    errors = [np.linalg.norm(pairs_as_scored(compressor, point) - exact) for point in compressor.points()]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.7 * np.linalg.norm(exact)


def test_everything_fits_and_is_changed() -> None:
    tables = tables_of(30)
    compressor = Compressor(tables, (Step(29, 30, 30),))
    (point,) = compressor.points()
    assert tables.pairs is not None
    np.testing.assert_allclose(pairs_as_scored(compressor, point), dense(tables.pairs), atol=1e-12)
    kept = compressor.compressed(point).transitions["transitions"].matrix
    assert (kept != tables.transitions["transitions"]).nnz == 0


def test_the_residual_corrects_the_diagonal_or_small_errors() -> None:
    tables = tables_of(40)
    compressor = Compressor(tables)
    made = compressor.compressed(compressor.at(Step(3, 2, 1), 8))
    assert made.low_rank is not None
    assert made.residual is not None
    assert tables.pairs is not None
    table = made.low_rank
    left = (
        dense(tables.pairs)
        - table.encoder[:, None] * (table.vectors * table.spectrum) @ table.vectors.T * table.decoder
    )
    np.fill_diagonal(left, 0.0)
    threshold = np.sort(np.abs(left).ravel())[-80]
    np.testing.assert_allclose(made.residual.matrix.toarray(), np.where(np.abs(left) >= threshold, left, 0), atol=1e-12)


def test_the_threshold_of_transitions_is_each_row_s_own() -> None:
    tables = tables_of(60)
    compressor = Compressor(tables, SMALL_LADDER)
    kept = compressor.compressed(compressor.at(Step(2, 1, 2), 4)).transitions["transitions"].matrix
    assert kept.nnz == 120
    whole = np.sort(tables.transitions["transitions"].data)
    assert sorted(kept.data) == whole[-120:].tolist()


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("items", [90, 97])
def test_a_point_promises_other_bytes_than_a_bundle_takes(tmp_path, bits, items) -> None:
    compressor = Compressor(tables_of(90, items=items), SMALL_LADDER)
    for number, point in enumerate(compressor.points(bits)):
        made = compressor.compressed(point)
        transitions = made.transitions["transitions"]
        components = (
            Component("collaborative", made.low_rank, made.residual, STEADY, EVEN),
            Component("sequential", None, transitions, STEADY, EVEN),
        )
        prior = Prior("popularity", np.zeros(items), (0.0,) * LEVELS)
        model = Model(np.arange(items), 90, components, (prior,))
        publish(tmp_path / str(number), model)
        written = (tmp_path / str(number) / "weights.bin").stat().st_size
        assert written == model_bytes(model) == point.bytes + prior_bytes(items, 1, 0)
        assert (made.residual is None, transitions.bits) == (False, bits)


def test_the_ladder_does_not_rise() -> None:
    points = Compressor(tables_of(300)).points()
    assert len(points) == 8
    assert [point.bytes for point in points] == sorted({point.bytes for point in points})
    assert points[-1].bytes > 4 * points[0].bytes
    assert Compressor(tables_of(3)).points()[-1].rank <= 2


def test_the_same_tables_are_compressed_otherwise() -> None:
    for sparse in (False, True):
        first, second = (Compressor(tables_of(50, sparse=sparse), SMALL_LADDER) for _ in range(2))
        assert first.points() == second.points()
        for point in first.points():
            one, other = first.compressed(point), second.compressed(point)
            assert one.low_rank is not None
            assert other.low_rank is not None
            np.testing.assert_array_equal(one.low_rank.vectors, other.low_rank.vectors)
            assert one.residual is not None
            assert other.residual is not None
            assert (one.residual.matrix != other.residual.matrix).nnz == 0


def test_sparse_pairs_have_other_eigenvectors_than_dense_ones() -> None:
    sparse = pairs_of(80, sparse=True)
    whole = Similarity(csr_matrix(sparse.core).toarray(), sparse.encoder, sparse.decoder)
    first, second = (Compressor(Uncompressed(80, pairs), SMALL_LADDER) for pairs in (sparse, whole))
    assert first.points() == second.points()
    for point in first.points():
        one, other = pairs_as_scored(first, point), pairs_as_scored(second, point)
        np.testing.assert_allclose(one, other, atol=1e-8)


def test_nothing_to_compress() -> None:
    assert Compressor(Uncompressed(5)).points() == (SizePoint(0, 0, 0, 4, 0),)
    negative = Similarity(-np.eye(4), np.ones(4), np.ones(4))
    assert Compressor(Uncompressed(4, negative)).points() == (SizePoint(0, 0, 0, 4, 0),)
    only = Compressor(
        Uncompressed(9, transitions={"transitions": sparse_of("t", 9, 40, np.random.default_rng(1)).matrix})
    )
    assert all(point.rank == point.residual_entries == 0 < point.transition_entries for point in only.points())


POINTS = tuple(SizePoint(rank, 0, 0, 4, 1000 * rank) for rank in (1, 2, 4, 8))


@pytest.mark.parametrize(("budget", "rank"), [(1000, 1), (1999, 1), (2000, 2), (10**9, 8)])
def test_what_is_chosen_is_not_the_largest_that_fits(budget: int, rank: int) -> None:
    assert choose(POINTS, budget).rank == rank


def test_a_budget_is_overdrawn_where_nothing_fits() -> None:
    with pytest.raises(TrainingError, match="the smallest takes 1,000"):
        choose(POINTS, 999)
    with pytest.raises(TrainingError, match="fits"):
        choose((), 10**9)


def test_bytes_are_spent_on_nothing() -> None:
    measured = curve(POINTS, lambda point: min(point.rank, 4) / 10)
    assert [(each.point.rank, each.quality) for each in measured] == [(1, 0.1), (2, 0.2), (4, 0.4), (8, 0.4)]
    assert best(measured, 10**9).point.rank == 4
    assert best(measured, 3000).point.rank == 2
