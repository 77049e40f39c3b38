"""What the person declares about themselves."""

from collections.abc import Iterator, Mapping

from homespun.errors import InvalidEventError, MisuseError
from homespun.home import Home
from homespun.protocol.events import ContextValue, Event


class Attributes(Mapping[str, ContextValue]):
    """What the person declared, by name; a mapping that is read anew each time.

    The names are those of ``Settings.attributes``; what was declared under another name before can be read and removed.
    Requests have them as context. Every method raises ClosedError or ProfileError where the profile cannot be used.
    """

    def __init__(self, home: Home) -> None:
        """Use ``Personalizer.attributes``."""
        self._home = home

    def set(self, name: str, value: ContextValue) -> None:
        """Declare something, in place of what was declared before.

        Args:
            name: One of ``Settings.attributes``.
            value: Text of at most 256 characters, a number or a truth value.

        Raises:
            MisuseError: The application does not know the name, or no attribute can have the value.
        """
        names = self._home.settings.attributes
        if name not in names:
            raise MisuseError(f"{name!r} is no attribute; this application declares {', '.join(names) or 'none'}.")
        self._home.set_attribute(name, checked(name, value))

    def remove(self, name: str) -> None:
        """Take back what was declared; the file that it was kept in is rewritten under a new key.

        Raises:
            MisuseError: Nothing is declared under the name.
        """
        if name not in self:
            raise MisuseError(f"nothing is declared under the name {name!r}.")
        self._home.set_attribute(name, None)

    def __getitem__(self, name: str) -> ContextValue:
        return self._home.attributes()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._home.attributes())

    def __len__(self) -> int:
        return len(self._home.attributes())

    def __repr__(self) -> str:
        return f"Attributes({dict(self)!r})"


def checked(name: str, value: ContextValue) -> ContextValue:
    """Return an attribute's value as it is kept.

    Raises:
        MisuseError: No attribute can have it.
    """
    try:
        # What may stand in an event's context may be an attribute, because it is used as one.
        context = Event("item", context={name: value}).context or {}
    except InvalidEventError as error:
        raise MisuseError(f"the attribute {name!r} cannot be set: {error}") from error
    return context[name]
