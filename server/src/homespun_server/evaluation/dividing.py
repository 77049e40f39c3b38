"""Divides a table for an evaluation: a folder with what trains, what is held out, and how it was done.

``training.parquet`` is an ordinary table of interactions, so an ordinary fit reads it; no target stands in it.
``held-out.parquet`` has the events of the people who are tested, with ``target`` at those to predict. ``split.json``
says how. The folder is as personal as the table.
"""

from pathlib import Path
from typing import Literal

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from homespun.errors import MisuseError
from homespun_server.errors import DataError, OutputError
from homespun_server.evaluation.held_out import TARGET
from homespun_server.evaluation.protocols import EvaluationProtocol, GlobalTemporal, Liked
from homespun_server.statistics.columns import InteractionColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.raw import Raw
from homespun_server.statistics.sql import identifier, literal

TRAINING_FILE = "training.parquet"
HELD_OUT_FILE = "held-out.parquet"
SPLIT_FILE = "split.json"

_PLAIN = ("time", "kind", "weight")
_ROWS_PER_BATCH = 1 << 16


class Split(msgspec.Struct, frozen=True):
    """How a table was divided.

    Attributes:
        schema: Version of this structure.
        protocol: The protocol's name.
        text: What was done.
        repeats: Whether items that a person has seen may be recommended.
        rolling: Whether every target is a case of its own.
        begin: When the test begins for everybody, seconds since 1970; None if that is no matter of time.
        columns: Which of time, kind and weight the table had.
        contexts: Names of its columns of circumstances.
        min_weight: Least weight of a like; None: weights do not matter.
        negative_kinds: Kinds that speak against an item.
        kept_aside: Share of users kept aside from training; None: everybody trains.
        hidden_share: Share of items hidden from training; None: none is.
        by_others: Settings through which one person's events decided about another's.
        left_out: Events that might have been predicted and were not, by reason. Exact figures about people.
    """

    schema: Literal[1]
    protocol: str
    text: str
    repeats: bool
    rolling: bool
    begin: float | None
    columns: tuple[str, ...]
    contexts: tuple[str, ...]
    min_weight: float | None
    negative_kinds: tuple[str, ...]
    kept_aside: float | None
    hidden_share: float | None
    by_others: tuple[str, ...]
    left_out: dict[str, int]

    @property
    def liked(self) -> Liked:
        """Which events speak for an item."""
        return Liked(self.min_weight, self.negative_kinds)

    def interaction_columns(self, *, held_out: bool) -> InteractionColumns:
        """Return which column of the files is what; ``target`` comes as a circumstance."""
        time, kind, weight = (name if name in self.columns else None for name in _PLAIN)
        context = (*self.contexts, TARGET) if held_out else self.contexts
        return InteractionColumns(time=time, kind=kind, weight=weight, context=context)


def divide(interactions: Interactions, protocol: EvaluationProtocol, folder: Path) -> Raw[Split]:
    """Divide interactions, and write the two tables and how it was done into a folder.

    Args:
        interactions: The table.
        protocol: How.
        folder: Made if it is not there; an earlier split in it is replaced.

    Raises:
        MisuseError: If the protocol does not suit the table, or a column of circumstances bears another's name.
        DataError: If nothing is to be predicted.
        OutputError: If the folder cannot be made, or holds such files of somebody else.
    """
    taken = {"user", "item", TARGET, *_PLAIN}.intersection(interactions.context)
    if taken:
        raise MisuseError(f"a column of circumstances is called {taken.pop()!r}, which has a meaning here; rename it.")
    by_others = protocol.by_others
    if isinstance(protocol, GlobalTemporal):
        protocol = protocol.at(interactions)
    split, connection = _split(interactions, protocol), interactions.connection
    query, parameters = protocol.query()
    connection.execute(f"CREATE OR REPLACE TABLE divided AS {query}", parameters)
    ((targets,),) = connection.execute("SELECT count(*) FROM divided WHERE target").fetchall()
    if not targets:
        raise DataError(
            "no event is to be predicted: nobody who is tested has enough events that this protocol can use. Keep more "
            "users aside, or choose another protocol or time.",
            path=Path(interactions.report.path),
        )
    reasons = connection.execute("SELECT why, count(*) FROM divided WHERE why IS NOT NULL GROUP BY why ORDER BY why")
    split = msgspec.structs.replace(split, by_others=by_others, left_out=dict(reasons.fetchall()))
    _prepare(folder)
    columns = _columns(interactions, split)
    _write(connection, f"SELECT {columns} FROM {_NAMED} WHERE train ORDER BY row", folder / TRAINING_FILE)  # noqa: S608
    held_out = f"SELECT {columns}, target FROM {_NAMED} WHERE shown ORDER BY user, time NULLS FIRST, row"  # noqa: S608
    _write(connection, held_out, folder / HELD_OUT_FILE)
    connection.execute("DROP TABLE divided")
    # Last, so that a folder with it is whole.
    (folder / SPLIT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(split), indent=2) + b"\n")
    return Raw(split)


def read_split(folder: Path) -> Split:
    """Return how a folder was divided.

    Raises:
        DataError: If it holds no split, a damaged one, or one of another version.
    """
    path = folder / SPLIT_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Split)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(
            f"{path} cannot be read as a split: {error}. Make it with homespun-server split of this version.", path=path
        ) from error


def _split(interactions: Interactions, protocol: EvaluationProtocol) -> Split:
    return Split(
        schema=1,
        protocol=protocol.name,
        text=protocol.text(),
        repeats=protocol.repeats,
        rolling=protocol.rolling,
        begin=protocol.begin,
        columns=tuple(name for name in _PLAIN if name in interactions.report.columns),
        contexts=tuple(interactions.context),
        min_weight=protocol.liked.min_weight,
        negative_kinds=protocol.liked.negative_kinds,
        kept_aside=protocol.kept_aside,
        hidden_share=protocol.hidden_share,
        by_others=(),
        left_out={},
    )


def _prepare(folder: Path) -> None:
    files = [folder / name for name in (TRAINING_FILE, HELD_OUT_FILE)]
    if any(file.exists() for file in files) and not (folder / SPLIT_FILE).exists():
        raise OutputError(f"{folder} holds tables of somebody else under the names of a split; choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SPLIT_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error}. Choose another folder.") from error


def _columns(interactions: Interactions, split: Split) -> str:
    contexts = (f"{column} AS {identifier(name)}" for name, column in interactions.context.items())
    return ", ".join(["user", "item_id AS item", *split.columns, *contexts])


def _write(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    cursor = connection.cursor()
    try:
        reader: pa.RecordBatchReader = cursor.sql(query).to_arrow_reader(_ROWS_PER_BATCH)
        with pq.ParquetWriter(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
    finally:
        cursor.close()


_NAMED = "divided JOIN item_ids USING (item)"


def target_condition(interactions: Interactions) -> str:
    """Return the query of the held-out events of a ``held-out.parquet`` that was read with ``target``."""
    column = interactions.context[TARGET]
    return f"SELECT *, {column} = {literal('true')} AS target FROM interactions"  # noqa: S608 - own name
