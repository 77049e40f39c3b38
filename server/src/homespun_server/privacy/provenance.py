"""Where a value comes from: fixed beforehand, public, released, or (marked for good) an exact figure about people.

What influences a bundle or stands on its card is ``Sourced``: it carries every release and every exact figure
about people that it was derived from. It is made by ``fixed``, ``public``, ``released`` and ``non_private``, and
from such values by ``derive`` and ``together``, which unite what their arguments come from. A choice between
candidates is derived from the figures of all of them, the rejected ones too.

Nothing leads from a raw figure here but a release, or ``non_private``, which marks whatever is derived from it up
to the bundle's manifest, card and report.

Non-goals: a function that is given to ``derive`` can close over anything, and whoever declares a figure public or
fixed is believed. What is declared stands on the card under that name.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import InitVar, dataclass, field, fields, is_dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Generic, Literal, TypeVar, overload

import msgspec
import numpy as np

from homespun.errors import MisuseError
from homespun_server.privacy.release import Release
from homespun_server.statistics.raw import Raw
from homespun_server.statistics.sums import UserSum

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
T_co = TypeVar("T_co", covariant=True)

Plain = str | int | float | Decimal | Fraction | tuple[str, ...] | None
"""What somebody can fix a priori: a few numbers and words, never an array."""

PlainT = TypeVar("PlainT", bound=Plain)

_LISTED = frozenset({str, float, int, tuple, type(None)})
"""What stands in the lists of a catalogue; lists of nothing else are not looked into."""

_MADE_HERE = object()


@dataclass(frozen=True)
class ExactFigure:
    """The mark of an exact figure about people that was let through without privacy.

    Attributes:
        name: What figure it is, in plain words.
    """

    name: str


AboutPeople = Release | ExactFigure
"""What a value can hold of people."""


@dataclass(frozen=True, eq=False)
class Sourced(Generic[T_co]):
    """A value with everything that it was derived from.

    Attributes:
        value: The value; arrays in it are read-only.
        people: What it holds of people: distinct, in the order in which it came in.
        public: Names of the public sources that it was made from.
    """

    value: T_co = field(repr=False)
    people: tuple[AboutPeople, ...]
    public: tuple[str, ...]
    made_here: InitVar[object] = None

    def __post_init__(self, made_here: object) -> None:
        """Refuse construction elsewhere, and values that must never get here."""
        if made_here is not _MADE_HERE:
            raise MisuseError(
                "a Sourced is made by fixed(), public(), released(), non_private(), derive() or together(), never "
                "directly."
            )
        releases = {id(source) for source in self.people}
        for part in _parts(self.value):
            if isinstance(part, Raw | UserSum):
                raise MisuseError(
                    f"a {type(part).__name__} is exact: release it, or let a figure through with non_private(), which "
                    "marks everything that is made from it."
                )
            if isinstance(part, Release) and id(part) not in releases:
                raise MisuseError(
                    "a Release is about people, and this value would not say that it comes from it; state it with "
                    "released() and use derive()."
                )
            if isinstance(part, Sourced):
                raise MisuseError("a Sourced in a Sourced would hide where it comes from; use derive() or together().")
            if isinstance(part, np.ndarray):
                part.setflags(write=False)

    @property
    def releases(self) -> tuple[Release, ...]:
        """The releases that it was derived from."""
        return tuple(source for source in self.people if isinstance(source, Release))

    @property
    def exact(self) -> tuple[str, ...]:
        """Names of everything exact about people that it was derived from; private only if there is none."""
        return tuple(
            source.name if isinstance(source, ExactFigure) else source.statistic.name
            for source in self.people
            if isinstance(source, ExactFigure) or not source.private
        )

    @property
    def kind(self) -> Literal["fixed", "public", "released", "non_private"]:
        """The strongest of what it was derived from."""
        if self.people:
            return "non_private" if self.exact else "released"
        return "public" if self.public else "fixed"

    @property
    def origin(self) -> str:
        """The same in words, for a card."""
        match self.kind:
            case "non_private":
                return f"NON-PRIVATE, from exact figures about people: {', '.join(_distinct(self.exact))}"
            case "released":
                return f"released: {', '.join(_distinct(release.statistic.name for release in self.releases))}"
            case "public":
                return f"public: {', '.join(self.public)}"
            case "fixed":
                return "fixed a priori"


def fixed(value: PlainT) -> Sourced[PlainT]:
    """State a value that was fixed before any data about people was seen.

    Raises:
        MisuseError: If it is no plain number or text. Numbers out of arrays are computed ones, and refused.
    """
    parts = value if isinstance(value, tuple) else (value,)
    allowed = {str} if isinstance(value, tuple) else {str, int, float, bool, Decimal, Fraction, type(None)}
    if any(type(part) not in allowed for part in parts):
        raise MisuseError(
            f"a {type(value).__name__} is not fixed a priori: only plain numbers and text are. Say what it is made "
            "from with public(), released() or derive()."
        )
    return _made(value)


def public(value: T, source: str) -> Sourced[T]:
    """State a value that is public: it tells nothing about people that is not known to everybody.

    Args:
        value: Anything but what is about people.
        source: Where everybody can find it, or who declares it public; stands on the card.

    Raises:
        MisuseError: If no source is named, or the value is about people.
    """
    if not source.strip():
        raise MisuseError("name the source that makes it public; it will stand on the card.")
    return _made(value, public=(source,))


def released(release: Release) -> Sourced[Release]:
    """State a release; what it was computed with (a universe, weights) is united with it by ``derive``.

    Raises:
        MisuseError: If it is no release.
    """
    if not isinstance(release, Release):
        raise MisuseError(f"a {type(release).__name__} was not released; only a Release is.")
    return _made(release, people=(release,))


def non_private(figure: Raw[T], name: str) -> Sourced[T]:
    """Let an exact figure about people through, and mark it and everything that is ever derived from it.

    For experiments, never for people's data in production.

    Args:
        figure: The exact figure.
        name: What it is, in plain words; stands on the card.

    Raises:
        MisuseError: If it has no name, or is no raw figure.
    """
    if not (isinstance(figure, Raw) and name.strip()):
        raise MisuseError("only a Raw that is given a name is let through without privacy.")
    return _made(figure.for_the_operator(), people=(ExactFigure(name),))


@overload
def derive(function: Callable[[A], T], first: Sourced[A], /) -> Sourced[T]: ...
@overload
def derive(function: Callable[[A, B], T], first: Sourced[A], second: Sourced[B], /) -> Sourced[T]: ...
@overload
def derive(
    function: Callable[[A, B, C], T], first: Sourced[A], second: Sourced[B], third: Sourced[C], /
) -> Sourced[T]: ...
def derive(function: Callable[..., T], /, *arguments: Sourced[object]) -> Sourced[T]:
    """Apply a function to values, and say of the result that it comes from all that they come from.

    Args:
        function: Computes from its arguments and from constants alone.
        arguments: Its arguments.

    Raises:
        MisuseError: If an argument does not say where it comes from.
    """
    values = together(*arguments)
    return _made(function(*values.value), values.people, values.public)


def together(*parts: Sourced[T]) -> Sourced[tuple[T, ...]]:
    """Return the values as one, which comes from all that each of them comes from.

    Raises:
        MisuseError: If a part does not say where it comes from.
    """
    check_sourced(**{f"argument {number}": part for number, part in enumerate(parts, start=1)})
    people = _distinct_objects(source for part in parts for source in part.people)
    names = _distinct(name for part in parts for name in part.public)
    return _made(tuple(part.value for part in parts), people, names)


def check_sourced(**values: object) -> None:
    """Refuse values that do not say where they come from.

    Raises:
        MisuseError: Naming the first of them.
    """
    for name, value in values.items():
        if not isinstance(value, Sourced):
            raise MisuseError(
                f"{name} is a bare {type(value).__name__}: nobody can tell whether it was computed from people's data. "
                "State where it comes from with fixed(), public(), released() or non_private()."
            )


def _made(value: T, people: tuple[AboutPeople, ...] = (), public: tuple[str, ...] = ()) -> Sourced[T]:
    return Sourced(value, people, public, made_here=_MADE_HERE)


def _parts(value: object) -> Iterator[object]:
    """Yield a value and what it is made of: through tuples, lists, dictionaries, structures and dataclasses."""
    yield value
    for part in _contents(value):
        yield from _parts(part)


def _contents(value: object) -> Iterable[object]:
    match value:
        case tuple():
            return value
        case list():
            # A catalogue's lists are long, and looked through as fast as can be.
            return () if _LISTED.issuperset(map(type, value)) else value
        case dict():
            return value.values()
        case msgspec.Struct():
            return msgspec.structs.astuple(value)
        case type() | Sourced() | UserSum() | Release():
            return ()
    return (getattr(value, each.name) for each in fields(value)) if is_dataclass(value) else ()


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _distinct_objects(sources: Iterable[AboutPeople]) -> tuple[AboutPeople, ...]:
    # Two releases of the same numbers are two releases, and both count.
    return tuple({(id(source) if isinstance(source, Release) else source): source for source in sources}.values())
