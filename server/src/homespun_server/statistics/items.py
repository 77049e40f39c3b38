"""The catalogue: ids, titles, tags, descriptions and attributes, in memory, in file order.

A position is an index into these lists. Ids are checked as the client checks them in events, so that
every item can be recorded on a device.

Tags are lists in Parquet and JSON, kept as they are, or text. A whole column of text is split by one
rule: at ``|`` if any value has one, otherwise at ``,`` if any value has one, otherwise at white space.
Tags are stripped; empty and repeated ones are dropped.

An attribute is numeric if each of its values is a finite number, otherwise categorical (text).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

from homespun.errors import MisuseError
from homespun.protocol.events import MAX_ITEM_LENGTH
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.database import Database, ReadLimits, limits_told
from homespun_server.statistics.problems import SHOWN_ROWS, Fault, ReadReport, Reason
from homespun_server.statistics.reading import Reading
from homespun_server.statistics.sources import open_source
from homespun_server.statistics.sql import text_of

_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Items:
    """A catalogue.

    Attributes:
        ids: Distinct, non-empty.
        titles: One an item.
        tags: One tuple an item.
        texts: One an item; empty where there is none.
        attributes: By name, one value an item: floats, or text, and None where there is none.
        derived: True if the ids were collected from people's interactions: then the very list of items
            tells about people, and nothing that is made from it is differentially private.
        report: What the reading did; None if the items were not read from a file.

    Raises:
        MisuseError: On construction, if the lengths differ.
    """

    ids: list[str]
    titles: list[str]
    tags: list[tuple[str, ...]]
    texts: list[str]
    attributes: dict[str, list[float | None] | list[str | None]] = field(default_factory=dict)
    derived: bool = False
    report: ReadReport | None = None

    def __post_init__(self) -> None:
        """Check that every list has one entry an item."""
        lengths = {len(column) for column in (self.titles, self.tags, self.texts, *self.attributes.values())}
        if lengths != {len(self.ids)}:
            raise MisuseError(f"{len(self.ids)} ids, but columns of {sorted(lengths)} values; give one an item.")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Position of every id."""
        return {item: position for position, item in enumerate(self.ids)}

    @classmethod
    def read(
        cls,
        path: Path | str,
        columns: ItemColumns = ItemColumns(),  # noqa: B008 - frozen
        *,
        skip_bad_rows: bool = False,
        limits: ReadLimits = ReadLimits(),  # noqa: B008 - frozen
    ) -> Self:
        """Read a table of items: CSV, TSV, JSON Lines (each plain or gzip) or Parquet.

        Args:
            path: The file.
            columns: Which column is what.
            skip_bad_rows: Leave bad rows out and count them, rather than refuse the file. Of rows with
                the same id the first stays, and the others are told in the report as duplicates: many of
                them mean a table of what people did, which is no public catalogue.
            limits: What the reading may use.

        Raises:
            DataError: If the file or one of its rows cannot be used; names file, column and rows.
            MisuseError: If the limits mean nothing or do not suffice.
        """
        file = Path(path)
        source = open_source(file)
        with limits_told(file), closing(Database(file, limits)) as database:
            reading = Reading(file, source, database, columns.roles(), skip_bad_rows=skip_bad_rows)
            reading.create(lambda raw: _create_items(raw, reading.types))
            rows = [_Row(*row) for row in database.connection.execute(_SELECT_ITEMS).fetchall()]
            check = _Check(reading.columns["item"])
            good = [row for row in rows if check.passes(row.item, malformed=row.malformed, rows=[row.row])]
            report = reading.settle(check.faults(), len(rows))
        return cls(
            ids=[row.item for row in good],
            titles=[row.title or row.item for row in good],
            tags=_tags(good),
            texts=[row.text or "" for row in good],
            attributes={
                name: _attribute([row.attributes[index] for row in good])
                for index, name in enumerate(columns.attributes)
            },
            report=report,
        )

    @classmethod
    def from_interactions(
        cls,
        path: Path | str,
        columns: InteractionColumns = InteractionColumns(),  # noqa: B008 - frozen
        *,
        skip_bad_rows: bool = False,
        limits: ReadLimits = ReadLimits(),  # noqa: B008 - frozen
    ) -> Self:
        """Collect the ids of a table of interactions, sorted; each id is its own title.

        Only for results without a privacy guarantee: see ``derived``.

        Raises:
            DataError: As ``read``; only the column of items is looked at.
            MisuseError: If the limits mean nothing or do not suffice.
        """
        file = Path(path)
        source = open_source(file)
        roles = ItemColumns(item=columns.item, title=None, tags=None, text=None).roles()
        with limits_told(file), closing(Database(file, limits)) as database:
            reading = Reading(file, source, database, roles, skip_bad_rows=skip_bad_rows)
            reading.create(lambda raw: _create_distinct(raw, reading.types))
            groups = database.connection.execute(_SELECT_DISTINCT).fetchall()
            check = _Check(reading.columns["item"])
            ids = [
                item for item, bad, count, rows in groups if check.passes(item, malformed=bad, rows=rows, count=count)
            ]
            report = reading.settle(check.faults(), sum(group[2] for group in groups))
        empty: list[tuple[str, ...]] = [()] * len(ids)
        return cls(ids, list(ids), empty, [""] * len(ids), derived=True, report=report)


