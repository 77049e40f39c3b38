"""What pages of others could do to somebody's own page and to the console, in the browser that has them open."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

import homespun as hs
from homespun_server.console.attempts import FREE
from homespun_server.console.cookies import session_name
from tests.browser.attacking import NOISE, lure, origins, read, send
from tests.browser.chromium import REBOUND
from tests.browser.conftest import Windows
from tests.browser.office import Office
from tests.browser.person import LIKED, PAGES, Person
from tests.browser.site import Site
from tests.server.console.support import PASSWORD

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>&lt;b&gt;"


@pytest.fixture
def lair(stranger: Site) -> Site:
    stranger.page("/", "<p>Win a prize")
    return stranger


@pytest.mark.parametrize("place", [0, 1], ids=["same-site", "cross-site"])
def test_another_page_reads_or_acts_on_the_persons_page(windows: Windows, user: Person, lair: Site, place: int) -> None:
    windows.watch.expected += NOISE
    page = windows()
    home = user.enter(page)
    evil = lure(page.context, origins(lair)[place])
    assert read(evil, [home, home + "known", home + "list", home + "console.js", home + "why?item=tt1375666"]) == []
    before = user.me.recommend(10)
    for action, fields in (
        ("erase", {"what": "everything", "sure": "on"}),
        ("consent", {"purpose": "personalization", "on": "off"}),
        ("export", {"passphrase": ""}),
    ):
        evil = lure(page.context, origins(lair)[place])
        assert "This page opens by its own address only" in send(evil, f"{home}do/{action}", {"csrf": "", **fields})
    assert len(user.me.events()) == len(LIKED)
    assert user.me.consent.granted(hs.Purpose.PERSONALIZATION)
    assert [made.item for made in user.me.recommend(10)] == [made.item for made in before]


def test_a_name_that_leads_here_opens_the_persons_page(windows: Windows, user: Person) -> None:
    windows.expect_rebinding()
    windows.watch.expected += NOISE
    page = windows()
    url = user.me.console.url()
    for address in (url, f"{user.enter(windows())}known"):
        page.goto(address.replace("127.0.0.1", REBOUND))
        expect(page.locator("body")).to_have_text("This page is at another address.")
    page.goto(url)  # and the one-time address was not used up by it
    expect(page.get_by_role("heading", level=1)).to_have_text("For you")


def test_a_one_time_address_lets_two_in(windows: Windows, user: Person) -> None:
    windows.watch.expected += NOISE
    first, second = windows(), windows()
    url = user.me.console.url()
    first.goto(url)
    expect(first.get_by_role("heading", level=1)).to_have_text("For you")
    second.goto(url)
    expect(second.locator("body")).to_contain_text("is good for one time")
    second.goto(first.url)  # nor is the page's own address of any use to who has no session
    expect(second.locator("body")).to_contain_text("is good for one time")


def test_a_title_runs_in_the_persons_page(windows: Windows, user: Person) -> None:
    item = hs.NewItem(id=MARKUP, title=MARKUP, tags=(MARKUP, "Action"), text="Action and crime.")
    assert user.me.items.update([item]) == {MARKUP: True}
    user.me.record(MARKUP, kind="rate", weight=10.0)
    page = windows()
    home = user.enter(page)
    shown = 0
    for name in (*PAGES, f"why?item={LIKED[0]}"):
        page.goto(home + name)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        shown += page.get_by_text("<img src=x onerror=alert(1)>").count()
        assert page.locator("img, main script").count() == 0
    assert shown > 0


@pytest.mark.parametrize("place", [0, 1], ids=["same-site", "cross-site"])
def test_another_page_reads_or_acts_on_the_console(windows: Windows, office: Office, lair: Site, place: int) -> None:
    windows.watch.expected += NOISE
    page = windows()
    office.sign_in(page, "operator")
    console, evil = f"{office.address}/console", lure(page.context, origins(lair)[place])
    assert read(evil, [f"{console}/", f"{console}/changes", f"{console}/sign-in"]) == []
    forms = {
        "sign-out": {"everywhere": "yes"},
        "sign-in": {"name": "auditor", "password": PASSWORD},
        "rollout/films/production/2/pause": {"reason": "a prize"},
    }
    for path, fields in forms.items():
        evil = lure(page.context, origins(lair)[place])
        assert "Nothing was changed" in send(evil, f"{console}/{path}", {"form_token": "", **fields})
    page.goto(f"{console}/changes")
    expect(page.get_by_role("heading", level=1)).to_have_text("Record of changes")  # still signed in, as oneself
    expect(page.get_by_text("a prize")).to_have_count(0)


def test_a_name_that_leads_here_takes_over_a_session(windows: Windows, office: Office) -> None:
    windows.expect_rebinding()
    windows.watch.expected += NOISE
    page = windows()
    office.sign_in(page, "operator")
    page.goto(f"{office.address}/console/changes".replace("127.0.0.1", REBOUND))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_another_port_plants_a_session_beside_an_officers(windows: Windows, office: Office, lair: Site) -> None:
    page = windows()
    office.sign_in(page, "operator")
    name = session_name(urlsplit(office.address).netloc)
    page.goto(lair.page("/console/prize", "<p>Won", Set_Cookie=f"{name}={'A' * 43}; Path=/console/changes"))
    page.goto(f"{office.address}/console/changes")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.get_by_role("status").first).to_contain_text("brought two sessions")
    page.goto(f"{office.address}/console/models")
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")


def test_strangers_who_guess_shut_an_officer_out_of_their_own_browser(windows: Windows, office: Office) -> None:
    windows.watch.expected.append("status of 403")
    officer, stranger = windows(), windows()
    office.sign_in(officer, "operator")
    officer.get_by_role("button", name="Sign out").last.click()
    expect(officer.get_by_role("heading", level=1)).to_have_text("Sign in")
    stranger.goto(f"{office.address}/console/")
    for password in (*("wrong wrong wrong",) * (FREE + 1), PASSWORD):
        stranger.get_by_label("Name").fill("operator")
        stranger.get_by_label("Password").fill(password)
        stranger.get_by_role("button", name="Sign in").click()
        expect(stranger.get_by_role("alert")).to_be_visible()
    office.sign_in(officer, "operator")
    expect(officer.get_by_text(f"failed {FREE + 1} times before this session")).to_be_visible()


def test_a_reason_runs_in_the_console(windows: Windows, office: Office) -> None:
    page = windows()
    office.sign_in(page, "operator")
    page.goto(f"{office.address}/console/rollout")
    pausing = page.get_by_role("group").filter(has_text="Pause release 2")
    pausing.get_by_text("Pause release 2").click()
    pausing.get_by_role("textbox").fill(MARKUP)
    pausing.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("paused").first).to_be_visible()
    page.goto(f"{office.address}/console/changes")
    expect(page.get_by_text(MARKUP)).to_be_visible()
    assert page.locator("main img, main script").count() == 0


def test_what_somebody_calls_themselves_runs_in_the_console(windows: Windows, office: Office) -> None:
    page = windows()
    office.sign_in(page, "compliance")
    page.goto(f"{office.address}/console/requests")
    page.get_by_label("What you call the person").fill(MARKUP)
    page.get_by_label("How it came").fill(MARKUP)
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text(MARKUP).first).to_be_visible()
    assert page.locator("main img, main script").count() == 0
