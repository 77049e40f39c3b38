"""At the service's start, what was erased is erased again: a backup may have been restored since."""

from homespun.errors import HomespunError
from homespun_server.api.logs import Log
from homespun_server.api.services import Services
from homespun_server.store import Actor
from homespun_server.store.audit import COMMAND

STARTING = Actor("service start", COMMAND)
"""Who acts."""


def replay(services: Services, log: Log) -> None:
    """Erase again what the tombstones name, and log how many records that were; an error is logged, not raised.

    Args:
        services: What the routes work with.
        log: The service's log.
    """
    if services.compliance is None:
        return
    try:
        again = {name: count for name, count in services.compliance.requests.saga.replay().items() if count}
    except HomespunError as error:
        log.error("what was erased may be back", why=str(error), advice="run homespun-server request replay")
        return
    if again:
        services.audit.add(STARTING, "replay-tombstones", "all", again)
        log.warning("erased again after a restore", **{name.replace(" ", "_"): count for name, count in again.items()})
