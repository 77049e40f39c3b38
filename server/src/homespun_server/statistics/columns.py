"""Which column of a file plays which role.

A role is filled by the column that the caller names; ``AUTO`` looks for the usual names, without regard
to case, and leaves an optional role empty when there is none; None leaves it empty on purpose. What was
chosen is in the report of the reading.

What a role means must not depend on other people's rows, or one person could change how everybody is
read. The header of a CSV file and the schema of a Parquet file are public: they are the operator's, and
roles are resolved on them once, by ``resolve``. JSON Lines have neither, and every row brings names of its
own, so there (``resolve_keys``)

- AUTO is resolved in each row by itself: of the usual names in their order (of names that differ in case:
  in the order of their code points) the first one under which the row has a value. The names that other
  rows have do not matter, and a role whose usual names no row has is empty;
- a column that was asked for is empty in a row that does not have it;
- user and item must be in some row: otherwise no row has an id, so no row of anybody could be used;
- that some row has a time, kind, weight or context that was asked for is required only where the file is
  refused for any bad row. Where bad rows are skipped, it is told in the report and refuses nothing,
  because one person's row must not decide whether the others are read.
"""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.events import MAX_CONTEXT_ENTRIES
from homespun_server.errors import DataError


class Auto(Enum):
    """The type of AUTO."""

    AUTO = "auto"


AUTO: Final = Auto.AUTO
"""Choose the column by its usual names."""

Choice = str | Auto | None

_SHOWN_NAMES = 30

_OPTIONS = {
    **{role: f" (--columns {role}=…)" for role in ("user", "time", "kind", "weight")},
    **{role: f" (--item-columns {role}=…)" for role in ("title", "tags", "text")},
    "item": " (--columns item=…, or --item-columns item=… for the catalogue)",
}
"""Options of the commands that choose the column of a role."""


class Role(NamedTuple):
    """A role, the column asked for, the names under which AUTO finds it, and whether no row can do without."""

    name: str
    choice: Choice
    aliases: tuple[str, ...] = ()
    required: bool = False


class InteractionColumns(msgspec.Struct, frozen=True):
    """Columns of a table of interactions.

    Attributes:
        user: Who; any scalar, becomes text.
        item: With what; any scalar, becomes text.
        time: When: unix seconds, ISO 8601 text or timestamps; without an offset they are UTC.
            AUTO: time, timestamp, ts or datetime.
        kind: What was done, a word; lower-cased. AUTO: kind, event or type.
        weight: How much, ≥ 0. AUTO: weight or rating.
        context: Circumstances, each a scalar that becomes text; at most 32.
    """

    user: str = "user"
    item: str = "item"
    time: Choice = AUTO
    kind: Choice = AUTO
    weight: Choice = AUTO
    context: tuple[str, ...] = ()

    def roles(self) -> tuple[Role, ...]:
        """Return the roles; context columns are named ``context_0``, ``context_1`` and so on.

        Raises:
            MisuseError: If there are more context columns than an event may have.
        """
        if len(self.context) > MAX_CONTEXT_ENTRIES:
            raise MisuseError(f"{len(self.context)} context columns; an event has at most {MAX_CONTEXT_ENTRIES}.")
        return (
            Role("user", self.user, required=True),
            Role("item", self.item, required=True),
            Role("time", self.time, ("time", "timestamp", "ts", "datetime")),
            Role("kind", self.kind, ("kind", "event", "type")),
            Role("weight", self.weight, ("weight", "rating")),
            *(Role(f"context_{index}", name) for index, name in enumerate(self.context)),
        )


class ItemColumns(msgspec.Struct, frozen=True):
    """Columns of a table of items.

    Attributes:
        item: The id; any scalar, becomes text.
        title: What people read; an empty title becomes the id. None: the ids are the titles.
        tags: A list, or text: see ``Items``. AUTO: tags or genres.
        text: A description. AUTO: text or description.
        attributes: Further columns to keep, numeric or categorical.
    """

    item: str = "item"
    title: str | None = "title"
    tags: Choice = AUTO
    text: Choice = AUTO
    attributes: tuple[str, ...] = ()

    def roles(self) -> tuple[Role, ...]:
        """Return the roles; attribute columns are named ``attribute_0``, ``attribute_1`` and so on.

        Items are public, so every column that was asked for is required.
        """
        return (
            Role("item", self.item, required=True),
            Role("title", self.title, required=True),
            Role("tags", self.tags, ("tags", "genres"), required=True),
            Role("text", self.text, ("text", "description"), required=True),
            *(Role(f"attribute_{index}", name, required=True) for index, name in enumerate(self.attributes)),
        )


def resolve(roles: Sequence[Role], names: Sequence[str], path: Path) -> dict[str, tuple[str, ...]]:
    """Return the one column of every role that is filled, in the order of the roles.

    Raises:
        DataError: If a column that was asked for is missing, or if the file has it more than once.
    """
    chosen = ((role, _choose(role, names)) for role in roles)
    columns = {role.name: column for role, column in chosen if column is not None}
    for name, column in columns.items():
        _check(name, column, names, path)
    return {name: (column,) for name, column in columns.items()}


def resolve_keys(
    roles: Sequence[Role], names: Sequence[str], path: Path, *, skip_bad_rows: bool
) -> dict[str, tuple[str, ...]]:
    """Return the keys of every role that is filled; the first one that a row has is the row's.

    Args:
        roles: The roles.
        names: The keys that any row has.
        path: The file.
        skip_bad_rows: Whether only required keys must be in some row.

    Raises:
        DataError: If a key that must be in some row is in none.
    """
    keys: dict[str, tuple[str, ...]] = {}
    for role in roles:
        if isinstance(role.choice, Auto):
            keys[role.name] = _usual_keys(role.aliases, names)
        elif role.choice is not None:
            keys[role.name] = (role.choice,)
            if role.required or not skip_bad_rows:
                _check(role.name, role.choice, names, path)
    return {name: candidates for name, candidates in keys.items() if candidates}


def _usual_keys(aliases: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    usual = [name for name in names if name.lower() in aliases]
    return tuple(sorted(usual, key=lambda name: (aliases.index(name.lower()), name)))


def _choose(role: Role, names: Sequence[str]) -> str | None:
    if not isinstance(role.choice, Auto):
        return role.choice
    by_lower_case = {name.lower(): name for name in reversed(names)}
    return next((by_lower_case[alias] for alias in role.aliases if alias in by_lower_case), None)


def _check(role: str, column: str, names: Sequence[str], path: Path) -> None:
    found = names.count(column)
    if found == 1:
        return
    if found > 1:
        raise DataError(
            f"{path} has {found} columns named {column!r}, so it is unclear which one is meant for {role}. "
            "Rename all but one.",
            path=path,
            column=column,
        )
    role = role.partition("_")[0]
    hint = " Its only column's name holds other separators: is this a file of another format?"
    separated = len(names) == 1 and any(mark in names[0] for mark in ";\t|,")
    there = ", ".join(map(repr, names[:_SHOWN_NAMES])) + ", …" * (len(names) > _SHOWN_NAMES)
    raise DataError(
        f"{path} has no column {column!r}, which is meant for {role}. It has {there}. "
        f"Name the right column in the column mapping, as in {role}='…'{_OPTIONS.get(role, '')}." + hint * separated,
        path=path,
        column=column,
    )
