"""A service with accounts, bundles and a budget, and people who sign in to its console."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Page, expect

from homespun_server.settings import ServerSettings
from homespun_server.store import Role
from tests.browser.serving import serving
from tests.server.api.support import Hands, make_directory
from tests.server.console.support import PASSWORD, made


@dataclass(frozen=True)
class Office:
    """A service that runs.

    Attributes:
        address: Where it is served.
        settings: Its working directory's settings.
        clock: What it takes for the time.
        bundles: The registered bundles' identities.
    """

    address: str
    settings: ServerSettings
    clock: Hands
    bundles: tuple[str, ...]

    def sign_in(self, page: Page, role: Role) -> Page:
        """Sign in, by the keyboard alone."""
        page.goto(f"{self.address}/console/")
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type(role)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
        return page

    def links(self, page: Page) -> list[str]:
        """Return the addresses in the console's menu."""
        found = page.locator("nav a").evaluate_all("links => links.map(link => link.href)")
        return sorted({re.sub(r"[?#].*", "", link) for link in found})


@dataclass(frozen=True)
class Premises:
    """A working directory that is copied for each office."""

    settings: ServerSettings
    bundles: tuple[str, ...]


def furnish(folder: Path) -> Premises:
    """Make a working directory with everything that pages show."""
    settings = make_directory(folder / "office")
    return Premises(settings, tuple(made(settings, folder)))


@contextmanager
def opened(premises: Premises, folder: Path) -> Iterator[Office]:
    """Serve a copy of a working directory."""
    settings = replace(premises.settings, folder=shutil.copytree(premises.settings.folder, folder / "office"))
    clock = Hands()
    with serving(settings, clock) as address:
        yield Office(address, settings, clock, premises.bundles)
