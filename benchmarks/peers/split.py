"""What both sides of a comparison see: events to learn from, cases to tune on, cases to be asked.

One folder a split. The cases of the test are written without what came next, so that no peer can be tuned on it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from benchmarks.workspace import BenchmarkError

EVENTS = pa.schema(
    [
        ("user", pa.string()),
        ("item", pa.string()),
        ("time", pa.float64()),
        ("pos", pa.int64()),
        ("weight", pa.float64()),
    ]
)
"""``time`` in seconds, or null; ``pos`` orders the events of one person."""

CASES = pa.schema(
    [
        ("case", pa.int64()),
        ("user", pa.string()),
        ("items", pa.list_(pa.string())),
        ("times", pa.list_(pa.float64())),
        ("weights", pa.list_(pa.float64())),
        ("exclude", pa.list_(pa.string())),
        ("k", pa.int64()),
    ]
)
VALIDATION = CASES.append(pa.field("targets", pa.list_(pa.string())))


@dataclass(frozen=True)
class PeerCase:
    """One list that every peer is asked for.

    Attributes:
        case: Its number, unique in its file.
        user: Whose it is; may be somebody in the events, or nobody.
        items: The history, oldest first.
        exclude: What may not be recommended.
        k: How long the list is.
        times: Of the history, in seconds; None: there is no clock.
        weights: Of the history; None: 1 each.
        targets: What came next, to tune on; never written for the test.
    """

    case: int
    user: str
    items: Sequence[str]
    exclude: Sequence[str]
    k: int
    times: Sequence[float] | None = None
    weights: Sequence[float] | None = None
    targets: Sequence[str] = ()


def write_split(
    folder: Path, *, training: pa.Table, refit: pa.Table, validation: Iterable[PeerCase], cases: Iterable[PeerCase]
) -> None:
    """Write a split.

    Args:
        folder: Where to.
        training: Columns as ``EVENTS``: what is fitted while tuning.
        refit: The same: what the tuned peer is fitted to, that is training and validation.
        validation: What is tuned on, with targets.
        cases: What is asked then.

    Raises:
        BenchmarkError: If a table is empty or lacks a column, or a case cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tuned_on = list(validation)
    for case in tuned_on:
        if not case.targets:
            raise BenchmarkError(f"validation case {case.case} has no targets: nothing can be tuned on it.")
    _write_events(folder / "training.parquet", training)
    _write_events(folder / "refit.parquet", refit)
    _write_cases(folder / "validation.parquet", tuned_on, VALIDATION)
    _write_cases(folder / "cases.parquet", list(cases), CASES)


def _write_events(path: Path, table: pa.Table) -> None:
    absent = [name for name in EVENTS.names if name not in table.column_names]
    if absent or not table.num_rows:
        problem = f"lacks {', '.join(absent)}" if absent else "is empty"
        raise BenchmarkError(f"the table for {path.name} {problem}: peers cannot learn from it.")
    parquet.write_table(table.select(EVENTS.names).cast(EVENTS), path)


def _write_cases(path: Path, cases: Sequence[PeerCase], schema: pa.Schema) -> None:
    numbers = [case.case for case in cases]
    if not cases or len(set(numbers)) != len(numbers):
        raise BenchmarkError(f"{path.name} would have no case, or two with one number: lists could not be told apart.")
    # By the schema's columns, so that nothing is written that it does not name.
    columns = {field.name: [getattr(case, field.name) for case in cases] for field in schema}
    parquet.write_table(pa.table(columns, schema=schema), path)
