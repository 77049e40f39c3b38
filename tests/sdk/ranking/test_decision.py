import pytest

from homespun.errors import MisuseError, UnknownItemError
from homespun.explain.explaining import reasons
from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from tests.sdk.deciding import decide, decide_one

EVENTS = [Event("item-3"), Event("item-8", weight=1.0)]


def items(bundle: Bundle, positions: list[int]) -> list[str]:
    return [bundle.items[position] for position in positions]


def test_a_decision_differs_from_the_bundles_own_list(bundle: Bundle) -> None:
    decision = decide(bundle, EVENTS, k=12, now=5.0, exclude=["item-1"])
    ranked = bundle.rank(EVENTS, 12, exclude=["item-1"])
    assert items(bundle, decision.ranked.positions.tolist()) == [entry.item for entry in ranked]
    assert decision.ranked.scores.tolist() == [entry.score for entry in ranked]
    assert decision.time == 5.0
    assert decision.bundle is bundle
    assert decision.history.events == (EVENTS[0],)


@pytest.mark.parametrize(
    ("events", "exclude_seen", "allowed", "personalized"),
    [
        (None, True, False, False),
        ([], True, True, False),
        (EVENTS, True, True, True),
        (EVENTS, False, True, True),
        (EVENTS[1:], True, True, True),  # nothing is liked, but what was seen is left out
    ],
)
def test_a_list_is_called_personal_when_it_is_not_or_the_reverse(
    bundle: Bundle,
    events: list[Event] | None,
    exclude_seen: bool,  # noqa: FBT001 - a case
    allowed: bool,  # noqa: FBT001
    personalized: bool,  # noqa: FBT001
) -> None:
    decision = decide(bundle, events, k=40, now=0.0, exclude_seen=exclude_seen)
    assert (decision.allowed, decision.personalized) == (allowed, personalized)
    general = [entry.item for entry in bundle.rank([], 40)]
    assert (items(bundle, decision.ranked.positions.tolist()) != general) is personalized


@pytest.mark.parametrize("events", [EVENTS, EVENTS[1:], [Event("item-5", "hide")], [Event("not-in-this-bundle")], []])
def test_a_list_and_an_items_explanation_disagree_about_what_was_used(bundle: Bundle, events: list[Event]) -> None:
    ways = [decide(bundle, events, k=5, now=0.0, exclude_seen=seen) for seen in (True, False)]
    ways.append(decide_one(bundle, events, "item-1", now=0.0))
    for decision in ways:
        assert (decision.allowed, decision.personalized) == (True, bool(events))
        assert any("nothing is known about you" in reason for reason in reasons(decision)) is not bool(events)


def test_events_that_run_out_are_read_twice(bundle: Bundle) -> None:
    once = decide(bundle, iter(EVENTS), k=40, now=0.0)
    assert once.ranked.positions.tolist() == decide(bundle, EVENTS, k=40, now=0.0).ranked.positions.tolist()


def test_a_single_items_score_differs_from_the_lists(bundle: Bundle) -> None:
    scores = {entry.item: entry.score for entry in bundle.rank(EVENTS, 40, exclude_seen=False)}
    for item in bundle.items:
        decision = decide_one(bundle, EVENTS, item, now=0.0)
        assert decision.asked is not None
        assert items(bundle, decision.asked.positions.tolist()) == [item]
        assert decision.asked.scores[0] == pytest.approx(scores[item], rel=1e-12)
        assert decision.personalized is True
    assert decide_one(bundle, None, "item-1", now=0.0).allowed is False
    assert decide_one(bundle, [], "item-1", now=0.0).personalized is False


def test_wrong_arguments_are_guessed_at(bundle: Bundle) -> None:
    for wrong in ({"k": 0}, {"k": 2.5}, {"k": 3, "exclude": "item-1"}, {"k": 3, "exclude": [3]}):
        with pytest.raises(MisuseError):
            decide(bundle, EVENTS, now=0.0, **wrong)
    with pytest.raises(MisuseError):
        decide(bundle, ["item-3"], k=3, now=0.0)  # type: ignore[list-item]
    with pytest.raises(UnknownItemError):
        decide_one(bundle, EVENTS, "item-40", now=0.0)
