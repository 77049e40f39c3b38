"""Tombstones: marks of what was erased, so that it is erased again when a backup brings it back.

People whose data are kept out of use have marks of the same form, which ``holding`` puts and ends.

A mark is the HMAC of a store's name and a record's id under a key of its own, which is retained (``keys.tombstone``).
It names nobody: whoever has the file cannot go from a mark to a person, and whoever has the key can only ask whether a
record that they hold was erased.

Rules:

- A mark is on the disk before anything is erased. If the erasure then does not happen, the replay makes it happen.
- Marks lie in a file beside the store that is only appended to, and in the store. A restore of either one leaves the
  other; they are merged at every start, so that only losing both loses marks.
- A person who comes back is let back in on purpose (``lift``): a mark is never dropped, it is followed by its end, and
  the record of changes says who let them in. What tells that it is as old as the erasure is erased again all the same.
- Where records tell their time, only those up to the erasure are erased again. Others cannot be told apart, and go.
"""

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, insert, select, update

from homespun.protocol.canonical import canonical
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.requests.ports import Ended, Marked
from homespun_server.compliance.requests.profile import Kind
from homespun_server.errors import OutputError
from homespun_server.store import Actor, AuditLog, Store
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema_requests import tombstones

FOLDER = "compliance"
FILE = "tombstones.log"

HELD = "set aside for"
"""With a request's id, what a mark says of whom it keeps data out of use; see ``holding``."""

HELD_KINDS: tuple[Kind, ...] = ("objection", "opt-out", "restriction")
"""Kinds of requests that keep a person's data out of use, those that hold longest first."""


class Tombstone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line of the file.

    Attributes:
        schema: Version of the line.
        mark: The mark, in hexadecimal.
        store: Of which store; of somebody whose data are kept out of use, for which request.
        moment: When it was erased or set aside, ISO 8601, UTC.
        lifted: Since when it counts no more; None: it counts.
        number: How often something was said of this mark; the last word counts.
    """

    schema: Literal[1] = 1
    mark: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    store: str
    moment: str
    lifted: str | None = None
    number: Annotated[int, Meta(ge=1)] = 1


class Tombstones:
    """The marks of a working directory. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, keys: ComplianceKeys, folder: Path, now: Now = utc_now) -> None:
        """Use a store and a folder; ``merge`` first, where either may have been restored.

        Args:
            store: The store.
            keys: The compliance keys.
            folder: The working directory.
            now: Returns the time.
        """
        self._store, self._keys, self._now = store, keys, now
        self._audit = AuditLog(store, now)
        self._file = folder / FOLDER / FILE

    def mark(self, store: str, record: str) -> str:
        """Return a record's mark, whether or not it is there."""
        return self._keys.tombstone(store, record)

    def held(self, kind: Kind, identifier: str) -> tuple[tuple[str, str], ...]:
        """Return what is marked of a person whose data are kept out of use: in tables, and in the consent ledger.

        Args:
            kind: The kind of request that keeps them so.
            identifier: What the operator calls the person.
        """
        return (held_as(kind), identifier), (ended_as(kind), self._keys.looked_up(identifier))

    def add(self, records: Iterable[tuple[str, str]], *, told: str | None = None) -> int:
        """Mark records as erased, durably, before returning; those that are marked stay as they are.

        Args:
            records: Pairs of a store's name and a record's id.
            told: What the marks say instead of their store's name.

        Returns:
            How many were not marked before.

        Raises:
            OutputError: The file cannot be written; nothing may be erased then.
        """
        moment, known = text_of(self._now()), self.known()
        found = {self.mark(*record): told or record[0] for record in records}
        new = [
            Tombstone(mark=mark, store=store, moment=moment, number=known[mark].number + 1 if mark in known else 1)
            for mark, store in found.items()
            if mark not in known or known[mark].lifted is not None
        ]
        self._append(new)
        with self._store.writing() as connection:
            _put(connection, new)
        return len(new)

    def lift(self, store: str, record: str, actor: Actor) -> str | None:
        """Let a record's successors be, as its person came back: what is younger than the erasure, or of unknown age.

        Args:
            store: The store's name, as in tombstones.
            record: The record's id.
            actor: Who says so; the record of changes has that, with the mark.

        Returns:
            The mark; None: the record was not erased, or was let in before.

        Raises:
            OutputError: The file of marks cannot be written; the store has it, and the next replay adds it to the file.
        """
        return self.lift_mark(self.mark(store, record), actor)

    def lift_mark(self, mark: str, actor: Actor) -> str | None:
        """End a mark; see ``lift``."""
        found = self.known().get(mark)
        if found is None or found.lifted is not None:
            return None
        lifted = [msgspec.structs.replace(found, lifted=text_of(self._now()), number=found.number + 1)]
        # The store first: nobody is let in without a trace.
        with self._store.writing() as connection:
            _put(connection, lifted)
            self._audit.add_within(connection, actor, "lift-tombstone", found.mark, _since(found))
        self._append(lifted)
        return found.mark

    def marked(self, store: str, record: str) -> datetime | None:
        """Return when a record was erased; None: it was not, or its person came back."""
        return self.seen()(store, record)

    def seen(self) -> Marked:
        """Return what tells when a record was erased, from the marks as they are now."""
        return _Seen(self.known(), self._keys)

    def known(self) -> dict[str, Tombstone]:
        """Return what file and store say together; of one mark, what was said last."""
        known: dict[str, Tombstone] = {}
        for each in self._said():
            before = known.get(each.mark)
            known[each.mark] = each if before is None or each.number > before.number else before
        return known

    def ended(self, told: str) -> bool:
        """Return whether a mark that says this was ever ended, also one that was put anew since."""
        return any(each.store == told and each.lifted is not None for each in self._said())

    def merge(self) -> int:
        """Bring file and store together again after either was restored; return how many marks one of them lacked."""
        known = self.known()
        filed = {each.mark: each for each in self._lines()}
        with self._store.reading() as connection:
            stored = {row.mark: Tombstone(**row._asdict()) for row in connection.execute(select(tombstones))}
        lacking = [each for mark, each in known.items() if filed.get(mark) != each]
        self._append(lacking)
        differing = [each for mark, each in known.items() if stored.get(mark) != each]
        with self._store.writing() as connection:
            _put(connection, differing)
        return len({each.mark for each in (*lacking, *differing)})

    def _said(self) -> list[Tombstone]:
        with self._store.reading() as connection:
            rows = [Tombstone(**row._asdict()) for row in connection.execute(select(tombstones))]
        return [*rows, *self._lines()]

    def _lines(self) -> list[Tombstone]:
        try:
            lines = self._file.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise OutputError(f"{self._file} cannot be read: {error}. Nothing was erased or replayed.") from error
        # A line that a power failure cut off was never acted on: marks are on the disk before anything is erased.
        return [each for each in map(_line, lines) if each is not None]

    def _append(self, new: list[Tombstone]) -> None:
        if not new:
            return
        # It begins with a line's end, so that it never continues a line that was cut off.
        text = b"\n" + b"".join(canonical(msgspec.to_builtins(each)) + b"\n" for each in new)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"{self._file} cannot be written: {error}. Without its marks this would not outlive a restore, "
                "so nothing was erased or set aside; make room and work on the request again."
            ) from error


