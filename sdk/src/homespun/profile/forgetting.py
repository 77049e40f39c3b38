"""Erasing a part of a profile: which rows go, and rewriting every vault that held one under a new key.

What was derived from an erased event goes with it: the explanation records that name its item, and that it was
shown. What the person set about an erased item or tag goes too, so that nothing names it any more.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import apsw

from homespun.profile.records import EventRow
from homespun.profile.rewriting import Revise, Row
from homespun.profile.schema import SCHEMAS, VaultKind
from homespun.profile.vaults import Vaults
from homespun.protocol.bundle import own_name
from homespun.protocol.records import named_in, parse_record

DERIVED: Final = frozenset({"learning", "cache"})
"""Compartments whose values were derived from events."""

OUTCOMES: Final = ("experiments", "outcomes ")
"""The compartment in which, among others, values are derived from events, and how their names begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is erased: the events that fit every condition given, and all that names their items.

    Attributes:
        items: Items, or None for any.
        kinds: Kinds of events, or None for any.
        start: Earliest time, seconds since 1970: of the event, or of its recording where it has none.
        end: The first time after the range.
        targets: What controls name: items and tags; entries about them go too.
        controls: Those of the controls whose entries about ``targets`` go; None for all.
        events: Whether events go at all.
    """

    items: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    start: float | None = None
    end: float | None = None
    targets: frozenset[str] = frozenset()
    controls: frozenset[str] | None = None
    events: bool = True

    def takes(self, row: Row) -> bool:
        """Return whether a row of the table ``event`` is erased."""
        _, _, recorded, item, kind, time, _, _ = row
        return (
            self.events
            and (self.items is None or item in self.items)
            and (self.kinds is None or kind in self.kinds)
            and self.at(recorded if time is None else time)
        )

    def whole_time(self, time: float) -> bool:
        """Return whether everything that happened at a time is erased, whatever it was about."""
        return self.ranged and self.events and self.items is None and self.kinds is None and self.at(time)

    def takes_control(self, record: str) -> bool:
        """Return whether a record of the table ``control`` is erased."""
        entry = json.loads(record)
        return self.takes_entry(entry["control"], entry["target"])

    def takes_entry(self, control: str, target: str | None) -> bool:
        """Return whether an entry of a control about a target is erased."""
        return target in self.targets and (self.controls is None or control in self.controls)

    def at(self, time: float) -> bool:
        """Return whether a time is in the range."""
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)

    @property
    def ranged(self) -> bool:
        """Whether there is a range of time."""
        return self.start is not None or self.end is not None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What an erasure of a part did.

    Attributes:
        rows: Rows that went, by table.
        rewritten: Vaults that were rewritten, by kind: how many, and whether every one's key was never inside
            the folder.
        left: Files that could not be removed yet.
    """

    rows: dict[str, int]
    rewritten: dict[VaultKind, tuple[int, bool]]
    left: tuple[str, ...]


def forget(vaults: Vaults, selection: Selection) -> Forgotten:
    """Erase what is selected and destroy the keys that it was under.

    Raises:
        apsw.Error, OSError: Nothing was erased, or it was and the old files are destroyed at the next opening.
    """
    return _rewrite(vaults, lambda: _forgetting(selection, _items_gone(vaults, selection)))


def rectify(vaults: Vaults, wrong: EventRow, right: EventRow) -> Forgotten:
    """Replace every event that is ``wrong``; what was derived from it goes, as that of an erased one does."""
    columns = ", ".join(SCHEMAS[VaultKind.EPOCH].columns["event"])

    def is_wrong(row: Row) -> bool:
        _, uid, _, *rest = row
        return (uid, *rest) == wrong

    def make_revise() -> Revise:
        found = any(
            is_wrong(row)
            for epoch in vaults.epochs
            for row in vaults.connection(epoch).execute(f"SELECT {columns} FROM event")  # noqa: S608 - our own schema
        )
        derived = _forgetting(Selection(events=False), frozenset({wrong[1]} if found else ()))

        def revise(table: str, row: Row) -> Row | None:
            if table != "event":
                return derived(table, row)
            return (row[0], right[0], row[2], *right[1:]) if is_wrong(row) else row

        return revise

    return _rewrite(vaults, make_revise)


