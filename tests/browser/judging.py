"""What every page is held to, in one place: a desktop in light, a phone in dark, and no scripts."""

from collections.abc import Callable
from typing import Literal

from playwright.sync_api import Page, ViewportSize

from tests.browser.axe import grave_violations
from tests.browser.conftest import Windows
from tests.browser.layout import DESKTOP, PHONE, keyboard_problems, width_problems

Scheme = Literal["light", "dark"]

WINDOWS: tuple[tuple[ViewportSize, Scheme], ...] = ((DESKTOP, "light"), (PHONE, "dark"))
"""Each with half of what differs: contrasts belong to the colours, and the rest to the width."""


def problems_of(page: Page) -> list[str]:
    """Return what is wrong with the page that a window shows."""
    return [*grave_violations(page), *width_problems(page), *keyboard_problems(page)]


def judge(windows: Windows, visit: Callable[[Page], object]) -> list[str]:
    """Return what is wrong with the page to which ``visit`` leads a window, in every kind of window."""
    found = []
    for view, scheme in WINDOWS:
        page = windows(view, scheme=scheme)
        visit(page)
        found += [f"{scheme}, {view['width']} wide: {problem}" for problem in problems_of(page)]
    return found
