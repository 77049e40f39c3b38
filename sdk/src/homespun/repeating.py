"""Does something again and again in the background, until it is stopped.

A daemon thread of its own for each start: one that is still at work when it is stopped must not be woken up by another
start. Nothing raises into the application, and an observer that raises is called again the next time.
"""

import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

GLANCE_SECONDS = 300.0
"""Seconds between the end of one time and the next; whether it is time for more is decided each time."""

PATIENCE_SECONDS = 3.0
"""Most seconds to wait for what is under way when it is stopped."""

Outcome = TypeVar("Outcome")


class Repeating(Generic[Outcome]):
    """Something that is done in the background between ``start`` and ``stop``. Thread-safe."""

    def __init__(self, act: Callable[[], Outcome], name: str) -> None:
        """Take what is to be done; nothing is started.

        Args:
            act: What is done; what it raises is passed over.
            name: What the thread is called.
        """
        self._act = act
        self._name = name
        self._lock = threading.Lock()
        self._background: tuple[threading.Thread, threading.Event] | None = None

    def start(self, observer: Callable[[Outcome], object] | None, check: Callable[[], object]) -> None:
        """Begin, if it was not begun.

        Args:
            observer: Called with each outcome, in the background's thread; what it raises is passed over.
            check: Raises if nothing may be started any more; asked while no ``stop`` can come between.
        """
        with self._lock:
            check()
            if self._background is None:
                stopping = threading.Event()
                running = threading.Thread(
                    target=self._work, args=(stopping, observer), name=f"homespun {self._name}", daemon=True
                )
                self._background = running, stopping
                running.start()

    def stop(self) -> None:
        """End it; what is under way is waited for a few seconds, not longer. Stopping twice does nothing."""
        with self._lock:
            background, self._background = self._background, None
        if background is None:
            return
        running, stopping = background
        stopping.set()
        if running is not threading.current_thread():
            running.join(PATIENCE_SECONDS)

    def _work(self, stopping: threading.Event, observer: Callable[[Outcome], object] | None) -> None:
        while not stopping.is_set():
            # Closing meanwhile ends it.
            with contextlib.suppress(Exception):
                outcome = self._act()
                if observer is not None:
                    observer(outcome)
            stopping.wait(GLANCE_SECONDS)
