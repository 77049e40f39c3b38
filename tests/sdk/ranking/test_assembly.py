from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.ranking.assembly import Assembled, Cap, Pin, Plan, Reserve, assemble

SIZE = 10
ORDER = list(range(SIZE))


def mask(*places: int) -> Any:
    found = np.zeros(SIZE, np.bool_)
    found[list(places)] = True
    return found


def listed(made: Assembled) -> list[int]:
    return [placed.candidate for placed in made.places]


def test_a_list_without_wishes_changes_the_order() -> None:
    made = assemble([3, 1, 2], Plan(2))
    assert listed(made) == [3, 1]
    assert {placed.cause for placed in made.places} == {"order"}


def test_a_pinned_item_stands_twice_or_elsewhere() -> None:
    made = assemble(ORDER, Plan(4, pins=[Pin(7, 3, mask(0, 9))]))
    assert listed(made) == [1, 2, 0, 3]
    assert made.places[2] == (0, "pin", 7, 1.0)


def test_two_pins_at_one_place_lose_one() -> None:
    made = assemble(ORDER, Plan(4, pins=[Pin(0, 2, mask(8)), Pin(1, 2, mask(9))]))
    assert listed(made) == [0, 8, 9, 1]


def test_a_pin_that_nothing_fits_is_not_told() -> None:
    made = assemble(ORDER[:3], Plan(3, pins=[Pin(4, 1, mask(9)), Pin(5, 9, mask(1))]))
    assert (listed(made), made.unmet) == ([0, 1, 2], frozenset({4, 5}))


def test_a_pin_exceeds_a_cap() -> None:
    made = assemble(ORDER, Plan(3, pins=[Pin(0, 1, mask(8)), Pin(1, 2, mask(9))], caps=[Cap(1, mask(0, 8, 9))]))
    assert (listed(made), made.unmet) == ([8, 1, 2], frozenset({1}))


def test_a_pin_behind_the_last_candidate_is_lost() -> None:
    assert listed(assemble([0, 1], Plan(9, pins=[Pin(0, 8, mask(0))]))) == [1, 0]


def test_a_kept_place_goes_to_somebody_else() -> None:
    made = assemble(ORDER, Plan(6, kept_every=3, kept=mask(7, 8)))
    assert listed(made) == [0, 1, 7, 2, 3, 8]
    assert [placed.cause for placed in made.places].count("kept") == 2


def test_who_is_next_in_order_is_said_to_have_a_kept_place() -> None:
    made = assemble(ORDER, Plan(3, kept_every=2, kept=mask(1, 7), reserves=[Reserve(4, 1.0, mask(0, 2, 9))]))
    assert listed(made) == [0, 1, 2]
    assert {placed.cause for placed in made.places} == {"order"}
    assert made.unmet == frozenset()


def test_a_share_is_given_on_top_of_what_has_a_place_anyway() -> None:
    made = assemble(ORDER, Plan(4, reserves=[Reserve(0, 0.5, mask(0, 1, 8, 9))]))
    assert listed(made) == [0, 1, 2, 3]
    made = assemble(ORDER, Plan(4, reserves=[Reserve(0, 0.5, mask(6, 8, 9))]))
    assert listed(made) == [0, 6, 1, 8]


def test_a_share_of_a_third_falls_short_by_rounding() -> None:
    made = assemble(ORDER, Plan(9, reserves=[Reserve(0, 1 / 3, mask(7, 8, 9))]))
    assert set(listed(made)) >= {7, 8, 9}


def test_an_explored_place_does_not_say_how_likely_it_was() -> None:
    offered = []

    def explore(candidates: Any) -> tuple[int, float]:
        offered.append(list(candidates))
        return candidates[-1], 0.25

    plan = Plan(3, caps=[Cap(0, mask(9))], explored=frozenset({2}), explore=explore, pins=[Pin(0, 3, mask(8))])
    made = assemble(ORDER, plan)
    assert listed(made) == [0, 7, 8]
    assert made.places[1] == (7, "explore", None, 0.25)
    assert offered == [[1, 2, 3, 4, 5, 6, 7]]


masks = st.sets(st.integers(0, SIZE - 1)).map(lambda places: mask(*places))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    return Plan(
        length=draw(st.integers(1, 12)),
        pins=[Pin(number, draw(st.integers(1, 14)), draw(masks)) for number in range(draw(st.integers(0, 3)))],
        caps=[Cap(draw(st.integers(0, 4)), draw(masks)) for _ in range(draw(st.integers(0, 3)))],
        reserves=[
            Reserve(10 + number, draw(st.floats(0, 1)), draw(masks)) for number in range(draw(st.integers(0, 2)))
        ],
        kept_every=draw(st.integers(0, 4)),
        kept=draw(masks),
        explored=frozenset(draw(st.sets(st.integers(1, 12)))),
        explore=draw(st.sampled_from([None, lambda candidates: (candidates[-1], 0.5)])),
    )


@given(st.permutations(ORDER), st.integers(0, SIZE), plans())
def test_any_plan_breaks_a_cap_moves_a_pin_or_loses_a_place(order: list[int], size: int, plan: Plan) -> None:
    order = order[:size]
    made = assemble(order, plan)
    chosen = listed(made)
    assert len(set(chosen)) == len(chosen) <= plan.length
    assert set(chosen) <= set(order)
    for cap in plan.caps:
        assert int(cap.fits[chosen].sum()) <= cap.at_most
    if len(chosen) < plan.length:
        # Whatever was left out is kept out by a cap that is full.
        full = [cap for cap in plan.caps if int(cap.fits[chosen].sum()) == cap.at_most]
        assert all(any(cap.fits[each] for cap in full) for each in set(order) - set(chosen))
    else:
        by_rule = {placed.rule: number for number, placed in enumerate(made.places, 1) if placed.cause == "pin"}
        for pin in plan.pins:
            assert (pin.rule in by_rule) is not (pin.rule in made.unmet)
            assert by_rule.get(pin.rule, pin.place) >= pin.place
        met = [pin for pin in plan.pins if pin.rule in by_rule]
        if len({pin.place for pin in plan.pins}) == len(plan.pins) == len(met) == 1:
            assert by_rule[met[0].rule] == met[0].place
    assert assemble(order, plan) == made


@given(st.permutations(ORDER), st.floats(0, 1), masks, st.integers(1, SIZE))
def test_a_share_is_not_given_although_there_is_enough(order: list[int], share: float, fits: Any, length: int) -> None:
    chosen = listed(assemble(order, Plan(length, reserves=[Reserve(0, share, fits)])))
    assert int(fits[chosen].sum()) >= min(int(share * length), int(fits.sum()))


@pytest.mark.parametrize("length", [1, 5])
def test_nothing_to_list_is_an_error(length: int) -> None:
    assert assemble([], Plan(length, pins=[Pin(0, 1, mask(1))])) == Assembled((), frozenset({0}))
