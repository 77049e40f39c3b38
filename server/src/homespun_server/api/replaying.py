"""At the service's start, what was erased or set aside is so again: a backup may have been restored since.

Where that fails, everything about people is refused, and it is tried again as the service looks at its timestamp.
"""

from collections.abc import Mapping

from homespun.errors import HomespunError
from homespun_server.api.logs import Log
from homespun_server.api.services import Services
from homespun_server.compliance.keys import FILE
from homespun_server.compliance.requests.tombstones import are_there
from homespun_server.errors import ReplayError
from homespun_server.store import Actor
from homespun_server.store.audit import COMMAND

STARTING = Actor("service start", COMMAND)
"""Who acts."""

_ADVICE = "mend that, and run homespun-server request replay"


def replay(services: Services, log: Log) -> None:
    """Erase again what the tombstones name, and log how many records that were.

    An error is logged, not raised: what is not about people is served all the same.

    Args:
        services: What the routes work with.
        log: The service's log.
    """
    if services.compliance is None:
        _warn(services, log)
        return
    try:
        _told(services, log, services.compliance.requests.saga.replay())
    except ReplayError as error:
        _told(services, log, error.again)
        _failed(services, log, error)
    except (HomespunError, OSError) as error:
        _failed(services, log, error)
    else:
        services.replayed.failure = None


def replay_again(services: Services, log: Log) -> None:
    """Try again where it failed before."""
    if services.replayed.failure is not None:
        replay(services, log)


def _told(services: Services, log: Log, found: Mapping[str, int]) -> None:
    again = {name: count for name, count in found.items() if count}
    if again:
        services.audit.add(STARTING, "replay-tombstones", "all", again)
        told = {name.replace(",", "").replace(" ", "_"): count for name, count in again.items()}
        log.warning("erased or set aside again", **told)


def _failed(services: Services, log: Log, error: Exception) -> None:
    if services.replayed.failure != str(error):
        log.error("what was erased may be back", why=str(error), advice=_ADVICE)
    services.replayed.failure = str(error)


def _warn(services: Services, log: Log) -> None:
    """Log that nothing was erased again, where people were erased and the keys cannot be opened."""
    settings = services.settings
    if (settings.keys / FILE).exists() and are_there(services.store, settings.folder):
        why = "no passphrase was given that opens the compliance keys, so nothing was erased again"
        log.error("what was erased may be back", why=why, advice=_ADVICE)
