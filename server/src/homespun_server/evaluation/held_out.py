"""The events of people who are tested, in order, as cases: read from front to back, one person at a time."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import duckdb

from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.queries import HELD_OUT_LIKES
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.likes import FOLD_IN, MIN_TEST_LIKES, Likes

TARGET = "target"
"""The column that says what is to be predicted, which is no circumstance."""

_TABLE = "held_out_events"
_ROWS = 4096


class Person(NamedTuple):
    """A person's events, oldest first, and which of them are to be predicted."""

    user: str
    events: tuple[Event, ...]
    targets: tuple[bool, ...]


class HeldOut:
    """The held-out events of a table. Lives in the interactions' database, one at a time."""

    def __init__(self, interactions: Interactions, query: str, parameters: Mapping[str, object] | None = None) -> None:
        """Sort the events once.

        Args:
            interactions: Stay open as long as this object is used.
            query: Yields the interactions' columns and ``target``.
            parameters: Of the query.
        """
        self._connection: duckdb.DuckDBPyConnection = interactions.connection
        self._ids = interactions.items.ids
        contexts = {name: column for name, column in interactions.context.items() if name != TARGET}
        self._contexts = tuple(contexts)
        columns = ", ".join(["user", "item", "time", "kind", "weight", *contexts.values(), "target"])
        self._connection.execute(
            f"CREATE OR REPLACE TABLE {_TABLE} AS SELECT {columns} FROM ({query}) "  # noqa: S608 - own names
            "ORDER BY user, time NULLS FIRST, row",
            parameters,
        )

    @classmethod
    def of_likes(cls, likes: Likes) -> "HeldOut":
        """Return the held-out events of strong generalization for likes that were derived already."""
        return cls(likes.interactions, HELD_OUT_LIKES, {"fold_in": FOLD_IN, "least": MIN_TEST_LIKES})

    def people(self) -> Generator[Person]:
        """Yield everybody, in the order of their ids."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(f"FROM {_TABLE}")
            for user, rows in groupby(_fetched(cursor), key=itemgetter(0)):
                events, targets = zip(*((self._event(row), row[-1]) for row in rows), strict=True)
                yield Person(user, events, targets)
        finally:
            cursor.close()

    def _event(self, row: Sequence[Any]) -> Event:
        _, item, time, kind, weight, *circumstances, _ = row
        pairs = zip(self._contexts, circumstances, strict=True)
        context = {name: value for name, value in pairs if value is not None}
        return Event(self._ids[item], kind or "view", time, weight, context or None)


class Cases:
    """Cases that can be gone through as often as needed; nothing but one person is held."""

    def __init__(self, held_out: HeldOut, *, rolling: bool) -> None:
        """Make cases of held-out events.

        Args:
            held_out: The events.
            rolling: Whether every target is a case that knows all that came before it; else a person is one case,
                which knows all but the targets.
        """
        self._held_out = held_out
        self._of = _rolling if rolling else _together

    def __iter__(self) -> Iterator[Case]:
        for person in self._held_out.people():
            yield from self._of(person)


def _together(person: Person) -> Iterator[Case]:
    pairs = list(zip(person.events, person.targets, strict=True))
    relevant = frozenset(event.item for event, target in pairs if target)
    if relevant:
        yield Case(person.user, tuple(event for event, target in pairs if not target), relevant)


def _rolling(person: Person) -> Iterator[Case]:
    for place, (event, target) in enumerate(zip(person.events, person.targets, strict=True)):
        if target:
            yield request(person.user, person.events[:place], event)


def request(user: str, past: tuple[Event, ...], event: Event) -> Case:
    """Return the case that ``event`` is predicted from ``past``, at its time and in its circumstances."""
    context = {name: str(value) for name, value in (event.context or {}).items()}
    return Case(user, past, frozenset({event.item}), event.time, context)


def _fetched(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(_ROWS):
        yield from rows
