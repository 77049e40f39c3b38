"""When a rule holds, and which items it is about: conditions as data.

A condition speaks of the request and the person, an item test of one item. Each is one JSON object with exactly one
key that says what is tested; ``all``, ``any`` and ``not`` combine them. Nothing in them is code, so they can be checked
before they are used, told in words, and turned into masks once for all requests.
"""

from typing import Annotated, Literal

import msgspec

from homespun.protocol.bundle import Kind
from homespun.protocol.control_entry import MAX_TAG_LENGTH
from homespun.protocol.events import MAX_CONTEXT_LENGTH, MAX_ITEM_LENGTH

MAX_NAMED = 10_000
"""Items that one test may name."""

MAX_DAYS = 3650

Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TAG_LENGTH)]
ItemId = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ITEM_LENGTH)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CONTEXT_LENGTH)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Days = Annotated[float, msgspec.Meta(gt=0, le=MAX_DAYS)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_CONTEXT_LENGTH)]

LifecycleStage = Literal["onboarding", "active", "lapsing", "returning"]
"""Where a person stands: see ``Lifecycle``."""


class ValueTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"values": "is"}):
    """A test of one named value: one of some, or a number in [from, below).

    Attributes:
        name: Of the circumstance or the attribute.
        values: What it may be, as text (in JSON ``is``); truth values are ``true`` and ``false``.
        at_least: The least number.
        below: Numbers are below this one.
    """

    name: Key
    values: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=MAX_NAMED)] | None = None
    at_least: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        """Refuse a test of nothing, or of two things."""
        ranged = self.at_least is not None or self.below is not None
        if (self.values is not None) == ranged:
            raise ValueError("give either 'is' with values, or 'at_least' and 'below' with numbers")
        _check_range(self.at_least, self.below)


class ItemTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"not_": "not"}):
    """Which items are meant: exactly one of the following.

    Attributes:
        all: Items that fit each of these.
        any: Items that fit one of these.
        not_: Items that do not fit this (in JSON ``not``).
        tag: Items that carry the tag.
        items: These very items, by id; those that the bundle does not have are passed over.
        attribute: Items whose attribute fits; an item without it does not.
    """

    all: Annotated[tuple["ItemTest", ...], msgspec.Meta(min_length=1, max_length=100)] | None = None
    any: Annotated[tuple["ItemTest", ...], msgspec.Meta(min_length=1, max_length=100)] | None = None
    not_: "ItemTest | None" = None
    tag: Tag | None = None
    items: Annotated[tuple[ItemId, ...], msgspec.Meta(min_length=1, max_length=MAX_NAMED)] | None = None
    attribute: ValueTest | None = None

    def __post_init__(self) -> None:
        """Refuse a test of nothing, or of two things."""
        _check_one(self)


class HistoryTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A test of how many events the person has: at least so many, or below.

    Attributes:
        kinds: Events of these kinds; None: of any.
        items: Events with such items; None: with any item of the bundle.
        days: Events of so many days back from now; None: all. Events without a time count only without it.
        at_least: The least number.
        below: Numbers are below this one.
    """

    kinds: Annotated[tuple[Kind, ...], msgspec.Meta(min_length=1, max_length=100)] | None = None
    items: ItemTest | None = None
    days: Days | None = None
    at_least: Annotated[int, msgspec.Meta(ge=0)] | None = None
    below: Annotated[int, msgspec.Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        """Refuse a test of nothing."""
        if self.at_least is None and self.below is None:
            raise ValueError("give 'at_least' or 'below'")
        _check_range(self.at_least, self.below)


class Likes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A test of how many distinct items the person likes.

    Attributes:
        at_least: The least number.
        below: Numbers are below this one.
    """

    at_least: Annotated[int, msgspec.Meta(ge=0)] | None = None
    below: Annotated[int, msgspec.Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        """Refuse a test of nothing."""
        if self.at_least is None and self.below is None:
            raise ValueError("give 'at_least' or 'below'")
        _check_range(self.at_least, self.below)


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"not_": "not"}):
    """When something holds: exactly one of the following.

    Attributes:
        all: Each of these holds.
        any: One of these holds.
        not_: This does not hold (in JSON ``not``).
        context: A circumstance of the request fits; one that is unknown fits nothing. ``hour`` (0 to 23) and
            ``weekday`` (``monday``…) are known wherever the application says in which time zone the person is.
        lifecycle: The person is at one of these stages.
        likes: The person likes so many items.
        history: The person has so many events.
    """

    all: Annotated[tuple["Condition", ...], msgspec.Meta(min_length=1, max_length=100)] | None = None
    any: Annotated[tuple["Condition", ...], msgspec.Meta(min_length=1, max_length=100)] | None = None
    not_: "Condition | None" = None
    context: ValueTest | None = None
    lifecycle: Annotated[tuple[LifecycleStage, ...], msgspec.Meta(min_length=1, max_length=4)] | None = None
    likes: Likes | None = None
    history: HistoryTest | None = None

    def __post_init__(self) -> None:
        """Refuse a test of nothing, or of two things."""
        _check_one(self)


def _check_one(given: ItemTest | Condition) -> None:
    names = given.__struct_encode_fields__
    found = [
        name for name, field in zip(names, given.__struct_fields__, strict=True) if getattr(given, field) is not None
    ]
    if len(found) != 1:
        told = "nothing" if not found else " and ".join(repr(name) for name in found)
        raise ValueError(f"give exactly one of {', '.join(names)}; here stands {told}")


def _check_range(least: float | None, below: float | None) -> None:
    if least is not None and below is not None and not least < below:
        raise ValueError(f"no number is at least {least:g} and below {below:g}")
