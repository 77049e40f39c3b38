"""What is kept under a pseudonym: consent events, openings of the log, and the pseudonym's own key."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count, islice

import msgspec
from sqlalchemy import Column, Connection, func, select

from homespun.protocol.consent import ConsentRecord
from homespun.protocol.consent_report import ConsentReport, report_of
from homespun_server.compliance.consent import ConsentEvent, ConsentLedger
from homespun_server.compliance.consent.standing import IN_WORDS, Standing, standings
from homespun_server.compliance.consent.subjects import overwritten
from homespun_server.compliance.requests.effects import PSEUDONYMS, Effect, nothing
from homespun_server.compliance.requests.ports import Connector, Copy, Marked, Openings, Person, Subjects
from homespun_server.compliance.requests.profile import Kind
from homespun_server.errors import RequestError
from homespun_server.store import Store
from homespun_server.store.moments import Now

Held = Callable[[Connection], Sequence[str]]
"""Returns pseudonyms that a store has."""

People = Callable[[Connection], Sequence[tuple[str, str]]]
"""Returns of everybody who has a pseudonym how their key is found, and the pseudonym."""

Forget = Callable[[Connection, str], int]
"""Erases what a store has under a pseudonym, and returns how many records that were."""

_SHARED = ("contribution", "measurement")
_ENDED_BY: dict[Kind, tuple[str, ...]] = {
    "opt-out": _SHARED,
    "objection": ("personalization", *_SHARED),
    "restriction": ("personalization", *_SHARED),
}
"""The purposes that a person no longer allows, by what they ask for."""

_NO_SUBJECT = "The person has no pseudonym here, so nothing is kept under one."


class ConsentEvents(Connector):
    """The events of the consent ledger."""

    name = "consent events"
    what = "what people agreed to and withdrew, by pseudonym, with the notice that they saw"

    def __init__(self, store: Store, consents: ConsentLedger, held: Held, people: People, now: Now) -> None:
        """Use a store and its consent ledger.

        Args:
            store: The store.
            consents: The consent ledger.
            held: Returns the pseudonyms that have events.
            people: Returns who has a pseudonym.
            now: Returns the time.
        """
        self._store, self._consents, self._held, self._now = store, consents, held, now
        self._people = people

    def left(self, person: Person) -> int:
        """Return how many events a person has."""
        return 0 if person.subject is None else len(self._consents.events_of(person.subject))

    def access(self, person: Person) -> Sequence[Copy]:
        """Return a person's events as JSON Lines."""
        found = () if person.subject is None else self._consents.events_of(person.subject)
        behind = standings(found, self._now())
        lines = b"".join(_line(each, behind[each.number]) for each in found)
        return (Copy("consent-events.jsonl", lines, len(found)),) if found else ()

    def erase(self, person: Person) -> Effect:
        """Remove a person's events, and take them out of the counts."""
        if person.subject is None:
            return nothing(_NO_SUBJECT)
        with self._store.writing() as connection:
            gone = self._consents.erase_within(connection, person.subject)
        if not gone:
            return nothing("The person's pseudonym has no events.")
        told = f"{gone} events were removed, and are no longer in the counts by day and purpose."
        return Effect(outcome="done", level=self.level, records=gone, detail=told)

    def set_aside(self, person: Person, kind: Kind) -> Effect:
        """Record what the person no longer allows as withdrawals, each with a signed receipt and a log entry."""
        if person.identifier is None:
            return nothing("Nobody said what the operator calls this person, and withdrawals are recorded under that.")
        purposes = _ENDED_BY[kind]
        places = self._withdraw(person.request, kind, self._events(person.identifier), person.identifier)
        if not places:
            return _withdrawn(purposes, "They were recorded by an attempt before.")
        # Never a report's hash: whoever has it could try names, long after the person was erased.
        told = f"They are numbers {', '.join(map(str, places))} of the source {person.request}, this request."
        return _withdrawn(purposes, told)

    def hold_again(self, marked: Marked) -> int:
        """Record again what people no longer allow, where a restore lost that, and return how many withdrawals.

        Whoever is younger here than the mark is not who it is of: they were erased, came back, and chose anew.
        """
        with self._store.reading() as connection:
            people = self._people(connection)
        again = 0
        for lookup, subject in people:
            if marked(PSEUDONYMS, subject) is not None:
                continue  # They were erased, and their key goes next.
            for each in marked.ended(lookup):
                events = self._consents.events_of(subject)
                if events and events[0].received <= each.moment:
                    again += len(self._withdraw(each.request, each.kind, events, None, subject))
        return again

    def _withdraw(
        self,
        request: str,
        kind: Kind,
        events: Sequence[ConsentEvent],
        identifier: str | None,
        subject: str | None = None,
    ) -> tuple[int, ...]:
        """Record what a request ends and has not ended yet; return the places of the withdrawals in its stream."""
        stream = [each for each in events if each.source == request]
        # Whoever knows a request's id can report into its stream: only what an officer's request brought counts.
        before = {each.choice.purpose for each in stream if each.origin == "request"}
        new = [purpose for purpose in _ENDED_BY[kind] if purpose not in before]
        taken = {each.sequence for each in stream}
        places = tuple(islice((place for place in count(1) if place not in taken), len(new)))
        with self._store.writing() as connection:
            for place, purpose in zip(places, new, strict=True):
                report = _withdrawal(request, kind, purpose, place, self._now(), identifier or str(subject))
                self._record(connection, report, subject)
        return places

    def _record(self, connection: Connection, report: ConsentReport, subject: str | None) -> None:
        if self._consents.record_within(connection, report, origin="request", subject=subject) is None:
            raise RequestError(
                f"the withdrawal of {report.choice.purpose} was refused, as its place {report.sequence} in the source "
                f"{report.source} was taken meanwhile. No withdrawal was recorded; work on the request again."
            )

    def _events(self, identifier: str) -> Sequence[ConsentEvent]:
        subject = self._consents.subjects.pseudonym(identifier)
        return () if subject is None else self._consents.events_of(subject)

    def marks(self, person: Person) -> tuple[tuple[str, str], ...]:
        """Return the pseudonym."""
        return () if person.subject is None else ((self.name, person.subject),)

    def replay(self, marked: Marked) -> int:
        """Remove events of pseudonyms that were erased."""
        with self._store.writing() as connection:
            return _again(connection, self.name, self._held, self._consents.erase_within, marked)


