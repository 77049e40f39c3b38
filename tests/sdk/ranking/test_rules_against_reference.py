"""Compiled rules say the same as a plain reading of the data, whatever they are made of."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from homespun.protocol.policy.conditions import Condition, HistoryTest, ItemTest
from homespun.protocol.policy.rules import Action, Boost, Bury, Cap, Filter, Pin, Reserve, Rule
from homespun.ranking.rules import Conditions, Past, RuleBook
from homespun.ranking.rules.items import fitting
from tests.sdk.ranking.rule_reference import FakeShelf, counted, holds, item_fits
from tests.sdk.ranking.rule_strategies import (
    DAY,
    NOW,
    conditions,
    events,
    history_tests,
    item_tests,
    shelves,
    situations,
)

SURFACES = ("home", "search", "elsewhere")
BEGINNING = datetime.fromtimestamp(NOW, UTC)
moments = st.sampled_from([BEGINNING - timedelta(days=2), BEGINNING, BEGINNING + timedelta(days=2)])
ACTIONS: list[Action] = [Boost(1.5), Boost(0.25), Bury(2.0), Filter(), Pin(2), Cap(1), Reserve(0.5)]
actions = st.sampled_from(ACTIONS)
periods = st.lists(moments, unique=True, min_size=2, max_size=2).map(sorted)
surface_names = st.none() | st.lists(st.sampled_from(SURFACES[:2]), min_size=1, unique=True).map(tuple)


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    found = []
    for number in range(draw(st.integers(0, 20))):
        since, until = draw(periods)
        found.append(
            Rule(
                name=f"rule {number}",
                then=draw(actions),
                items=draw(st.none() | item_tests),
                when=draw(st.none() | conditions),
                since=draw(st.none() | st.just(since)),
                until=draw(st.none() | st.just(until)),
                surfaces=draw(surface_names),
            )
        )
    return found


@given(shelves(), item_tests, st.data())
def test_an_item_fits_that_does_not(shelf: FakeShelf, test: ItemTest, data: st.DataObject) -> None:
    expected = [item_fits(test, thing) for thing in shelf.things]
    assert fitting(test, shelf).tolist() == expected
    places = data.draw(st.lists(st.integers(0, shelf.size - 1)) if shelf.size else st.just([]))
    found = fitting(test, shelf, np.array(places, np.int64))
    assert found.tolist() == [expected[place] for place in places]


@given(shelves(), events, st.lists(history_tests, min_size=1, max_size=4), st.sampled_from([NOW, NOW - DAY]))
def test_an_event_is_counted_that_is_not_meant(
    shelf: FakeShelf, known: list, tests: list[HistoryTest], now: float
) -> None:
    past = Past(known, shelf)
    for moment in (now, now + 1, now):
        for test in tests:
            assert past.count(test, moment) == counted(test, known, shelf.things, moment)


@given(shelves(), st.lists(conditions, min_size=1, max_size=5), st.data())
def test_a_condition_holds_that_does_not(shelf: FakeShelf, given_: list[Condition], data: st.DataObject) -> None:
    compiled = Conditions(given_)
    situation, known = data.draw(situations(shelf))
    answers = compiled.answers(situation)
    expected = [holds(condition, situation, known, shelf.things) for condition in given_]
    assert [answers[number] for number in compiled.numbers] == expected
    assert compiled.holding(situation) == [answer is True for answer in expected]


@given(shelves(), rules(), st.data())
def test_a_rule_acts_where_or_on_what_it_should_not(shelf: FakeShelf, given_: list[Rule], data: st.DataObject) -> None:
    situation, known = data.draw(situations(shelf, SURFACES))
    book = RuleBook(given_, shelf, shelf.popularity)
    firing = book.firing(situation)
    acting = [
        rule
        for rule in given_
        if (rule.surfaces is None or situation.surface in rule.surfaces)
        and (rule.since is None or rule.since.timestamp() <= situation.now)
        and (rule.until is None or situation.now < rule.until.timestamp())
        and (rule.when is None or holds(rule.when, situation, known, shelf.things) is True)
    ]
    assert list(firing.rules) == acting
    assert [report.name for report in book.report(situation) if report.holds] == [rule.name for rule in acting]

    places = np.array(data.draw(st.permutations(range(shelf.size))), np.int64)
    things = [shelf.things[place] for place in places.tolist()]
    fits = {rule.name: [rule.items is None or item_fits(rule.items, thing) for thing in things] for rule in given_}
    assert firing.masks(acting, places).tolist() == [fits[rule.name] for rule in acting]
    boosting = [rule for rule in acting if isinstance(rule.then, Boost | Bury)]
    amounts = [rule.then.by if isinstance(rule.then, Boost) else -rule.then.by for rule in boosting]  # type: ignore[union-attr]
    parts = [[amount * fit for fit in fits[rule.name]] for rule, amount in zip(boosting, amounts, strict=True)]
    assert list(firing.boosting) == boosting
    assert firing.parts(places).shape == (len(boosting), shelf.size)
    assert firing.parts(places).tolist() == parts
    assert firing.spreads(places).tolist() == [sum(part[place] for part in parts) for place in range(shelf.size)]
    filters = [rule for rule in acting if isinstance(rule.then, Filter)]
    barred = [any(fits[rule.name][place] for rule in filters) for place in range(shelf.size)]
    assert firing.barred(places).tolist() == barred
    for place, position in enumerate(places.tolist()):
        assert list(firing.filtering(position)) == [rule for rule in filters if fits[rule.name][place]]
    reports = {report.name: report for report in book.report(situation)}
    assert {name: report.items for name, report in reports.items()} == {name: sum(fit) for name, fit in fits.items()}
