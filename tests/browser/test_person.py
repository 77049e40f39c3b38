"""A person and their own page, from the first consent to the last byte: each step in the browser and in the profile."""

import re
import socket
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

import homespun as hs
from homespun.protocol.receipts import decode, verify
from tests.browser.conftest import Windows
from tests.browser.layout import PHONE
from tests.browser.person import KEPT, LIKED, NOTICE, Person, at_home, titles
from tests.sdk.people import AFTERMATH
from tests.sdk.profile.support import QUICK, raw_key

STORAGE = "Keeping a profile on this device"
PERSONAL = "Personal recommendations"
IMPERSONAL = "What you allowed does not cover personal lists. This list uses nothing that is known about you."


def go(page: Page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def switch(page: Page, name: str, *, on: bool) -> None:
    """Turn a switch that is not as it should be."""
    go(page, "Your choices")
    found = page.get_by_role("switch", name=name)
    expect(found).to_have_attribute("aria-checked", "false" if on else "true")
    found.click()
    expect(page.get_by_role("switch", name=name)).to_have_attribute("aria-checked", "true" if on else "false")


def in_the_application(person: Person) -> list[str]:
    return [made.title for made in person.me.recommend(10)]


def test_what_is_allowed_on_the_page_does_not_reach_the_profile(windows: Windows, person: Person) -> None:
    page = windows()
    person.enter(page)
    expect(page.get_by_text(IMPERSONAL)).to_be_visible()
    general = titles(page)
    person.rate()
    assert person.me.events() == []  # nobody was asked yet
    switch(page, STORAGE, on=True)
    switch(page, PERSONAL, on=True)
    assert [record.purpose for record in person.me.consent.records()] == [*map(str, KEPT)]
    assert {record.notice.sha256 for record in person.me.consent.records() if record.notice} == {NOTICE.sha256}
    person.rate()
    go(page, "For you")
    expect(page.get_by_text("from 3 things that you did")).to_be_visible()
    assert titles(page) != general
    assert titles(page) == in_the_application(person)


def test_a_way_from_the_first_consent_to_the_last_byte_breaks_off(
    windows: Windows, person: Person, tmp_path: Path
) -> None:
    """Grants, uses, asks why, removes a reason, withdraws, exports and erases, in one window and one profile."""
    page = windows()
    person.enter(page)
    general = titles(page)
    for name in (STORAGE, PERSONAL):
        switch(page, name, on=True)
    person.rate()
    go(page, "For you")
    first, *_ = personal = titles(page)
    assert personal == in_the_application(person) != general

    page.get_by_role("link", name=f"Why this? {first}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Why {first}?")
    page.get_by_role("button", name=re.compile("Remove this reason.*Dark Knight")).click()
    expect(page.get_by_role("status").filter(has_text="Removed")).to_be_visible()
    assert first not in titles(page)

    switch(page, PERSONAL, on=False)
    assert in_the_application(person) == general
    go(page, "Take or erase")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download everything").click()
    export = tmp_path / download.value.suggested_filename
    download.value.save_as(export)
    with hs.Personalizer.import_(export, tmp_path / "other", key=raw_key(), settings=QUICK, notice=NOTICE) as other:
        assert [event.item for event in other.events()] == [*LIKED]

    page.get_by_label("Yes, erase everything").check()
    page.get_by_role("button", name="Erase everything").click()
    expect(page.get_by_text("Everything is erased.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the receipt").click()
    verify(decode(download.value.path().read_bytes()))
    assert person.me.events() == []
    assert {path.name for path in tmp_path.iterdir()} >= AFTERMATH
    assert not (tmp_path / "profile").exists()
    assert in_the_application(person) == general


def test_the_reasons_of_a_place_do_not_add_up_or_stay_when_removed(windows: Windows, person: Person) -> None:
    page = windows()
    person.allow().rate().enter(page)
    before = titles(page)
    page.get_by_role("link", name=f"Why this? {before[0]}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Why {before[0]}?")
    figures = [Decimal(text) for text in page.locator("table.parts td.number").all_inner_texts()]
    *parts, score = figures
    assert abs(sum(parts) - score) < Decimal("0.0001") * len(figures)  # four decimals are shown
    page.get_by_role("button", name=re.compile("Remove this reason.*Dark Knight")).click()
    expect(page.get_by_role("status").filter(has_text="Removed")).to_be_visible()
    assert before[0] not in titles(page)
    assert titles(page) == in_the_application(person)
    for reason in page.locator("#items .reason").all_inner_texts():
        assert "The Dark Knight (2008)" not in reason
    assert LIKED[1] in {event.item for event in person.me.events()}  # it is recorded, and says nothing any more


@pytest.mark.parametrize("javascript", [True, False])
def test_a_dial_moves_and_the_list_stays(windows: Windows, person: Person, *, javascript: bool) -> None:
    page = windows(javascript=javascript)
    person.allow().rate().enter(page)
    before = titles(page)
    dial = page.get_by_role("slider", name="Diversity")
    dial.focus()
    page.keyboard.press("End")
    if javascript:
        expect(page.locator("#news")).to_contain_text("First:")
        expect(page.get_by_role("slider", name="Diversity")).to_be_focused()  # the page is still the same
    else:
        page.get_by_role("button", name="Use these dials").click()
        expect(page.get_by_text("The dials are set.")).to_be_visible()
    expect(page.locator("#items h3")).not_to_have_text(before)
    page.reload()
    assert person.me.controls.current().diversity == 1.0
    assert titles(page) == in_the_application(person)


def test_an_effect_outlives_what_was_withdrawn(windows: Windows, person: Person) -> None:
    page = windows()
    person.enter(page)
    general = titles(page)
    person.allow().rate()
    page.reload()
    assert titles(page) != general
    switch(page, PERSONAL, on=False)
    expect(page.get_by_role("status").filter(has_text="Ended at once")).to_be_visible()
    assert in_the_application(person) == general
    go(page, "For you")
    expect(page.get_by_text(IMPERSONAL)).to_be_visible()
    assert titles(page) == general


@pytest.mark.parametrize("passphrase", ["", "correct horse battery staple"])
def test_the_downloaded_export_is_not_everything(
    windows: Windows, person: Person, tmp_path: Path, passphrase: str
) -> None:
    page = windows()
    person.allow().rate().enter(page)
    go(page, "Take or erase")
    page.get_by_label("A passphrase, to seal it").fill(passphrase)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download everything").click()
    export = tmp_path / download.value.suggested_filename
    download.value.save_as(export)
    with hs.Personalizer.import_(
        export, tmp_path / "other", key=raw_key(), settings=QUICK, notice=NOTICE, passphrase=passphrase or None
    ) as other:
        assert other.events() == person.me.events()
        assert [made.item for made in other.recommend(10)] == [made.item for made in person.me.recommend(10)]


@pytest.mark.parametrize("javascript", [True, False])
def test_something_is_left_after_erasing_everything(
    windows: Windows, person: Person, tmp_path: Path, *, javascript: bool
) -> None:
    page = windows(javascript=javascript)
    person.enter(page)
    general = titles(page)
    person.allow().rate()
    go(page, "Take or erase")
    page.get_by_label("Yes, erase everything").check()
    page.get_by_role("button", name="Erase everything").click()
    expect(page.get_by_text("Everything is erased.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the receipt").click()
    receipt = decode(download.value.path().read_bytes())
    verify(receipt)
    assert person.me.events() == []
    assert {path.name for path in tmp_path.iterdir()} == AFTERMATH
    go(page, "For you")
    assert titles(page) == general
    go(page, "About you")
    for title in ("Inception", "The Dark Knight", "The Matrix"):
        expect(page.get_by_text(title)).to_have_count(0)


def test_everything_is_erased_by_one_careless_click(windows: Windows, person: Person) -> None:
    page = windows()
    person.allow().rate().enter(page)
    go(page, "Take or erase")
    page.get_by_role("button", name="Erase everything").click()
    expect(page.get_by_label("Yes, erase everything")).to_be_focused()  # the browser asks for the tick
    assert len(person.me.events()) == len(LIKED)


def test_a_page_that_stayed_open_goes_on_after_the_application_ended(windows: Windows, tmp_path: Path) -> None:
    page = windows()
    with at_home(tmp_path / "profile") as person:
        person.allow().rate().enter(page)
    windows.watch.expected.append("net::ERR_")  # also of what the page was still fetching
    page.get_by_role("slider", name="Diversity").press("End")
    expect(page.locator("#news")).to_have_text("The application does not answer any more.")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_page_that_was_closed_can_be_gone_back_to(windows: Windows, person: Person, *, javascript: bool) -> None:
    page = windows(javascript=javascript)
    place = person.allow().rate().enter(page)
    page.get_by_role("button", name="Close this page").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your own page is closed")
    person.me.console.wait()  # nobody else is in, so nothing is served any more
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", urlsplit(place).port), timeout=5)
    assert person.enter(page) != place


def test_the_menu_of_a_phone_hides_where_somebody_is(windows: Windows, person: Person) -> None:
    page = windows(PHONE)
    person.allow().enter(page)
    for name in ("Take or erase", "What left", "For you"):
        go(page, name)
        for link in page.get_by_role("navigation").get_by_role("link").all():
            place = link.bounding_box()
            assert place is not None
            assert place["x"] >= 0
            assert place["x"] + place["width"] <= PHONE["width"]


def test_somebody_looks_for_the_id_of_what_they_erase(windows: Windows, person: Person) -> None:
    page = windows()
    person.allow().rate().enter(page)
    go(page, "Take or erase")
    page.get_by_label("About one item").select_option(label="The Matrix (1999)")
    page.get_by_role("button", name="Erase this part").click()
    expect(page.get_by_text("This part is erased.")).to_be_visible()
    assert LIKED[2] not in {event.item for event in person.me.events()}
    assert len(person.me.events()) == 2
