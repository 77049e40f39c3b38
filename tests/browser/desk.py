"""What an officer does with the forms of a request."""

from pathlib import Path
from zipfile import ZipFile

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Windows
from tests.browser.office import Office
from tests.server.compliance.requests.support import PERSON
from tests.server.console.support import PASSWORD

ONE_OF_TWO = "1 answered with a signed receipt, 1 has not answered"


def open_request(page: Page, office: Office, kind: str) -> str:
    """Record a request, settle who asks, and carry it to every store; return where it is."""
    page.goto(f"{office.address}/console/requests")
    page.get_by_label("What is asked for").select_option(kind)
    page.get_by_label("Under").select_option("gdpr")
    page.get_by_label("What you call the person").fill(PERSON)
    page.get_by_label("How it came").fill("By mail, case 4711")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(kind.capitalize())
    act(page, "identify", method="Signed in to the account", evidence="Case 4711")
    act(page, "accept")
    act(page, "work", **({"password": PASSWORD} if kind == "erasure" else {}))
    expect(fact(page, "State")).to_have_text("partial")
    return page.url.partition("?")[0]


def form_of(page: Page, action: str) -> Locator:
    """Return a form of what may be done next, unfolded."""
    form = page.locator(f"#action-{action}")
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    return form


def act(page: Page, action: str, **fields: str) -> None:
    """Fill a form, and send it."""
    form = form_of(page, action)
    for name, value in fields.items():
        form.locator(f"[name={name}]").fill(value)
    form.locator("button.main").click()


def fact(page: Page, name: str) -> Locator:
    return page.locator("dl.facts div").filter(has=page.get_by_text(name, exact=True)).locator("dd")


def refused(windows: Windows, page: Page, action: str, because: str) -> None:
    """Try what is not to be done yet, read why, and go back to the request."""
    windows.watch.expected.append("status of 409")
    act(page, action)
    expect(page.get_by_role("alert")).to_contain_text(because)
    page.get_by_role("link", name="Back to the request").click()
    expect(page.get_by_role("heading", name="What may be done next")).to_be_visible()


def close_pending(page: Page, request: str) -> None:
    """Close a request although one of two devices has not answered: it is not done."""
    page.goto(request)
    expect(page.get_by_text(ONE_OF_TWO)).to_be_visible()
    expect(fact(page, "State")).to_have_text("partial")
    form_of(page, "close").get_by_label("Close it all the same").check()
    act(page, "close")
    expect(fact(page, "State")).to_have_text("closed pending")
    expect(page.get_by_text(ONE_OF_TWO)).to_be_visible()


def receipt_on(page: Page) -> bytes:
    """Return the device's receipt that a request's page shows."""
    page.get_by_text("Receipt", exact=True).click()
    return page.locator("details.receipt pre").inner_text().encode()


def saved(page: Page, path: Path) -> dict[str, bytes]:
    """Make the answer, and return the files in it."""
    with page.expect_download() as download:
        act(page, "export")
    download.value.save_as(path)
    page.reload()
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
