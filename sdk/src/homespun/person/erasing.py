"""Erasing a part of the profile: what a person names, as a selection, and the receipt."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from homespun.consent import Purpose
from homespun.errors import MisuseError
from homespun.home import Home
from homespun.model.bundle import Bundle
from homespun.profile import DeviceKey, Forgotten, Selection, VaultKind
from homespun.protocol.controls import entry
from homespun.protocol.events import KIND, check_item
from homespun.protocol.receipts import Level, Receipt, StoreErasure, decimal_time, limits, sign
from homespun.protocol.records import named_in

_STORES = {
    VaultKind.EPOCH: "events and what was derived from them",
    VaultKind.STATE: "what the person set and declared",
}


_VETOED = StoreErasure(
    "the inferred interest",
    "logical",
    "It is worked out from the events whenever it is needed and stored nowhere. That it is unwanted is recorded as "
    "what the person set, so it counts nothing from now on; the events stay.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """A part of a profile, as the person names it; events have to fit every condition.

    Attributes:
        item: Everything about one item.
        tag: Everything about items that carry a tag.
        between: From the first of two times on until before the second, seconds since 1970; None is open.
        kind: One kind of event.
        inference: An inferred interest, by its tag: it is not inferred again.

    Raises:
        MisuseError: On construction, if one is not what it should be.
    """

    item: str | None = None
    tag: str | None = None
    between: tuple[float | None, float | None] | None = None
    kind: str | None = None
    inference: str | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without a bundle."""
        if self.item is not None:
            check_item(self.item)
        if self.kind is not None and not (isinstance(self.kind, str) and KIND.fullmatch(self.kind)):
            raise MisuseError(f"kind is {self.kind!r}; use a kind of event such as 'view'.")
        for name, tag in (("tag", self.tag), ("inference", self.inference)):
            if tag is not None and not (isinstance(tag, str) and tag):
                raise MisuseError(f"{name} is {tag!r}; name a tag of the bundle.")
        if self.inference is not None and self.is_about_events:
            raise MisuseError("an inference is erased by itself: leave item, tag, between and kind out.")
        if self.between is not None and not _is_range(self.between):
            raise MisuseError(
                f"between is {self.between!r}; give two times in seconds since 1970, the earlier first, or None."
            )

    @property
    def is_about_events(self) -> bool:
        """Whether events are named."""
        return any(each is not None for each in (self.item, self.tag, self.between, self.kind))

    @property
    def is_everything(self) -> bool:
        """Whether no part is named at all."""
        return not self.is_about_events and self.inference is None

    @property
    def words(self) -> str:
        """What is erased, for the receipt."""
        named = [f"{name} {value}" for name, value in self._named() if value is not None]
        return f"a part: {', '.join(named)}"

    def _named(self) -> tuple[tuple[str, object], ...]:
        return (
            ("item", self.item),
            ("tag", self.tag),
            ("time", None if self.between is None else " until ".join(_date(end) for end in self.between)),
            ("kind", self.kind),
            ("inference", self.inference),
        )

    def selection(self, bundle: Bundle, items: Iterable[str]) -> Selection:
        """Return which rows are erased.

        Args:
            bundle: Knows which items carry a tag.
            items: The items that the profile names anywhere.
        """
        if self.inference is not None:
            return Selection(events=False, targets=frozenset({self.inference}), controls=frozenset({"interest"}))
        start, end = self.between or (None, None)
        alone = self.kind is None and self.between is None
        named = self._items(bundle, items)
        return Selection(
            items=named,
            kinds=None if self.kind is None else frozenset({self.kind}),
            start=start,
            end=end,
            # What the person set about an item is about all of it, not about a time or a kind.
            targets=frozenset(each for each in (self.tag, *(named or ())) if each is not None and alone),
        )

    def _items(self, bundle: Bundle, items: Iterable[str]) -> frozenset[str] | None:
        if self.tag is None:
            return None if self.item is None else frozenset({self.item})
        tagged = frozenset(item for item in items if item in bundle and self.tag in bundle.tags(item))
        return tagged if self.item is None else tagged & {self.item}


def erase_part(home: Home, bundle: Bundle, part: Extent) -> Receipt:
    """Erase a part of the profile, check that it is gone, and return the receipt.

    Raises:
        ClosedError, ProfileError: See the classes.
    """
    selection = part.selection(bundle, _named(home))
    done = home.forget(selection)
    stores = () if done is None else _stores(done)
    if done is not None and done.rows.get("event"):
        # What waits to leave was made from events that are gone now.
        home.egress.cancel([str(Purpose.CONTRIBUTION), str(Purpose.MEASUREMENT)], note="a part was erased")
    if part.inference is not None:
        tag = part.inference
        home.set_control(lambda entries: entry(entries, "interest", tag, 0.0, home.now()))
        stores = stores if done is None else (*stores, _VETOED)
    return _signed(home, part, stores)


def _named(home: Home) -> set[str]:
    """Return every item that the profile names, and some tags, which no bundle takes for items."""
    named = {event.item for event in home.events()} | {name for record in home.decisions() for name in named_in(record)}
    return named | {each.target for each in home.controls() if each.target is not None} | {*home.exposures(0.0)}


def _stores(done: Forgotten) -> tuple[StoreErasure, ...]:
    rows = {VaultKind.STATE: 0, VaultKind.EPOCH: 0}
    for table, number in done.rows.items():
        rows[VaultKind.STATE if table in ("control", "attribute", "kept") else VaultKind.EPOCH] += number
    return tuple(
        StoreErasure(_STORES[kind], _level(done, outside=outside), _detail(rows[kind], number, done, outside=outside))
        for kind, (number, outside) in done.rewritten.items()
    )


def _level(done: Forgotten, *, outside: bool) -> Level:
    if done.left:
        return "unverified"
    return "key_destroyed" if outside else "logical"


def _detail(rows: int, files: int, done: Forgotten, *, outside: bool) -> str:
    what = f"{rows} rows were left out when {files} of the profile's files were rewritten under new keys."
    if done.left:
        return f"{what} Could not be destroyed yet: {', '.join(done.left)}. The next opening tries again."
    if outside:
        return f"{what} The keys of the old files were kept outside the folder and are destroyed, so no copy opens."
    return (
        f"{what} The old files were overwritten and removed. Keys of what they held were kept inside the profile, now "
        "or earlier, so a copy of the whole folder made then still opens with what opened the profile then."
    )


def _signed(home: Home, part: Extent, stores: tuple[StoreErasure, ...]) -> Receipt:
    store = home.store()
    key = DeviceKey.generate(home.entropy) if store is None else store.device_key
    receipt = Receipt(
        profile=home.profile,
        time=decimal_time(home.now()),
        scope=part.words,
        stores=stores,
        out_of_scope=limits(home.released()),
    )
    return sign(receipt, key.sign, key.public_key, signer="fresh" if store is None else "device")


def _date(seconds: float | None) -> str:
    if seconds is None:
        return "any"
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g} s after 1970"


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_range(between: object) -> bool:
    if not isinstance(between, tuple) or len(between) != 2:  # noqa: PLR2004 - a range has two ends
        return False
    start, end = between
    numbers = all(each is None or _is_time(each) for each in between)
    return numbers and (start is None or end is None or start < end)
