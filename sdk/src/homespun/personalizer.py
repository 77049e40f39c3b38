"""The façade that applications use, and the only place where the client's parts are put together."""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from homespun.config import DEFAULTS, Settings
from homespun.consent import Notice, Purpose, PurposeStatus
from homespun.errors import MisuseError
from homespun.explain.attribution import explain, reasons
from homespun.explain.explanation import Explanation
from homespun.home import Clock, Entropy, Home
from homespun.model.arguments import folder_path
from homespun.model.bundle import Bundle
from homespun.model.sample import open_sample
from homespun.profile import Key, Sizes
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.receipts import Receipt
from homespun.ranking.decision import Decision, decide, decide_one


class _Decided:
    """Remembers the decision behind a recommendation in a slot beside its fields.

    So nothing that goes through the fields prints, copies or stores the history that the decision holds.
    """

    __slots__ = ("_decision",)
    _decision: Decision


@dataclass(frozen=True)
class Recommendation(_Decided):
    """One item of a recommended list.

    It can be copied, pickled and turned into a dictionary or JSON; ``Personalizer.explain`` takes only the
    original, because no copy carries the history that it was made from.

    Attributes:
        item: The item's id.
        title: Its title.
        score: The score that ranked it.
        reason: The main reason in words.
        personalized: Whether personal data was used for the list: whether anything was recorded and its use
            was allowed.
    """

    item: str
    title: str
    score: float
    reason: str
    personalized: bool

    def __reduce__(self) -> tuple[type["Recommendation"], tuple[str, str, float, str, bool]]:
        return Recommendation, (self.item, self.title, self.score, self.reason, self.personalized)


