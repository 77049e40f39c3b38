"""An auditor: reads the console and changes nothing, and finds what was planted in the bundle that they were given."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from homespun_server.compliance.audit import verify
from homespun_server.compliance.audit.container import pack
from homespun_server.store import open_store
from tests.browser.attacking import NOISE
from tests.browser.conftest import Windows
from tests.browser.office import Office
from tests.browser.serving import serving
from tests.server.api.support import Hands
from tests.server.compliance.audit.conftest import Audited, audited
from tests.server.compliance.audit.test_manipulations import PLANTED
from tests.server.console.support import fill_accounts

__all__ = ["audited"]  # a fixture


@pytest.fixture
def archive(windows: Windows, audited: Audited, tmp_path: Path) -> Iterator[Office]:
    """The console of the working directory that the audit bundle is of."""
    folder = shutil.copytree(audited.settings.folder, tmp_path / "wd")
    settings, clock = replace(audited.settings, folder=folder), Hands()
    clock.pass_(days=3, hours=1)
    with open_store(settings.store, create=False) as store:
        fill_accounts(store, clock)
    with serving(settings, clock) as address:
        yield Office(address, settings, clock, ())
        windows.close()


def test_a_planted_manipulation_is_not_found(windows: Windows, archive: Office, audited: Audited) -> None:
    page = windows()
    archive.sign_in(page, "auditor")
    # What the console shows is what the bundle is checked against: the key, and the checkpoint.
    page.goto(f"{archive.address}/console/log")
    assert audited.pins.log is not None
    expect(page.get_by_text(audited.pins.log.hex())).to_be_visible()
    shown = page.get_by_label("The checkpoint as a signed note").inner_text()
    assert shown.splitlines()[:3] == audited.members["log/checkpoint.txt"].decode().splitlines()[:3]
    assert [each.name for each in verify(audited.raw, audited.pins) if each.failed] == []
    found = {}
    for name, (manipulate, check) in PLANTED.items():
        members = audited.members
        manipulate(members)
        found[name] = check in {each.name for each in verify(pack(members), audited.pins) if each.failed}
    assert len(found) >= 10
    assert [name for name, is_found in found.items() if not is_found] == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE homespun_log_openings SET salt = zeroblob(32)",
        "UPDATE homespun_log_openings SET content = CAST(replace(CAST(content AS TEXT), 'purpose', 'propose') AS BLOB)",
        "UPDATE homespun_log_nodes SET hash = zeroblob(32) WHERE level = 0",
    ],
)
def test_an_entry_that_was_changed_in_the_database_is_shown_as_if_it_held(
    windows: Windows, archive: Office, statement: str
) -> None:
    page = windows()
    archive.sign_in(page, "auditor")
    page.goto(f"{archive.address}/console/log")
    page.get_by_role("region").get_by_role("link").last.click()
    expect(page.get_by_text("holds").first).to_be_visible()
    expect(page.locator("main li.act")).to_have_count(0)
    entry = page.url
    with open_store(archive.settings.store, create=False) as store, store.writing() as connection:
        for trigger in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f'DROP TRIGGER "{trigger}"'))
        connection.execute(text(statement))
    page.goto(entry)
    expect(page.locator("main li.act").first).to_contain_text("fails")


def test_an_auditor_changes_something_or_sees_who_it_is_about(windows: Windows, archive: Office) -> None:
    windows.watch.expected += NOISE
    page = windows()
    archive.sign_in(page, "auditor")
    for address in archive.links(page):
        page.goto(address)
        assert page.locator("main form[method=post]:not([action$=explanations])").count() == 0, address
    page.goto(f"{archive.address}/console/requests?state=closed")
    page.goto(f"{archive.address}/console/requests")
    page.get_by_role("region").get_by_role("link").first.click()
    expect(page.get_by_text("shown to compliance only")).to_be_visible()
    request = page.url
    token = page.locator("input[name=form_token]").first.input_value()
    refused = page.request.post(
        f"{request}/accept",
        form={"form_token": token},
        headers={"Origin": archive.address, "Sec-Fetch-Site": "same-origin"},
    )
    assert refused.status == 403
    page.goto(f"{archive.address}/console/changes")
    expect(page.get_by_text("view request").first).to_be_visible()  # and that they looked is recorded
