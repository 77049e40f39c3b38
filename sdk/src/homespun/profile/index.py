"""The index of a profile's vaults, a table of its main database.

A vault is ``open`` (rows are added), ``sealed`` (an epoch that ended) or ``garbage`` (replaced, and not wholly
destroyed yet). Epochs are numbered in the order of time; a rewritten one keeps its number.
"""

from dataclasses import dataclass
from typing import Any, Literal

import apsw

from homespun.profile.schema import VaultKind
from homespun.profile.secret import Secret

State = Literal["open", "sealed", "garbage"]


@dataclass(frozen=True, slots=True)
class VaultRow:
    """One vault.

    Attributes:
        name: Its file's name.
        kind: What it holds.
        number: Which epoch; 0 for the state.
        state: See the module's text.
        started: When it was begun, seconds since 1970.
        outside: Whether no key that opened what it holds was ever kept inside the profile's folder.
        key: Its key, if that is kept here.
    """

    name: str
    kind: VaultKind
    number: int
    state: State
    started: float
    outside: bool
    key: Secret | None


def read_index(main: apsw.Connection) -> tuple[VaultRow, ...]:
    """Return every vault, epochs by number."""
    rows: list[tuple[Any, ...]] = main.execute(
        "SELECT name, kind, number, state, started, outside, key FROM vault ORDER BY kind, number, id"
    ).fetchall()
    return tuple(
        VaultRow(name, VaultKind(kind), number, state, started, bool(outside), None if key is None else Secret(key))
        for name, kind, number, state, started, outside, key in rows
    )


def add_vault(main: apsw.Connection, row: VaultRow) -> None:
    """Enter a vault in the transaction of ``main``."""
    key = None if row.key is None else row.key.reveal()
    main.execute(
        "INSERT INTO vault (name, kind, number, state, started, outside, key) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (row.name, str(row.kind), row.number, row.state, row.started, int(row.outside), key),
    ).fetchall()


def set_state(main: apsw.Connection, name: str, state: State) -> None:
    """Change a vault's state in the transaction of ``main``; garbage has no key any more."""
    main.execute(
        "UPDATE vault SET state = ?, key = CASE WHEN ? = 'garbage' THEN NULL ELSE key END WHERE name = ?",
        (state, state, name),
    ).fetchall()


def set_started(main: apsw.Connection, name: str, started: float) -> None:
    """Change when a vault was begun."""
    main.execute("UPDATE vault SET started = ? WHERE name = ?", (started, name)).fetchall()


def remove_vault(main: apsw.Connection, name: str) -> None:
    """Forget a vault of which nothing is left."""
    main.execute("DELETE FROM vault WHERE name = ?", (name,)).fetchall()


def get_setting(main: apsw.Connection, name: str) -> Any:
    """Return what is kept under a name; None if nothing is."""
    rows: list[tuple[Any, ...]] = main.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchall()
    return rows[0][0] if rows else None


def set_setting(main: apsw.Connection, name: str, value: str | float | bytes | None) -> None:
    """Keep a value under a name in the transaction of ``main``; None removes it."""
    if value is None:
        main.execute("DELETE FROM setting WHERE name = ?", (name,)).fetchall()
    else:
        main.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value)).fetchall()
