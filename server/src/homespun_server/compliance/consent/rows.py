"""Statements on the ledger's tables that both databases have, in their own ways of writing them."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def add_if_absent(connection: Connection, table: Table, **values: Any) -> bool:
    """Add a row unless one with its keys is there; return whether it was added."""
    statement = _inserting(connection, table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement).rowcount > 0


def count_up(connection: Connection, table: Table, key: dict[str, str]) -> None:
    """Add one to the number of a row, which is made where it is missing.

    Args:
        connection: A transaction's.
        table: A table whose primary key is ``key`` and that has a column ``number``.
        key: The row's key.
    """
    statement = _inserting(connection, table).values(**key, number=1)
    counted = {"number": table.c.number + 1}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=counted))


def _inserting(connection: Connection, table: Table) -> Any:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
