"""What ``run`` does last: look whether requests of people waited for the model that it made."""

from dataclasses import replace

from rich.console import Console

from homespun.errors import HomespunError
from homespun_server.cli.request_desk import say
from homespun_server.cli.signing import Passphrase
from homespun_server.compliance.keys import FILE
from homespun_server.compliance.opening import open_compliance
from homespun_server.compliance.requests.course import WORKED
from homespun_server.compliance.requests.retraining import Retrainings
from homespun_server.publishing.directory import open_registry
from homespun_server.settings import ServerSettings
from homespun_server.store import Actor, Store
from homespun_server.store.moments import utc_now


def settle(settings: ServerSettings, store: Store, actor: Actor, passphrase: Passphrase, console: Console) -> None:
    """Let requests go on that waited for models which were made again by now, and say which.

    The model is made, whatever becomes of this: an error is said, and not raised.

    Args:
        settings: The working directory's settings.
        store: Its store.
        actor: Who made the model.
        passphrase: Gives the keys' passphrase; asked only if a request waits.
        console: Where it is said.
    """
    if not (settings.keys / FILE).exists():
        return
    try:
        moved = _moved(settings, store, actor, passphrase)
    except (HomespunError, OSError) as error:
        say(
            console,
            f"The model is made, and requests that wait for models could not be looked at: {error} The service looks "
            "again, and so does homespun-server request work.",
        )
        return
    if moved:
        say(console, f"Requests that waited for this model: {', '.join(moved)}; see homespun-server request show.")


def _moved(settings: ServerSettings, store: Store, actor: Actor, passphrase: Passphrase) -> tuple[str, ...]:
    retrainings = Retrainings(store, open_registry(settings, store), utc_now)
    if not retrainings.waiting((*WORKED, "closed_pending")):
        return ()
    opened = replace(settings, passphrase=passphrase("compliance keys").decode())
    compliance = open_compliance(opened, store)
    return () if compliance is None else compliance.requests.saga.check_waiting(actor)
