"""Signs the repository's timestamp anew before it expires, where its keys are here: the service's one background task.

The repository decides what is due, and lets one program at a time change it; looking again does nothing. What is due
and needs keys that are not here is told at the first look, whenever it changes and whenever something was signed.
"""

from collections.abc import Callable
from datetime import datetime

import anyio
from anyio import to_thread

from homespun.errors import HomespunError
from homespun_server.api.logs import Log
from homespun_server.api.metrics import Metrics
from homespun_server.api.observing import described
from homespun_server.publishing.repository import Refreshed


class Renewal:
    """Looks from time to time whether something is to be signed anew."""

    def __init__(self, renew: Callable[[], Refreshed], seconds: float, metrics: Metrics, log: Log) -> None:
        """Name what signs.

        Args:
            renew: Signs what is due, and returns what was signed and what could not be; called in a thread.
            seconds: How long to wait between looks.
            metrics: Where is counted.
            log: Where is told what was signed, and what could not be.
        """
        self._renew = renew
        self._seconds = seconds
        self._metrics = metrics
        self._log = log
        self._told: tuple[tuple[str, datetime], ...] = ()

    async def run(self) -> None:
        """Look for ever; whatever goes wrong is logged, and tried again."""
        while True:
            await self.once()
            await anyio.sleep(self._seconds)

    async def once(self) -> None:
        """Look once."""
        try:
            found = await to_thread.run_sync(self._renew)
        except (HomespunError, OSError) as error:
            self._metrics.renewed("failed")
            self._log.error("timestamp not renewed", **described(error))
            return
        if found.signed:
            self._log.info("timestamp renewed", roles=list(found.signed))
        if found.signed or found.due != self._told:
            self._warn(found.due)
        self._metrics.renewed("done" if found.signed else "not due")

    def _warn(self, due: tuple[tuple[str, datetime], ...]) -> None:
        self._told = due
        for role, expires in due:
            self._log.warning(
                "role not renewed",
                role=role,
                expires=expires.isoformat(),
                why="its keys are not here, or it is the root; sign it with keys renew or repository refresh --offline",
            )
