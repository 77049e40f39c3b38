"""How the person steers what is shown to them, and what is kept."""

from collections.abc import Iterator
from contextlib import contextmanager

from homespun.home import Home
from homespun.person.items import Items
from homespun.protocol.controls import (
    Change,
    Control,
    ControlEntry,
    ControlValue,
    FrequencyCap,
    Steering,
    entry,
    history,
    undo,
)


class Controls:
    """What the person sets. Everything can be set back, listed and undone, and is exported with the profile.

    Before anything may be stored it is in memory, and goes into the profile when that is created. Each method raises
    MisuseError if a value is not what it should be, and ClosedError or ProfileError; it returns the entry, whose
    number ``undo`` takes.
    """

    def __init__(self, home: Home, items: Items) -> None:
        """Use ``Personalizer.controls``."""
        self._home = home
        self._items = items

    def hide_item(self, item: str, *, on: bool = True) -> ControlEntry:
        """Never show an item; with ``on=False`` it may be shown again."""
        return self._set("hide_item", item, on)

    def hide_tag(self, tag: str, *, on: bool = True) -> ControlEntry:
        """Never show an item that carries a tag; with ``on=False`` they may be shown again."""
        return self._set("hide_tag", tag, on)

    def more_like(self, item: str, *, on: bool = True) -> ControlEntry:
        """Show more like an item; with ``on=False`` no longer."""
        return self._set("more_like", item, on)

    def less_like(self, item: str, *, on: bool = True) -> ControlEntry:
        """Show less like an item; with ``on=False`` no longer."""
        return self._set("less_like", item, on)

    def ignore_item(self, item: str, *, on: bool = True) -> ControlEntry:
        """Let what was done with an item say nothing about taste; with ``on=False`` it counts again.

        The events stay, and what they say otherwise: that the item is known.
        """
        return self._set("ignore_item", item, on)

    def set_interest(self, tag: str, weight: float | None) -> ControlEntry:
        """Set how much the person likes a tag, from 0 to 1, in place of what was inferred; None infers it again."""
        return self._set("interest", tag, weight)

    def veto(self, tag: str) -> ControlEntry:
        """Say that an inferred interest is wrong: it counts 0 until it is set otherwise."""
        return self.set_interest(tag, 0.0)

    def pause(self, *, on: bool = True) -> ControlEntry:
        """Record nothing new; lists go on using what was recorded."""
        return self._set("pause", None, on)

    def resume(self) -> ControlEntry:
        """Record again after a pause."""
        return self.pause(on=False)

    def frequency_cap(self, times: int | None, days: int = 7) -> ControlEntry:
        """Leave an item out once it was shown so many times in so many days; None removes the cap.

        How often items were shown is kept in the profile only while there is a cap.
        """
        return self._set("frequency_cap", None, None if times is None else FrequencyCap(times, days))

    def diversity(self, level: float) -> ControlEntry:
        """Spread lists over different items: from 0, the order by score alone, to 1."""
        return self._set("diversity", None, level)

    def exploration(self, level: float | None) -> ControlEntry:
        """Give places to items that might turn out well: from 0, none, to 1, half of them; None: as the policy says."""
        return self._set("exploration", None, level)

    def non_profiled(self, *, on: bool = True) -> ControlEntry:
        """Make lists without any personal data (the option of Art. 38 DSA)."""
        return self._set("non_profiled", None, on)

    def restrict(self, *, on: bool = True) -> ControlEntry:
        """Keep the data, and use them for nothing (restriction, Art. 18 GDPR)."""
        return self._set("restriction", None, on)

    def object(self, *, on: bool = True) -> ControlEntry:
        """Object to personalization (Art. 21 GDPR): nothing is recorded and nothing that was recorded is used."""
        return self._set("objection", None, on)

    @contextmanager
    def private_session(self) -> Iterator[None]:
        """Record nothing of what happens inside the block, not even that there was one; lists use no personal data.

        What the person sets, declares or chooses meanwhile is kept, because they ask for that.
        """
        self._home.set_private(private=True)
        try:
            yield
        finally:
            self._home.set_private(private=False)

    def current(self) -> Steering:
        """Return what is set now."""
        return self._home.steering()

    def history(self) -> list[Change]:
        """Return everything that was ever set, in plain words, the latest last."""
        entries, bundle = self._home.controls(), self._items.view
        items = {each.target for each in entries if each.target is not None and each.target in bundle}
        return history(entries, {item: bundle.title(item) for item in items})

    def undo(self, sequence: int | None = None) -> ControlEntry:
        """Take back what was set last, or the entry of a number."""
        return self._home.set_control(lambda entries: undo(entries, self._home.now(), sequence))

    def _set(self, control: Control, target: str | None, value: ControlValue) -> ControlEntry:
        return self._home.set_control(lambda entries: entry(entries, control, target, value, self._home.now()))
