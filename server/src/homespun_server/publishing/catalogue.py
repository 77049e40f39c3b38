"""Writes the bundle's catalogue: one read-only SQLite table, inert, in the order of the model's rows.

First come the items that were learned from people, then those that are known by their content only.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from homespun.protocol.bundle import CATALOGUE_SCHEMA, CONTROL_CHARACTERS
from homespun_server.statistics.items import Items


def write_catalogue(items: Items, positions: NDArray[np.int64], path: Path) -> None:
    """Write the chosen items' ids, titles and tags, free of line breaks and other control characters.

    Args:
        items: The whole catalogue.
        positions: int64 [N], catalogue positions in the order of the model's rows.
        path: A file that does not exist yet.
    """
    rows = (
        (
            row,
            items.ids[item],
            one_line(items.titles[item]) or items.ids[item],
            msgspec.json.encode([tag for tag in map(one_line, items.tags[item]) if tag]).decode(),
        )
        for row, item in enumerate(positions.tolist())
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute(CATALOGUE_SCHEMA)
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        connection.execute("VACUUM")


def one_line(text: str) -> str:
    """Return a text as devices accept it: control characters, which could steer a terminal, become spaces."""
    return " ".join(CONTROL_CHARACTERS.sub(" ", text).split()) if CONTROL_CHARACTERS.search(text) else text
