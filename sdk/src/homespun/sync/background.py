"""Looks for newer bundles in the background, when it is due.

A daemon thread that waits for an event, so that it ends at once when it is closed. Whatever happens goes to the
observer as an outcome; nothing raises into the application, and an observer that raises is called again the next time.
"""

import contextlib
import threading
from collections.abc import Callable
from typing import Protocol, Self

from homespun.model.bundle import Bundle
from homespun.sync.outcome import Deferred, Outcome

LEAST_WAIT_SECONDS = 60.0
"""Least seconds between two looks, whatever is due."""

MOST_WAIT_SECONDS = 3600.0
"""Most seconds until it is looked again whether something is due: clocks are set, and computers sleep."""


class Looks(Protocol):
    """What looks for newer bundles; an ``Updater``."""

    def sync(self, adopt: Callable[[Bundle], object], *, force: bool = False, permitted: bool = True) -> Outcome:
        """Look for a newer bundle, and take it into use."""

    def due_in(self) -> float:
        """Return in how many seconds the next look is due; 0 if it already is."""


class BackgroundUpdates:
    """Looks in the background until it is closed. A context manager that closes it."""

    def __init__(
        self,
        updater: Looks,
        adopt: Callable[[Bundle], object],
        *,
        observer: Callable[[Outcome], object],
        permitted: Callable[[], bool],
    ) -> None:
        """Start.

        Args:
            updater: What looks.
            adopt: Takes a verified bundle into use; called from the background's thread.
            observer: Is told every outcome; called from the background's thread.
            permitted: Tells whether the person permits requests now.
        """
        self._updater = updater
        self._adopt = adopt
        self._observer = observer
        self._permitted = permitted
        self._wake = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="homespun updates", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look now whether something is due, for instance because there is a connection again."""
        self._wake.set()

    def close(self, timeout: float | None = None) -> None:
        """Stop. To end a download that is under way, close the updater first.

        Args:
            timeout: Most seconds to wait for the thread; None: as long as it takes.
        """
        self._is_closed = True
        self._wake.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _work(self) -> None:
        while not self._is_closed:
            self._wake.clear()
            wait = self._due_in()
            if wait <= 0:
                self._tell(self._look())
                wait = self._due_in()
            # Closing between the first look at the flag and the clearing above must not be waited out.
            if not self._is_closed:
                self._wake.wait(min(max(wait, LEAST_WAIT_SECONDS), MOST_WAIT_SECONDS))

    def _look(self) -> Outcome:
        try:
            return self._updater.sync(self._adopt, permitted=self._permitted())
        except Exception as error:  # noqa: BLE001 - nothing raises into the application
            return Deferred(f"the update could not be started: {type(error).__name__}: {error}")

    def _due_in(self) -> float:
        try:
            return self._updater.due_in()
        except Exception:  # noqa: BLE001 - the look itself tells what is wrong
            return 0.0

    def _tell(self, outcome: Outcome) -> None:
        with contextlib.suppress(Exception):
            self._observer(outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
