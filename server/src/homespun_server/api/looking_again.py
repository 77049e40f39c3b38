"""While the service runs, requests that wait for models are looked at: one that was closed meanwhile becomes closed."""

from homespun.errors import HomespunError
from homespun_server.api.logs import Log
from homespun_server.api.observing import described
from homespun_server.api.services import Services
from homespun_server.store import Actor
from homespun_server.store.audit import COMMAND

LOOKING = Actor("service", COMMAND)
"""Who acts."""


def look_again(services: Services, log: Log) -> None:
    """Look which models that requests wait for were made again, and log that; an error is logged, not raised.

    Args:
        services: What the routes work with.
        log: The service's log.
    """
    if services.compliance is None:
        return
    try:
        moved = services.compliance.requests.saga.check_waiting(LOOKING)
    except (HomespunError, OSError) as error:
        log.error("requests that wait for models not looked at", **described(error))
        return
    if moved:
        log.info("models made again that requests waited for", requests=list(moved))