def _line(event: ConsentEvent, standing: Standing) -> bytes:
    """Return an event as a person gets it: with who stands behind it, in words."""
    return msgspec.json.encode({**msgspec.to_builtins(event), "standing": standing, "said": IN_WORDS[standing]}) + b"\n"


def _withdrawal(request: str, kind: Kind, purpose: str, place: int, now: datetime, who: str) -> ConsentReport:
    """Return a withdrawal as a report; the stream is the request, so that it is recorded once."""
    record = ConsentRecord(
        sequence=place,
        purpose=purpose,
        action="withdraw",
        notice=None,
        surface=f"request {request}",
        method=kind,
        time=now.timestamp(),
    )
    return report_of(record, subject=who, known_as="account", source=request, sdk="")


def _withdrawn(purposes: Sequence[str], told: str) -> Effect:
    detail = f"Recorded as withdrawn: {', '.join(purposes)}, with signed receipts and entries in the log. {told}"
    return Effect(outcome="done", level="logical", records=len(purposes), detail=detail)


class LogOpenings(Connector):
    """What entries of the transparency log commit to."""

    name = "log openings"
    what = "salts and contents of entries of the transparency log that are about a person"

    def __init__(self, store: Store, log: Openings, openings: Column[str]) -> None:
        """Use a store and its log.

        Args:
            store: The store.
            log: The log.
            openings: The column of openings that has their subject.
        """
        self._store, self._log, self._column = store, log, openings

    def left(self, person: Person) -> int:
        """Return how many openings a person has."""
        if person.subject is None:
            return 0
        query = select(func.count()).where(self._column == person.subject)
        with self._store.reading() as connection:
            return int(connection.scalar(query) or 0)

    def access(self, person: Person) -> Sequence[Copy]:  # noqa: ARG002 - the same as consent events
        """Return nothing: the contents are the consent events and receipts, which are copied from there."""
        return ()

    def erase(self, person: Person) -> Effect:
        """Destroy the openings; entries and tree stay, and say nothing any more."""
        if person.subject is None:
            return nothing(_NO_SUBJECT)
        with self._store.writing() as connection:
            gone = self._log.forget_within(connection, person.subject)
        if not gone:
            return nothing("No entry of the log is about the person's pseudonym.")
        told = f"{gone} salts of 256 bits were removed with their contents: what is public commits to nothing known."
        return _destroyed(self._store, gone, told)

    def marks(self, person: Person) -> tuple[tuple[str, str], ...]:
        """Return the pseudonym."""
        return () if person.subject is None else ((self.name, person.subject),)

    def replay(self, marked: Marked) -> int:
        """Destroy openings of pseudonyms that were erased."""

        def held(connection: Connection) -> Sequence[str]:
            return list(connection.scalars(select(self._column).where(self._column.is_not(None)).distinct()))

        with self._store.writing() as connection:
            return _again(connection, self.name, held, self._log.forget_within, marked)