def are_there(store: Store, folder: Path) -> bool:
    """Return whether anything was ever erased in a working directory, which can be told without its keys.

    Args:
        store: Its store.
        folder: The working directory.
    """
    file = folder / FOLDER / FILE
    with store.reading() as connection:
        stored = connection.execute(select(tombstones.c.mark).limit(1)).first()
    return stored is not None or (file.exists() and file.stat().st_size > 0)


def held_as(kind: Kind) -> str:
    """Return the store's name in marks of people whose data a kind of request keeps out of use."""
    return f"people {kind}"


def ended_as(kind: Kind) -> str:
    """Return the store's name in marks of people whose consents a kind of request ended, by how their key is found."""
    return f"consents {kind}"


class _Seen:
    """Marks as they were at one moment."""

    def __init__(self, known: Mapping[str, Tombstone], keys: ComplianceKeys) -> None:
        self._known, self._keys = known, keys
        self._held = {mark for mark, each in known.items() if each.store.startswith(HELD) and each.lifted is None}

    def __call__(self, store: str, record: str) -> datetime | None:
        return self._moment(store, record, lifted=False)

    def returned(self, store: str, record: str) -> datetime | None:
        return self._moment(store, record, lifted=True)

    def held(self, record: str) -> str | None:
        if not self._held:
            return None
        marks = (self._keys.tombstone(held_as(kind), record) for kind in HELD_KINDS)
        return next((mark for mark in marks if mark in self._held), None)

    def ended(self, lookup: str) -> tuple[Ended, ...]:
        if not self._held:
            return ()
        marks = ((kind, self._keys.tombstone(ended_as(kind), lookup)) for kind in HELD_KINDS)
        found = ((kind, self._known[mark]) for kind, mark in marks if mark in self._held)
        return tuple(Ended(each.store.removeprefix(f"{HELD} "), kind, each.moment) for kind, each in found)

    def _moment(self, store: str, record: str, *, lifted: bool) -> datetime | None:
        found = self._known.get(self._keys.tombstone(store, record))
        if found is None or (found.lifted is not None) != lifted:
            return None
        return datetime.fromisoformat(found.moment).astimezone(UTC)


def _since(found: Tombstone) -> dict[str, object]:
    return {"held" if found.store.startswith(HELD) else "erased": found.moment}


def _put(connection: Connection, new: list[Tombstone]) -> None:
    for each in new:
        values = msgspec.structs.asdict(each)
        del values["schema"]
        changed = connection.execute(update(tombstones).where(tombstones.c.mark == each.mark).values(**values))
        if changed.rowcount == 0:
            connection.execute(insert(tombstones).values(**values))


def _line(line: bytes) -> Tombstone | None:
    try:
        return msgspec.json.decode(line, type=Tombstone)
    except msgspec.MsgspecError:
        return None
