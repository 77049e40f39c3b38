"""What the pages work with, in one place; made once by the composition root."""

from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency

from homespun_server.api.problem import ClientError
from homespun_server.api.services import Services, check_replayed
from homespun_server.compliance.opening import Compliance
from homespun_server.console.accounts import Accounts
from homespun_server.console.entrance import Entrance
from homespun_server.console.rendering import Renderer
from homespun_server.console.sessions import Sessions, Visitor


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the pages work with.

    Attributes:
        services: What the API works with, too.
        accounts: Who may sign in.
        sessions: Who is signed in.
        entrance: Where passwords are tried.
        renderer: Makes pages.
        compliance: Consent, requests and the log; None: there are no compliance keys.
    """

    services: Services
    accounts: Accounts
    sessions: Sessions
    entrance: Entrance
    renderer: Renderer
    compliance: Compliance | None


def compliance_of(desk: Desk) -> Compliance:
    """Return what compliance works with.

    Raises:
        ClientError: There are no keys for it, or people who were erased may be back.
    """
    if desk.compliance is None:
        raise ClientError("there are no compliance keys, so there is nothing here yet.", status_code=404)
    check_replayed(desk.services)
    return desk.compliance


At = NamedDependency[Desk]
"""How a page asks for them, by the name ``desk``."""

PageRequest = Request[Any, Visitor, State]
"""A request of somebody who is signed in."""

Sent = NamedDependency[dict[str, str]]
"""How a page asks for a form's fields, by the name ``sent``."""