class _Row(NamedTuple):
    row: int
    malformed: bool
    item: str
    title: str | None
    text: str | None
    tags: str | None
    tags_list: list[str] | None
    attributes: list[str | None]


class _Check:
    """Checks ids one after the other and gathers what is wrong."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._seen: set[str] = set()
        self._found: dict[Reason, Fault] = {}

    def passes(self, item: str | None, *, malformed: bool, rows: Sequence[int], count: int = 1) -> bool:
        """Return whether an id is good; remember why if it is not."""
        reason = Reason.MALFORMED if malformed else self._reason(item)
        if item is not None and reason is None:
            self._seen.add(item)
            return True
        self._remember(reason or Reason.MISSING_ID, item, rows, count)
        return False

    def faults(self) -> list[Fault]:
        """Return what was found."""
        return list(self._found.values())

    def _reason(self, item: str | None) -> Reason | None:
        if not item:
            return Reason.MISSING_ID
        if len(item) > MAX_ITEM_LENGTH:
            return Reason.LONG_ID
        if not item.isprintable():
            return Reason.UNPRINTABLE_ID
        return Reason.DUPLICATE_ITEM if item in self._seen else None

    def _remember(self, reason: Reason, item: str | None, rows: Sequence[int], count: int) -> None:
        whole_row = reason is Reason.MALFORMED
        value = None if whole_row or not item else item[:_LONGEST_SHOWN]
        before = self._found.get(reason)
        if before is None:
            before = Fault(reason, None if whole_row else self._column, (), 0, value)
        # The value shown belongs to the first row shown.
        if before.rows and min(rows) > before.rows[0]:
            value = before.value
        first = tuple(sorted((*before.rows, *rows))[:SHOWN_ROWS])
        self._found[reason] = Fault(reason, before.column, first, before.count + count, value)


def _create_items(raw: str, types: Mapping[str, str]) -> str:
    attributes = [role for role in types if role.startswith("attribute_")]
    values = ", ".join(_attribute_text(f"raw_{role}", types[role]) for role in attributes)
    tags_are_lists = types.get("tags", "").endswith("]")
    tags_list = "raw_tags::VARCHAR[]" if tags_are_lists else "raw_tags_list"
    return (
        f"CREATE TABLE items AS SELECT row, malformed, {_text('item', types)} AS item, "  # noqa: S608 - own names
        f"{_text('title', types)} AS title, {_text('text', types)} AS text, "
        f"{'NULL::VARCHAR' if tags_are_lists else _text('tags', types)} AS tags, {tags_list} AS tags_list, "
        f"[{values}]::VARCHAR[] AS attributes FROM ({raw})"
    )


def _create_distinct(raw: str, types: Mapping[str, str]) -> str:
    return (
        f"CREATE TABLE items AS SELECT {_text('item', types)} AS item, malformed, count(*) AS count, "  # noqa: S608
        f"min(row, {SHOWN_ROWS}) AS rows FROM ({raw}) GROUP BY ALL"
    )


_SELECT_ITEMS = "SELECT row, malformed, item, title, text, tags, tags_list, attributes FROM items ORDER BY row"
_SELECT_DISTINCT = "SELECT item, malformed, count, rows FROM items ORDER BY item"


def _text(role: str, types: Mapping[str, str]) -> str:
    return text_of(f"raw_{role}", types[role]) if role in types else "NULL::VARCHAR"


def _attribute_text(column: str, sql_type: str) -> str:
    # Tables write a missing number as NaN.
    known = f"CASE WHEN NOT isnan({column}) THEN {column} END" if sql_type in {"FLOAT", "DOUBLE"} else column
    return f"({known})::VARCHAR"


def _tags(rows: Sequence[_Row]) -> list[tuple[str, ...]]:
    separator = next((mark for mark in "|," if any(mark in row.tags for row in rows if row.tags)), None)
    return [_distinct(_parts(row, separator)) for row in rows]


def _parts(row: _Row, separator: str | None) -> Iterable[str | None]:
    return row.tags_list if row.tags_list is not None else (row.tags or "").split(separator)


def _distinct(tags: Iterable[str | None]) -> tuple[str, ...]:
    stripped: Iterator[str] = (tag.strip() for tag in tags if tag)
    return tuple(dict.fromkeys(tag for tag in stripped if tag))


def _attribute(values: list[str | None]) -> list[float | None] | list[str | None]:
    try:
        numbers = [None if value is None else float(value) for value in values]
    except ValueError:
        return values
    return numbers if all(number is None or math.isfinite(number) for number in numbers) else values
