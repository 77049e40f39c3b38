"""Random tables of a few people, and the cases that slow and plain code makes of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.dividing import (
    HELD_OUT_FILE,
    TRAINING_FILE,
    Split,
    divide,
    target_condition,
)
from homespun_server.evaluation.held_out import Cases, HeldOut
from homespun_server.evaluation.protocols import EvaluationProtocol
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from tests.server.support import Row, catalogue, write_table

ITEMS = catalogue(12)

Key = tuple[str, str, float | None]


def random_rows(seed: int, users: int = 20, events: int = 9) -> list[Row]:
    """Return rows in any order, with equal and missing times, missing weights, and kinds that speak against items."""
    draw = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        for _ in range(int(draw.integers(1, events))):
            time = None if draw.random() < 0.1 else float(draw.integers(0, 40))
            weight = None if draw.random() < 0.3 else float(draw.integers(1, 6))
            kind = str(draw.choice(["view", "buy", "dismiss"], p=[0.5, 0.35, 0.15]))
            rows.append(Row(f"user-{user}", f"item-{draw.integers(12)}", time, weight, kind))
    return [rows[place] for place in draw.permutation(len(rows))]


def by_user(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return everybody's rows, oldest first, rows without a time before all others."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.user].append(row)
    return {user: sorted(own, key=lambda row: -1.0 if row.time is None else row.time) for user, own in found.items()}


def key(row: Row) -> Key:
    return row.user, row.item, row.time


@contextmanager
def divided(
    folder: Path, rows: Sequence[Row], protocol: EvaluationProtocol, items: Items = ITEMS
) -> Iterator[tuple[Split, list[Key], list[Case]]]:
    """Divide rows; yield how, the training events and the cases, as they are read from the files again."""
    table, out = write_table(folder / "table.csv", rows), folder / "split"
    with Interactions.read(table, items=items) as interactions:
        split = divide(interactions, protocol, out).for_the_operator()
    training = Interactions.read(out / TRAINING_FILE, split.interaction_columns(held_out=False), items=items)
    held_out = Interactions.read(out / HELD_OUT_FILE, split.interaction_columns(held_out=True), items=items)
    with training, held_out:
        events = training.connection.execute(
            "SELECT user, item_id, time FROM interactions JOIN item_ids USING (item) ORDER BY row"
        ).fetchall()
        cases = Cases(HeldOut(held_out, target_condition(held_out)), rolling=split.rolling)
        yield split, events, list(cases)
