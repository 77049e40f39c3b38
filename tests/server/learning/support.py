"""People who follow a planted order, and what is learned from them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from homespun_server import FitOptions, Interactions, Items
from homespun_server.learning import FitData, Learned, Validation, learn
from homespun_server.privacy.ledger import Reservation
from homespun_server.statistics.columns import InteractionColumns
from tests.server.support import Row, catalogue, write_table

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
START = int(NOON.timestamp()) - 30 * 86_400

ITEMS = 30

Observer = Callable[[str, int, int], None]


def walkers(users: int, items: int = ITEMS, *, steps: int = 9, seed: int = 0, prefix: str = "user") -> list[Row]:
    """Rows of people who go from each item to the next one, with a detour now and then; popular starts are low."""
    draw = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        place = int(items * draw.random() ** 2)
        time = START + float(draw.integers(0, 20 * 86_400))
        for _ in range(steps):
            rows.append(Row(f"{prefix}-{user}", f"item-{place % items}", time))
            place += 1 if draw.random() < 0.8 else int(draw.integers(2, items))
            time += float(draw.integers(20, 400))
    return rows


def in_contexts(path: Path, rows: Sequence[Row]) -> Path:
    """Write a table with a column of circumstances: even items by day, odd ones by night, mostly."""
    lines = ["user,item,time,daytime"]
    for number, row in enumerate(rows):
        even = int(row.item.removeprefix("item-")) % 2 == 0
        lines.append(f"{row.user},{row.item},{row.time},{'day' if even != (number % 7 == 0) else 'night'}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@contextmanager
def table_of(
    folder: Path, rows: Sequence[Row] | Path, items: Items | None = None, context: tuple[str, ...] = ()
) -> Iterator[Interactions]:
    """Read rows through a file, as every table is read."""
    path = rows if isinstance(rows, Path) else write_table(folder / "rows.csv", rows)
    columns = InteractionColumns(context=context)
    with Interactions.read(path, columns, items=items or catalogue(ITEMS)) as interactions:
        yield interactions


def silent(step: str, done: int, total: int) -> None:
    """Observe nothing."""


def learned_from(
    interactions: Interactions,
    options: FitOptions,
    *,
    budget: Reservation | None = None,
    validation: Validation | None = None,
    observer: Observer = silent,
    now: datetime = NOON,
) -> Learned:
    data = FitData(interactions, options, budget)
    return learn(data, options, budget, observer, now, validation)


EVERYTHING: dict[str, Any] = {
    "parts": ("collaborative", "sequential", "content", "trend"),
    "contexts": (("daytime", ("day", "night")),),
    "archetypes": 3,
    "repeats": True,
    "test_share": 0.0,
}
"""Options of a model that has every part."""
