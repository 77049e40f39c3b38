"""Newer bundles for a Personalizer: asked for, checked, and switched to while lists are made.

The rules of what is taken are in ``homespun.sync``; here they meet the person's ledger, private sessions and lists.

What becomes of what is there when the bundle changes:

- What the person did, set and allowed stays as it is: it names items by their ids. What the new bundle does not have
  counts again as soon as a bundle has it.
- What was learned on the device is learned anew from the events at the next list, because it is about the old
  bundle's tags and scores.
- What the application said of items and its own policy stay; a bundle by which that policy cannot be followed is not
  taken.
- A recommendation that was made stays explained by the bundle that made it, which stays open for as long as the
  recommendation is held. A record of a list names its bundle.
"""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from homespun._version import __version__
from homespun.config import Settings
from homespun.consent.parts import ROLLOUT
from homespun.errors import BundleError, MisuseError, PolicyError
from homespun.home import Home
from homespun.model.bundle import Bundle
from homespun.person.items import Items
from homespun.policies import Policies
from homespun.ranking.default import DEFAULT

if TYPE_CHECKING:
    from homespun.sync import BackgroundUpdates, Outcome, Standing, Updater, Updates

_SEED = "seed"
_SEED_BYTES = 16

_PATIENCE_SECONDS = 3.0

_GLANCE_SECONDS = 60.0
"""How long it is taken for true, while lists are made, that personal lists are not switched off."""


class Updating:
    """``Personalizer.updates``. Thread-safe."""

    def __init__(
        self, home: Home, items: Items, policies: Policies, updater: "Updater | None", opened: Bundle | None
    ) -> None:
        """Put the parts together.

        Args:
            home: The person.
            items: What lists are made from.
            policies: How they are made.
            updater: What asks; None: the application never asks for a newer bundle.
            opened: The bundle in use, if it was opened for this and is to be closed with it.
        """
        self._home = home
        self._items = items
        self._policies = policies
        self._updater = updater
        self._opened = opened
        self._starting = threading.Lock()
        self._background: BackgroundUpdates | None = None
        self._glanced: tuple[float, bool] | None = None

    def sync(self, *, force: bool = False) -> "Outcome":
        """Ask for a newer bundle if it is time to, check it and switch to it.

        Returns:
            What came of it: ``UpToDate``, ``Updated``, ``Deferred``, ``Rejected`` or ``Unreachable``. What goes wrong
            on the way is a value, never an exception, and the bundle in use stays.

        Args:
            force: Ask although it is not time to.

        Raises:
            MisuseError: If the application gave no ``updates`` to ``Personalizer.open``.
            ClosedError: If the personalizer was closed.
        """
        updater = self._given()
        self._home.check_open()
        try:
            return updater.sync(self._adopt, force=force, permitted=self._is_permitted())
        finally:
            self._glanced = None

    def start(self, observer: "Callable[[Outcome], None] | None" = None) -> None:
        """Go on asking in the background, when it is time to, until ``stop`` or the personalizer is closed.

        Args:
            observer: Called with each outcome, in the background's thread.

        Raises:
            MisuseError: If the application gave no ``updates``.
        """
        from homespun.sync import BackgroundUpdates  # noqa: PLC0415 - most applications import no network code

        updater = self._given()
        with self._starting:
            self._home.check_open()
            if self._background is None:
                self._background = BackgroundUpdates(
                    updater, self._adopt, observer=self._observing(observer), permitted=self._is_permitted
                )

    def stop(self) -> None:
        """Stop asking in the background.

        An update that is at work ends soon: at once between two pieces of an answer, and while a server says nothing,
        when its time is over. That is waited for a few seconds, not longer.
        """
        with self._starting:
            running, self._background = self._background, None
        if running is not None:
            running.close(_PATIENCE_SECONDS)

    def standing(self) -> "Standing":
        """Return how old the news is that the bundle is the right one, and what follows from it.

        Raises:
            MisuseError: If the application gave no ``updates``.
        """
        return self._given().standing(self._home.now())

    def is_off(self) -> bool:
        """Return whether lists are the same for everybody now, because the publisher says so or for want of news."""
        if self._updater is None:
            return False
        now, glanced = self._home.now(), self._glanced
        if glanced is None or not 0 <= now - glanced[0] < _GLANCE_SECONDS:
            glanced = self._glanced = (now, not self._updater.standing(now).personal)
        return glanced[1]

    def _is_permitted(self) -> bool:
        return not self._home.is_private

    def _observing(self, observer: "Callable[[Outcome], None] | None") -> "Callable[[Outcome], None]":
        def observe(outcome: "Outcome") -> None:
            self._glanced = None
            if observer is not None:
                observer(outcome)

        return observe

    def close(self) -> None:
        """Stop asking, and let go of connections; closing twice does nothing."""
        if self._updater is not None:
            # First, so that a download that is under way ends.
            self._updater.close()
        self.stop()
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _given(self) -> "Updater":
        if self._updater is None:
            raise MisuseError(
                "this application never asks for newer bundles: it gave no updates to Personalizer.open. Give "
                "updates=homespun.Updates(...)."
            )
        return self._updater

    def _adopt(self, bundle: Bundle) -> None:
        """Make lists from another bundle from now on.

        Raises:
            PolicyError: What the application does could fail with it; nothing was changed.
            ModelContractError: Its words are not what the contract allows; nothing was changed.
            ClosedError: The personalizer was closed meanwhile.
        """
        self._home.check_open()
        check_calls_go_on(self._items.bundle, bundle, own_policy=self._policies.is_given)
        self._policies.check(bundle)
        self._items.use(bundle)
        self._policies.forget()
        # The one before stays open for the recommendations that hold it, and is closed when the last of them goes.
        self._opened = bundle


