"""A Chromium for all tests of pages, and windows that are watched.

Every window of every test is watched to its end: a request that leaves this machine, an error in the console (which is
where violated content policies are told) and a page that weighs too much fail the test, whatever else it tests.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.browser.chromium import REBOUND, launch
from tests.browser.layout import DESKTOP
from tests.browser.office import Office, Premises, furnish, opened
from tests.browser.person import Person, at_home
from tests.browser.site import Site, served
from tests.browser.watch import LOOPBACK, Watch

PATIENCE_MS = 15_000
"""How long an expectation may take to come true, on a machine that has other things to do."""


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser; at its end, what it wrote down of its connections is read."""
    log = tmp_path_factory.mktemp("chromium") / "net.json"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright.chromium, log)
        yield browser
        browser.close()
    assert [address for address in connections(log) if urlsplit(f"//{address}").hostname not in LOOPBACK] == []


def connections(log: Path) -> list[str]:
    """Return the addresses that the browser tried to connect to, whether a page or the browser itself wanted it."""
    recorded = json.loads(log.read_text(encoding="utf-8"))
    kind = recorded["constants"]["logEventTypes"]["TCP_CONNECT_ATTEMPT"]
    tried = (event.get("params", {}).get("address") for event in recorded["events"] if event["type"] == kind)
    return [address for address in tried if address]


class Windows:
    """Opens windows, each with cookies and storage of its own, and watches them all."""

    def __init__(self, browser: Browser, watch: Watch) -> None:
        self.watch = watch
        self._browser = browser
        self._problems: list[str] | None = None

    def __call__(
        self,
        view: ViewportSize = DESKTOP,
        *,
        scheme: Literal["light", "dark"] = "light",
        javascript: bool = True,
    ) -> Page:
        """Open a window as somebody else than before."""
        context = self._browser.new_context(
            viewport=view, color_scheme=scheme, java_script_enabled=javascript, reduced_motion="reduce", locale="en-GB"
        )
        context.set_default_timeout(PATIENCE_MS)
        self.watch.follow(context)
        page = context.new_page()
        self.watch.weigh(page)
        return page

    def expect_rebinding(self) -> None:
        """Let the test use the name that an attacker leads to this machine."""
        self.watch.elsewhere.add(REBOUND)

    def close(self) -> list[str]:
        """Close all windows, and return what pages should not have done; what they show has to be served until then."""
        if self._problems is None:
            try:
                self._problems = self.watch.problems()
            finally:
                for context in list(self._browser.contexts):
                    context.close()
        return self._problems


@pytest.fixture
def windows(chromium: Browser) -> Iterator[Windows]:
    """Windows that are watched; what pages should not have done fails the test at its end."""
    opened = Windows(chromium, Watch())
    yield opened
    problems = opened.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def stranger(windows: Windows) -> Iterator[Site]:
    """Another origin: a web server on another port of this machine."""
    with served() as site:
        yield site
        windows.close()


@pytest.fixture
def person(windows: Windows, tmp_path: Path) -> Iterator[Person]:
    """Somebody who has just installed the application."""
    with at_home(tmp_path / "profile") as found:
        yield found
        windows.close()


@pytest.fixture
def user(person: Person) -> Person:
    """Somebody who uses the application, and allowed it to remember."""
    return person.allow().rate()


@pytest.fixture(scope="session")
def premises(tmp_path_factory: pytest.TempPathFactory) -> Premises:
    """A working directory, which is copied for each test."""
    return furnish(tmp_path_factory.mktemp("premises"))


@pytest.fixture
def office(windows: Windows, premises: Premises, tmp_path: Path) -> Iterator[Office]:
    """The service, and its console."""
    with opened(premises, tmp_path) as found:
        yield found
        windows.close()
