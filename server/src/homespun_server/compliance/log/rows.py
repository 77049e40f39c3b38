"""Reading and writing the log's rows."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select

from homespun.errors import ProofError
from homespun_server.compliance.log.beginnings import BEGUN_ANEW, Beginning, decoded
from homespun_server.compliance.log.entries import LogEntry, Opening, reference_of
from homespun_server.store.schema_log import log_entries, log_openings

_FIND = select(log_entries.c.number).where(log_entries.c.reference == bindparam("wanted"))
_ADD_ENTRY = insert(log_entries)
_ADD_OPENING = insert(log_openings)
_IN_QUERY = 500


def find(connection: Connection, reference: bytes) -> int | None:
    """Return the index of the entry with a reference; None if there is none."""
    return connection.execute(_FIND, {"wanted": reference}).scalar()


def known(connection: Connection, references: Sequence[bytes]) -> set[bytes]:
    """Return which references there are entries of."""
    found: set[bytes] = set()
    for at in range(0, len(references), _IN_QUERY):
        query = select(log_entries.c.reference).where(log_entries.c.reference.in_(references[at : at + _IN_QUERY]))
        found.update(bytes(each) for each in connection.scalars(query))
    return found


def beginning_reference(number: int) -> str:
    """Return by what an entry on a new beginning is found: it is the store's first, second and so on."""
    return f"{BEGUN_ANEW} {number}"


def begun(connection: Connection) -> tuple[tuple[LogEntry, Beginning], ...]:
    """Return the entries on new beginnings, in order, and what they say.

    Raises:
        ProofError: What such an entry commits to is gone, or malformed.
    """
    found: list[tuple[LogEntry, Beginning]] = []
    while (index := find(connection, reference_of("log", beginning_reference(len(found) + 1)))) is not None:
        entry = entry_of(connection.execute(listing().where(log_entries.c.number == index)).one())
        if entry.opening is None:
            raise ProofError(f"entry {index} of the log tells of a predecessor, and what it says was removed.")
        found.append((entry, decoded(entry.opening.content)))
    return tuple(found)


def add(connection: Connection, added: Iterable[tuple[LogEntry, bytes]]) -> None:
    """Add entries with their openings and references."""
    entries, openings = [], []
    for each, reference in added:
        entries.append(
            {
                "number": each.index,
                "kind": each.kind,
                "reference": reference,
                "moment": each.moment,
                "entry": each.entry,
            }
        )
        if each.opening is not None:
            openings.append({"number": each.index, **asdict(each.opening)})
    connection.execute(_ADD_ENTRY, entries)
    connection.execute(_ADD_OPENING, openings)


def forget(connection: Connection, subject: str) -> int:
    """Delete a subject's openings and return how many there were."""
    if connection.dialect.name == "sqlite":
        # What is deleted is overwritten in the file, and not only left free.
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    return connection.execute(delete(log_openings).where(log_openings.c.subject == subject)).rowcount


def listing() -> Select[tuple[object, ...]]:
    """Return the query of entries with their openings, in order."""
    return (
        select(log_entries, log_openings.c.salt, log_openings.c.content, log_openings.c.subject)
        .outerjoin(log_openings, log_openings.c.number == log_entries.c.number)
        .order_by(log_entries.c.number)
    )


def entry_of(row: Row[tuple[object, ...]]) -> LogEntry:
    """Return the entry of a row of ``listing``."""
    values = row._asdict()
    opening = None
    if values["salt"] is not None:
        opening = Opening(bytes(values["salt"]), bytes(values["content"]), values["subject"])
    return LogEntry(values["number"], values["kind"], values["moment"], bytes(values["entry"]), opening)
