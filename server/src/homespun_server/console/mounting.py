"""Puts the console together: what the pages work with, the menu, and the routes under ``/console``."""

import time

from litestar import Router
from litestar.di import Provide

from homespun_server.api.limits import TokenBucket
from homespun_server.api.services import Services
from homespun_server.compliance.opening import open_compliance
from homespun_server.console.accounts import Accounts
from homespun_server.console.answering import errors
from homespun_server.console.desk import Desk
from homespun_server.console.entering import entering, sent
from homespun_server.console.entrance import Entrance
from homespun_server.console.headers import PATH
from homespun_server.console.pages import budget, changes, entry, models, overview, rollout
from homespun_server.console.rendering import Place, Renderer, Section
from homespun_server.console.sessions import Sessions
from homespun_server.passphrase import KeyCosts

ATTEMPTS_RATE = 1.0
"""Passwords that are tried a second, of all names together; each costs memory and time."""

ATTEMPTS_BURST = 20
"""Passwords that are tried at once after a pause."""

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
    Section("Evidence", (Place("changes", "Record of changes", "/console/changes", "read-changes"),)),
)


def open_desk(services: Services, *, costs: KeyCosts | None = None) -> Desk:
    """Return what the pages work with.

    Args:
        services: What the API works with.
        costs: What trying a password is to cost; None: the usual.

    Raises:
        SettingsError: The compliance keys' file is none.
        SigningKeyError: The passphrase does not open the compliance keys.
    """
    store, now = services.store, services.now
    accounts, sessions = Accounts(store, now, costs=costs), Sessions(store, now)
    return Desk(
        services=services,
        accounts=accounts,
        sessions=sessions,
        entrance=Entrance(store, accounts, sessions, now),
        attempts=TokenBucket(ATTEMPTS_RATE, ATTEMPTS_BURST, time.monotonic),
        renderer=Renderer(services.settings.application, MENU),
        compliance=open_compliance(services.settings, store, now),
    )


def pages(desk: Desk) -> Router:
    """Return the routes of the console."""
    modules = (overview, models, rollout, budget, changes, entry)
    return Router(
        PATH,
        route_handlers=[handler for module in modules for handler in module.HANDLERS],
        dependencies={"desk": Provide(lambda: desk, sync_to_thread=False), "sent": Provide(sent)},
        middleware=[entering(desk.sessions)],
        exception_handlers=errors(desk.renderer),
        include_in_schema=False,
    )
