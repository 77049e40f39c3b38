"""Devices that send what no person adds: what is refused, and how much of it may pass at most.

A device that attacks knows everything but the key of the aggregators. It commits to any vector modulo p, and tries the
proofs of ``forged``; and it may search for commitments under which the projections happen to be small.
"""

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from homespun.protocol.collection.constants import MODULUS, TAIL
from homespun.protocol.collection.field import centre, encoded, of_integers, subtract_words
from homespun.protocol.collection.norm_proof import Numbers, prove
from homespun.protocol.collection.opening import expanded, helper_commitment, leader_commitment
from homespun.protocol.collection.shares import ShareForm, Split, split
from homespun.protocol.collection.splitting import Draft
from homespun.protocol.collection.xof import framed
from homespun.protocol.statistics.grid import GRID
from tests.conftest import Runs
from tests.sdk.protocol.collection.reports import (
    LARGE,
    SMALL,
    Aggregators,
    Integers,
    binding,
    entropy,
    forged,
    short,
)

BOTH = pytest.mark.parametrize("form", [SMALL, LARGE], ids=["small", "large"])
Damage = Callable[[Split], Split]


def cells(form: ShareForm, values: dict[int, int]) -> Integers:
    vector = np.zeros(form.size, np.int64)
    for place, value in values.items():
        vector[place] = value
    return vector


def passes(form: ShareForm, vector: Integers, tries: int = 5) -> bool:
    """Return whether one of the reports that a device without scruples makes of a vector is accepted."""
    aggregators = Aggregators(form)
    accepted = False
    for number in range(tries):
        for sent in forged(form, vector, binding(number), entropy(("forged", number))):
            accepted |= aggregators.accept(sent, binding(number))
    if not accepted:
        assert not aggregators.result.any(), "something of a refused report was added"
    return accepted


@BOTH
def test_random_shares_are_added(form: ShareForm, runs: Runs) -> None:
    aggregators = Aggregators(form)
    for number in runs("random shares", 500):
        draw = entropy(number)
        honest = split(form, short(form, number), binding(number), draw)
        noise = Split(draw(64), draw(form.leader_bytes), draw(form.helper_bytes))
        assert not aggregators.accept(noise, binding(number))
        # Committed to, but whatever the vector is: the two shares are of nothing in common.
        other = split(form, short(form, number), binding(number), draw)
        mixed = Split(honest.public[:32] + other.public[32:], honest.leader, other.helper)
        assert not aggregators.accept(mixed, binding(number))
    assert not aggregators.result.any()


@BOTH
def test_a_random_vector_is_added(form: ShareForm, runs: Runs) -> None:
    for number in runs("random vectors", 200):
        assert not passes(form, np.random.default_rng(number).integers(0, MODULUS, form.size), tries=2)


@BOTH
def test_a_thousand_times_the_norm_is_added(form: ShareForm) -> None:
    for number in range(5):
        assert not passes(form, 1000 * short(form, number))
    assert not passes(form, cells(form, {3: 1000 * form.bound}))


