"""An item as the application states it on the device."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from homespun.errors import MisuseError
from homespun.protocol.bundle import one_line
from homespun.protocol.events import MAX_TIME, check_item
from homespun.protocol.read_only import ReadOnlyDict

MAX_TITLE_LENGTH = 1000
"""Characters in a title, a tag, an attribute's name or its text."""

MAX_TEXT_LENGTH = 100_000
"""Characters in a text."""

MAX_ENTRIES = 200
"""Tags, and attributes, of an item."""


@dataclass(frozen=True, kw_only=True)
class NewItem:
    """What an application says of an item on the device: a new one, or one that the bundle has.

    What is None is not said. Line breaks and other control characters in titles and tags become spaces, as in bundles.

    Attributes:
        id: The item's id, as events have it.
        title: Its title.
        tags: Its tags.
        text: A description.
        attributes: Text or finite numbers by name, as the bundle's catalogue has them.
        price: Its price, ≥ 0; the attribute ``price`` too, unless ``attributes`` has one.
        stock: How many there are, ≥ 0; with 0 it is kept out of lists. The attribute ``stock`` likewise.
        available: Whether it can be had; if not, it is kept out of lists.
        since: From when on it can be had, seconds since 1970.
        until: From when on it cannot be had any more, seconds since 1970.

    Raises:
        InvalidEventError: On construction, if no item can have the id.
        MisuseError: On construction, if another value is not what it should be.
    """

    id: str
    title: str | None = None
    tags: Iterable[str] | None = None
    text: str | None = None
    attributes: Mapping[str, str | float] | None = None
    price: float | None = None
    stock: int | None = None
    available: bool | None = None
    since: float | None = None
    until: float | None = None

    def __post_init__(self) -> None:
        """Check every value, so that an item that exists can be used."""
        self._keep("id", check_item(self.id))
        self._keep("title", None if self.title is None else _title("title", self.title) or None)
        self._keep("tags", None if self.tags is None else _tags(self.tags))
        if self.text is not None:
            _check_text("text", self.text, MAX_TEXT_LENGTH)
        self._keep("attributes", None if self.attributes is None else _attributes(self.attributes))
        for name, most in (("price", math.inf), ("stock", math.inf), ("since", MAX_TIME), ("until", MAX_TIME)):
            self._keep(name, _number(name, getattr(self, name), most))
        if self.available is not None and not isinstance(self.available, bool | np.bool_):
            raise MisuseError(f"available is of type {type(self.available).__name__}; use True, False or None.")
        self._keep("available", None if self.available is None else bool(self.available))

    @classmethod
    def of(cls, given: "NewItem | Mapping[str, Any]") -> "NewItem":
        """Return an item, which may be given as a mapping.

        Raises:
            MisuseError: If it is neither, or the mapping has a key that items do not have.
        """
        if isinstance(given, NewItem):
            return given
        if not isinstance(given, Mapping):
            raise MisuseError(f"an item is of type {type(given).__name__}; give a NewItem or a mapping.")
        names = [each.name for each in fields(cls)]
        unknown = [str(key)[:80] for key in given if key not in names]
        if unknown or "id" not in given:
            what = f"has no field {unknown[0]!r}" if unknown else "needs an id"
            raise MisuseError(f"an item {what}; use {', '.join(names)}.")
        return cls(**given)

    def updated(self, later: "NewItem") -> "NewItem":
        """Return what is said by this and by what was said later."""
        names = [each.name for each in fields(self)]
        said = [(name, getattr(later, name)) for name in names]
        return NewItem(**{name: getattr(self, name) if value is None else value for name, value in said})

    def is_kept_out(self, now: float) -> bool:
        """Return whether it cannot be had at a time, seconds since 1970."""
        since, until = self.window
        return not since <= now < until

    @property
    def window(self) -> tuple[float, float]:
        """From when until when it can be had, seconds since 1970; empty (∞, −∞) if it cannot be had at all."""
        if self.available is False or self.stock == 0:
            return math.inf, -math.inf
        return (-math.inf if self.since is None else self.since), (math.inf if self.until is None else self.until)

    @property
    def facts(self) -> dict[str, str | float]:
        """What counts in place of the catalogue's attributes, by name; an empty text says that there is none.

        Control characters in texts become spaces, as in bundles.
        """
        numbers = {"price": self.price, "stock": self.stock}
        found: dict[str, str | float] = {name: float(value) for name, value in numbers.items() if value is not None}
        for name, value in (self.attributes or {}).items():
            found[name] = one_line(value) if isinstance(value, str) else value
        return found

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def _tags(tags: Iterable[str]) -> tuple[str, ...]:
    if isinstance(tags, str | bytes) or not isinstance(tags, Iterable):
        raise MisuseError(f"tags is of type {type(tags).__name__}; give a list of text, for instance ['Drama'].")
    found = tuple(dict.fromkeys(_title("a tag", tag) for tag in tags))
    if len(found) > MAX_ENTRIES:
        raise MisuseError(f"an item has {len(found)} tags; give at most {MAX_ENTRIES}.")
    return tuple(tag for tag in found if tag)


def _attributes(attributes: Mapping[str, str | float]) -> ReadOnlyDict[str, str | float]:
    if not isinstance(attributes, Mapping) or len(attributes) > MAX_ENTRIES:
        raise MisuseError(f"attributes must be a mapping of at most {MAX_ENTRIES} entries.")
    found: dict[str, str | float] = {}
    for name, value in attributes.items():
        _check_text("an attribute's name", name, MAX_TITLE_LENGTH)
        if isinstance(value, str):
            _check_text(f"the attribute {name!r}", value, MAX_TITLE_LENGTH)
            found[name] = value
        else:
            found[name] = _real(f"the attribute {name!r}", value)
    return ReadOnlyDict(found)


def _number(name: str, value: float | None, most: float) -> float | None:
    if value is None:
        return None
    number = _real(name, value)
    if not 0 <= number <= most:
        raise MisuseError(
            f"{name} is {number:g}; it must not be negative{'' if most == math.inf else ', nor so large'}."
        )
    return value if isinstance(value, int) else number


def _real(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise MisuseError(f"{name} is of type {type(value).__name__}; use a number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MisuseError(f"{name} is not finite, or too large for a float; use a finite number.")
    return number


def _title(name: str, text: str) -> str:
    _check_text(name, text, MAX_TITLE_LENGTH)
    return one_line(text).strip()


def _check_text(name: str, text: object, most: int) -> None:
    if not isinstance(text, str) or len(text) > most:
        raise MisuseError(f"{name} is no text of at most {most:,} characters.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MisuseError(f"{name} contains half of a surrogate pair; give well-formed text.") from error
