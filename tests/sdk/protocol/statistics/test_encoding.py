"""The encoder is the definition: what one person adds, whoever else is encoded beside them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.encoding import Contributions, Encoder
from homespun.protocol.statistics.histories import Histories
from homespun.protocol.statistics.standard import STANDARD, item_context, item_counts, metric_sums
from tests.conftest import Runs
from tests.sdk.protocol.statistics import reference
from tests.sdk.protocol.statistics.declarations import FORMS, HALF, Declare, cases, universe, wide
from tests.sdk.protocol.statistics.people import Did, Person, adversary, histories, person, together

ITEMS = 300
OF_HISTORIES = tuple(one for one in STANDARD if one.name not in {"metric-sums", "experiment"})


def encoded(statistic: Statistic, people: list[Person]) -> list[dict[int, int]]:
    """Encode everybody in one batch, and return what each adds, cell by cell."""
    found = Encoder(statistic).encode(histories(people))
    check_order(statistic, found, len(people))
    each: list[dict[int, int]] = [{} for _ in people]
    for owner, cell, value in zip(*plain(found), strict=True):
        each[owner][cell] = value
    return each


def plain(found: Contributions) -> list[list[int]]:
    return [found.owners.tolist(), found.cells.tolist(), found.values.tolist()]


def check_order(statistic: Statistic, found: Contributions, people: int) -> None:
    keys = list(zip(found.owners.tolist(), found.cells.tolist(), strict=True))
    assert keys == sorted(set(keys)), "a cell stands twice, or out of order"
    assert all(0 <= owner < people and 0 <= cell < statistic.size for owner, cell in keys)
    assert min(found.values.tolist(), default=0) >= 0
    assert found.owners.dtype == found.cells.dtype == found.values.dtype == np.int64


@pytest.mark.parametrize("form", FORMS)
@HALF
@given(st.data())
def test_what_a_person_adds_differs_from_the_definition(form: Declare, data: st.DataObject) -> None:
    statistic, people = data.draw(cases(form))
    assert encoded(statistic, people) == [reference.contribution(statistic, one) for one in people]


def batch_of(draw: np.random.Generator) -> list[Histories]:
    sizes = draw.permutation([0, 0, 1, 10, 300, int(draw.integers(1, 2000))])
    return [adversary(draw, ITEMS, int(size)) for size in sizes]


def test_what_a_person_adds_depends_on_who_else_is_there(runs: Runs) -> None:
    declared = wide(ITEMS)
    for number in runs("contribution in a batch", 300):
        each = batch_of(np.random.default_rng(number))
        statistic = declared[number % len(declared)]
        encoder = Encoder(statistic)
        alone = [plain(encoder.encode(one)) for one in each]
        found = encoder.encode(together(each))
        check_order(statistic, found, len(each))
        for place, (_, cells, values) in enumerate(alone):
            own = found.owners == place
            assert [found.cells[own].tolist(), found.values[own].tolist()] == [cells, values]


@pytest.mark.parametrize("statistic", OF_HISTORIES, ids=lambda one: one.name)
def test_nobody_or_somebody_without_events_adds_something(statistic: Statistic) -> None:
    encoder = Encoder(statistic)
    assert plain(encoder.encode(histories([]))) == [[], [], []]
    assert plain(encoder.encode(histories([person()]))) == [[], [], []]
    busy = person(Did(1, 5, "like", 1.0, 0), Did(2, 6, "like", 1.0, 0))
    assert set(encoder.encode(histories([person(), busy, person()])).owners.tolist()) == {1}


def test_what_is_found_and_what_is_clipped_are_one_step() -> None:
    encoder = Encoder(item_counts(universe(3)))
    found = encoder.cells(histories([person(Did(0), Did(2))]))
    assert found.weights.tolist() == [1, 1]
    assert plain(encoder.clip(found, 1)) == [[0, 0], [0, 2], [5792, 5792]]


def test_an_item_that_the_universe_does_not_have_is_counted() -> None:
    encoder = Encoder(item_counts(universe(3)))
    with pytest.raises(MisuseError, match="not in its universe of 3"):
        encoder.encode(histories([person(Did(3))]))


def test_a_context_that_was_not_given_is_counted_as_none() -> None:
    encoder = Encoder(item_context(universe(3), "device", ["tv"]))
    with pytest.raises(MisuseError, match="no context 'device'"):
        encoder.encode(histories([person(Did(1))]))


def test_metrics_are_encoded_from_a_history() -> None:
    with pytest.raises(MisuseError, match="encode_metrics"):
        Encoder(metric_sums(["ndcg"]))
