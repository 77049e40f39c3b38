"""The person's controls: an append-only log of what they set, and what follows from it.

Every entry sets one thing; setting it back is a later entry, and so is taking an entry back. An undo names
the entry that it takes back, which then counts as if it had never been made; an undo can be taken back too.
Sequence numbers alone decide, never times, because a device's clock can be wrong.

Pure: nothing here reads a clock or a disk. Non-goals: the private session, which leaves no entry anywhere,
and what a list does with the controls (``homespun.ranking``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from msgspec import structs

from homespun.errors import MisuseError
from homespun.protocol.control_entry import Control, ControlEntry, ControlValue, FrequencyCap
from homespun.protocol.read_only import ReadOnlyDict

__all__ = [
    "NEUTRAL",
    "Change",
    "Control",
    "ControlEntry",
    "ControlValue",
    "FrequencyCap",
    "Refusal",
    "Steering",
    "describe",
    "entry",
    "fold",
    "history",
    "in_effect",
    "joined",
    "undo",
]

Refusal = Literal["objection", "restriction", "non_profiled", "switched_off"]
"""What forbids a list to be made from personal data: a control, or the publisher."""


@dataclass(frozen=True)
class Steering:
    """Everything that the person has set: what a log of entries adds up to.

    Attributes:
        hidden_items: Items that no list may hold.
        hidden_tags: Tags that no listed item may carry.
        more_like: Items to show more like; never in ``less_like`` too.
        less_like: Items to show less like.
        ignored_items: Items with which events say nothing about what the person likes.
        interests: Weight from 0 to 1 by tag, in place of the inferred one; 0 is a veto.
        paused: Whether nothing new is recorded; lists still use what was recorded.
        frequency_cap: After how many showings an item is left out; None: never.
        diversity: From 0, the order by score alone, to 1.
        exploration: From 0, no place for chance, to 1; None: as the policy says.
        non_profiled: Whether lists use no personal data (the option of Art. 38 DSA).
        restricted: Whether data are stored but not used (restriction, Art. 18 GDPR).
        objected: Whether the person objected to personalization (Art. 21 GDPR).
        switched_off: Whether lists use no personal data for now because the publisher says so, or because nobody could
            say for too long that the bundle is still the right one. No control sets it.
    """

    hidden_items: frozenset[str] = frozenset()
    hidden_tags: frozenset[str] = frozenset()
    more_like: frozenset[str] = frozenset()
    less_like: frozenset[str] = frozenset()
    ignored_items: frozenset[str] = frozenset()
    interests: Mapping[str, float] = field(default_factory=ReadOnlyDict)
    paused: bool = False
    frequency_cap: FrequencyCap | None = None
    diversity: float = 0.0
    exploration: float | None = None
    non_profiled: bool = False
    restricted: bool = False
    objected: bool = False
    switched_off: bool = False

    @property
    def refusal(self) -> Refusal | None:
        """What forbids lists from personal data, the strongest right first; None if nothing does."""
        if self.objected:
            return "objection"
        if self.restricted:
            return "restriction"
        if self.non_profiled:
            return "non_profiled"
        return "switched_off" if self.switched_off else None

    @property
    def has_tastes(self) -> bool:
        """Whether the person said what they like, which is personal data as events are."""
        return bool(self.more_like or self.less_like or self.ignored_items or self.interests)

    @property
    def changes_lists(self) -> bool:
        """Whether a list can differ from one without controls, besides whether it may be personal."""
        hides = self.hidden_items or self.hidden_tags
        dials = self.diversity or self.exploration is not None
        return bool(hides or self.has_tastes or self.frequency_cap or dials)

    def without_personal_data(self) -> "Steering":
        """Return what still holds where personal data may not be used: what is hidden, and the dials.

        To hide something is an instruction and no profile: nothing is inferred from it about anything else.
        A frequency cap counts what the person was shown, and so rests until it may.
        """
        nothing: frozenset[str] = frozenset()
        return replace(
            self,
            more_like=nothing,
            less_like=nothing,
            ignored_items=nothing,
            interests=ReadOnlyDict(),
            frequency_cap=None,
        )


NEUTRAL = Steering()
"""Nothing was set."""


@dataclass(frozen=True)
class Change:
    """One entry as the person reads it.

    Attributes:
        entry: The entry.
        text: What it did, in plain words.
        undone: Whether a later entry took it back.
    """

    entry: ControlEntry
    text: str
    undone: bool


def fold(entries: Iterable[ControlEntry]) -> Steering:
    """Return what the entries add up to, in whatever order they are given."""
    values: dict[tuple[str, str | None], Any] = {key: each.value for key, each in _deciding(entries).items()}
    return Steering(
        hidden_items=_targets(values, "hide_item"),
        hidden_tags=_targets(values, "hide_tag"),
        more_like=_targets(values, "more_like"),
        less_like=_targets(values, "less_like"),
        ignored_items=_targets(values, "ignore_item"),
        interests=ReadOnlyDict(
            {
                tag: weight
                for (control, tag), weight in values.items()
                if control == "interest" and tag is not None and weight is not None
            }
        ),
        paused=values.get(("pause", None), False),
        frequency_cap=values.get(("frequency_cap", None)),
        diversity=values.get(("diversity", None)) or 0.0,
        exploration=values.get(("exploration", None)),
        non_profiled=values.get(("non_profiled", None), False),
        restricted=values.get(("restriction", None), False),
        objected=values.get(("objection", None), False),
    )


def in_effect(entries: Iterable[ControlEntry]) -> list[ControlEntry]:
    """Return the entries that still set something, by sequence: not those that were taken, or set, back."""
    deciding = _deciding(entries).values()
    return sorted((each for each in deciding if each.value is not None and each.value is not False), key=_sequence)


def entry(
    entries: Iterable[ControlEntry], control: Control, target: str | None, value: ControlValue, now: float
) -> ControlEntry:
    """Return the entry that sets a control, numbered after ``entries``.

    Args:
        entries: The log so far.
        control: What to set.
        target: The item or the tag that it is about; None for a control that is about neither.
        value: What to set it to, None to set it back (see ControlEntry).
        now: Seconds since 1970-01-01 UTC.

    Raises:
        MisuseError: If one of them is not what the control needs.
    """
    return ControlEntry(sequence=_next(entries), time=now, control=control, target=target, value=value)


def joined(entries: Iterable[ControlEntry], later: Iterable[ControlEntry]) -> tuple[ControlEntry, ...]:
    """Return a log with entries at its end that were made apart from it, numbered after it.

    Args:
        entries: The log.
        later: Entries that were numbered one after the other; what they take back of each other they still do.
    """
    log, added = tuple(entries), tuple(later)
    if not added:
        return log
    first, shift = added[0].sequence, _next(log) - added[0].sequence
    moved = (
        structs.replace(
            each,
            sequence=each.sequence + shift,
            undoes=each.undoes if each.undoes is None or each.undoes < first else each.undoes + shift,
        )
        for each in added
    )
    return (*log, *moved)


def undo(entries: Iterable[ControlEntry], now: float, sequence: int | None = None) -> ControlEntry:
    """Return the entry that takes another one back, numbered after ``entries``.

    Args:
        entries: The log so far.
        now: Seconds since 1970-01-01 UTC.
        sequence: Which entry to take back; to name an undo sets again what it took back. None: the latest
            that set something and still counts, so that every call goes one step further back.

    Raises:
        MisuseError: If there is no such entry, or it was taken back already.
    """
    log = list(entries)
    standing = {each.sequence: each for each in _standing(log)}
    if sequence is None:
        sequence = max((number for number, each in standing.items() if each.undoes is None), default=None)
    if sequence is None:
        raise MisuseError("there is nothing to undo: nothing was set, or everything was taken back.")
    if sequence not in standing:
        known = any(each.sequence == sequence for each in log)
        problem = "was taken back already; undo the entry that did it" if known else "does not exist; see the history"
        raise MisuseError(f"the entry {sequence!r} {problem}.")
    undone = standing[sequence]
    return ControlEntry(
        sequence=_next(log),
        time=now,
        control=undone.control,
        target=undone.target,
        value=undone.value,
        undoes=undone.sequence,
    )


def history(entries: Iterable[ControlEntry], titles: Mapping[str, str] | None = None) -> list[Change]:
    """Return every entry in plain words, the latest last.

    Args:
        entries: The log.
        titles: Titles by item, to be told in place of ids.
    """
    log = sorted(entries, key=_sequence)
    standing = {id(each) for each in _standing(log)}
    names = titles or {}
    return [Change(each, describe(each, names.get(each.target or "")), id(each) not in standing) for each in log]


def describe(entry: ControlEntry, title: str | None = None) -> str:
    """Return what an entry did, in plain words.

    Args:
        entry: The entry.
        title: The title of the item that it is about; its id is told without one.
    """
    words = _words(entry, entry.target if title is None or entry.control in _ABOUT_TAGS else title)
    return words if entry.undoes is None else f"took back entry {entry.undoes} ({words})"


_ABOUT_TAGS = ("hide_tag", "interest")
_OPPOSITES = {"more_like": "less_like", "less_like": "more_like"}
_DIALS = {"diversity": "diversity 0%", "exploration": "exploration as the application has it"}
_SWITCHES: dict[str, tuple[str, str]] = {
    "hide_item": ("never show {}", "may show {} again"),
    "hide_tag": ("never show anything tagged {}", "may show what is tagged {} again"),
    "more_like": ("more like {}", "no longer more like {}"),
    "less_like": ("less like {}", "no longer less like {}"),
    "ignore_item": ("what I did with {} says nothing of my taste", "what I did with {} counts again"),
    "pause": ("record nothing new", "record again"),
    "non_profiled": ("lists without personal data", "lists from personal data again"),
    "restriction": ("keep my data, but do not use them", "use my data again"),
    "objection": ("objection to personalization", "no objection to personalization any more"),
}


def _words(entry: ControlEntry, name: str | None) -> str:
    value = entry.value
    if entry.control in _SWITCHES:
        return _SWITCHES[entry.control][0 if value else 1].format(name)
    if isinstance(value, FrequencyCap):
        times, days = _counted(value.times, "time"), _counted(value.days, "day")
        return f"show an item at most {times} in {days}"
    if entry.control == "frequency_cap":
        return "show an item as often as it fits"
    if entry.control in _DIALS:
        return _DIALS[entry.control] if value is None else f"{entry.control} {value:.0%}"
    if value is None:
        return f"interest in {name} as inferred"
    return f"interest in {name} {value:.0%}" if value else f"no interest in {name}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _deciding(entries: Iterable[ControlEntry]) -> dict[tuple[str, str | None], ControlEntry]:
    """Return the entry that decides about each control and what it is about."""
    found: dict[tuple[str, str | None], ControlEntry] = {}
    for each in _standing(entries):
        if each.undoes is None:
            found[each.control, each.target] = each
            if each.value is True and each.control in _OPPOSITES:
                found.pop((_OPPOSITES[each.control], each.target), None)
    return found


def _standing(entries: Iterable[ControlEntry]) -> list[ControlEntry]:
    """Return the entries that no later one takes back, undos included, by sequence."""
    undone: set[int] = set()
    standing = []
    for each in sorted(entries, key=_sequence, reverse=True):
        if each.sequence not in undone:
            standing.append(each)
            if each.undoes is not None:
                undone.add(each.undoes)
    return standing[::-1]


def _sequence(entry: ControlEntry) -> int:
    return entry.sequence


def _next(entries: Iterable[ControlEntry]) -> int:
    return 1 + max((each.sequence for each in entries), default=0)


def _targets(values: Mapping[tuple[str, str | None], Any], wanted: str) -> frozenset[str]:
    return frozenset(target for (control, target), value in values.items() if control == wanted and value and target)