def updater_of(updates: "Updates", home: Home, settings: Settings) -> "Updater":
    """Return what gets newer bundles for a person."""
    from homespun.sync import Updater  # noqa: PLC0415 - only who updates needs it

    return Updater(
        updates,
        requests=home.requests,
        clock=home.now,
        entropy=home.entropy,
        seed=lambda: seed_of(home),
        client_version=__version__,
        threads=settings.threads,
    )


def open_installed(updater: "Updater", settings: Settings) -> Bundle | None:
    """Return the bundle that was installed last and is whole, opened.

    Returns:
        None where there is none, or it does not open with this version of homespun: then the one that the application
        ships is in use, until the repository has one that does.

    Raises:
        ProfileStorageError: The disk refuses.
    """
    found = updater.installed()
    try:
        return None if found is None else Bundle.open(found.folder, threads=settings.threads)
    except BundleError:
        return None


def check_calls_go_on(before: Bundle, after: Bundle, *, own_policy: bool) -> None:
    """Refuse a bundle by which calls of the application would begin to raise between two of its lines.

    Args:
        before: The bundle in use.
        after: Another one.
        own_policy: Whether the application has a policy of its own, so that theirs do not matter.

    Raises:
        PolicyError: Its own policy lacks a surface of the one before, or it does not declare a kind of event that the
            one before declares.
    """
    known, wanted = after.manifest.history, before.manifest.history
    kinds = set() if known.kinds is None else {*(wanted.kinds or ())} - {*known.kinds, *known.negative_kinds}
    surfaces = set() if own_policy else set(_surfaces(before)) - {*_surfaces(after), *DEFAULT.surfaces}
    for what, missing in (("kind of event", kinds), ("surface", surfaces)):
        if missing:
            raise PolicyError(
                f"the bundle {after.id[:12]} lacks the {what} {min(missing)!r}, which the one in use has: calls of the "
                "application would fail. Publish it with that, or with a new version of the application."
            )


def _surfaces(bundle: Bundle) -> Iterable[str]:
    return () if bundle.policy is None else bundle.policy.surfaces


def seed_of(home: Home) -> bytes | None:
    """Return the device's secret for staged rollouts; None where nothing may be stored.

    It is drawn on first use, kept encrypted in the profile, exported and erased with it, and never sent.
    """
    found = home.kept(ROLLOUT).get(_SEED)
    if found is not None:
        return found
    drawn = home.entropy(_SEED_BYTES)
    return drawn if home.keep(ROLLOUT, _SEED, drawn) else None
