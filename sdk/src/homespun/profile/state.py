"""What the person set and declared, and what other parts keep, in the state's vault.

A *compartment* is where another part keeps small values of its own (local learning, experiments, caches): each
is registered with the gate, exported, and erased like everything else.
"""

from collections.abc import Mapping
from typing import Any

import apsw
import msgspec

from homespun.profile.logs import UnreadableRowError
from homespun.protocol.events import ContextValue
from homespun.protocol.read_only import ReadOnlyDict

_VALUE = msgspec.json.Decoder(str | int | float | bool)


def read_attributes(connection: apsw.Connection) -> Mapping[str, ContextValue]:
    """Return what the person declared, by name.

    Raises:
        UnreadableRowError: A row is no attribute.
    """
    rows: list[tuple[Any, ...]] = connection.execute("SELECT name, value FROM attribute ORDER BY name").fetchall()
    try:
        return ReadOnlyDict([(name, _VALUE.decode(value)) for name, value in rows])
    except msgspec.MsgspecError as error:
        raise UnreadableRowError(f"it holds an attribute that no homespun wrote ({error})") from error


def write_attribute(connection: apsw.Connection, name: str, value: ContextValue) -> None:
    """Keep what the person declared, in the transaction of ``connection``."""
    text = msgspec.json.encode(value).decode()
    connection.execute("INSERT OR REPLACE INTO attribute VALUES (?, ?)", (name, text)).fetchall()


def read_kept(connection: apsw.Connection, compartment: str) -> dict[str, bytes]:
    """Return everything in a compartment, by name."""
    select = "SELECT name, value FROM kept WHERE compartment = ? ORDER BY name"
    rows: list[tuple[Any, ...]] = connection.execute(select, (compartment,)).fetchall()
    return dict(rows)


def write_kept(connection: apsw.Connection, compartment: str, name: str, value: bytes | None) -> None:
    """Keep a value in a compartment, in the transaction of ``connection``; None removes it."""
    if value is None:
        connection.execute("DELETE FROM kept WHERE compartment = ? AND name = ?", (compartment, name)).fetchall()
    else:
        connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (compartment, name, value)).fetchall()


def compartments(connection: apsw.Connection) -> tuple[str, ...]:
    """Return the names of the compartments that hold anything."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT DISTINCT compartment FROM kept ORDER BY compartment"
    ).fetchall()
    return tuple(name for (name,) in rows)
