"""Signs the repository's timestamp anew before it expires, where its keys are here: the service's one background task.

The repository decides what is due, and lets one program at a time change it; looking again does nothing.
"""

from collections.abc import Callable

import anyio
from anyio import to_thread

from homespun.errors import HomespunError
from homespun_server.api.logs import Log
from homespun_server.api.metrics import Metrics
from homespun_server.api.observing import described


class Renewal:
    """Looks from time to time whether something is to be signed anew."""

    def __init__(self, renew: Callable[[], tuple[str, ...]], seconds: float, metrics: Metrics, log: Log) -> None:
        """Name what signs.

        Args:
            renew: Signs what is due, and returns the roles that were signed; called in a thread.
            seconds: How long to wait between looks.
            metrics: Where is counted.
            log: Where is told what was signed, and what could not be.
        """
        self._renew = renew
        self._seconds = seconds
        self._metrics = metrics
        self._log = log

    async def run(self) -> None:
        """Look for ever; whatever goes wrong is logged, and tried again."""
        while True:
            await self.once()
            await anyio.sleep(self._seconds)

    async def once(self) -> None:
        """Look once."""
        try:
            signed = await to_thread.run_sync(self._renew)
        except (HomespunError, OSError) as error:
            self._metrics.renewed("failed")
            self._log.error("timestamp not renewed", **described(error))
            return
        self._metrics.renewed("done" if signed else "not due")
        if signed:
            self._log.info("timestamp renewed", roles=list(signed))
