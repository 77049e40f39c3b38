"""Puts the console together: what the pages work with, the menu, and the routes under ``/console``."""

import time

from litestar import Router
from litestar.di import Provide

from homespun_server.api.limits import TokenBucket
from homespun_server.api.services import Services
from homespun_server.console.accounts import Accounts
from homespun_server.console.answering import errors
from homespun_server.console.desk import Desk
from homespun_server.console.entering import entering, sent
from homespun_server.console.entrance import Entrance
from homespun_server.console.headers import PATH
from homespun_server.console.pages import (
    budget,
    changes,
    consent,
    documents,
    entry,
    explanations,
    log,
    models,
    overview,
    requests,
    rollout,
)
from homespun_server.console.rendering import Place, Renderer, Section
from homespun_server.console.sessions import Sessions
from homespun_server.passphrase import KeyCosts

ATTEMPTS_RATE = 1.0
"""Passwords that strangers try a second, of all names together; each costs memory and time."""

ATTEMPTS_BURST = 20
"""Passwords that strangers try at once after a pause."""

MENU = (
    Section("", (Place("overview", "Overview", "/console/"),)),
    Section(
        "Models",
        (
            Place("models", "Models", "/console/models"),
            Place("rollout", "Rollout", "/console/rollout"),
            Place("budget", "Privacy budget", "/console/budget"),
        ),
    ),
    Section(
        "People",
        (
            Place("requests", "Requests", "/console/requests", "read-requests", "compliance"),
            Place("consent", "Consent", "/console/consent", "read-consent", "compliance"),
        ),
    ),
    Section(
        "Evidence",
        (
            Place("log", "Transparency log", "/console/log", "read", "compliance"),
            Place("explanations", "Explanations", "/console/explanations"),
            Place("documents", "Documents", "/console/documents"),
            Place("changes", "Record of changes", "/console/changes", "read-changes"),
        ),
    ),
)


def open_desk(services: Services, *, costs: KeyCosts | None = None) -> Desk:
    """Return what the pages work with.

    Args:
        services: What the API works with.
        costs: What trying a password is to cost; None: the usual.
    """
    store, now = services.store, services.now
    accounts, sessions = Accounts(store, now, costs=costs), Sessions(store, now)
    strangers = TokenBucket(ATTEMPTS_RATE, ATTEMPTS_BURST, time.monotonic)
    return Desk(
        services=services,
        accounts=accounts,
        sessions=sessions,
        entrance=Entrance(store, accounts, sessions, now, strangers=strangers),
        renderer=Renderer(services.settings.application, _menu(services.compliance is not None)),
        compliance=services.compliance,
    )


def pages(desk: Desk) -> Router:
    """Return the routes of the console."""
    modules = (overview, models, rollout, budget, requests, consent, log, explanations, documents, changes, entry)
    return Router(
        PATH,
        route_handlers=[handler for module in modules for handler in module.HANDLERS],
        dependencies={"desk": Provide(lambda: desk, sync_to_thread=False), "sent": Provide(sent)},
        middleware=[entering(desk.sessions)],
        exception_handlers=errors(desk.renderer),
        include_in_schema=False,
    )


def _menu(there: bool) -> tuple[Section, ...]:  # noqa: FBT001 - whether there are compliance keys
    """Return the menu, without what needs compliance keys where there are none."""
    shown = (Section(each.title, tuple(p for p in each.places if there or not p.needs)) for each in MENU)
    return tuple(section for section in shown if section.places)
