"""Records of decisions must not hold events for longer than the profile does.

A record says what its list was made from, so that the list can be made again. Once one of these events is no longer in
the profile, the record gives up all of that, attributes and circumstances too: what stays is what it told of its items,
which can no longer be made again. Erasure goes further and takes the whole record; see ``forgetting``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import apsw
import msgspec
from msgspec import structs

from homespun.errors import InvalidEventError
from homespun.profile.epochs import Epochs, mark_deletion
from homespun.profile.index import VaultRow
from homespun.profile.records import event_from_row
from homespun.profile.vaults import within
from homespun.protocol.events import ContextValue
from homespun.protocol.records import ExplanationRecord, parse_record

_Known = tuple[Any, ...]
"""What an event and its copy in a record have in common."""

_Context = Mapping[str, ContextValue] | None


def give_up_inputs(epochs: Epochs) -> list[VaultRow]:
    """Take what lists were made from out of the records that name an event which is gone; return the epochs changed.

    Raises:
        apsw.Error: Nothing was changed in that epoch.
    """
    there = frozenset(event for _, connection in epochs.all() for event in _events(connection))
    return [row for row, connection in epochs.all() if _changed(connection, there)]


def _changed(connection: apsw.Connection, there: frozenset[_Known]) -> bool:
    # Most records of old lists have none left, and are not read.
    texts = connection.execute("SELECT id, record FROM decision WHERE instr(record, '\"inputs\":{')").fetchall()
    records = [(number, _read(text)) for number, text in texts]
    gone = [(number, record) for number, record in records if record is not None and not _named(record) <= there]
    if not gone:
        return False
    with within(connection):
        for number, record in gone:
            text = msgspec.json.encode(structs.replace(record, inputs=None).sealed()).decode()
            connection.execute("UPDATE decision SET record = ? WHERE id = ?", (text, number)).fetchall()
        mark_deletion(connection)
    return True


def _events(connection: apsw.Connection) -> Iterator[_Known]:
    for row in connection.execute("SELECT uid, item, kind, time, weight, context FROM event"):
        try:
            event = event_from_row(row)
        except (msgspec.MsgspecError, InvalidEventError):
            continue
        yield _known(event.item, event.kind, event.time, event.weight, event.context)


def _read(text: Any) -> ExplanationRecord | None:
    try:
        return parse_record(text)
    except msgspec.MsgspecError:
        # Whoever reads the records is told; what is due must not wait for that.
        return None


def _named(record: ExplanationRecord) -> frozenset[_Known]:
    events = () if record.inputs is None else record.inputs.events or ()
    return frozenset(_known(each.item, each.kind, each.time, each.weight, each.context) for each in events)


def _known(item: str, kind: str, time: float | None, weight: float | None, context: _Context) -> _Known:
    return item, kind, time, weight, None if context is None else frozenset(context.items())
