"""A figure belongs to another case, another person or another group of items than it says."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from homespun.errors import BundleError, MisuseError
from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.cold import KNOWN, cold_cases, cold_curve
from homespun_server.evaluation.facts import GROUPS, ItemFacts
from homespun_server.evaluation.held_out import Person
from homespun_server.evaluation.measuring import ask, measure
from homespun_server.evaluation.protocols import Liked
from homespun_server.evaluation.recommenders import BundleRecommender, RefreshedRecommender
from homespun_server.evaluation.segments import HISTORY, PERSON, POPULARITY, TAG, segments
from homespun_server.evaluation.summarising import summarise

IDS = [f"item-{number}" for number in range(8)]
COUNTS = np.array([40, 30, 20, 5, 4, 1, 0, 0])
FACTS = ItemFacts.of(IDS, [("red",)] * 4 + [("blue",)] * 4, COUNTS, 50)


class Fixed:
    """Lists the same for everybody."""

    def __init__(self, items: Sequence[int]) -> None:
        self._items = [IDS[item] for item in items]

    def recommend(self, case: Case, k: int) -> list[str]:
        return self._items[:k]


def case(user: str, past: Sequence[int], relevant: Sequence[int], start: float = 0.0) -> Case:
    events = tuple(Event(IDS[item], time=start + place) for place, item in enumerate(past))
    return Case(user, events, frozenset(IDS[item] for item in relevant))


CASES = [
    case("a", [1], [0]),
    case("a", [1, 0], [2, 6]),
    case("b", [], [5], start=100.0),
    case("c", range(4), [7], start=200.0),
]


def test_a_case_is_counted_for_another_group() -> None:
    asked = ask(CASES, FACTS)
    measured = measure("fixed", Fixed([0, 6, 5]), CASES, FACTS, (1, 3))
    assert [GROUPS[group] for group in FACTS.groups] == [
        *("head", "middle", "middle", "tail", "tail", "tail", "cold", "cold")
    ]
    assert measured.accuracy(asked, (3,))["hit_rate@3"].tolist() == [1, 1, 1, 0]
    assert measured.accuracy(asked, (3,))["recall@3"].tolist() == [1, 0.5, 1, 0]
    cold = measured.accuracy(asked, (3,), GROUPS.index("cold"))
    assert np.isnan(cold["recall@3"]).tolist() == [True, False, True, False]
    assert cold["recall@3"][[1, 3]].tolist() == [1.0, 0.0]
    assert cold["mrr@3"][1] == 0.5
    assert measured.accuracy(asked, (1,), GROUPS.index("tail"))["hit_rate@1"][2] == 0.0


def test_a_segment_holds_other_cases() -> None:
    asked = ask(CASES, FACTS, begin=100.0)
    found = {(one.kind, one.title.partition(":")[0]): np.flatnonzero(one.cases).tolist() for one in segments(asked)}
    assert found == {
        (HISTORY, "no event"): [2],
        (HISTORY, "1 event"): [0],
        (HISTORY, "2 to 3 events"): [1],
        (HISTORY, "4 to 5 events"): [3],
        (POPULARITY, "head"): [0],
        (POPULARITY, "middle"): [1],
        (POPULARITY, "tail"): [2],
        (POPULARITY, "cold"): [1, 3],
        (PERSON, "people without a history in training"): [2, 3],
        (PERSON, "people with a history in training"): [0, 1],
        (TAG, "mostly red"): [0, 1, 3],
    }


def test_every_length_of_history_is_in_one_segment() -> None:
    asked = ask([case(f"u{n}", [0] * n, [1]) for n in range(70)], FACTS)
    parts = [one.cases for one in segments(asked) if one.kind == HISTORY]
    assert len(parts) == 7
    assert np.sum(parts, axis=0).tolist() == [1] * 70


def test_a_lead_is_over_somebody_else() -> None:
    asked = ask(CASES, FACTS)
    first, second = (measure(name, Fixed(items), CASES, FACTS, (2,)) for name, items in (("x", [3]), ("y", [0, 6])))
    figures = summarise(second, [first], asked, (2,), exposure_at=2, proposal_recall={20: 0.5})
    assert figures.role == "bundle"
    assert figures.leads["x"]["hit_rate@2"].mean == 0.5
    assert figures.metrics["hit_rate@2"].mean == 0.5
    assert (figures.lists["coverage@2"], figures.proposal_recall) == (0.25, {"20": 0.5})
    few = {one.title: (one.cases, one.users, one.too_few) for one in figures.segments}
    assert few["1 event"] == (1, 1, True)
    reference = summarise(first, [], asked, (2,), exposure_at=2)
    assert (reference.role, reference.leads) == ("reference", {})
    assert "diversity@2" not in reference.metrics  # of lists of one item
    assert "calibration@2" in reference.metrics


@pytest.mark.parametrize("items", [[0, 0], [0, 1, 0]])
def test_an_item_counts_twice(items: list[int]) -> None:
    with pytest.raises(MisuseError, match="lists an item twice"):
        measure("twice", Fixed(items), CASES, FACTS, (3,))


def test_an_unknown_item_is_counted_as_wrong() -> None:
    class Foreign:
        def recommend(self, case: Case, k: int) -> list[str]:
            return ["elsewhere"]

    with pytest.raises(MisuseError, match="not in the catalogue"):
        measure("foreign", Foreign(), CASES, FACTS, (3,))


def test_nobody_is_asked_and_something_breaks() -> None:
    asked = ask([], FACTS)
    assert (asked.count, list(segments(asked))) == (0, [])
    assert measure("nobody", Fixed([0]), [], FACTS, (1,)).hits.shape == (0, 1)


def person(user: str, items: Sequence[int], *, kinds: Sequence[str] = (), start: float = 50.0) -> Person:
    told = kinds or ["view"] * len(items)
    events = [Event(IDS[item], kind, start + place) for place, (item, kind) in enumerate(zip(items, told, strict=True))]
    return Person(user, tuple(events), (False,) * len(events))


def test_a_new_person_is_shown_what_they_do_next() -> None:
    whole = person("whole", [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 6, 7])
    short = person("short", [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4])  # nothing new comes after ten events
    early = person("early", range(8), start=0.0)
    (cases,) = cold_cases([whole, short, early], Liked(), repeats=False, begin=50.0)
    assert [len(one.events) for one in cases] == list(KNOWN)
    assert [set(one.relevant) for one in cases] == [{"item-0"}, {"item-1"}, {"item-3"}, {"item-5"}, {"item-6"}]
    assert [one.now for one in cases] == [50.0, 51.0, 53.0, 55.0, 60.0]
    assert len(list(cold_cases([whole, short], Liked(), repeats=True))) == 2


def test_what_a_new_person_refuses_is_predicted() -> None:
    kinds = ["dismiss", *["view"] * 11]
    (cases,) = cold_cases([person("p", [*range(8), 0, 1, 2, 3], kinds=kinds)], Liked(), repeats=True)
    assert cases[0].relevant == {"item-1"}


def test_a_bundle_below_the_better_one_passes() -> None:
    people = [person(f"p{n}", [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 6, 7]) for n in range(40)]
    cases = list(cold_cases(people, Liked(), repeats=False))
    everything = Fixed(range(8))
    worse = cold_curve("bundle", Fixed([7]), {"x": Fixed([2]), "y": everything}, cases)
    assert (worse.people, worse.too_few, worse.holds) == (40, False, False)
    assert {point.against for point in worse.points} == {"y"}
    assert [point.events for point in worse.points] == list(KNOWN)
    assert cold_curve("bundle", everything, {"x": Fixed([2])}, cases[:5]).holds
    assert cold_curve("bundle", everything, {"x": Fixed([2])}, cases[:5]).too_few


def test_a_bundle_is_used_before_it_was_there(tmp_path: Path) -> None:
    refreshed = RefreshedRecommender([(200.0, tmp_path / "new"), (100.0, tmp_path / "old")])
    with pytest.raises(MisuseError, match="the case has none"):
        refreshed.recommend(case("a", [0], [1]), 1)
    with pytest.raises(MisuseError, match="no bundle was there"):
        refreshed.recommend(Case("a", (), frozenset({"x"}), now=99.0), 1)
    with pytest.raises(BundleError, match="old"):  # there is nothing in it
        refreshed.recommend(Case("a", (), frozenset({"x"}), now=199.0), 1)
    refreshed.close()
    with pytest.raises(MisuseError, match="no bundle"):
        RefreshedRecommender([])
    with pytest.raises(BundleError):
        BundleRecommender(tmp_path)
