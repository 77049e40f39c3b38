"""The people of a table of interactions, their histories in order, one batch after another.

On first use the interactions are sorted once, in the database, into a table of numbers: person, item, seconds,
kind, weight, contexts. Each pass over the people then reads that table from front to back, so a pass costs a
scan however many statistics it serves, and Python holds one batch. What was not declared has no code: it becomes
−1 inside the database, so kinds and contexts that people make up cannot make anything grow.

The order is the device's: events without a time first, then by time (not yet rounded), then by row. A person is
never split over batches, and only one whose own events are more than a batch makes a batch larger.

Non-goal: numbers of people that mean anything outside. They follow the order of the ids, which any new id shifts.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.bundle import NEGATIVE_KINDS
from homespun.protocol.events import KIND
from homespun.protocol.statistics.grid import Integers
from homespun.protocol.statistics.histories import SECRET_LENGTH, UNKNOWN, Histories
from homespun_server.statistics.cohort import SPLIT_NAME, Cohort, mark_of
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.sql import literal

BATCH_EVENTS = 1 << 17
"""Events of a batch, where nobody says otherwise; arrays of a megabyte each."""

Progress = Callable[[int, int], None]
"""Called with (events read, events in all)."""

_Columns = Mapping[str, NDArray[Any]]


def secret_of(user: str, secret: bytes) -> bytes:
    """Return a person's own 32 bytes, from their id and the data set's secret: BLAKE2b, keyed."""
    return hashlib.blake2b(user.encode(), key=secret, digest_size=SECRET_LENGTH).digest()


class _People(NamedTuple):
    """Some people, in the order of their numbers: their secrets, and their hashes for the split."""

    secrets: list[bytes]
    hashes: Integers


class Population:
    """Everybody in a table of interactions.

    Lives in the interactions' database and goes away with it.

    Attributes:
        ids: Ids of the catalogue that histories' items point into.
        kinds: The kinds that are told apart.
        contexts: The values that are told apart, by feature.
        events: How many interactions there are, of anybody. A raw figure.
        mark: Tells which secret people's windows were chosen by.
    """

    def __init__(
        self,
        interactions: Interactions,
        secret: bytes,
        *,
        kinds: Sequence[str] = NEGATIVE_KINDS,
        contexts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Describe what is to be read; nothing is read yet.

        Args:
            interactions: Read interactions; stay open as long as this object is used.
            secret: The data set's 32 random bytes, from which every person's are made. They key what is sampled
                of a person and in which windows they are, so they must not change while the data set is used.
            kinds: The kinds to tell apart; all others become one.
            contexts: The values to tell apart, by the name of a context column; all others become one.

        Raises:
            MisuseError: If the secret is of another length, if a kind is none or stands twice, if a context was
                not read, or a value stands twice.
        """
        if len(secret) != SECRET_LENGTH:
            raise MisuseError(f"the secret of a data set has {SECRET_LENGTH} bytes, not {len(secret)}.")
        self.ids = interactions.items.ids
        self.kinds = tuple(kinds)
        self.contexts = {feature: tuple(values) for feature, values in (contexts or {}).items()}
        self.events = interactions.count
        self.mark = mark_of(secret)
        self._interactions = interactions
        self._secret = secret
        self._check(interactions.context)
        self._name: str | None = None

    def histories(
        self, cohort: Cohort, batch_events: int = BATCH_EVENTS, *, progress: Progress | None = None
    ) -> Generator[Histories]:
        """Yield the histories of a cohort's people who have an event in it, in batches, in the order of their ids.

        Items are positions in the catalogue. See ``Histories`` for the rest.

        Args:
            cohort: Whose histories, and which events.
            batch_events: Events after which a batch ends with the person; more only if one person has more.
            progress: Called after every batch.

        Raises:
            MisuseError: If ``batch_events`` is less than 1, or neither memory nor disk suffice for sorting.
            ClosedError: If the interactions were closed.
        """
        if batch_events < 1:
            raise MisuseError(f"batches of {batch_events} events; at least 1 is needed.")
        done = 0
        for columns in _whole_people(self._batches(batch_events)):
            histories = self._histories(columns, cohort)
            if histories.people:
                yield histories
            done += columns["person"].size
            if progress is not None:
                progress(done, self.events)

    def _check(self, read: Mapping[str, str]) -> None:
        for kind in self.kinds:
            if not KIND.fullmatch(kind):
                raise MisuseError(f"{kind!r} is no kind of event: kinds are lower-case words.")
        for feature in self.contexts:
            if feature not in read:
                raise MisuseError(f"the context {feature!r} was not read; name its column in InteractionColumns.")
        for names in (self.kinds, *self.contexts.values()):
            if len(set(names)) < len(names):
                raise MisuseError(f"a name stands twice among {', '.join(names)}.")

    def _histories(self, columns: _Columns, cohort: Cohort) -> Histories:
        first, last = int(columns["person"][0]), int(columns["person"][-1])
        people = self._people(first, last)
        owners = columns["person"] - first
        chosen = cohort.includes(people.hashes, people.secrets)[owners]
        seen = cohort.sees(columns["seconds"])
        kept = np.flatnonzero(chosen if seen is None else chosen & seen)
        present, starts = np.unique(owners[kept], return_index=True)
        return Histories(
            starts=np.append(starts, kept.size),
            items=columns["item"][kept],
            times=columns["seconds"][kept],
            kinds=columns["kind"][kept],
            weights=columns["weight"][kept],
            secrets=[people.secrets[person] for person in present.tolist()],
            kind_names=self.kinds,
            contexts={feature: columns[f"value_{place}"][kept] for place, feature in enumerate(self.contexts)},
        )

    def _batches(self, batch_events: int) -> Generator[_Columns]:
        """Yield the sorted events as they come from the database, people cut anywhere."""
        cursor = self._interactions.connection.cursor()
        try:
            reader: pa.RecordBatchReader = cursor.sql(f"FROM {self._sorted()}_events").to_arrow_reader(batch_events)
            for batch in reader:
                yield {name: _array(batch.column(name)) for name in batch.schema.names}
        finally:
            cursor.close()

    def _people(self, first: int, last: int) -> _People:
        """Return the people with these numbers, both included; every number has one."""
        query = f"SELECT user, hash FROM {self._sorted()}_people WHERE person BETWEEN ? AND ? ORDER BY person"  # noqa: S608
        rows = self._interactions.connection.execute(query, [first, last]).fetchall()
        secrets = [secret_of(user, self._secret) for user, _ in rows]
        return _People(secrets, np.array([row[1] for row in rows], np.int64))

    def _sorted(self) -> str:
        """Return the prefix of this population's tables, after making them if they are not there yet."""
        if self._name is None:
            connection = self._interactions.connection
            ((others,),) = connection.execute(_COUNT_POPULATIONS).fetchall()
            name = f"population_{others}"
            try:
                for statement in self._statements(name):
                    connection.execute(statement)
            except duckdb.OutOfMemoryException as error:
                raise MisuseError(
                    "sorting the interactions needs more than the memory limit, and spilling to disk did not help. "
                    "Raise ReadLimits.memory, or make room in the temporary folder."
                ) from error
            self._name = name
        return self._name

    def _statements(self, name: str) -> Iterator[str]:
        yield f"CREATE OR REPLACE TABLE {name}_people AS {_PEOPLE}"
        declared = {"kind": ("kind", self.kinds)}
        for place, (feature, values) in enumerate(self.contexts.items()):
            declared[f"value_{place}"] = (self._interactions.context[feature], values)
        codes = "".join(f", {_code(code, values)}" for code, (_, values) in declared.items())
        joins = "".join(_join(code, *of) for code, of in declared.items())
        # Numbers of people, because sorting by their ids takes three times as long.
        yield (
            f"CREATE TABLE {name}_events AS SELECT person, item, "  # noqa: S608 - own names and literals only
            f"COALESCE(floor(time), {UNKNOWN})::BIGINT AS seconds, COALESCE(weight, 'nan'::DOUBLE) AS weight{codes} "
            f"FROM interactions JOIN {name}_people USING (user){joins} ORDER BY person, time NULLS FIRST, row"
        )


