"""A service with accounts, bundles and a budget, and people who sign in to its console."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Page, expect

from homespun.model.sample import sample_folder
from homespun_server.compliance.keys import create_compliance_keys
from homespun_server.compliance.opening import Compliance, open_compliance
from homespun_server.publishing.directory import open_registry
from homespun_server.settings import FILE, PASSPHRASE_VARIABLE, ServerSettings, read_settings
from homespun_server.store import Role, Store, open_store
from tests.browser.serving import serving
from tests.server.api.support import CHEAP, PASSPHRASE, Hands, make_directory
from tests.server.compliance.requests.support import CSV, write_tables
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


SETTINGS = f"""
[compliance.controller]
name = "Films Ltd."
address = "1 Quay Street, Dublin"
contact = "privacy@films.example"

[[compliance.tables]]
path = "{CSV}"
time = "at"
"""


def furnish(folder: Path) -> Premises:
    """Make a working directory with everything that pages show."""
    bare = make_directory(folder / "office")
    with (bare.folder / FILE).open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    settings = read_settings(bare.folder, {PASSPHRASE_VARIABLE: PASSPHRASE})
    write_tables(settings.folder)
    create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP, now=Hands())
    bundles = tuple(made(settings, folder))
    with compliance_of(settings, Hands()) as (store, compliance):
        open_registry(settings, store, Hands()).add(sample_folder(), lineage={}, gates={})
        compliance.log.catch_up()
        compliance.log.checkpoint()
    return Premises(settings, bundles)


@contextmanager
def compliance_of(settings: ServerSettings, clock: Hands) -> Iterator[tuple[Store, Compliance]]:
    """Open what compliance works with beside the service, as a command or a device's request would."""
    with open_store(settings.store, create=False) as store:
        found = open_compliance(settings, store, clock)
        assert found is not None
        yield store, found


@contextmanager
def opened(premises: Premises, folder: Path) -> Iterator[Office]:
    """Serve a copy of a working directory."""
    settings = replace(premises.settings, folder=shutil.copytree(premises.settings.folder, folder / "office"))
    clock = Hands()
    with serving(settings, clock) as address:
        yield Office(address, settings, clock, premises.bundles)
