"""Copying a vault row by row, so that nothing but rows reaches the copy: no free pages, no old log."""

from collections.abc import Callable, Iterator
from typing import Any

import apsw

from homespun.profile.schema import Schema

Row = tuple[Any, ...]

Revise = Callable[[str, Row], Row | None]
"""Given a table and a row, in the order of the schema's columns: the row to write, or None to leave it out."""


def unchanged(table: str, row: Row) -> Row | None:  # noqa: ARG001 - it is a Revise
    """Keep every row as it is."""
    return row


def copy_rows(old: apsw.Connection, new: apsw.Connection, schema: Schema, revise: Revise = unchanged) -> None:
    """Copy every table into a vault of the same schema, in the transaction of ``new``."""
    for table, columns in schema.columns.items():
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        rows = old.execute(f"SELECT {names} FROM {table}")  # noqa: S608 - names of our own schema
        insert = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        new.executemany(insert, _revised(table, rows, revise)).fetchall()


def _revised(table: str, rows: Iterator[Row], revise: Revise) -> Iterator[Row]:
    for row in rows:
        kept = revise(table, row)
        if kept is not None:
            yield kept
