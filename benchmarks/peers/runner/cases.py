"""The cases that a peer is asked: a history, what may not be recommended, and for tuning what came next."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet


@dataclass(frozen=True)
class Case:
    """One list that is asked for.

    Attributes:
        case: Its number.
        items: The history, oldest first.
        weights: Of the history's events; 1 each if the file has none.
        exclude: What may not be recommended.
        k: How long the list is.
        targets: What came next; empty in the test's cases.
    """

    case: int
    items: list[str]
    weights: list[float]
    exclude: frozenset[str]
    k: int
    targets: frozenset[str]


def read_cases(path: Path) -> list[Case]:
    """Read cases; ``weights`` and ``targets`` may be absent."""
    return [_case(row) for row in parquet.read_table(path).to_pylist()]


def _case(row: dict[str, object]) -> Case:
    items = _strings(row["items"])
    weights = row.get("weights")
    return Case(
        case=int(str(row["case"])),
        items=items,
        weights=[float(weight) for weight in weights] if isinstance(weights, list) else [1.0] * len(items),
        exclude=frozenset(_strings(row["exclude"])),
        k=int(str(row["k"])),
        targets=frozenset(_strings(row.get("targets") or [])),
    )


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def write_recommendations(path: Path, cases: Sequence[Case], lists: Sequence[Sequence[str]]) -> None:
    """Write ``case`` and ``items``, the best first."""
    numbers = pa.array([case.case for case in cases], pa.int64())
    items = pa.array([list(ranked) for ranked in lists], pa.list_(pa.string()))
    parquet.write_table(pa.table({"case": numbers, "items": items}), path)
