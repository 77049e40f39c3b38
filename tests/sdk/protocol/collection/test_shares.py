"""Shares add up to what was split, both aggregators agree, and whatever is malformed is refused by both."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.collection.field import encoded
from homespun.protocol.collection.opening import opened
from homespun.protocol.collection.shares import Prepared, ShareForm, ShareVerifier, split
from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.encoding import Encoder, encode_metrics, encode_variants
from homespun.protocol.statistics.standard import STANDARD
from tests.conftest import Runs
from tests.sdk.protocol.collection.reports import KEY, LARGE, SMALL, Aggregators, Integers, binding, entropy, short
from tests.sdk.protocol.statistics.people import adversary

FORMS = [SMALL, LARGE, ShareForm(1, 1, 1), ShareForm(128, 1 << 16, 1 << 16), ShareForm(129, 3, 3)]
BOTH = pytest.mark.parametrize("form", [SMALL, LARGE], ids=["small", "large"])


def somebody(statistic: Statistic, seed: int) -> Integers:
    """Encode somebody, with the encoder that tables are summed with."""
    draw = np.random.default_rng(seed)
    if statistic.name == "metric-sums":
        return encode_metrics(statistic, draw.random((1, statistic.size - 1))).values
    if statistic.name == "experiment":
        return encode_variants(statistic, int(draw.integers(2)), [int(value) for value in draw.integers(0, 200, 3)])
    found = Encoder(statistic).encode(adversary(draw, 1000, int(draw.integers(1, 2000))))
    vector = np.zeros(statistic.size, np.int64)
    vector[found.cells] = found.values
    return vector


@pytest.mark.parametrize("statistic", STANDARD, ids=lambda one: one.name)
def test_the_sum_of_shares_differs_from_that_of_a_table(statistic: Statistic) -> None:
    form = ShareForm.of(statistic)
    people = [somebody(statistic, seed) for seed in range(3)]
    bindings = [binding(place) for place in range(3)]
    aggregators = Aggregators(form)
    splits = [split(form, one, bound_to, entropy(bound_to)) for one, bound_to in zip(people, bindings, strict=True)]
    assert aggregators.take(splits, bindings) == [True] * 3
    assert aggregators.result.tolist() == np.sum(people, axis=0).tolist()
    assert any(vector.any() for vector in people)


@given(st.sampled_from(FORMS), st.integers(0, 1 << 30), st.data())
def test_an_honest_report_is_refused(form: ShareForm, seed: int, data: st.DataObject) -> None:
    aggregators, total = Aggregators(form), np.zeros(form.size, np.int64)
    for number in range(data.draw(st.integers(1, 3))):
        vector = np.zeros(form.size, np.int64) if number == 2 else short(form, seed + number)
        sent = split(form, vector, binding(number), entropy(seed + number))
        assert (len(sent.leader), len(sent.helper), len(sent.public)) == (form.leader_bytes, form.helper_bytes, 64)
        assert aggregators.accept(sent, binding(number))
        total += vector
    assert aggregators.result.tolist() == total.tolist()


def test_reports_depend_on_their_neighbours(runs: Runs) -> None:
    for number in runs("job of reports", 100):
        form = FORMS[number % 2]
        splits = [split(form, short(form, number + i), binding(i), entropy((number, i))) for i in range(4)]
        together, alone = Aggregators(form), Aggregators(form)
        mixed = [binding(0), binding(7), binding(2), binding(3)]  # the second is of another report
        accepted = together.take(splits, mixed)
        assert accepted == [True, False, True, True]
        assert accepted == [alone.accept(one, bound_to) for one, bound_to in zip(splits, mixed, strict=True)]
        assert together.result.tolist() == alone.result.tolist()


@BOTH
def test_a_message_has_another_length(form: ShareForm) -> None:
    sent = split(form, short(form, 1), binding(), entropy(1))
    for role, share in (("leader", sent.leader), ("helper", sent.helper)):
        (message,) = prepared(form, role, share, sent.public).messages
        assert message is not None
        assert len(message) == form.verifier_bytes


def prepared(form: ShareForm, role: str, share: bytes, public: bytes) -> Prepared:
    return ShareVerifier(form, "leader" if role == "leader" else "helper", KEY).prepare([share], [public], [binding()])


@BOTH
@pytest.mark.parametrize("role", ["leader", "helper"])
def test_a_malformed_share_is_opened(form: ShareForm, role: str) -> None:
    sent = split(form, short(form, 1), binding(), entropy(1))
    share = getattr(sent, role)
    no_element = share[:-4] + b"\xff" * 4
    wrong = [b"", share[:-1], share + b"\0", bytes(len(share)), no_element, bytes([share[0] ^ 1]) + share[1:]]
    for changed in wrong:
        made = prepared(form, role, changed, sent.public)
        assert made.messages == (None,)
        assert made.accepted([bytes(form.verifier_bytes)]).tolist() == [False]
    for public in (b"", sent.public[:-1], sent.public + b"\0", sent.public[32:] + sent.public[:32], bytes(64)):
        assert prepared(form, role, share, public).messages == (None,)


@BOTH
def test_a_malformed_message_convinces(form: ShareForm) -> None:
    sent = split(form, short(form, 1), binding(), entropy(1))
    (right,) = prepared(form, "helper", sent.helper, sent.public).messages
    assert right is not None
    leader = prepared(form, "leader", sent.leader, sent.public)
    for wrong in (None, b"", right[:-1], right + b"\0", right[:-4] + b"\xff" * 4, bytes(len(right))):
        assert leader.accepted([wrong]).tolist() == [False]
    for place in range(0, len(right), 4):
        changed = bytearray(right)
        changed[place] ^= 1
        assert leader.accepted([bytes(changed)]).tolist() == [False]
    assert leader.accepted([right]).tolist() == [True]


def test_no_reports_are_an_error() -> None:
    made = ShareVerifier(LARGE, "leader", KEY).prepare([], [], [])
    assert made.messages == ()
    assert made.accepted([]).tolist() == []
    total = np.arange(LARGE.size, dtype=np.uint64)
    made.add_accepted(np.zeros(0, np.bool_), total)
    assert total.tolist() == list(range(LARGE.size))


@BOTH
def test_a_refused_report_is_added(form: ShareForm) -> None:
    sent = split(form, short(form, 1), binding(), entropy(1))
    made = prepared(form, "helper", sent.helper[:-1], sent.public)
    total = np.zeros(form.size, np.uint64)
    with pytest.raises(MisuseError):
        made.add_accepted(np.ones(1, np.bool_), total)
    with pytest.raises(MisuseError):
        made.accepted([])


@BOTH
def test_two_keys_ask_the_same(form: ShareForm) -> None:
    sent = split(form, short(form, 1), binding(), entropy(1))
    messages = {
        ShareVerifier(form, "helper", key).prepare([sent.helper], [sent.public], [binding()]).messages
        for key in (KEY, bytes(32))
    }
    assert len(messages) == 2
    with pytest.raises(MisuseError):
        ShareVerifier(form, "helper", KEY[:-1])


@BOTH
def test_what_is_no_contribution_is_split(form: ShareForm) -> None:
    good = short(form, 1)
    above, long = np.zeros((2, form.size), np.int64)
    above[0] = form.largest + 1
    long[:] = form.bound // int(form.size**0.5) + 1
    wrongs: list[Any] = [good[:-1], good.astype(np.float64), -good, above, long]
    for wrong in wrongs:
        with pytest.raises(MisuseError):
            split(form, wrong, binding(), entropy(1))


def test_a_projection_out_of_range_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    # It happens once in 10¹¹ reports; here the range is so small that only few draws are inside.
    form = ShareForm(900, 64, 64)
    vector = np.zeros(900, np.int64)
    vector[::20] = 9
    monkeypatch.setattr(ShareForm, "offset", property(lambda _: 80))
    drawn: list[int] = []
    draw = entropy(1)

    def counted(length: int) -> bytes:
        drawn.append(length)
        return draw(length)

    assert Aggregators(form).accept(split(form, vector, binding(), counted), binding())
    assert len(drawn) > 4
    assert len(drawn) % 4 == 0, "part of an earlier draw was used again"


def test_a_printed_report_shows_its_shares() -> None:
    sent = split(SMALL, short(SMALL, 1), binding(), entropy(1))
    found = opened(SMALL, "helper", sent.helper, sent.public, binding())
    assert found is not None
    for shown in (repr(sent), str(sent), repr(found)):
        assert "object at" in shown
        assert len(shown) < 200


def test_elements_are_in_another_order() -> None:
    assert encoded(np.array([1, 1 << 24], np.uint64)) == b"\1\0\0\0\0\0\0\1"
