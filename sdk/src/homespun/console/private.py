"""A private session that lasts from one click to another."""

import threading
from contextlib import ExitStack

from homespun.person.controls import Controls


class PrivateSession:
    """Begins and ends a private session; the application's own ones go on beside it. Thread-safe."""

    def __init__(self, controls: Controls) -> None:
        """Begin none yet."""
        self._controls = controls
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self.is_on = False

    def set(self, *, on: bool) -> None:
        """Begin it, or end it; doing so twice does nothing."""
        with self._lock:
            if on and not self.is_on:
                self._stack.enter_context(self._controls.private_session())
            elif not on:
                self._stack.close()
            self.is_on = on
