"""A model whose parts do not fit each other is never made."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from homespun.errors import MisuseError
from homespun_server.training.model import (
    LEVELS,
    STEADY,
    Archetypes,
    Component,
    Context,
    Kernel,
    LowRank,
    Prior,
    Repeats,
    SparseRows,
)
from tests.server.publishing.support import EVEN, model_of


def low_rank(**changes: Any) -> LowRank:
    parts = {"vectors": np.ones((3, 2)), "encoder": np.ones(3), "decoder": np.ones(3), "spectrum": np.ones(2)}
    return LowRank("t", **(parts | changes))


def context(feature: str, own: tuple[float, ...] | None = None) -> Context:
    return Context(feature, ("a",), np.zeros((1, 5)), EVEN, own)


def unsorted() -> csr_matrix:
    return csr_matrix((np.ones(2), np.array([1, 0]), np.array([0, 2, 2])), shape=(2, 2))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vectors": np.ones((4, 2))}, "do not fit"),
        ({"vectors": np.ones(3)}, "do not fit"),
        ({"spectrum": np.ones(3)}, "do not fit"),
        ({"decoder": np.ones((3, 1))}, "do not fit"),
        ({"vectors": np.ones((3, 0)), "spectrum": np.ones(0)}, "empty"),
        ({"encoder": np.array([1.0, np.nan, 1.0])}, "NaN or infinity"),
        ({"spectrum": np.array([np.inf, 1.0])}, "NaN or infinity"),
        ({"vectors": np.ones((3, 2), np.float32)}, "float64 is needed"),
    ],
)
def test_a_low_rank_table_does_not_fit_itself(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        low_rank(**changes)


@pytest.mark.parametrize("name", ["", "T", "a b", "priors", "context", "x" * 33, "t.encoder", "t\n"])
def test_a_table_has_the_name_of_something_else(name: str) -> None:
    with pytest.raises(MisuseError, match="no lower-case word"):
        SparseRows(name, csr_matrix((2, 2)), 4)


@pytest.mark.parametrize(
    ("matrix", "bits", "said"),
    [
        (csr_matrix((2, 3)), 4, "not square"),
        (csr_matrix((2, 2)), 5, "5 bits"),
        (unsorted(), 4, "canonical"),
        (csr_matrix(np.array([[0.0, np.inf], [0.0, 0.0]])), 4, "NaN or infinity"),
        (csr_matrix(np.eye(2, dtype=np.float32)), 8, "float64 is needed"),
    ],
)
def test_a_sparse_table_cannot_be_read(matrix: csr_matrix, bits: Any, said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        SparseRows("t", matrix, bits)


def test_a_sparse_table_is_changed_afterwards() -> None:
    table = SparseRows("t", csr_matrix(np.eye(3)), 8)
    with pytest.raises(ValueError, match="read-only"):
        table.matrix.data[0] = 5.0


@pytest.mark.parametrize("decay", [0.0, -1.0, np.nan, np.inf])
def test_a_kernel_grows_instead_of_decaying(decay: float) -> None:
    with pytest.raises(MisuseError, match="decays over"):
        Kernel(decay, None, ordered=True)
    with pytest.raises(MisuseError, match="decays over"):
        Kernel(None, decay, ordered=True)


@pytest.mark.parametrize("weights", [(1.0,) * (LEVELS - 1), (), (1.0,) * (LEVELS - 1) + (np.nan,)])
def test_a_weight_of_some_level_is_missing(weights: tuple[float, ...]) -> None:
    zeros, said = np.zeros(3), "one per activity level|not finite"
    with pytest.raises(MisuseError, match=said):
        Component("content", low_rank(), None, STEADY, weights)
    with pytest.raises(MisuseError, match=said):
        Prior("popularity", zeros, weights)
    with pytest.raises(MisuseError, match=said):
        Context("daytime", ("night",), zeros[None], weights)
    with pytest.raises(MisuseError, match=said):
        Context("daytime", ("night",), zeros[None], EVEN, weights)
    with pytest.raises(MisuseError, match=said):
        Archetypes(zeros[None], weights)
    with pytest.raises(MisuseError, match=said):
        Repeats(EVEN, weights)


def test_a_component_without_a_table() -> None:
    with pytest.raises(MisuseError, match="has no table"):
        Component("content", None, None, STEADY, EVEN)


@pytest.mark.parametrize(
    ("values", "rows"), [((), 0), (("a", "a"), 2), (("a", "b"), 3)], ids=["none", "twice", "other rows"]
)
def test_a_context_s_values_are_not_its_rows(values: tuple[str, ...], rows: int) -> None:
    with pytest.raises(MisuseError, match=r"no values|a value twice|another number"):
        Context("daytime", values, np.zeros((rows, 3)), EVEN)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"items": np.array([1, 1, 2, 3, 4])}, "an item twice"),
        ({"items": np.arange(6)}, "about 6 items"),
        ({"items": np.zeros(0, np.int64)}, "no items"),
        ({"learned": 6}, "6 of 5 items"),
        ({"learned": -1}, "-1 of 5 items"),
        ({"learned": 5, "new_items_every": 3}, "there are none"),
        ({"new_items_every": -1}, "every place -1"),
        ({"components": ()}, "no component or no prior"),
        ({"priors": ()}, "no component or no prior"),
        ({"priors": (Prior("popularity", np.zeros(5), EVEN), Prior("popularity", np.ones(5), EVEN))}, "a name twice"),
        ({"priors": (Prior("popularity", np.zeros(4), EVEN),)}, "about 5 items"),
        ({"archetypes": Archetypes(np.zeros((2, 4)), EVEN)}, "about 5 items"),
        ({"contexts": (Context("c", ("a",), np.zeros((1, 4)), EVEN),)}, "about 5 items"),
        ({"repeats": None}, "no repeats are scored"),
        ({"contexts": (context("c", EVEN), context("c:own"))}, "a name twice: c, c:own, c:own"),
    ],
)
def test_parts_of_a_model_do_not_belong_together(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        replace(model_of(5), **changes)


def test_two_tables_have_one_name() -> None:
    model = model_of(5)
    twin = replace(model.components[2], sparse=SparseRows("transitions", model.sparse[1].matrix * 2, 4))
    with pytest.raises(MisuseError, match="a name twice: collaborative, content, residual, transitions, transitions"):
        replace(model, components=(*model.components[:2], twin, model.components[3]))


def test_a_wider_table_scores_what_it_does_not_know() -> None:
    wide = low_rank().widened(5)
    dense = wide.encoder[:, None] * ((wide.vectors * wide.spectrum) @ wide.vectors.T) * wide.decoder
    assert dense.tolist() == [[2.0] * 3 + [0.0] * 2] * 3 + [[0.0] * 5] * 2
    table = SparseRows("t", csr_matrix(np.diag([1.0, 2.0, 3.0])), 4)
    assert table.widened(4).matrix.toarray().tolist() == np.diag([1.0, 2.0, 3.0, 0.0]).tolist()
    for part in (low_rank(), table):
        with pytest.raises(MisuseError, match="more than 2 items"):
            part.widened(2)
