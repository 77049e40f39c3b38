"""Which column of a file plays which role.

A role is filled by the column that the caller names; ``AUTO`` looks for the usual names, without regard
to case, and leaves an optional role empty when there is none; None leaves it empty on purpose. What was
chosen is in the report of the reading.
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


class Role(NamedTuple):
    """A role, the column asked for, and the names under which AUTO finds it."""

    name: str
    choice: Choice
    aliases: tuple[str, ...] = ()


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
            Role("user", self.user),
            Role("item", self.item),
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
        """Return the roles; attribute columns are named ``attribute_0``, ``attribute_1`` and so on."""
        return (
            Role("item", self.item),
            Role("title", self.title),
            Role("tags", self.tags, ("tags", "genres")),
            Role("text", self.text, ("text", "description")),
            *(Role(f"attribute_{index}", name) for index, name in enumerate(self.attributes)),
        )


def resolve(roles: Sequence[Role], names: Sequence[str], path: Path) -> dict[str, str]:
    """Return the column of every role that is filled, in the order of the roles.

    Raises:
        DataError: If a column that was asked for is missing, or if the file has it more than once.
    """
    chosen = ((role, _choose(role, names)) for role in roles)
    columns = {role.name: column for role, column in chosen if column is not None}
    for name, column in columns.items():
        _check(name, column, names, path)
    return columns


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
    hint = " Its only column's name holds other separators: is this a file of another format?"
    separated = len(names) == 1 and any(mark in names[0] for mark in ";\t|,")
    raise DataError(
        f"{path} has no column {column!r}, which is meant for {role}. It has {', '.join(map(repr, names))}. "
        f"Name the right column in the column mapping, as in {role.partition('_')[0]}='…'." + hint * separated,
        path=path,
        column=column,
    )
