"""Keeps the transparency log up to date while the service runs: what was done is appended, and a checkpoint signed."""

import anyio
from anyio import to_thread

from homespun.errors import HomespunError
from homespun_server.api.logs import Log
from homespun_server.api.observing import described
from homespun_server.compliance.log import TransparencyLog


class LogKeeping:
    """Looks from time to time whether something is to be appended and signed."""

    def __init__(self, transparency: TransparencyLog, seconds: float, log: Log) -> None:
        """Name what is kept.

        Args:
            transparency: The transparency log.
            seconds: How long to wait between looks.
            log: Where is told what went wrong.
        """
        self._transparency = transparency
        self._seconds = seconds
        self._log = log

    async def run(self) -> None:
        """Look for ever; whatever goes wrong is logged, and tried again."""
        while True:
            await self.once()
            await anyio.sleep(self._seconds)

    async def once(self) -> None:
        """Look once."""
        try:
            await to_thread.run_sync(self._keep)
        except (HomespunError, OSError) as error:
            self._log.error("transparency log not kept", **described(error))

    def _keep(self) -> None:
        self._transparency.catch_up()
        if self._transparency.size():
            self._transparency.checkpoint()
