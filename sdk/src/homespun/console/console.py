"""Opens the person's page when it is asked for, and closes it with the personalizer."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from homespun.consent import Notice, Purpose
from homespun.console.entering import Entrance
from homespun.console.parts import Notices, Parts
from homespun.console.private import PrivateSession
from homespun.console.serving import LOOPBACK, Server
from homespun.console.site import PersonSite
from homespun.errors import ClosedError, MisuseError

IDLE_SECONDS = 900.0
"""After so long without a request of somebody who came in the server ends; the next ``url`` starts it again."""


class Console:
    """The person's own page. Thread-safe; use ``Personalizer.console``.

    It is served on this machine alone, to whoever opens an address that is good for one time.
    """

    def __init__(self, parts: Parts) -> None:
        """Serve nothing yet."""
        self._parts = parts
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._entrance: Entrance | None = None
        self._private = PrivateSession(parts.controls)
        self._notices: Notices = {}
        self._closed = False

    def url(
        self,
        *,
        notice: Notice | Mapping[Purpose, Notice] | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> str:
        """Return an address that opens the page once, within ten minutes; start the server if it does not run.

        Show it to the person alone, for instance in a web view: whoever opens it first is let in.

        Args:
            notice: The words for what the person may allow on the page: one notice for every purpose, or one by
                purpose. What has none can only be withdrawn there. None: as before.
            idle_seconds: After how long without a request of somebody who came in the server ends; of a server that
                runs, it stays. It also ends when everybody has closed the page, and half a day after they came in.

        Raises:
            MisuseError: An argument is not what it should be.
            ClosedError: The personalizer was closed.
        """
        if not isinstance(idle_seconds, int | float) or not idle_seconds > 0:
            raise MisuseError(f"idle_seconds is {idle_seconds!r}; give a number of seconds above 0.")
        notices = None if notice is None else _by_purpose(notice)
        with self._lock:
            if self._closed:
                raise ClosedError("the personalizer was closed, and its page with it; open it again.")
            if notices is not None:
                self._notices.clear()
                self._notices.update(notices)
            server, token = self._let_in(idle_seconds)
            return f"http://{LOOPBACK}:{server.server_port}/enter/{token}"

    def wait(self) -> None:
        """Wait until the page is not served any more."""
        server = self._server
        if server is not None:
            server.wait()

    def stop(self) -> None:
        """End the page: what is open shows nothing more, and every address and session is worth nothing."""
        with self._lock:
            server, self._server, self._entrance = self._server, None, None
        if server is not None:
            server.stop()

    def close(self) -> None:
        """End the page for good, as ``Personalizer.close`` does."""
        with self._lock:
            self._closed = True
        self.stop()
        self._private.set(on=False)

    def _let_in(self, idle_seconds: float) -> tuple[Server, str]:
        server, entrance = self._server, self._entrance
        if server is not None and entrance is not None and server.is_serving:
            # It may end at any moment, and then another one serves.
            with suppress(ClosedError):
                return server, entrance.token()
        entrance = Entrance(self._parts.entropy, time.monotonic)
        server = Server(PersonSite(self._parts, entrance, self._notices, self._private), idle_seconds)
        self._server, self._entrance = server, entrance
        # Before it serves, as it ends where nobody can come.
        token = entrance.token()
        server.start()
        return server, token


def _by_purpose(notice: Notice | Mapping[Purpose, Notice]) -> Notices:
    if isinstance(notice, Notice):
        return dict.fromkeys(Purpose, notice)
    if not isinstance(notice, Mapping):
        raise MisuseError(f"notice is of type {type(notice).__name__}; give a Notice, or one for each purpose.")
    for purpose, words in notice.items():
        if not isinstance(purpose, Purpose) or not isinstance(words, Notice):
            raise MisuseError("notice maps something else than purposes to notices; give {Purpose...: Notice(...)}.")
    return dict(notice)