def forget_attribute(vaults: Vaults, name: str) -> Forgotten:
    """Erase what the person declared under a name, and the explanation records that were made from it."""

    def goes(table: str, row: Row) -> bool:
        return (table, row[0]) == ("attribute", name) or (table == "decision" and _uses(row[3], name))

    return _rewrite(vaults, lambda: lambda table, row: None if goes(table, row) else row)


def clear(vaults: Vaults, tables: Collection[str], compartments: Collection[str]) -> Forgotten:
    """Erase everything in some tables, and everything that is kept in some compartments."""

    def goes(table: str, row: Row) -> bool:
        return table in tables or (table == "kept" and row[0] in compartments)

    return _rewrite(vaults, lambda: lambda table, row: None if goes(table, row) else row)


def _rewrite(vaults: Vaults, make_revise: Callable[[], Revise]) -> Forgotten:
    rows: dict[str, int] = {}
    rewritten: dict[VaultKind, tuple[int, bool]] = {}
    with vaults.writing_main():
        revise = make_revise()
        for row in (vaults.state, *vaults.epochs):
            changes = _changes(vaults.connection(row), row.kind, revise)
            for table, number in changes.items():
                rows[table] = rows.get(table, 0) + number
            if changes:
                vaults.replace(row, revise)
                number, outside = rewritten.get(row.kind, (0, True))
                rewritten[row.kind] = (number + 1, outside and row.outside)
    return Forgotten(rows, rewritten, vaults.discard_garbage())


def _changes(connection: apsw.Connection, kind: VaultKind, revise: Revise) -> dict[str, int]:
    changes: dict[str, int] = {}
    for table, columns in SCHEMAS[kind].columns.items():
        for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):  # noqa: S608 - our own schema
            if revise(table, row) != row:
                changes[table] = changes.get(table, 0) + 1
    return changes


def _items_gone(vaults: Vaults, selection: Selection) -> frozenset[str]:
    """Return the items of the events that go, and those that were named."""
    columns = ", ".join(SCHEMAS[VaultKind.EPOCH].columns["event"])
    rows = (
        row
        for epoch in vaults.epochs
        for row in vaults.connection(epoch).execute(f"SELECT {columns} FROM event")  # noqa: S608 - our own schema
    )
    gone = frozenset(row[3] for row in rows if selection.takes(row))
    # Named with a kind or a time, an item stays known by everything else.
    return gone if selection.kinds is not None or selection.ranged else gone | (selection.items or frozenset())


def _forgetting(selection: Selection, gone: frozenset[str]) -> Revise:
    def goes(table: str, row: Row) -> bool:
        if table == "event":
            return selection.takes(row)
        if table == "decision":
            return _names(row[3], gone, selection.targets) or selection.whole_time(row[1])
        if table == "exposure":
            return row[2] in gone or selection.whole_time(row[1])
        if table == "control":
            return selection.takes_control(row[1])
        # What was learnt from events that are gone is learnt anew from those that stay.
        return table == "kept" and _is_derived(row[0], row[1]) and (bool(gone) or selection.ranged)

    return lambda table, row: None if goes(table, row) else row


def _is_derived(compartment: str, name: str) -> bool:
    return compartment in DERIVED or (compartment == OUTCOMES[0] and name.startswith(OUTCOMES[1]))


def _uses(text: str, attribute: str) -> bool:
    """Return whether a record's list was made from an attribute, or may have been: it may be the request's too."""
    record = parse_record(text)
    if record.inputs is not None:
        return attribute in record.inputs.attributes
    parts = (part for item in record.items for part in item.attributions)
    return any(part.source == "context" and part.component in {attribute, own_name(attribute)} for part in parts)


def _names(record: str, items: frozenset[str], targets: frozenset[str]) -> bool:
    named = named_in(parse_record(record))
    return not items.isdisjoint(named) or not targets.isdisjoint(named)