class Pseudonyms(Connector):
    """The keys of pseudonyms. Without a person's key nothing leads from them to what was kept under the pseudonym."""

    name = PSEUDONYMS
    what = "a random key per person, from which the pseudonym is made"

    def __init__(self, store: Store, subjects: Subjects, held: Held, forget: Forget, sweep: Forget) -> None:
        """Use a store and its pseudonyms.

        Args:
            store: The store.
            subjects: The pseudonyms, by what the operator calls people.
            held: Returns every pseudonym that has a key.
            forget: Destroys the key of a pseudonym.
            sweep: Erases all that other stores keep under a pseudonym.
        """
        self._store, self._subjects, self._held, self._forget = store, subjects, held, forget
        self._sweep = sweep

    def left(self, person: Person) -> int:
        """Return whether there is the key of a person's pseudonym; whoever came back since has another one."""
        if person.identifier is None or person.subject is None:
            return 0
        return int(self._subjects.pseudonym(person.identifier) == person.subject)

    def access(self, person: Person) -> Sequence[Copy]:
        """Return the pseudonym."""
        if person.subject is None:
            return ()
        return (Copy("pseudonym.json", msgspec.json.encode({"pseudonym": person.subject}), 1),)

    def erase(self, person: Person) -> Effect:
        """Destroy a person's key, with all that was received under it since the other stores were erased."""
        if person.identifier is None:
            return nothing("Nobody said what the operator calls this person, and keys are found by that alone.")
        with self._store.writing() as connection:
            gone = self._subjects.forget_within(connection, person.identifier)
            if gone is not None and gone != person.subject:
                raise RequestError(
                    "The person has another pseudonym than when work began: they were erased, or were first heard of, "
                    "meanwhile. Nothing was erased here; work on the request again."
                )
            # In the same transaction: nothing can be received under a pseudonym whose key is gone.
            late = 0 if gone is None else self._sweep(connection, gone)
        if gone is None:
            return nothing("There is no key for this person.")
        told = "The person's key was overwritten and removed."
        if late:
            told += f" {late} events and openings, which came while the stores were worked on, went with it."
        return _destroyed(self._store, 1 + late, told)

    def marks(self, person: Person) -> tuple[tuple[str, str], ...]:
        """Return the pseudonym: whoever comes back gets another one."""
        return () if person.subject is None else ((self.name, person.subject),)

    def replay(self, marked: Marked) -> int:
        """Destroy keys of pseudonyms that were erased."""
        with self._store.writing() as connection:
            return _again(connection, self.name, self._held, self._forget, marked)


def _destroyed(store: Store, records: int, told: str) -> Effect:
    """Return what removing keys is worth: older pages of the database may have them still."""
    if overwritten(store):
        detail = f"{told} The database was asked to overwrite it, and its log of older pages was emptied."
        return Effect(outcome="done", level="key_destroyed", records=records, detail=detail)
    detail = f"{told} The database may hold an older page of it until it cleans up or somebody's reading ends."
    return Effect(outcome="done", level="logical", records=records, detail=detail)


def _again(connection: Connection, store: str, held: Held, forget: Forget, marked: Marked) -> int:
    return sum(forget(connection, subject) for subject in held(connection) if marked(store, subject) is not None)
