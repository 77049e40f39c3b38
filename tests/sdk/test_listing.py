"""Surfaces, reasons that are taken away and back, questions and policies, as applications use them."""

from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import homespun as hs
from homespun.errors import MisuseError, PolicyError, UnknownItemError
from tests.sdk import bundles

NOTICE = hs.Notice("A test.")
NOON = 1_700_049_600.0  # 2023-11-15, a Wednesday, 12:00 UTC


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundles.write(tmp_path_factory.mktemp("listing") / "bundle", bundles.full_model(60, density=0.3, seed=4))


@pytest.fixture
def me(folder: Path) -> Iterator[hs.Personalizer]:
    with opened(folder) as person:
        yield person


class opened:  # noqa: N801 - used like a function
    """A person with a few likes, and the bundle closed behind them."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self._bundle = hs.Bundle.open(folder)
        options = {"clock": lambda: NOON} | options
        self._me = hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=self._bundle, **options)

    def __enter__(self) -> hs.Personalizer:
        me = self._me
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE)
        for number, item in enumerate(("item-3", "item-8", "item-21", "item-40")):
            me.record(item, "like", time=NOON - 1000 * (5 - number))
        return me

    def __exit__(self, *_: object) -> None:
        self._me.close()
        self._bundle.close()


def items(made: list[hs.Recommendation]) -> list[str]:
    return [entry.item for entry in made]


def test_a_reason_that_was_taken_away_still_counts_or_cannot_be_taken_back(me: hs.Personalizer) -> None:
    before = me.recommend(8)
    target = next(entry for entry in before if me.counterfactual(entry).found)
    answer = me.counterfactual(target)
    after = me.without(target, answer)
    assert target.item not in items(after)
    assert {change.target for change in answer.changes if change.kind == "event"} <= me.controls.current().ignored_items
    assert items(me.recommend(8)) == items(after)
    for _ in answer.changes:
        me.controls.undo()
    assert items(me.recommend(8)) == items(before)


def test_what_was_taken_out_of_taste_is_recommended(me: hs.Personalizer) -> None:
    first = me.recommend(8)[0]
    part = next(part for part in me.explain(first).attributions if part.source == "history")
    me.without(first, part)
    assert part.event is not None
    assert part.event.item in me.controls.current().ignored_items
    assert part.event.item not in items(me.recommend(60))
    me.erase(item=part.event.item)
    with pytest.raises(MisuseError, match="not in the profile"):
        me.explain(first)


def test_an_ignored_item_says_something_of_taste(me: hs.Personalizer) -> None:
    for item in ("item-3", "item-8", "item-21", "item-40"):
        me.controls.ignore_item(item)
    made = me.recommend(10)
    for entry in made:
        assert {part.source for part in me.explain(entry).attributions} <= {"prior", "context", "recency"}


def test_what_is_like_an_item_is_what_the_person_likes(me: hs.Personalizer) -> None:
    made = me.similar_items("item-5", 6)
    assert items(made) == [entry.item for entry in me.bundle.similar("item-5", 6)]
    assert "item-5" not in items(made)
    assert all(entry.reason.startswith("because it is like ") for entry in made)
    me.controls.hide_item(made[0].item)
    assert items(me.similar_items("item-5", 5)) == items(made)[1:]
    told = me.explain(made[1])
    assert (told.surface, told.place, told.exact) == ("similar", 2, True)
    with pytest.raises(UnknownItemError):
        me.similar_items("nowhere")


def test_a_search_lists_what_was_not_found(me: hs.Personalizer) -> None:
    found = ["item-9", "item-33", "item-2", "unknown", "item-9", "item-17"]
    made = me.search(found, 10)
    assert sorted(items(made)) == sorted({"item-9", "item-33", "item-2", "item-17"})
    everything = items(me.recommend(60, exclude_seen=False))
    assert items(made) == [item for item in everything if item in found]
    assert me.search([], 3) == []
    with pytest.raises(MisuseError, match="single text"):
        me.search("item-9")


def test_what_was_begun_is_not_offered_again(me: hs.Personalizer) -> None:
    assert set(items(me.resume(10))) == {"item-3", "item-8", "item-21", "item-40"}
    me.controls.non_profiled()
    assert me.resume(10) == []


def test_a_surface_is_used_for_what_it_is_not(me: hs.Personalizer) -> None:
    with pytest.raises(MisuseError, match="has no surface 'shelf'; use one of 'home'"):
        me.recommend(3, surface="shelf")
    with pytest.raises(MisuseError, match="name it"):
        me.recommend(3, surface="similar")
    with pytest.raises(MisuseError, match="not about given items"):
        me.search(["item-1"], surface="home")


RULED = {
    "schema": 1,
    "name": "ruled",
    "surfaces": {"home": {"stages": [{"stage": "candidates"}, {"stage": "seen"}, {"stage": "rules"}]}},
    "rules": [
        {"name": "noon", "then": {"do": "pin", "at": 1}, "items": {"items": ["item-50"]},
         "when": {"context": {"name": "hour", "at_least": 12, "below": 13}}},
        {"name": "fans", "then": {"do": "boost", "by": 3}, "items": {"tag": "tag-1"},
         "when": {"likes": {"at_least": 9}}},
    ],
}  # fmt: skip


def test_the_hour_is_not_the_persons(folder: Path) -> None:
    for hours, pinned in ((0, True), (1, False), (-1, False)):
        zone = timezone(timedelta(hours=hours))
        with opened(folder, policy=RULED, zone=zone) as me:
            first = me.recommend(3)[0]
            assert (first.item == "item-50") is pinned
            assert (first.reason == "placed here: noon") is pinned
            report = {each.name: each for each in me.dry_run()}
            assert (report["noon"].holds, report["fans"].holds) == (pinned, False)
            assert "the number of liked items is 4, not at least 9" in report["fans"].why
    with opened(folder, policy=RULED) as me:
        assert me.recommend(1)[0].item != "item-50"
        assert me.recommend(1, context={"hour": 12})[0].item == "item-50"
        assert me.dry_run(context={"hour": 12})[0].holds
    with opened(folder, policy=RULED, zone=UTC) as me:
        assert me.recommend(1, context={"hour": 9})[0].item != "item-50"


def test_a_bad_policy_replaces_a_good_one(me: hs.Personalizer, folder: Path) -> None:
    me.policy.use(RULED)
    before = items(me.recommend(5, context={"hour": 12}))
    bad = {**RULED, "surfaces": {"home": {"stages": [{"stage": "candidates", "pool": "many"}]}}}
    with pytest.raises(PolicyError, match=r"surfaces\.home\.stages\[0\]\.pool"):
        me.policy.use(bad)
    assert me.policy.current.name == "ruled"
    assert items(me.recommend(5, context={"hour": 12})) == before
    me.policy.use(None)
    assert me.policy.current.name == "default"
    with pytest.raises(PolicyError):
        opened(folder, policy=b"{}")
    with pytest.raises(MisuseError, match="give a time zone"):
        opened(folder, zone="Europe/Rome")


def test_circumstances_are_what_no_event_may_have(me: hs.Personalizer) -> None:
    for wrong in ({"hour": [1]}, {"": 1}, {1: "x"}, {"a": float("nan")}, "evening", {"x" * 10_000: 1}):
        with pytest.raises(MisuseError, match="context"):
            me.recommend(3, context=wrong)  # type: ignore[arg-type]
    assert len(me.recommend(3, context={"nobody-knows": "this"})) == 3


def test_exploration_cannot_be_repeated(me: hs.Personalizer) -> None:
    exploring = {"stage": "exploration", "method": "epsilon", "share": 0.5, "epsilon": 1.0}
    me.policy.use({**RULED, "surfaces": {"home": {"stages": [{"stage": "candidates"}, exploring]}}, "rules": []})
    assert items(me.recommend(10, seed=4)) == items(me.recommend(10, seed=4))
    assert len({tuple(items(me.recommend(10))) for _ in range(5)}) > 1
    entry = me.recommend(2, seed=4)[1]
    told = me.explain(entry)
    assert 0 < told.propensity < 1
    assert entry.reason == "chosen to find out whether you like it"
    with pytest.raises(MisuseError, match="seed"):
        me.recommend(3, seed=-1)


def test_questions_are_about_what_was_answered_or_hidden(me: hs.Personalizer) -> None:
    asked = me.onboarding()
    assert len(asked) == 10
    assert len({question.item for question in asked}) == 10
    assert not {"item-3", "item-8", "item-21", "item-40"} & {question.item for question in asked}
    first = asked[0].item
    me.controls.hide_item(asked[1].item)
    again = me.onboarding(answered={first: None})
    assert len(again) == 9
    assert not {first, asked[1].item} & {question.item for question in again}
    assert len(me.onboarding(3)) == 3
    with pytest.raises(MisuseError):
        me.onboarding(0)


def test_a_translation_is_not_used_or_breaks_a_list(folder: Path) -> None:
    german = {"because": "weil du {what}", "done": "{title} {verb}", "done_twice": "{title} und {other} {verb}",
              "verb_like": "mochtest"}  # fmt: skip
    with opened(folder, templates=german) as me:
        reasons = [entry.reason for entry in me.recommend(10)]
        assert any(reason.startswith("weil du ") and reason.endswith(" mochtest") for reason in reasons)
        assert me.explain(me.recommend(1)[0]).reason == reasons[0]
    for wrong in (
        {"becuase": "x"},
        {"because": "{who}"},
        {"because": "{what!r}"},
        {"because": "{what"},
        {"because": 3},
    ):
        with pytest.raises(MisuseError, match="template"):
            opened(folder, templates=wrong)


def test_parameters_are_not_told(me: hs.Personalizer) -> None:
    told = me.bundle.parameters()
    assert "On 'home'" in told.text()
    assert told.json().startswith(b"{")


def test_what_was_erased_is_still_in_memory_for_the_next_list(me: hs.Personalizer) -> None:
    me.recommend(3)
    remembered = me.policy.compiled._person
    assert remembered is not None
    assert remembered.known
    me.erase(item="item-3")
    assert me.policy.compiled._person is None
    me.recommend(3)
    me.close()
    assert me.policy.compiled._person is None