def test_a_negative_number_is_added_where_every_number_is_checked() -> None:
    for value in (-1, -SMALL.largest, SMALL.largest + 1, 2 * SMALL.largest, MODULUS // 2):
        assert not passes(SMALL, cells(SMALL, {0: value}))
        assert not passes(SMALL, short(SMALL, 1) + cells(SMALL, {31: value - int(short(SMALL, 1)[31])}))


def test_one_number_may_be_more_than_eight_times_the_bound() -> None:
    # Negative or not: eight times the bound is what one device may move one number by. Exactly that.
    most = TAIL * LARGE.bound
    assert passes(LARGE, cells(LARGE, {7: most}), tries=1)
    assert passes(LARGE, cells(LARGE, {7: -most}), tries=1)
    assert not passes(LARGE, cells(LARGE, {7: most + 1}))
    assert not passes(LARGE, cells(LARGE, {7: -most - 1}))


@pytest.mark.parametrize(
    "places", [(0, 1), (0, 30), (0, 31), (0, 1, 30, 31), (0, 1, 2, 3), (0, 1, 30, 31, 60, 61), tuple(range(30))]
)
@pytest.mark.parametrize("value", [9 * GRID, 1 << 20, (MODULUS + 1) // 2, pow(3, -1, MODULUS), pow(4, -1, MODULUS)])
def test_equal_numbers_cancel(places: tuple[int, ...], value: int) -> None:
    assert not passes(LARGE, cells(LARGE, dict.fromkeys(places, value)))
    signs = {place: value if even else -value for even, place in zip((True, False) * 15, places, strict=False)}
    assert not passes(LARGE, cells(LARGE, signs))


@pytest.mark.parametrize("spread", [2, 30, 900])
def test_a_search_for_commitments_lets_a_larger_norm_pass(spread: int) -> None:
    # 300 tries cost a device little; no norm of twelve times the bound is among what they find.
    numbers, vector = Numbers(LARGE), np.zeros(900, np.int64)
    vector[:spread] = 12 * LARGE.bound // int(spread**0.5)
    words = of_integers(vector).astype(np.uint32)
    for number in range(300):
        draft = Draft.draw(LARGE, words, binding(), entropy((spread, number)))
        found = centre(numbers.of(words, binding(), draft.public))
        assert prove(LARGE, found, draft.masks) is None


def searched(times: float, beside: float, opposite: int, hashes: int) -> bool:
    """Return whether a search finds commitments under which a number of ``times`` the bound passes.

    Beside it in its row are numbers of ``beside`` the bound. Where most of their signs are opposite to its own, they
    make every sum that holds them smaller, so that only such draws are looked at.
    """
    numbers, vector = Numbers(LARGE), np.zeros(LARGE.size, np.int64)
    vector[0], vector[1:30] = int(times * LARGE.bound), int(beside * LARGE.bound)
    words = of_integers(vector).astype(np.uint32)
    seed, blind = entropy("seed")(32), entropy("blind")(16)
    other = expanded(LARGE, seed, binding())
    begun = leader_commitment(binding(), blind, encoded(subtract_words(words, other.vector)))
    for number in range(hashes):
        public = begun + helper_commitment(binding(), seed + number.to_bytes(16, "big"))
        signs = hashlib.shake_128(framed("projections", binding(), public)).digest(4)
        first = format(int.from_bytes(signs, "big"), "032b")[:30]
        if first[1:].count("1" if first[0] == "0" else "0") >= opposite:
            found = centre(numbers.of(words, binding(), public))
            if int(np.abs(found).max()) <= TAIL * LARGE.bound:
                return True
    return False


def test_a_search_moves_one_number_further_than_said() -> None:
    # Nine and ten times the bound were found like this, eleven by others with 200,000 hashes; twelve by nobody yet.
    assert searched(9, 0.3, 24, 40_000), "the search does not find what is known to be there"
    assert not searched(12, 0.6, 24, 40_000)


@BOTH
def test_anything_in_the_proof_may_be_changed(form: ShareForm, runs: Runs) -> None:
    honest = split(form, short(form, 1), binding(), entropy(1))
    aggregators, start = Aggregators(form), 16 + 4 * form.size
    for number in runs("changed proofs", 400):
        draw = np.random.default_rng(number)
        changed = bytearray(honest.leader)
        changed[int(draw.integers(start, len(changed)))] ^= 1 << int(draw.integers(8))
        assert not aggregators.accept(Split(honest.public, bytes(changed), honest.helper), binding())
    assert aggregators.accept(honest, binding())
    assert aggregators.result.tolist() == short(form, 1).tolist()


@BOTH
def test_the_proof_of_another_report_holds(form: ShareForm) -> None:
    start = 16 + 4 * form.size
    mine = split(form, short(form, 1), binding(1), entropy(1))
    # Of another person; of the same person with another draw; of the same person for another report.
    others = [
        split(form, short(form, 2), binding(1), entropy(2)),
        split(form, short(form, 1), binding(1), entropy(2)),
        split(form, short(form, 1), binding(2), entropy(1)),
    ]
    for other in others:
        stolen = Split(mine.public, mine.leader[:start] + other.leader[start:], mine.helper)
        assert not Aggregators(form).accept(stolen, binding(1))


SWAPS: dict[str, Damage] = {
    "commitments": lambda one: Split(one.public[32:] + one.public[:32], one.leader, one.helper),
    "the leader's twice": lambda one: Split(one.public[:32] * 2, one.leader, one.helper),
    "another blind": lambda one: Split(one.public, bytes(16) + one.leader[16:], one.helper),
    "another seed": lambda one: Split(one.public, one.leader, bytes(32) + one.helper[32:]),
    "the helper's blind": lambda one: Split(one.public, one.leader, one.helper[:32] + bytes(16)),
    "one number": lambda one: Split(one.public, one.leader[:16] + bytes(4) + one.leader[20:], one.helper),
}


@BOTH
@pytest.mark.parametrize("swap", list(SWAPS))
def test_what_was_not_committed_to_is_taken(form: ShareForm, swap: str) -> None:
    honest = split(form, short(form, 1), binding(), entropy(1))
    assert not Aggregators(form).accept(SWAPS[swap](honest), binding())


@BOTH
def test_a_report_counts_again_elsewhere(form: ShareForm) -> None:
    sent = split(form, short(form, 1), binding(1, task=1, time=1000), entropy(1))
    aggregators = Aggregators(form)
    for elsewhere in (binding(2, task=1, time=1000), binding(1, task=2, time=1000), binding(1, task=1, time=1001), b""):
        assert not aggregators.accept(sent, elsewhere)
    assert not aggregators.result.any()
    assert aggregators.accept(sent, binding(1, task=1, time=1000))


@BOTH
@pytest.mark.parametrize("role", ["leader", "helper"])
def test_an_aggregator_that_changes_what_it_tells_has_its_way(form: ShareForm, role: str) -> None:
    # It may keep a report out of the sum; it cannot get a false one in, nor learn by trying.
    sent = split(form, short(form, 1), binding(), entropy(1))
    false = next(forged(form, 1000 * short(form, 1), binding(), entropy(2)))
    for report in (sent, false):
        both = Aggregators(form)
        own = both.leader.prepare([report.leader], [report.public], [binding()])
        other = both.helper.prepare([report.helper], [report.public], [binding()])
        honest, liar = (own, other) if role == "helper" else (other, own)
        (message,) = liar.messages
        assert message is not None
        for place in range(0, len(message), 4):
            lie = message[:place] + (12345).to_bytes(4, "little") + message[place + 4 :]
            assert honest.accepted([lie]).tolist() == [False]


@pytest.mark.parametrize("form", [SMALL, LARGE], ids=["small", "large"])
def test_a_hundredth_of_all_devices_moves_an_item_further_than_said(form: ShareForm) -> None:
    people, colluding, item = 1000, 10, 5
    most = form.largest if form is SMALL else TAIL * form.bound
    aggregators, honest = Aggregators(form), np.zeros(form.size, np.int64)
    for start in range(0, people - colluding, 99):
        vectors = [short(form, number) for number in range(start, start + 99)]
        honest += np.sum(vectors, axis=0)
        bindings = [binding(number) for number in range(start, start + 99)]
        splits = [split(form, one, bound, entropy(bound)) for one, bound in zip(vectors, bindings, strict=True)]
        assert all(aggregators.take(splits, bindings))
    for number in range(people, people + colluding):
        largest, larger = cells(form, {item: most}), cells(form, {item: most + 1})
        for vector, expected in ((largest, True), (larger, False)):
            (sent, *_) = forged(form, vector, binding(number), entropy(number))
            assert aggregators.accept(sent, binding(number)) is expected
    moved = aggregators.result - honest
    assert int(moved[item]) == colluding * most
    assert int(np.abs(np.delete(moved, item)).sum()) == 0
    # One hundredth of the devices, each with at most eight times what one person can add to an item.
    assert int(moved[item]) <= TAIL * form.bound * people // 100
