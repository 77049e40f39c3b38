"""Sentences on the page that are not so: each is held against what the client really does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import homespun as hs
from homespun.console.pages import choices, listing
from tests.sdk.console.test_forms import items
from tests.sdk.console.visiting import NOTICE, PAGES, Visitor, every
from tests.sdk.people import BOTH, CONTRIBUTION, MEASUREMENT, Machine, kept, queue

URL = "https://models.example.org/films/x/list.bin"
EXPLORING = {
    "schema": 1,
    "name": "exploring",
    "surfaces": {
        "home": {
            "stages": [
                {"stage": "candidates"},
                {"stage": "exploration", "method": "epsilon", "share": 0.3, "epsilon": 1.0},
            ]
        }
    },
}


@pytest.fixture
def stranger(machine: Machine) -> Iterator[tuple[hs.Personalizer, Visitor]]:
    """Somebody who was asked for nothing yet."""
    with machine.open() as me, Visitor(me.console.url(notice=NOTICE)) as found:
        yield me, found


def standing(visitor: Visitor) -> str:
    """What is said above the list."""
    page = visitor.read().text
    return page[page.index("For you", page.index("Take or erase")) : page.index("How it is mixed")]


def test_a_list_with_dials_and_hidden_items_is_said_to_be_everybodys(me: hs.Personalizer, visitor: Visitor) -> None:
    me.consent.withdraw(hs.Purpose.PERSONALIZATION)
    assert "the dials count" not in standing(visitor)
    before = items(visitor)
    me.controls.exploration(1.0)
    me.controls.hide_item(before[0])
    assert items(visitor) != before
    told = standing(visitor)
    assert "What you hid stays hidden and the dials count." in told
    assert "everybody" not in told
    assert "everybody" not in visitor.read("choices").text


@pytest.mark.parametrize(("control", "words"), [("object", "objection"), ("restrict", "restriction")])
def test_a_list_that_may_not_be_personal_is_said_to_be(
    me: hs.Personalizer, visitor: Visitor, control: str, words: str
) -> None:
    getattr(me.controls, control)()
    told = standing(visitor)
    assert listing._REFUSED[words] in told
    assert "This list uses nothing that is known about you." in told
    assert not me.recommend(1)[0].personalized


def test_a_private_session_of_the_application_is_not_told(me: hs.Personalizer, visitor: Visitor) -> None:
    assert "one of its own" not in visitor.read("choices").text
    with me.controls.private_session():
        assert "A private session is on. This list uses nothing that is known about you." in standing(visitor)
        assert "The application has begun one of its own" in visitor.read("choices").text
    assert "from 4 things that you did" in standing(visitor)


def test_lists_that_the_publisher_made_general_are_called_personal(
    me: hs.Personalizer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(me._listing, "_is_off", lambda: True)
    assert not me.recommend(1)[0].personalized
    told = standing(visitor)
    assert "the publisher switched them off" in told
    assert "things that you did" not in told


def test_a_list_from_wishes_alone_is_said_to_use_nothing(stranger: tuple[hs.Personalizer, Visitor]) -> None:
    me, visitor = stranger
    assert "What you allowed does not cover personal lists." in standing(visitor)
    me.consent.grant(*BOTH, notice=NOTICE)
    assert "Nothing is known about you yet." in standing(visitor)
    me.controls.more_like("item-3")
    assert me.recommend(1)[0].personalized
    assert "This list is made on this device, from what you set." in standing(visitor)


def test_the_page_says_that_nothing_was_sent(me: hs.Personalizer, visitor: Visitor) -> None:
    for page in PAGES:
        told = visitor.read(page).text
        assert "Nothing on it was sent" not in told
        assert "to you alone" not in told
        assert "on this device alone" not in told


def test_epsilon_is_said_to_cover_what_goes_out_as_the_person(machine: Machine) -> None:
    with machine.allowed(*BOTH, CONTRIBUTION) as me, Visitor(me.console.url()) as visitor:
        queue(me)
        told = visitor.read("left").text
        for words in ("published sums of all contributions", "one of a task's two services", "δ", "it has no ε"):
            assert words in told, words
        assert "reveal about you at most" not in told


def test_a_fetched_list_of_requests_is_called_a_bundle(me: hs.Personalizer, visitor: Visitor) -> None:
    me._home.requests.end(me._home.requests.begin("list.bin", URL, {}), "sent")
    told = visitor.read("left").text
    assert "newer bundle" not in told
    assert "Asking for what is published" in told
    assert "asks for what is published, and brings nothing from your profile" in told
    assert "an address, a time and what was asked for" in told


def test_what_was_sent_is_said_to_wait(me: hs.Personalizer, visitor: Visitor) -> None:
    me._home.requests.end(me._home.requests.begin("list.bin", URL, {}), "sent")
    told = visitor.read("left").text
    for state in ("was put in line", "sending began", "was sent"):
        assert state in told
    assert "waits on this device" not in told


def test_a_chain_without_its_end_is_said_to_be_whole(machine: Machine) -> None:
    with machine.allowed(*BOTH, CONTRIBUTION) as me, Visitor(me.console.url()) as visitor:
        queue(me)
        # Entries that are missing at the end are noticed by nobody who does not know the last one.
        told = visitor.read("left").text
        assert "1 entry. Each continues the one before" in told
        assert "none changed or left out" not in told


@pytest.mark.parametrize("control", ["restrict", "non_profiled", "object", "pause"])
def test_what_is_said_of_recording_is_not_so(me: hs.Personalizer, visitor: Visitor, control: str) -> None:
    name = {"restrict": "restriction", "object": "objection"}.get(control, control)
    effect = next(words for each, _, words in choices.SWITCHES if each == name)
    assert effect in visitor.read("choices").text
    assert "used for nothing" not in visitor.read("choices").text
    getattr(me.controls, control)()
    recorded = me.record("item-2", "rate", weight=9.0)
    assert ("recorded as before" in effect) is recorded
    assert ("What you do is not recorded" in effect) is not recorded


def test_reasons_are_kept_under_a_restriction_that_says_otherwise(me: hs.Personalizer, visitor: Visitor) -> None:
    me.controls.restrict()
    me.recommend(3)
    assert len(me.decisions) == 1
    assert "So are reasons of lists" in visitor.read("choices").text
    with me.controls.private_session():
        me.recommend(3)
    assert len(me.decisions) == 1


def test_removing_a_reason_is_recorded_as_a_list_that_was_shown(me: hs.Personalizer, visitor: Visitor) -> None:
    me.controls.frequency_cap(3)
    before = kept(me)
    page = visitor.read(visitor.why(items(visitor)[0]))
    visitor.send(next(each for each in page.forms if each.action == "do/without" and each.fields["kind"] == "event"))
    after = kept(me)
    assert len(me.decisions) == 0
    assert {name for name in after if after[name] != before[name]} == {"state.control"}


def test_a_circumstance_can_be_removed_for_good(me: hs.Personalizer, visitor: Visitor) -> None:
    first = items(visitor)[0]
    csrf = visitor.read().forms[0].fields["csrf"]
    for kind, target in (("context", "hour"), ("attribute", "language"), ("", "")):
        visitor.post("do/without", {"csrf": csrf, "item": first, "kind": kind, "target": target})
        page = visitor.read()
        assert "alert" in str(page.tags) or "Removed:" in page.text
        if kind:
            assert me.controls.history() == []


def test_the_dial_shows_none_where_the_application_explores(me: hs.Personalizer, visitor: Visitor) -> None:
    def shown() -> str | None:
        return next(each["value"] for each in every(visitor.read(), "input") if each.get("name") == "exploration")

    assert shown() == "0"
    me.policy.use(EXPLORING)
    assert shown() == "60"
    form = visitor.read().form("dials")
    visitor.send(form, diversity="40")
    assert me.controls.current().exploration is None
    visitor.send(form, exploration="0")
    assert me.controls.current().exploration == 0.0
    assert shown() == "0"


def test_a_wish_to_be_in_no_experiment_is_said_to_be_kept(me: hs.Personalizer, visitor: Visitor) -> None:
    for on in ("off", "on"):
        told = visitor.send(visitor.read("left").form("experiments", on=on)).text
        assert "This wish was not kept" in told
    me.consent.grant(MEASUREMENT, notice=NOTICE)
    assert "You take part in none" in visitor.send(visitor.read("left").form("experiments", on="off")).text
    assert "You take part again." in visitor.send(visitor.read("left").form("experiments", on="on")).text


def test_a_part_of_a_history_is_called_all_of_it(me: hs.Personalizer, visitor: Visitor) -> None:
    for number in range(choices.MOST_CHANGES + 5):
        me.controls.hide_item("item-9", on=number % 2 == 0)
    me.record_many([hs.Event(f"item-{number}", "view", 1.69e9) for number in range(30)])
    assert (
        f"{choices.MOST_CHANGES} of {choices.MOST_CHANGES + 5}; all are in your export" in visitor.read("choices").text
    )
    assert "20 of 34; all are in your export" in visitor.read("known").text


def test_names_that_only_programs_use_are_on_the_page(tmp_path: Path, bundle: hs.Bundle) -> None:
    settings = hs.Settings(attributes=("age_band",))
    with (
        hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle, settings=settings) as me,
        Visitor(me.console.url()) as visitor,
    ):
        me.consent.grant(*BOTH, notice=NOTICE)
        me.record("item-3", "rate", weight=9.0)
        known = visitor.read("known").text
        assert "Age band" in known
        choices_page = visitor.read("choices").text
        assert not [str(purpose) for purpose in hs.Purpose if "_" in purpose and purpose in choices_page]
        assert "age_band" not in known
        why = visitor.read(visitor.why(items(visitor)[0])).text
        assert "by what people like together" in why
        assert not [name for name in ("collaborative", "sequential", "(content)", "(session)") if name in why]


def test_a_part_can_be_erased_only_by_who_knows_ids(me: hs.Personalizer, visitor: Visitor) -> None:
    me.controls.hide_item("item-9")
    page = visitor.read("yours?item=item-44")
    options = {each["value"] for each in every(page, "option")}
    assert {"", "item-3", "item-9", "item-44"} <= options
    assert me.items.view.title("item-9") in page.text
    assert page.form("erase", what="part").fields["item"] == "item-44"


def test_a_field_for_a_password_has_no_name_beside_it(visitor: Visitor) -> None:
    fields = list(every(visitor.read("yours"), "input"))
    assert [each for each in fields if each.get("autocomplete") == "username" and "hidden" in each]


def test_both_dials_are_set_back_to_what_nobody_says(me: hs.Personalizer, visitor: Visitor) -> None:
    page = visitor.read()
    assert "As it was made" not in page.text
    me.controls.diversity(0.5)
    assert "Both dials are set back." in visitor.send(page.form("dials"), reset="on").text
    assert me.controls.current().diversity == 0.0
