"""A person with an application on their machine, and their own page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

import homespun as hs
from tests.sdk.profile.support import QUICK, raw_key

NOTICE = hs.Notice("Films that you rate are kept encrypted on this computer, to recommend others. They never leave it.")
KEPT = (hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION)
LIKED = ("tt1375666", "tt0468569", "tt0133093")
"""Inception, The Dark Knight, The Matrix."""

PAGES = ("", "known", "choices", "left", "yours")


@dataclass(frozen=True)
class Person:
    """Somebody at their machine.

    Attributes:
        me: Their profile, as the application has it.
        folder: Where it is kept.
    """

    me: hs.Personalizer
    folder: Path

    def allow(self) -> "Person":
        """Let the application keep a profile and use it."""
        self.me.consent.grant(*KEPT, notice=NOTICE)
        return self

    def rate(self) -> "Person":
        """Rate three films in the application."""
        for item in LIKED:
            self.me.record(item, kind="rate", weight=9.0)
        return self

    def enter(self, page: Page) -> str:
        """Open their page by a one-time address; return where it is."""
        page.goto(self.me.console.url(notice=NOTICE))
        expect(page.get_by_role("heading", level=1)).to_have_text("For you")
        return page.url


@contextmanager
def at_home(folder: Path) -> Iterator[Person]:
    """Start the application with its sample of films."""
    with hs.Personalizer.open(folder, key=raw_key(), settings=QUICK) as me:
        yield Person(me, folder)


def titles(page: Page) -> list[str]:
    """Return what is listed."""
    return page.locator("#items h3").all_inner_texts()


def path_of(address: str) -> str:
    """Return an address without its origin."""
    return urlsplit(address).path
