"""The home as a whole: opening, erasing, changing keys and closing."""

import contextlib
from collections.abc import Callable

from homespun.errors import ProfileError
from homespun.home.consenting import ConsentingHome
from homespun.home.gated import Early
from homespun.profile import Forgotten, Key, Place, Selection
from homespun.protocol.events import Event
from homespun.protocol.receipts import Receipt


class Home(ConsentingHome):
    """A profile that may not exist yet. Thread-safe."""

    def forget(self, selection: Selection) -> Forgotten | None:
        """Erase a part of the profile; None if there is no profile."""
        with self._using() as custody:
            self._flush()
            custody.look()
            self._early.controls = tuple(
                each for each in self._early.controls if not selection.takes_entry(each.control, each.target)
            )
            return None if custody.store is None else custody.store.forget(selection)

    def rectify(self, wrong: Event, right: Event) -> Forgotten | None:
        """Replace every event that equals ``wrong``; None if there is no profile."""
        with self._using() as custody:
            self._flush()
            custody.look()
            return None if custody.store is None else custody.store.rectify(wrong, right)

    def erase(self) -> Receipt:
        """Erase the profile and every choice.

        Raises:
            ProfileError: See ``profile.erase``.
        """
        with self._using() as custody:
            self._batch.clear()
            receipt = custody.erase(released=self.released())
            custody.past = custody.unstored = ()
            self._early = Early()
            self.log.forget()
            return receipt

    def rekey(self, change: Callable[[Place], Key | None]) -> None:
        """Change what opens the profile.

        Args:
            change: Does it on the closed profile; returns the key that opens it from now on, or None if it stays.

        Raises:
            ProfileError: The old key still opens it.
        """
        with self._using() as custody:
            self._flush()
            custody.look()
            custody.rekey(change)

    def close(self) -> None:
        """Close the profile; closing twice does nothing.

        Raises:
            ProfileError: Events that were held in memory could not be written and are lost.
        """
        with self.lock:
            if self.is_closed:
                return
            try:
                with contextlib.suppress(ProfileError):
                    self._hand_over()
                self._flush()
            finally:
                super().close()
