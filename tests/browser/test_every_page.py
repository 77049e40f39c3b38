"""A page that keeps somebody out: by its colours, its width, its controls, or because they run no scripts.

That it weighs too much, asks elsewhere or complains is found by the windows themselves.
"""

from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from homespun_server.store import Role
from tests.browser.conftest import Windows
from tests.browser.judging import WINDOWS, Scheme, problems_of
from tests.browser.office import Office, compliance_of
from tests.browser.person import PAGES, Person
from tests.server.api.support import TESTER
from tests.server.compliance.requests.support import PERSON


def walk(page: Page, addresses: Sequence[str]) -> list[str]:
    found = []
    for address in addresses:
        page.goto(address)
        found += problems_of(page)
    return found


def own_pages(page: Page, user: Person) -> list[str]:
    """Enter, and return the person's pages."""
    home = user.enter(page)
    why = page.get_by_role("link", name="Why this?").first.get_attribute("href")
    return [*(home + name for name in PAGES), f"{home}{why}"]


def office_pages(page: Page, office: Office, role: Role) -> list[str]:
    """Sign in, and return the console's pages: those of the menu, and one of each kind that they lead to."""
    console = f"{office.address}/console"
    office.sign_in(page, role)
    details = (f"models/{office.bundles[0]}", "models/compare", "log/0", f"requests/{request_at(office)}", "account")
    return [*office.links(page), *(f"{console}/{each}" for each in details)]


def request_at(office: Office) -> str:
    """Have a request worked on, so that there is something of everything, and return its number."""
    with compliance_of(office.settings, office.clock) as (_, compliance):
        desk = compliance.requests
        for request in desk.requests.queue():
            return request.id
        request = desk.requests.open("erasure", "gdpr", actor=TESTER, identifier=PERSON)
        for what in ("identified", "accepted"):
            desk.requests.act(request.id, what, TESTER, {"method": "passport seen", "evidence": "case 1"})
        desk.saga.work(request.id, TESTER)
        return request.id


@pytest.mark.parametrize(("view", "scheme"), WINDOWS)
def test_the_persons_page_keeps_somebody_out(
    windows: Windows, user: Person, view: ViewportSize, scheme: Scheme
) -> None:
    page = windows(view, scheme=scheme)
    assert walk(page, own_pages(page, user)) == []


@pytest.mark.parametrize(("view", "scheme"), WINDOWS)
def test_the_console_keeps_somebody_out(windows: Windows, office: Office, view: ViewportSize, scheme: Scheme) -> None:
    page = windows(view, scheme=scheme)
    page.goto(f"{office.address}/console/")
    assert problems_of(page) == []
    assert walk(page, office_pages(page, office, "compliance")) == []


def words(page: Page, address: str, *, drawn: str = "none") -> set[str]:
    """Return the lines of a page, without what scripts draw."""
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    without = set(lines(page.locator(drawn).all_inner_texts()))
    return set(lines([page.locator("main").inner_text()])) - without


def lines(texts: Sequence[str]) -> Iterator[str]:
    return (line.strip() for text in texts for line in text.splitlines() if line.strip())


def test_the_persons_page_tells_less_without_scripts(windows: Windows, user: Person) -> None:
    scripted, plain = windows(), windows(javascript=False)
    for one, other in zip(own_pages(scripted, user), own_pages(plain, user), strict=True):
        assert words(scripted, one) - words(plain, other) == set(), one


def test_the_console_tells_less_without_scripts(windows: Windows, office: Office) -> None:
    scripted, plain = windows(), windows(javascript=False)
    pages = office_pages(scripted, office, "compliance")
    assert office_pages(plain, office, "compliance") == pages
    for address in pages:
        assert words(scripted, address, drawn=".chart") - words(plain, address) == set(), address
