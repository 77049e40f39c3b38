"""What a person adds to an experiment is bounded exactly, in one row, and nothing for who was not in it."""

import math
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import Statistic, validated
from homespun.protocol.statistics.encoding import Encoder, encode_variants
from homespun.protocol.statistics.grid import GRID, MAX_BOUND
from homespun.protocol.statistics.standard import metric_sums, variant_outcomes
from homespun.protocol.statistics.variants import MAX_CAP, Measure, Variants

CTR = variant_outcomes(("control", "fresh"), (("seen", 20), ("clicks", 10)), (("clicks", "seen"),))
values = st.integers(0, 50) | st.sampled_from([MAX_CAP - 1, MAX_CAP, MAX_CAP + 1, 1 << 80])


@st.composite
def declared(draw: st.DrawFn) -> tuple[Statistic, Variants]:
    names = [f"measure-{number}" for number in range(draw(st.integers(1, 6)))]
    caps = st.integers(1, 30) | st.just(MAX_CAP)
    pair = st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True).map(lambda two: tuple(sorted(two)))
    pairs = draw(st.lists(pair, max_size=4, unique=True)) if len(names) > 1 else []
    variants = [f"variant-{number}" for number in range(draw(st.integers(1, 4)))]
    products = [(one, other) for one, other in pairs]
    statistic = variant_outcomes(variants, [(name, draw(caps)) for name in names], products)
    statistic = msgspec.structs.replace(statistic, l2_bound=draw(st.sampled_from([1, 2, 100, GRID, MAX_BOUND])))
    form = statistic.transformation
    assert isinstance(form, Variants)
    return statistic, form


@given(declared(), st.data())
def test_a_person_adds_more_than_the_bound_or_other_than_the_definition(
    case: tuple[Statistic, Variants], data: st.DataObject
) -> None:
    statistic, form = case
    variant = data.draw(st.integers(0, len(form.variants) - 1))
    given_values = data.draw(st.lists(values, min_size=len(form.measures), max_size=len(form.measures)))
    vector = encode_variants(statistic, variant, given_values)
    assert vector.dtype == np.int64
    assert vector.shape == (statistic.size,)
    assert sum(value**2 for value in vector.tolist()) <= statistic.l2_bound**2
    own = {
        measure.name: Fraction(min(value, measure.cap), measure.cap)
        for measure, value in zip(form.measures, given_values, strict=True)
    }
    unit = math.isqrt(statistic.l2_bound**2 // statistic.shape[1])
    products = [own[one] * own[other] for one, other in form.products]
    row = [unit, *(math.floor(unit * part) for part in (*own.values(), *(p * p for p in own.values()), *products))]
    table = vector.reshape(statistic.shape)
    assert table[variant].tolist() == row
    assert not np.delete(table, variant, axis=0).any()


@given(declared())
def test_who_met_no_variant_adds_something(case: tuple[Statistic, Variants]) -> None:
    statistic, _ = case
    assert not encode_variants(statistic, None, ()).any()


@given(declared())
def test_the_most_that_somebody_adds_wastes_the_bound(case: tuple[Statistic, Variants]) -> None:
    statistic, _ = case
    form = statistic.transformation
    assert isinstance(form, Variants)
    best = encode_variants(statistic, 0, [MAX_CAP] * len(form.measures))[: form.cells]
    assert len(set(best.tolist())) == 1
    assert form.cells * (int(best[0]) + 1) ** 2 > statistic.l2_bound**2


def test_a_sum_over_people_is_not_that_of_their_vectors() -> None:
    people = [(0, (20, 2)), (1, (10, 10)), (None, ()), (1, (99, 0))]
    total = sum(encode_variants(CTR, variant, own) for variant, own in people)
    unit = math.isqrt(GRID**2 // 6)
    assert np.array(total).reshape(CTR.shape).tolist() == [
        [unit, unit, unit * 2 // 10, unit, unit * 4 // 100, unit * 40 // 200],
        [2 * unit, unit // 2 + unit, unit, unit // 4 + unit, unit, unit * 100 // 200],
    ]


@pytest.mark.parametrize(
    ("statistic", "variant", "own", "problem"),
    [
        (metric_sums(["a"]), 0, (1,), "does not declare outcomes"),
        (CTR, 2, (1, 1), "no variant 2"),
        (CTR, -1, (1, 1), "no variant -1"),
        (CTR, 0, (1,), "a declared measure"),
        (CTR, 0, (1, 1, 1), "a declared measure"),
        (CTR, 0, (1, -1), "none of them negative"),
    ],
)
def test_outcomes_of_another_experiment_are_added(
    statistic: Statistic, variant: int, own: tuple[int, ...], problem: str
) -> None:
    with pytest.raises(MisuseError, match=problem):
        encode_variants(statistic, variant, own)


def test_a_history_is_encoded_as_outcomes() -> None:
    with pytest.raises(MisuseError, match="encode_variants"):
        Encoder(CTR)


SEEN, CLICKS = Measure(name="seen", cap=20), Measure(name="clicks", cap=10)


@pytest.mark.parametrize(
    ("variants", "measures", "products", "problem"),
    [
        (("a", "a"), (SEEN,), (), "stands twice among a, a"),
        (("a",), (SEEN, SEEN), (), "stands twice among seen, seen"),
        (("a",), (SEEN, CLICKS), (("seen", "clicks"), ("clicks", "seen")), "stands twice"),
        (("a",), (SEEN, CLICKS), (("seen", "seen"),), "no product of two different"),
        (("a",), (SEEN,), (("seen", "clicks"),), "no product of two different"),
    ],
)
def test_a_sum_is_declared_twice_or_of_nothing(
    variants: tuple[str, ...], measures: tuple[Measure, ...], products: tuple[tuple[str, str], ...], problem: str
) -> None:
    with pytest.raises(MisuseError, match=problem):
        Variants(variants=variants, measures=measures, products=products)


def test_a_cap_of_nothing_is_declared() -> None:
    with pytest.raises(MisuseError, match="is not valid"):
        validated(variant_outcomes(("a",), (("seen", 0),)))
