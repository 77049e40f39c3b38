"""Writes the bundle's catalogue: three read-only SQLite tables, inert.

The items are in the order of the model's rows: first those that were learned from people, then those that are known
by their content only. The words are those by which devices score items that an application adds. The attributes are
what rules on devices ask for.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from homespun.protocol.bundle import (
    ATTRIBUTES_SCHEMA,
    CATALOGUE_SCHEMA,
    CONTROL_CHARACTERS,
    MAX_WORD_LENGTH,
    WORDS_SCHEMA,
    one_line,
)
from homespun.protocol.content import ContentEncoder
from homespun_server.publishing.attributes import Attributes, attributes_of
from homespun_server.statistics.items import Items
from homespun_server.training.content_encoder import quantized


class Written(NamedTuple):
    """What a catalogue holds besides its items: how many words, and which attributes."""

    words: int
    attributes: Attributes


def write_catalogue(items: Items, positions: NDArray[np.int64], words: ContentEncoder | None, path: Path) -> Written:
    """Write the chosen items' ids, titles, tags and attributes, free of control characters, and the words.

    Args:
        items: The whole catalogue.
        positions: int64 [N], catalogue positions in the order of the model's rows.
        words: The words; None: none. Those that are too long or hold control characters are left out.
        path: A file that does not exist yet.
    """
    known = attributes_of(items, positions)
    rows = [] if words is None else list(_words(words))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 4096")
        for schema in (CATALOGUE_SCHEMA, WORDS_SCHEMA, ATTRIBUTES_SCHEMA):
            connection.execute(schema)
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", _items(items, positions))
        connection.executemany("INSERT INTO words VALUES (?, ?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO attributes VALUES (?, ?, ?, ?)", known.rows)
        connection.execute("COMMIT")
        connection.execute("VACUUM")
    return Written(len(rows), known)


def _items(items: Items, positions: NDArray[np.int64]) -> Iterator[tuple[int, str, str, str]]:
    for row, item in enumerate(positions.tolist()):
        tags = [tag for tag in map(one_line, items.tags[item]) if tag]
        title = one_line(items.titles[item]) or items.ids[item]
        yield row, items.ids[item], title, msgspec.json.encode(tags).decode()


def _words(words: ContentEncoder) -> Iterator[tuple[str, str, float, float, bytes]]:
    keys = [field.key for field in words.fields]
    integers, scales = quantized(words)
    numbers = zip(words.owners.tolist(), words.words, words.rarity.tolist(), scales.tolist(), integers, strict=True)
    for owner, word, rarity, scale, vector in numbers:
        if _is_plain(keys[owner]) and _is_plain(word):
            yield keys[owner], word, rarity, scale, vector.tobytes()


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= MAX_WORD_LENGTH and not CONTROL_CHARACTERS.search(text)
