"""What the person sets and declares, and what other parts keep."""

from collections.abc import Callable, Mapping

from homespun.consent import Purpose
from homespun.consent.parts import CONTRIBUTIONS, Part
from homespun.home.recording import RecordingHome
from homespun.protocol.controls import ControlEntry
from homespun.protocol.events import ContextValue


class SteeredHome(RecordingHome):
    """Keeps controls, attributes and compartments; in memory while nothing may be stored."""

    def set_control(self, make: Callable[[tuple[ControlEntry, ...]], ControlEntry]) -> ControlEntry:
        """Record what the person sets.

        Args:
            make: Gives the entry, given all that there are.
        """
        made: list[ControlEntry] = []

        def chosen(entries: tuple[ControlEntry, ...]) -> tuple[ControlEntry, ...]:
            made[:] = [make(entries)]
            return tuple(made)

        with self._using() as custody:
            self._flush()
            custody.look()
            keeper = self._keeper()
            if keeper is None:
                stored, entries = self._view().controls, self._entries()
                self._early.controls = (*entries[len(stored) :], *chosen(entries))
            else:
                keeper.extend_controls(chosen)
            if self._gate().blocks(CONTRIBUTIONS) and custody.store is not None:
                self.egress.cancel(
                    [Purpose.CONTRIBUTION, Purpose.MEASUREMENT], note=f"the person set: {made[0].control}"
                )
        return made[0]

    def add_controls(self, entries: tuple[ControlEntry, ...]) -> None:
        """Record what the person set elsewhere, in that order; nothing may be set here yet."""
        with self._using() as custody:
            custody.look()
            if custody.store is None:
                self._early.controls += entries
            else:
                custody.store.extend_controls(lambda _: entries)

    def set_private(self, *, private: bool) -> None:
        """Begin or end a private session, of which nothing is kept anywhere."""
        with self._using():
            self._flush()
            # Sessions of several threads may overlap.
            self._private += 1 if private else -1

    def set_attribute(self, name: str, value: ContextValue | None) -> None:
        """Keep what the person declares; None removes it."""
        with self._using() as custody:
            custody.look()
            keeper = self._keeper()
            if value is None:
                # Taking back is erasing, which needs nobody's leave.
                self._early.attributes.pop(name, None)
                keeper = custody.store
            if keeper is not None:
                keeper.set_attribute(name, value)
            elif value is not None:
                self._early.attributes[name] = value

    def attributes(self) -> Mapping[str, ContextValue]:
        """Return what the person declared."""
        with self._using() as custody:
            custody.look()
            return {**self._view().attributes, **self._early.attributes}

    def kept(self, part: Part) -> dict[str, bytes]:
        """Return what a part keeps in its compartment; nothing where it may not act."""
        with self._using() as custody:
            custody.look()
            if custody.store is None or part.compartment is None or not self._gate().permits(part, self.now()):
                return {}
            return custody.store.kept(part.compartment)

    def keep(self, part: Part, name: str, value: bytes | None) -> bool:
        """Keep a value in a part's compartment; None removes it. Return whether that is allowed."""
        with self._using() as custody:
            custody.look()
            if custody.store is None or part.compartment is None:
                return False
            return custody.store.keep_if(self._permitting(part), part.compartment, name, value)

    def rekeep(self, part: Part, name: str, change: Callable[[bytes | None], bytes | None]) -> bool:
        """Change a value in a part's compartment, read and written in one; return whether that is allowed.

        Args:
            part: Whose compartment.
            name: The value's name.
            change: From the value, None where there is none, to the new one; None removes it.
        """
        with self._using() as custody:
            custody.look()
            if custody.store is None or part.compartment is None:
                return False
            return custody.store.rekeep_if(self._permitting(part), part.compartment, name, change)

    def controls(self) -> tuple[ControlEntry, ...]:
        """Return everything that the person ever set."""
        with self._using() as custody:
            custody.look()
            return self._entries()
