"""A rectification cannot be worked on from a page, changes what is not the person's, or says nothing and seems done."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from homespun_server.console.pages.requests import CORRECTIONS
from homespun_server.settings import ServerSettings, TableSettings
from tests.server.api.support import Running
from tests.server.console.support import Browser, browsing, console

TABLE = "user,item\nuser-000017, a\nuser-000018, a\n"


@pytest.fixture
def tables(full: ServerSettings) -> Iterator[Running]:
    """The service of a working directory with a table about people."""
    (full.folder / "people.csv").write_text(TABLE)
    compliance = msgspec.structs.replace(full.compliance, tables=(TableSettings(path="people.csv"),))
    with console(replace(full, compliance=compliance)) as service:
        yield service


def accepted(browser: Browser, kind: str = "rectification") -> str:
    opened = browser.send("/console/requests", kind=kind, regulation="gdpr", person="user-000017", how="letter")
    path = str(opened.headers["location"]).partition("?")[0]
    browser.send(f"{path}/identify", method="seen", evidence="case 1")
    assert browser.send(f"{path}/accept").status == 303
    return path


def rows(service: Running) -> str:
    return (service.settings.folder / "people.csv").read_text()


def test_a_value_is_put_right_for_somebody_else_or_not_at_all(tables: Running) -> None:
    with browsing(tables, "compliance") as browser:
        path = accepted(browser)
        fields = {each.get("name"): each for each in browser.get(path).all("input")}
        assert {f"{name}-{place}" for name in ("column", "wrong", "right") for place in range(1, CORRECTIONS + 1)} <= {
            *fields
        }
        assert [name for name, each in fields.items() if str(name).startswith("column") and "required" in each] == [
            "column-1"
        ]
        nothing = browser.send(f"{path}/work")
        assert (nothing.status, "give corrections" in nothing.text) == (409, True)
        assert browser.send(f"{path}/work", **{"wrong-1": " a", "right-1": "b"}).status == 400
        assert rows(tables) == TABLE
        said = {"column-1": "item", "wrong-1": "z", "right-1": "y", "column-3": "item", "wrong-3": " a", "right-3": "b"}
        assert browser.send(f"{path}/work", **said).status == 303
        assert rows(tables) == TABLE.replace("user-000017, a", "user-000017,b")
        assert "1 row was put right" in browser.get(path).text


def test_other_requests_ask_what_is_wrong(tables: Running) -> None:
    with browsing(tables, "compliance") as browser:
        assert "column-1" not in browser.get(accepted(browser, "restriction")).text