def _code(code: str, declared: Sequence[str]) -> str:
    """Return a column of indices into the declared values, −1 for any other value and for none."""
    known = f"COALESCE(of_{code}.code, {UNKNOWN})" if declared else str(UNKNOWN)
    return f"{known}::INTEGER AS {code}"


def _join(code: str, column: str, declared: Sequence[str]) -> str:
    """Return the join that looks the values of a column up among the declared ones."""
    if not declared:
        return ""
    values = ", ".join(f"({literal(value)}, {index})" for index, value in enumerate(declared))
    return f" LEFT JOIN (VALUES {values}) AS of_{code}(name, code) ON {column} = of_{code}.name"


def _array(column: pa.Array) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values if values.dtype == np.float64 else values.astype(np.int64)


def _whole_people(batches: Iterator[_Columns]) -> Generator[_Columns]:
    """Cut batches of rows that are sorted by person anew, so that nobody is in two of them."""
    carried: list[_Columns] = []
    for batch in batches:
        person = batch["person"]
        cut = int(np.searchsorted(person, person[-1]))
        if carried and (cut or carried[-1]["person"][-1] != person[-1]):
            yield _joined([*carried, _part(batch, slice(0, cut))])
            carried = []
        elif cut:
            yield _part(batch, slice(0, cut))
        carried.append(_part(batch, slice(cut, None)))
    if carried:
        yield _joined(carried)


def _part(columns: _Columns, rows: slice) -> _Columns:
    return {name: values[rows] for name, values in columns.items()}


def _joined(parts: Sequence[_Columns]) -> _Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


_COUNT_POPULATIONS = r"SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'population\_%\_events' ESCAPE '\'"

_PEOPLE = f"""
SELECT
    (row_number() OVER (ORDER BY user) - 1)::INTEGER AS person,
    user,
    ('0x' || substr(sha256('{SPLIT_NAME}:' || user), 1, 8))::UINTEGER AS hash
FROM (SELECT DISTINCT user FROM interactions)
ORDER BY person
"""  # noqa: S608 - own name
