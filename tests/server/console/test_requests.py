"""What an officer does with a request cannot be done from its page, or is done by somebody else, or by another site."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from homespun.model.sample import sample_folder
from homespun_server.publishing.directory import open_registry
from homespun_server.settings import ServerSettings, TableSettings
from homespun_server.store import open_store
from tests.server.api.support import Running
from tests.server.compliance.audit.conftest import explained
from tests.server.compliance.requests.test_identity import TOKEN
from tests.server.console.support import Browser, browsing, console

TABLE = "user,item\nuser-000017,a\nuser-000018,a\n"
CHECK = "tests.server.compliance.requests.test_identity:by_token"


@pytest.fixture
def tables(full: ServerSettings) -> Iterator[Running]:
    """The service of a working directory with a table about people, and a check of identity."""
    (full.folder / "people.csv").write_text(TABLE)
    tables = (TableSettings(path="people.csv"),)
    with console(
        replace(full, compliance=msgspec.structs.replace(full.compliance, tables=tables, identify=CHECK))
    ) as it:
        yield it


def opened(browser: Browser, kind: str) -> str:
    made = browser.send("/console/requests", kind=kind, regulation="gdpr", person="user-000017", how="letter")
    return str(made.headers["location"]).partition("?")[0]


def worked(browser: Browser, kind: str) -> str:
    path = opened(browser, kind)
    assert browser.send(f"{path}/check", offered=f"token = {TOKEN}\n").status == 303
    assert browser.send(f"{path}/accept").status == 303
    assert browser.send(f"{path}/work").status == 303
    return path


def rows(service: Running) -> str:
    return (service.settings.folder / "people.csv").read_text()


def test_identity_is_settled_by_another_token_or_by_none(tables: Running) -> None:
    with browsing(tables, "compliance") as browser:
        path = opened(browser, "erasure")
        assert {"check-offered"} <= {each.get("id") for each in browser.get(path).all("textarea")}
        assert "not that of the person" in browser.send(f"{path}/check", offered="token=another").text
        assert browser.send(f"{path}/check", offered="nothing").status == 400
        assert browser.send(f"{path}/check", offered=f"token={TOKEN}", seen="7").status == 409
        assert browser.send(f"{path}/check", offered=f"token={TOKEN}").status == 303
        page = browser.get(path)
        assert "the application vouched for its token" in page.text
        assert TOKEN not in page.text


def test_a_check_that_nobody_registered_is_on_the_page(full: ServerSettings) -> None:
    with console(full) as service, browsing(service, "compliance") as browser:
        path = opened(browser, "erasure")
        assert "check-offered" not in browser.get(path).text
        assert browser.send(f"{path}/check", offered=f"token={TOKEN}").status == 409


def test_a_restriction_is_lifted_by_another_site_or_role_or_not_at_all(tables: Running) -> None:
    said = {"reason": "settled", "notice": "letter 14"}
    with browsing(tables, "compliance") as browser:
        path = worked(browser, "restriction")
        assert "user-000017" not in rows(tables)
        assert 'action="' + f'{path}/lift"' in browser.get(path).text
        token = browser.get("/console/account").token
        assert browser.post(f"{path}/lift", said).status == 403
        foreign = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site", "Host": "127.0.0.1"}
        assert browser.post(f"{path}/lift", {"form_token": token, **said}, foreign).status == 403
        with browsing(tables, "operator") as operator:
            assert operator.send(f"{path}/lift", **said).status == 403
        assert "needs" in browser.send(f"{path}/lift", reason="settled").text
        assert "user-000017" not in rows(tables)
        assert browser.send(f"{path}/lift", **said).status == 303
        assert "user-000017" in rows(tables)
        assert f"{path}/lift" not in browser.get(path).text
        assert f"{opened(browser, 'erasure')}/lift" not in browser.get(path).text


@pytest.mark.parametrize("kind", ["restriction", "access"])
def test_what_stays_cannot_be_told_any_more_once_a_request_is_closed(tables: Running, kind: str) -> None:
    with browsing(tables, "compliance") as browser:
        path = worked(browser, kind)
        assert f"{path}/export" in browser.get(path).text
        if kind == "access":
            assert browser.send(f"{path}/export").status == 200
        assert browser.send(f"{path}/close").status == 303
        late = kind == "restriction"
        assert (f"{path}/export" in browser.get(path).text) == late
        assert browser.send(f"{path}/export").status == (200 if late else 409)


def test_an_explanation_is_not_made_from_the_page(tables: Running) -> None:
    records = explained().decode()
    with browsing(tables, "compliance") as browser:
        path = worked(browser, "explanation")
        page = browser.get(path)
        assert {"export-file", "no-records-reason"} <= {each.get("id") for each in page.all("input")}
        for sent in ({}, {"records": "{}"}, {"records": records}):
            assert browser.send(f"{path}/export", **sent).status == 409
        with open_store(tables.settings.store, create=False) as store:
            open_registry(tables.settings, store).add(sample_folder(), lineage={}, gates={})
        assert browser.send(f"{path}/export", records=records, language="xx").status == 409
        made = browser.send(f"{path}/export", records=records, language="de")
        assert (made.status, made.headers["content-type"]) == (200, "application/zip")
        assert "no-records-reason" not in browser.get(path).text
        assert browser.send(f"{path}/close").status == 303


def test_why_there_is_no_explanation_is_not_taken_from_the_page(tables: Running) -> None:
    with browsing(tables, "compliance") as browser:
        path = worked(browser, "explanation")
        assert browser.send(f"{path}/no-records", reason="on the device").status == 409
        assert browser.send(f"{path}/no-records", reason="on the device", evidence="its receipt").status == 303
        assert "on the device" in browser.get(path).text
