"""What is asked follows from the key and the report, and never where a value of a proof is known."""

import numpy as np
import pytest

from homespun.protocol.collection import norm_proof
from homespun.protocol.collection.bit_proof import POINTS
from homespun.protocol.collection.constants import MODULUS
from homespun.protocol.collection.norm_proof import Query, prove
from homespun.protocol.collection.shares import ShareForm
from tests.sdk.protocol.collection.reports import KEY, LARGE, SMALL, binding

BOTH = pytest.mark.parametrize("form", [SMALL, LARGE], ids=["small", "large"])
PUBLIC = bytes(64)


def asked(form: ShareForm, *, key: bytes = KEY, bound_to: bytes = b"", public: bytes = PUBLIC) -> list[object]:
    query = Query.draw(form, key, [(bound_to or binding(), public)])
    return [query.points.tolist(), query.squares.tolist(), query.sums.tolist()]


@BOTH
def test_two_reports_are_asked_the_same(form: ShareForm) -> None:
    every = [
        asked(form),
        asked(form, key=bytes(32)),
        asked(form, bound_to=binding(1)),
        asked(form, bound_to=binding(time=0)),
        asked(form, public=b"\1" + PUBLIC[1:]),
    ]
    for one in range(len(every)):
        for other in range(one):
            assert all(mine != theirs for mine, theirs in zip(every[one], every[other], strict=True))
    assert every[0] == asked(form)


@BOTH
def test_a_point_is_one_of_the_proof(form: ShareForm, monkeypatch: pytest.MonkeyPatch) -> None:
    # Points on the grid would reveal bits, and the same point twice would be one check and not two.
    squares = form.proof.squares
    stream = [0, 1, 2, *range(squares - 10, squares + 1), squares + 7, squares + 7, MODULUS - 1, squares + 1]

    def drawn(count: int, label: str, *_: bytes) -> object:
        plenty = np.array([*stream, *([5] * count)], np.uint32)
        return plenty[:count] if label == "points" else np.zeros(count, np.uint32)

    monkeypatch.setattr(norm_proof, "elements", drawn)
    (points,) = Query.draw(form, KEY, [(binding(), PUBLIC)]).points.tolist()
    assert points == [squares + 7, MODULUS - 1]
    assert len(points) == POINTS


@BOTH
def test_numbers_out_of_range_have_a_proof(form: ShareForm) -> None:
    masks = np.zeros(form.proof.wires * POINTS, np.uint64)
    least, most = -form.offset, form.range.largest - form.offset
    numbers = np.zeros(form.numbers, np.int64)
    for value, there in ((least, True), (most, True), (least - 1, False), (most + 1, False)):
        numbers[-1] = value
        assert (prove(form, numbers, masks) is not None) is there
