"""How ``me.requests`` is put together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from homespun.asked.afterwards import Afterwards
from homespun.asked.answering import Means
from homespun.asked.asked import Asked
from homespun.asked.settings import Requests
from homespun.consent import Purpose
from homespun.errors import MisuseError
from homespun.home import Home
from homespun.person.consent import Consent
from homespun.person.controls import Controls

if TYPE_CHECKING:
    from homespun.sync import Updater


@dataclass(frozen=True)
class AskedBy:
    """What an application gives.

    Attributes:
        settings: By whom devices are asked.
    """

    settings: Requests


def asked_of(
    home: Home, updater: "Updater | None", consent: Consent, controls: Controls, asking: AskedBy | None
) -> Asked:
    """Return ``me.requests``."""
    # Also without settings: the person sees what left, whatever the application gives now.
    folder = home.custody.place.folder
    path = None if folder is None else folder.with_name(f"{folder.name}.asked")
    afterwards = Afterwards(path, home.egress.outliving, lambda: _refused(home), lambda: home.is_private)
    home.custody.surviving = afterwards
    return Asked(Means(home, consent, controls, afterwards), updater, None if asking is None else asking.settings)


def check_requests(requests: object, updates: object) -> None:
    """Check what an application gives.

    Raises:
        MisuseError: It is something else, or there is no channel that the list could come from.
    """
    if not isinstance(requests, Requests | None):
        raise MisuseError(f"requests is of type {type(requests).__name__}; make it with homespun.Requests(...).")
    if requests is not None and updates is None:
        raise MisuseError("the list of requests comes from the channel of updates: give updates=homespun.Updates(...).")


def _refused(home: Home) -> bool:
    status = home.ledger().status_of(Purpose.REQUESTS, home.now())
    return status.decided_by is not None and not status.granted
