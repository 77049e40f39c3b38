"""What a click does: every form does what its call would, at once, and says so."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import homespun as hs
from homespun.person.export import read_export
from homespun.protocol.receipts import decode, verify
from tests.sdk.console.conftest import LIKED
from tests.sdk.console.visiting import NOTICE, PAGES, Visitor
from tests.sdk.people import AFTERMATH, BOTH, EXPLANATION_LOG, Machine
from tests.sdk.profile.support import traces


def items(visitor: Visitor, page: str = "") -> list[str]:
    return [found["data-item"] or "" for tag, found in visitor.read(page).tags if tag == "li" and "data-item" in found]


def test_a_form_leads_nowhere(me: hs.Personalizer, visitor: Visitor) -> None:
    me.controls.set_interest("tag-1", 0.5)
    me.controls.hide_item("item-9")
    me.controls.frequency_cap(3)
    sent = set()
    for page in (visitor.why(items(visitor)[0]), *PAGES):
        for form in visitor.read(page).forms:
            if (
                (form.action, form.button) in sent
                or form.action in {"do/erase", "do/export", "do/close"}
                or "sure" in form.fields
            ):
                continue
            sent.add((form.action, form.button))
            fresh = next((each for each in visitor.read(page).forms if each.button == form.button), form)
            assert visitor.send(fresh).text
    assert {action for action, _ in sent} >= {
        f"do/{name}" for name in ("dials", "item", "interest", "cap", "switch", "undo", "without", "consent")
    }


def test_a_dial_changes_nothing_or_more_than_itself(me: hs.Personalizer, visitor: Visitor) -> None:
    before = items(visitor)
    form = visitor.read().form("dials")
    visitor.send(form, diversity="80")
    now = me.controls.current()
    # Exploration was not moved, so the application still decides.
    assert (now.diversity, now.exploration, len(me.controls.history())) == (0.8, None, 1)
    assert items(visitor) != before
    visitor.send(form, diversity="80", exploration="60")
    assert me.controls.current().exploration == 0.6
    explored = items(visitor)
    assert explored == items(visitor)
    assert any("find out whether you like it" in each for each in visitor.read().words)
    visitor.send(form, reset="on")
    assert (me.controls.current().diversity, me.controls.current().exploration) == (0.0, None)
    assert items(visitor) == before
    for wrong in ("nan", "inf", "-5", "101", "", "x"):
        assert "alert" in str(visitor.send(form, diversity=wrong).tags), wrong
    assert me.controls.current().diversity == 0.0


def test_a_list_that_is_tried_out_is_kept_or_is_another_than_the_one_that_is_set(
    me: hs.Personalizer, visitor: Visitor
) -> None:
    tried = items(visitor, "list?diversity=100&exploration=50")
    assert me.controls.history() == []
    form = visitor.read().form("dials")
    # As the script sends it: the answer is the list itself.
    answer = visitor.post(form.action, {**form.fields, "diversity": "100", "exploration": "50"}, X_Homespun="fetch")
    assert answer.status == 200
    assert b"<html" not in answer.data
    assert items(visitor) == tried
    for wrong in ("diversity=x", "diversity=200", "diversity=nan", "diversity=1&exploration=-1"):
        assert visitor.get(f"list?{wrong}").status == 404, wrong
    assert len(me.decisions) == 0


def test_an_item_that_was_hidden_is_shown(me: hs.Personalizer, visitor: Visitor) -> None:
    first = items(visitor)[0]
    form = visitor.read().form("item", control="hide_item", item=first)
    assert first not in str(visitor.send(form).tags)
    assert first in me.controls.current().hidden_items
    back = visitor.read("known").form("item", control="hide_item", item=first)
    visitor.send(back)
    assert items(visitor)[0] == first


@pytest.mark.parametrize("control", ["more_like", "less_like"])
def test_a_wish_cannot_be_taken_back_by_the_same_button(me: hs.Personalizer, visitor: Visitor, control: str) -> None:
    first = items(visitor)[-1]
    visitor.send(visitor.read().form("item", control=control, item=first))
    assert first in getattr(me.controls.current(), control)
    form = visitor.read("known").form("item", control=control, item=first)
    assert form.fields["on"] == "off"
    visitor.send(form)
    assert first not in getattr(me.controls.current(), control)


def test_an_interest_cannot_be_corrected(me: hs.Personalizer, visitor: Visitor) -> None:
    tag = me.interests()[0].tag
    forms = visitor.read("known")
    visitor.send(forms.form("interest", tag=tag, weight="0", button=f"That is wrong: {tag}"))
    assert me.controls.current().interests[tag] == 0.0
    visitor.send(forms.form("interest", tag=tag, button=f"Set the interest {tag}"), weight="35")
    assert me.controls.current().interests[tag] == 0.35
    visitor.send(visitor.read("known").form("interest", tag=tag, button=f"As inferred: {tag}"))
    assert me.controls.current().interests == {}


def test_a_reason_stays_after_it_was_removed(me: hs.Personalizer, visitor: Visitor) -> None:
    first = items(visitor)[0]
    page = visitor.read(visitor.why(first))
    form = next(each for each in page.forms if each.action == "do/without" and each.fields["kind"] == "event")
    assert "says nothing of your taste from now on" in page.text
    gone = form.fields["target"]
    after = visitor.send(form)
    assert gone in me.controls.current().ignored_items
    assert "Removed:" in after.text
    # What is no reason of the item any more cannot be removed again, and nothing else is.
    changes = len(me.controls.history())
    assert "alert" in str(visitor.send(form).tags)
    assert len(me.controls.history()) == changes
    visitor.send(visitor.read("choices").form("undo"))
    assert me.controls.current().ignored_items == frozenset()


def test_what_a_page_says_of_a_list_without_a_reason_is_not_what_comes(me: hs.Personalizer, visitor: Visitor) -> None:
    before = {each.item: each.title for each in me.recommend(10)}
    first = next(iter(before))
    page = visitor.read(visitor.why(first))
    form = next(each for each in page.forms if each.action == "do/without" and each.fields["kind"] == "event")
    visitor.send(form)
    after = {each.item: each.title for each in me.recommend(10)}
    lost, won = (
        [before[each] for each in before if each not in after],
        [after[each] for each in after if each not in before],
    )
    claims = [each for each in page.words if each.startswith("The list would")]
    assert claims
    if lost:
        assert any(all(title in claim for title in (*lost, *won)) for claim in claims)


@pytest.mark.parametrize(
    ("control", "read"),
    [
        ("pause", lambda now: now.paused),
        ("non_profiled", lambda now: now.non_profiled),
        ("restriction", lambda now: now.restricted),
        ("objection", lambda now: now.objected),
    ],
)
def test_a_switch_does_not_hold_in_the_very_next_list(
    me: hs.Personalizer, visitor: Visitor, control: str, read: Any
) -> None:
    switch = visitor.read("choices").form("switch", control=control)
    visitor.send(switch)
    assert read(me.controls.current())
    personal = control == "pause"
    assert me.recommend(3)[0].personalized is personal
    assert ("made on this device, from" in visitor.read().text) is personal
    assert me.record("item-1", "rate", weight=9.0) is (control in {"non_profiled", "restriction"})
    back = visitor.read("choices").form("switch", control=control)
    assert (switch.fields["on"], back.fields["on"]) == ("on", "off")
    visitor.send(back)
    assert not read(me.controls.current())


def test_a_private_session_records_or_cannot_be_ended(me: hs.Personalizer, visitor: Visitor) -> None:
    visitor.send(visitor.read("choices").form("switch", control="private"))
    assert me.record("item-1", "rate", weight=9.0) is False
    assert "private session is on" in visitor.read().text
    visitor.send(visitor.read("choices").form("switch", control="private"))
    assert me.record("item-1", "rate", weight=9.0) is True
    assert me.controls.history() == []


def test_a_withdrawal_on_the_page_leaves_an_effect(me: hs.Personalizer, visitor: Visitor) -> None:
    me.recommend(3)
    assert len(me.decisions) == 1
    visitor.send(visitor.read("choices").form("consent", purpose="explanation_log"))
    assert len(me.decisions) == 0
    visitor.send(visitor.read("choices").form("consent", purpose="personalization"))
    assert not me.recommend(1)[0].personalized
    assert "This list uses nothing that is known about you." in visitor.read().text
    assert me.record("item-1", "rate", weight=9.0) is False
    last = me.consent.records()[-1]
    assert (last.action, last.surface) == ("withdraw", "own page")


def test_a_purpose_is_allowed_without_the_words_that_the_person_saw(me: hs.Personalizer, visitor: Visitor) -> None:
    page = visitor.read("choices")
    assert NOTICE.text in page.text
    form = page.form("consent", purpose="measurement")
    # The application shows other words by now.
    me.console.url(notice=hs.Notice("Other words.", version="8"))
    assert "not those of the application any more" in visitor.send(form).text
    assert not me.consent.granted(hs.Purpose.MEASUREMENT)
    visitor.send(visitor.read("choices").form("consent", purpose="measurement"))
    record = me.consent.status()[hs.Purpose.MEASUREMENT].decided_by
    assert record is not None
    assert record.notice is not None
    assert (record.notice.text, record.surface) == ("Other words.", "own page")
    # What has no words can be ended, and not allowed.
    me.console.url(notice={})
    visitor.send(visitor.read("choices").form("consent", purpose="measurement"))
    assert not [
        form
        for form in visitor.read("choices").forms
        if form.action == "do/consent" and form.fields["purpose"] == "measurement"
    ]
    csrf = form.fields["csrf"]
    for notice in (NOTICE.sha256, ""):
        visitor.post("do/consent", {"csrf": csrf, "purpose": "measurement", "on": "on", "notice": notice})
    assert not me.consent.granted(hs.Purpose.MEASUREMENT)


def test_without_storage_something_is_kept_or_the_page_does_not_say_so(machine: Machine) -> None:
    with machine.open() as me, Visitor(me.console.url()) as visitor:
        assert "What you set here is forgotten when the application ends" in visitor.read().text
        visitor.send(visitor.read().form("dials"), diversity="60")
        for page in PAGES:
            visitor.read(page)
        assert me.controls.current().diversity == 0.6
        assert machine.on_disk() == set()


def test_an_export_is_not_what_the_application_would_write(
    me: hs.Personalizer, visitor: Visitor, machine: Machine, tmp_path: Path
) -> None:
    form = visitor.read("yours").form("export")
    answer = visitor.post(form.action, form.fields)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-data.zip"'
    me.export(tmp_path / "own.zip")
    assert answer.data == (tmp_path / "own.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert len(json.loads(archive.read("data/events.json"))["rows"]) == len(LIKED)
    word = "sesame"
    sealed = visitor.post(form.action, {**form.fields, "passphrase": word})
    (tmp_path / "own.homespun").write_bytes(sealed.data)
    assert b"item-21" not in sealed.data
    assert len(read_export(tmp_path / "own.homespun", passphrase=word).events) == len(LIKED)
    # Nothing of it was on the disk beside the profile.
    assert not [name for name in machine.on_disk() if name.endswith((".zip", ".homespun", ".partial"))]


def test_a_part_that_was_erased_is_still_there(me: hs.Personalizer, visitor: Visitor) -> None:
    form = visitor.read("yours?item=item-21").form("erase", what="part")
    assert form.fields["item"] == "item-21"
    assert "name what is to be erased" in visitor.send(form, item="").text
    page = visitor.send(form)
    assert "This part is erased" in page.text
    assert [event.item for event in me.events()] == [item for item in LIKED if item != "item-21"]
    assert "item-21" not in str(visitor.read("known").tags)
    # By days: the first event is of 2023-11-03, the last one three days later.
    visitor.send(form, item="", until="2023-11-04")
    assert [event.item for event in me.events()] == ["item-8", "item-30"]
    visitor.send(form, item="", kind="rate")
    assert me.events() == []
    assert len(visitor.read("yours").forms) >= 3


def test_everything_that_was_erased_leaves_a_trace_or_no_receipt(
    machine: Machine, me: hs.Personalizer, visitor: Visitor
) -> None:
    form = visitor.read("yours").form("erase", what="everything")
    assert "tick the box" in visitor.send(form).text
    assert me.events()
    page = visitor.send(form, sure="on")
    assert "Everything is erased" in page.text
    assert machine.on_disk() <= AFTERMATH
    assert traces(machine.root, list(LIKED)) == []
    assert me.events() == []
    assert not me.consent.granted(hs.Purpose.DEVICE_STORAGE)
    answer = visitor.get("receipt?number=0")
    receipt = decode(answer.data)
    verify(receipt)
    assert str(receipt)[:20] in page.text
    assert visitor.get("receipt?number=1").status == 404
    assert "Nothing is recorded about you" in visitor.read("known").text
    with Visitor(me.console.url()) as other:
        # A receipt is for who asked for it.
        assert other.get("receipt?number=0").status == 404


def test_storage_is_withdrawn_by_a_slip(machine: Machine, me: hs.Personalizer, visitor: Visitor) -> None:
    form = visitor.read("choices").form("consent", purpose="device_storage")
    assert "tick the box" in visitor.send(form).text
    assert me.events()
    visitor.send(form, sure="on")
    assert machine.on_disk() <= AFTERMATH
    verify(decode(visitor.get("receipt?number=0").data))


def test_an_attribute_cannot_be_declared_or_taken_back(tmp_path: Path, bundle: hs.Bundle) -> None:
    settings = hs.Settings(attributes=("language",))
    with (
        hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle, settings=settings) as me,
        Visitor(me.console.url()) as visitor,
    ):
        me.consent.grant(*BOTH, EXPLANATION_LOG, notice=NOTICE)
        form = visitor.read("known").form("attribute", name="language")
        visitor.send(form, value="nb")
        assert dict(me.attributes) == {"language": "nb"}
        assert "alert" in str(visitor.send(form, name="shoe size", value="44").tags)
        visitor.send(visitor.read("known").form("attribute", button="Take back Language"))
        assert dict(me.attributes) == {}


def test_how_often_the_same_is_shown_cannot_be_limited(me: hs.Personalizer, visitor: Visitor) -> None:
    visitor.send(visitor.read("choices").form("cap"), times="2", days="5")
    cap = me.controls.current().frequency_cap
    assert cap is not None
    assert (cap.times, cap.days) == (2, 5)
    # The page's own list is no showing.
    for _ in range(3):
        visitor.read()
    assert me._home.exposures(0.0) == {}
    for wrong in ("-1", "1e3", "²", "0", "99999999999"):
        assert "alert" in str(visitor.send(visitor.read("choices").form("cap"), times=wrong).tags), wrong
    visitor.send(visitor.read("choices").form("cap", button="?"), times="")
    assert me.controls.current().frequency_cap is None


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("item", {"control": "pause", "item": "item-1", "on": "on"}),
        ("item", {"control": "__class__", "item": "item-1"}),
        ("switch", {"control": "undo", "on": "on"}),
        ("consent", {"purpose": "everything", "on": "on"}),
        ("undo", {"number": "9999"}),
        ("without", {"item": "no such item"}),
        ("interest", {"tag": "", "weight": "50"}),
        ("erase", {"what": "part", "from": "2023-99-99"}),
        ("erase", {"what": "part", "item": "\x00"}),
        ("erase", {}),
        ("erase", {"what": "everything"}),
    ],
)
def test_a_form_that_nobody_made_does_something(
    me: hs.Personalizer, visitor: Visitor, action: str, fields: dict[str, str]
) -> None:
    csrf = visitor.read().forms[0].fields["csrf"]
    before = me.controls.history(), me.consent.records(), me.events()
    assert visitor.post(f"do/{action}", {"csrf": csrf, **fields}).status == 303
    assert "alert" in str(visitor.read().tags)
    assert before == (me.controls.history(), me.consent.records(), me.events())


def test_a_form_leads_to_another_site(visitor: Visitor) -> None:
    csrf = visitor.read().forms[0].fields["csrf"]
    for back in ("//attacker.example", "https://attacker.example", "../x", "known\r\nSet-Cookie: a=b", "why"):
        answer = visitor.post("do/undo", {"csrf": csrf, "number": "1", "back": back})
        assert answer.headers["Location"] == visitor.place, back
        assert "Set-Cookie" not in answer.headers
