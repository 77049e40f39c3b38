"""A compliance officer at the console: requests from receipt to answer, with a device that stays offline."""

import json
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Locator, Page, expect

from homespun.protocol.asking.receipt import operators_copy
from homespun_server.cli import main
from homespun_server.settings import PASSPHRASE_VARIABLE
from tests.browser.conftest import Windows
from tests.browser.office import Office, compliance_of
from tests.browser.person import Person
from tests.server.api.support import PASSPHRASE
from tests.server.compliance.audit.conftest import explained
from tests.server.compliance.requests.asking.phones import Phone
from tests.server.compliance.requests.support import CSV, OTHER, PERSON
from tests.server.console.support import PASSWORD


@pytest.fixture
def phones(office: Office) -> tuple[Phone, Phone]:
    """Two devices of the person, which agreed to be asked; one of them will never come online again."""
    found = Phone("the one in the hand", PERSON), Phone("the one in a drawer", PERSON)
    with compliance_of(office.settings, office.clock) as (_, compliance):
        devices = compliance.asking.devices
        for phone in found:
            devices.register(phone.registration(compliance.keys, devices.voucher(PERSON)))
    return found


def open_request(page: Page, office: Office, kind: str, person: str = PERSON) -> None:
    """Record a request, and bring it to where it can be worked on."""
    page.goto(f"{office.address}/console/requests")
    page.get_by_label("What is asked for").select_option(kind)
    page.get_by_label("Under").select_option("gdpr")
    page.get_by_label("What you call the person").fill(person)
    page.get_by_label("How it came").fill("By mail, case 4711")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(kind.capitalize())
    act(page, "identify", method="Signed in to the account", evidence="Case 4711")
    act(page, "accept")


def act(page: Page, action: str, **fields: str) -> None:
    """Fill a form of what may be done next, and send it."""
    form = page.locator(f"#action-{action}")
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    for name, value in fields.items():
        form.locator(f"[name={name}]").fill(value)
    form.get_by_role("button").click()


def fact(page: Page, name: str) -> Locator:
    return page.locator("dl.facts div").filter(has=page.get_by_text(name, exact=True)).locator("dd")


def answer(office: Office, phone: Phone, person: Person) -> None:
    """Let a device find what is asked of it, erase its profile, and send its receipt."""
    with compliance_of(office.settings, office.clock) as (_, compliance):
        (asked,) = phone.finds(compliance.asking.listed(), office.clock().timestamp())
        evidence = operators_copy(person.me.erase(), phone.private.sign, phone.key)
        compliance.asking.receive(phone.answer(asked.request, kind=asked.kind, settings=(), erasure=evidence))


def saved(page: Page, path: Path) -> dict[str, bytes]:
    """Make the answer, and return the files in it."""
    with page.expect_download() as download:
        act(page, "export")
    download.value.save_as(path)
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_erasure_is_done_while_a_device_is_offline(
    windows: Windows, office: Office, phones: tuple[Phone, Phone], person: Person
) -> None:
    page = windows()
    office.sign_in(page, "compliance")
    open_request(page, office, "erasure")
    expect(fact(page, "To be answered until")).to_contain_text("2025-04-01")
    act(page, "work", password=PASSWORD)
    expect(page.get_by_role("row").filter(has_text=CSV)).to_contain_text("done")
    table = (office.settings.folder / CSV).read_text()
    assert PERSON not in table
    assert OTHER in table
    expect(page.get_by_text("0 answered with a signed receipt, 2 have not answered")).to_be_visible()

    answer(office, phones[0], person)
    page.reload()
    expect(page.get_by_text("1 answered with a signed receipt, 1 has not answered")).to_be_visible()
    page.get_by_text("Receipt", exact=True).click()
    expect(page.locator("details.receipt pre")).to_contain_text('"outcome":"done"')
    expect(fact(page, "State")).to_have_text("partial")

    windows.watch.expected.append("status of 409")
    request = page.url
    act(page, "close")
    expect(page.get_by_role("main")).to_contain_text("1 of 2 devices have not answered")
    page.goto(request)
    page.locator("#action-close summary").click()
    page.get_by_label("Close it all the same").check()
    page.locator("#action-close").get_by_role("button", name="Close").click()
    expect(fact(page, "State")).to_have_text("closed pending")
    expect(page.get_by_text("1 answered with a signed receipt, 1 has not answered")).to_be_visible()
    expect(fact(page, "About")).to_have_text("no longer known")


def test_an_access_request_is_answered_with_somebody_elses_rows(
    windows: Windows, office: Office, tmp_path: Path
) -> None:
    page = windows()
    office.sign_in(page, "compliance")
    open_request(page, office, "access")
    act(page, "work")
    expect(page.get_by_role("row").filter(has_text=CSV)).to_contain_text("done")
    assert PERSON in (office.settings.folder / CSV).read_text()
    files = saved(page, tmp_path / "answer.zip")
    page.reload()
    act(page, "close")
    expect(fact(page, "State")).to_have_text("closed")
    assert json.loads(files["manifest.json"])
    text = b"".join(files.values()).decode()
    assert PERSON in text
    assert OTHER not in text
    page.goto(f"{office.address}/console/changes")
    expect(page.get_by_text("view request").first).to_be_visible()


def test_an_explanation_that_was_changed_is_taken_for_a_true_one(
    windows: Windows, office: Office, tmp_path: Path
) -> None:
    page = windows()
    office.sign_in(page, "compliance")
    open_request(page, office, "explanation")
    act(page, "work")
    true = explained().splitlines()[0].decode()
    for record, verdict in ((true, "It comes out again"), (true.replace('"score":"', '"score":"1', 1), "not")):
        page.goto(f"{office.address}/console/explanations")
        page.get_by_label("Or its text").fill(record)
        page.get_by_role("button", name="Make it again").click()
        expect(page.locator("#verdict, [role=alert]").first).to_contain_text(verdict)


def test_the_exported_audit_bundle_does_not_verify(
    windows: Windows,
    office: Office,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = windows()
    office.sign_in(page, "compliance")
    open_request(page, office, "restriction", OTHER)
    # The command's clock is today's, by which every deadline here has passed.
    act(page, "withdraw", reason="Settled otherwise", evidence="Mail of today")
    expect(fact(page, "State")).to_have_text("withdrawn")
    page.goto(f"{office.address}/console/log")
    page.get_by_role("button", name="Bring it up to date and sign").click()
    expect(fact(page, "Not signed yet")).to_have_text("0")
    key = fact(page, "The log's public key (Ed25519)").inner_text()
    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
    bundle, wanted = str(tmp_path / "audit.zip"), ("--since", "2025-02-28", "--out")
    assert main(["audit", "export", "--in", str(office.settings.folder), *wanted, bundle]) == 0
    capsys.readouterr()
    assert main(["audit", "verify", bundle, "--log-key", key, "--json"]) == 0
    outcomes = {each["name"]: each["outcome"] for each in json.loads(capsys.readouterr().out)["checks"]}
    assert "fail" not in outcomes.values()
    assert {outcomes[name] for name in ("requests", "deadlines", "log root", "signature")} == {"pass"}