class Personalizer:
    """One person's recommendations on this machine. Thread-safe; build it with ``Personalizer.open``.

    Nothing is recorded and nothing is on disk until the person allows it through ``consent``. From
    asyncio, run its methods in a thread (``await asyncio.to_thread(me.recommend, 10)``): they compute and
    wait for the disk.
    """

    def __init__(self, bundle: Bundle, home: Home) -> None:
        """Put the parts together; applications call ``Personalizer.open``."""
        self.bundle = bundle
        self.consent = Consent(home)
        self._home = home

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None,
        *,
        key: Key,
        bundle: Bundle | None = None,
        settings: Settings = DEFAULTS,
        clock: Clock = time.time,
        entropy: Entropy = os.urandom,
    ) -> Self:
        """Open a person's profile, or prepare a new one that is written when the person allows it.

        Args:
            path: The profile's folder. Not used (and may be None) with ``Key.ephemeral()``.
            key: What opens the profile.
            bundle: The model and catalogue; the built-in sample (films) if None.
            settings: Limits and costs. ``threads`` is for the built-in sample; a ``bundle`` has its own from
                ``Bundle.open``.
            clock: Where the time comes from.
            entropy: Where unpredictable bytes come from.

        Raises:
            MisuseError: If there is no path and the key is not ephemeral, or an argument is not what it
                should be.
            WrongKeyError: If the key does not open the profile.
            DamagedProfileError: If the profile was changed or cut short outside homespun.
            NewerProfileError: If a newer homespun wrote it.
            ProfileBusyError: If another process holds it.
            ProfileStorageError: If the disk refuses.
            KeyringUnavailableError: If the key is in a keyring that cannot be used.
            BundleError: If the built-in sample was damaged.
        """
        _check_type("key", key, Key, "make one with Key.passphrase, Key.keyring, Key.bytes or Key.ephemeral")
        _check_type("bundle", bundle, Bundle | None, "open one with Bundle.open")
        _check_type("settings", settings, Settings, "make one with Settings(...)")
        if path is None and not key.is_ephemeral:
            raise MisuseError("a profile needs a folder; give a path, or use Key.ephemeral() for memory only.")
        folder = None if path is None or key.is_ephemeral else folder_path(path)
        # Before the profile, which nothing would close if the sample were damaged.
        opened = open_sample(threads=settings.threads) if bundle is None else bundle
        try:
            home = Home(folder, key, settings=settings, clock=clock, entropy=entropy)
        except BaseException:
            if bundle is None:
                opened.close()
            raise
        return cls(opened, home)

    def record(
        self,
        item: str,
        kind: str = "view",
        *,
        weight: float | None = None,
        time: float | None = None,
        context: Mapping[str, ContextValue] | None = None,
    ) -> bool:
        """Record that the person did something with an item.

        An item that the bundle does not know is kept, and counts as soon as a later bundle knows it.

        Args:
            item: The item's id.
            kind: What was done.
            weight: How much, for instance a rating.
            time: When, seconds since 1970; now, if None.
            context: Circumstances.

        Returns:
            True if the event is in the profile; False if the person has not allowed both
            ``DEVICE_STORAGE`` and ``PERSONALIZATION``, and nothing was kept.

        Raises:
            InvalidEventError: If a value is out of bounds, whether or not recording is allowed.
            ClosedError, ProfileError: See the classes.
        """
        return self._home.add(Event(item, kind, self._home.now() if time is None else time, weight, context))

    def events(self) -> list[Event]:
        """Return everything that was recorded, oldest first by recording.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        return self._home.events()

    def recommend(
        self,
        k: int = 10,
        *,
        exclude: Iterable[str] = (),
        exclude_seen: bool = True,
        context: Mapping[str, ContextValue] | None = None,  # noqa: ARG002 - see the docstring
    ) -> list[Recommendation]:
        """Return the best items for this person.

        Without consent to personalization, or without a history, the list is the same for everybody;
        ``personalized`` is then False and ``reason`` says why.

        Args:
            k: How many.
            exclude: Items that must not appear.
            exclude_seen: Whether items with an event are left out.
            context: Circumstances of the request. No component of contract 1 depends on them.

        Raises:
            MisuseError: If ``k`` is not a whole number from 1 up, or ``exclude`` not ids of items.
            ClosedError, ProfileError: See the classes.
        """
        decision = decide(
            self.bundle,
            self._home.usable_events(),
            k=k,
            now=self._home.now(),
            exclude=exclude,
            exclude_seen=exclude_seen,
        )
        return _recommendations(decision)

    def explain(self, item: Recommendation | str) -> Explanation:
        """Explain a recommendation exactly as it was made, or an item by what is known now.

        Args:
            item: A recommendation from ``recommend``, whose explanation uses the history of that time; or
                the id of any item in the bundle.

        Raises:
            UnknownItemError: If the bundle does not have the item.
            MisuseError: If the recommendation is a copy, or was made from what may not be told any more: its
                use was forbidden since, or it is not in the profile.
            ClosedError, ProfileError: See the classes.
        """
        events = self._home.usable_events()
        if not isinstance(item, Recommendation):
            return explain(decide_one(self.bundle, events, item, now=self._home.now()), item)
        decision: Decision | None = getattr(item, "_decision", None)
        if decision is None:
            raise MisuseError(
                "this recommendation is a copy, which does not carry what it was made from. Explain the original, "
                "or the item as it stands now: explain(recommendation.item)."
            )
        _check_tellable(decision, events)
        return explain(decision, item.item)

    def sizes(self) -> Sizes | None:
        """Return how much the profile holds; None while there is none.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        return self._home.sizes()

    def erase(self) -> Receipt:
        """Erase the whole profile: the key first, then the data. Consent starts anew.

        Returns:
            What happened to each store, and what no program can vouch for.

        Raises:
            ProfileBusyError: If another process has the profile open; nothing was erased.
            ProfileStorageError: If the disk refuses; what was begun is completed at the next opening.
            ClosedError: If the personalizer was closed.
        """
        return self._home.erase()

    def close(self) -> None:
        """Close the profile; closing twice does nothing. The bundle stays open: it may be shared."""
        self._home.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Consent:
    """What the person allows: everything is off until granted, and withdrawn as easily."""

    def __init__(self, home: Home) -> None:
        """Use ``Personalizer.consent``."""
        self._home = home

    def grant(self, *purposes: Purpose, notice: Notice, surface: str = "application", method: str = "explicit") -> None:
        """Record that the person allows ``purposes``.

        The first grant of ``DEVICE_STORAGE`` creates the encrypted profile; before it nothing is on disk.

        Args:
            purposes: At least one.
            notice: The words that the person saw.
            surface: Where the choice was made.
            method: How it was made.

        Raises:
            MisuseError: If there is no purpose or no notice.
            ClosedError, ProfileError: See the classes.
        """
        self._home.grant(purposes, notice, surface, method)

    def withdraw(self, *purposes: Purpose, surface: str = "application", method: str = "explicit") -> Receipt | None:
        """Record that the person no longer allows ``purposes``.

        Withdrawing ``DEVICE_STORAGE`` erases the whole profile; that choice then lives in memory only, and
        the application remembers it. If another process has the profile open, the withdrawal holds at once
        and ProfileBusyError says that the erasure is pending: the last process to let go completes it.

        Returns:
            The receipt of the erasure, or None if nothing had to be erased.

        Raises:
            MisuseError: If there is no purpose.
            ClosedError, ProfileError: See the classes.
        """
        return self._home.withdraw(purposes, surface, method)

    def granted(self, purpose: Purpose) -> bool:
        """Return whether ``purpose`` is allowed now.

        Raises:
            MisuseError: If it is no purpose.
            ClosedError, ProfileError: See the classes.
        """
        try:
            return self.status()[purpose].granted
        except (KeyError, TypeError):
            names = ", ".join(f"Purpose.{known.name}" for known in Purpose)
            raise MisuseError(f"{purpose!r} is not a purpose; choose from {names}.") from None

    def status(self) -> dict[Purpose, PurposeStatus]:
        """Return where every purpose stands, with the record that decides."""
        return self._home.consent_status()


def _recommendations(decision: Decision) -> list[Recommendation]:
    bundle, ranked = decision.bundle, decision.ranked
    positions = ranked.positions.tolist()
    rows = zip(positions, bundle.titles_at(positions), ranked.scores.tolist(), reasons(decision), strict=True)
    made = [
        Recommendation(bundle.items[position], title, score, reason, decision.personalized)
        for position, title, score, reason in rows
    ]
    for recommendation in made:
        object.__setattr__(recommendation, "_decision", decision)  # frozen for everybody else
    return made


def _check_tellable(decision: Decision, events: list[Event] | None) -> None:
    """Refuse to tell what was forbidden or erased since a decision was made."""
    if decision.personalized and events is None:
        raise MisuseError(
            "this recommendation was made from the person's history, and they have forbidden its use since. Make a "
            "new list."
        )
    if not set(decision.history.events) <= set(events or ()):
        raise MisuseError(
            "this recommendation was made from events that are not in the profile: they were erased since, or it "
            "is another person's. Make a new list."
        )


def _check_type(name: str, value: object, wanted: Any, advice: str) -> None:
    # Its type alone is told: the value may be a passphrase.
    if not isinstance(value, wanted):
        raise MisuseError(f"{name} is of type {type(value).__name__}; {advice}.")
