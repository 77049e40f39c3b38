"""What everybody knows of shares follows from the statistic alone."""

from itertools import product

import msgspec
import pytest

from homespun.errors import MisuseError
from homespun.protocol.collection.form import MAX_COUNTED, ShareForm, largest_cell
from homespun.protocol.collection.projections import MAX_NUMBERS
from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.grid import GRID
from homespun.protocol.statistics.standard import STANDARD, metric_sums, variant_outcomes


@pytest.mark.parametrize("statistic", STANDARD, ids=lambda one: one.name)
def test_a_form_contradicts_its_statistic(statistic: Statistic) -> None:
    form = ShareForm.of(statistic)
    assert (form.size, form.bound) == (statistic.size, statistic.l2_bound)
    assert form.projected == (statistic.size > MAX_COUNTED)
    assert form.leader_bytes == 16 + 4 * (form.size + form.proof.size)
    assert form.helper_bytes == 48
    assert form.verifier_bytes == 8 * (form.proof.wires + 2)


def test_a_cell_may_be_larger_than_what_is_encoded() -> None:
    metrics = metric_sums(("a", "b", "c"))
    assert largest_cell(metrics) == GRID // 2
    sums = variant_outcomes(("x", "y"), (("a", 3),), ())
    assert largest_cell(sums) == 4729  # the bound over √3, rounded down
    assert ShareForm.of(sums).range.largest == 4729


def test_a_report_is_larger_than_it_has_to_be() -> None:
    # 32 numbers in four kilobytes, 499,500 in little more than their own two million bytes.
    assert ShareForm(32, GRID, 1448).leader_bytes + 48 < 4000
    assert ShareForm(499_500, GRID, GRID).leader_bytes < 1.04 * 4 * 499_500


@pytest.mark.parametrize("size", [0, MAX_NUMBERS + 1])
def test_more_numbers_than_can_be_checked_are_taken(size: int) -> None:
    with pytest.raises(MisuseError):
        ShareForm(size, GRID, GRID)


def test_two_bounds_have_one_form() -> None:
    forms = {
        ShareForm.of(msgspec.structs.replace(one, l2_bound=bound))
        for one, bound in product(STANDARD[:2], (1, 100, GRID, 1 << 16))
    }
    assert len(forms) == 8
    assert all(form.range.largest >= form.bound for form in forms)
