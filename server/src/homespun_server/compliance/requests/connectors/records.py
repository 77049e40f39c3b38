"""What else the operator keeps: records of what was done, sums of collections, the service's log, the request."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Select, String, Table, cast, func, or_, select, update

from homespun_server.compliance.requests.effects import Effect, nothing
from homespun_server.compliance.requests.ports import Connector, Copy, Person
from homespun_server.store import Store
from homespun_server.store.schema import audit, bundles, collection_payloads, collection_sums, runs, tokens


class Notes(Connector):
    """Tokens, records of changes, runs and bundles: they name tokens and commands, never people. That is searched."""

    name = "operator's records"
    what = "tokens, the record of changes, runs and bundles, none of which name people"

    def __init__(self, store: Store) -> None:
        """Use a store."""
        self._store = store

    def left(self, person: Person) -> int:
        """Return how many notes of tokens name a person; they alone can be changed."""
        return self._found(person.identifier).get("notes of tokens", 0)

    def access(self, person: Person) -> Sequence[Copy]:
        """Return how often each kind of record names a person; the records are the operator's."""
        found = {what: count for what, count in self._found(person.identifier).items() if count}
        return (Copy("named-in.json", msgspec.json.encode(found), sum(found.values())),) if found else ()

    def erase(self, person: Person) -> Effect:
        """Search, and empty notes of tokens that name the person."""
        if person.identifier is None:
            return nothing("Nobody said what the operator calls this person, and these records know no pseudonyms.")
        found = self._found(person.identifier)
        with self._store.writing() as connection:
            meant = _contains((tokens.c.note,), person.identifier)
            gone = connection.execute(update(tokens).where(meant).values(note="")).rowcount
        kept = {what: count for what, count in found.items() if count and what != "notes of tokens"}
        if kept:
            told = ", ".join(f"{count} {what}" for what, count in kept.items())
            return Effect(
                outcome="kept",
                level="unverified",
                records=sum(kept.values()),
                detail=f"The name stands in {told}, which prove what was done and cannot be changed. Look at them.",
            )
        if gone:
            told = f"{gone} notes of tokens named the person and were emptied; nothing else here does."
            return Effect(outcome="done", level=self.level, records=gone, detail=told)
        return nothing(f"{len(found)} kinds of records were searched for the person's name, which is in none.")

    def _found(self, identifier: str | None) -> dict[str, int]:
        if identifier is None:
            return {}
        with self._store.reading() as connection:
            return {
                what: int(
                    connection.scalar(select(func.count()).select_from(table).where(_contains(columns, identifier)))
                    or 0
                )
                for what, (table, columns) in _SEARCHED.items()
            }


class Aggregation(Connector):
    """What aggregators hold: sealed shares and running sums, without noise, of tasks that are not collected yet."""

    name = "collection"
    what = "sealed shares of devices' reports and running sums of tasks; leader and helper each hold half"

    def __init__(self, store: Store) -> None:
        """Use the store, which an aggregator of the same operator may share."""
        self._store = store

    def left(self, person: Person) -> int:  # noqa: ARG002 - they say of nobody whose they are
        """Return nothing that could be found; see ``erase``."""
        return 0

    def access(self, person: Person) -> Sequence[Copy]:  # noqa: ARG002 - see ``erase``
        """Return nothing: nothing here can be found by a person or a device."""
        return ()

    def erase(self, person: Person) -> Effect:  # noqa: ARG002 - see its words
        """Say what can and what cannot be located."""
        with self._store.reading() as connection:
            sums, shares = (connection.scalar(_count(table)) for table in (collection_sums, collection_payloads))
        return Effect(
            outcome="kept",
            level="unverified",
            records=0,
            detail=(
                f"This store holds {shares} sealed shares and {sums} running sums; leader and helper, other parties, "
                "hold their own. A report's id is an HMAC under a secret of the device, and no name, pseudonym or "
                "address is kept with it, so nobody can say which share is whose, or take one out of a sum. Shares are "
                "destroyed as "
                "they are added, running sums when their task is collected, and nothing comes out below the task's "
                "smallest batch or without noise. A device that is asked stops, and sends no further report."
            ),
        )


class Logs(Connector):
    """The service's log."""

    name = "service log"
    what = "a line a request: method, route, status, duration; no address, body, token or name"

    def left(self, person: Person) -> int:  # noqa: ARG002 - there is nothing
        """Return nothing."""
        return 0

    def access(self, person: Person) -> Sequence[Copy]:  # noqa: ARG002 - there is nothing
        """Return nothing."""
        return ()

    def erase(self, person: Person) -> Effect:  # noqa: ARG002 - there is nothing
        """Say that nothing of people is logged."""
        return nothing(
            "The service logs routes and not paths, and neither addresses nor bodies. What a proxy in front of it logs "
            "is the operator's own, and is not on this map."
        )


class Course(Connector):
    """The request itself."""

    name = "requests"
    what = "whom a request is about, sealed, while it is open; its course stays, as proof"

    def left(self, person: Person) -> int:  # noqa: ARG002 - it goes with the request
        """Return nothing that has to go before the request ends."""
        return 0

    def access(self, person: Person) -> Sequence[Copy]:  # noqa: ARG002 - the person made it
        """Return nothing: this request."""
        return ()

    def erase(self, person: Person) -> Effect:  # noqa: ARG002 - it goes with the request
        """Say what becomes of the request itself."""
        return Effect(
            outcome="kept",
            level="logical",
            records=1,
            detail=(
                "What the operator calls the person stays sealed with this request until it ends, and is then removed. "
                "Its course stays, to prove that it was answered (GDPR Art. 5(2), Art. 17(3)(e)); it names a pseudonym "
                "whose key is destroyed."
            ),
        )


def _contains(columns: Sequence[ColumnElement[str]], text: str) -> ColumnElement[bool]:
    return or_(*(cast(column, String).contains(text, autoescape=True) for column in columns))


def _count(table: Table) -> Select[int]:
    return select(func.count()).select_from(table)


_SEARCHED: dict[str, tuple[Table, tuple[ColumnElement[str], ...]]] = {
    "notes of tokens": (tokens, (tokens.c.note,)),
    "entries of the record of changes": (audit, (audit.c.subject, audit.c.detail, audit.c.who)),
    "records of runs": (runs, (runs.c.record, runs.c.name)),
    "bundles": (bundles, (bundles.c.note, bundles.c.lineage, bundles.c.card, bundles.c.gates)),
}
"""Where a person's name is searched for, by what it is called."""
