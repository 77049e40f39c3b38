"""The ledger: receiving, reading and erasing what people reported."""

import hmac
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Literal, Protocol

import msgspec
from sqlalchemy import Connection, Select, delete, func, insert, select

from homespun.consent.signals import FORBIDS
from homespun.protocol.canonical import canonical
from homespun.protocol.consent import GPC
from homespun.protocol.consent_27560 import ConsentDocument
from homespun.protocol.consent_report import (
    ConsentReceipt,
    ConsentReport,
    Known,
    report_digest,
    sign_receipt,
    signal_of,
)
from homespun_server.compliance.consent import counts as counting
from homespun_server.compliance.consent import documents
from homespun_server.compliance.consent.counts import DayCount
from homespun_server.compliance.consent.events import (
    Conflict,
    ConsentEvent,
    Gap,
    Origin,
    event_of,
    gaps_of,
    values_of,
)
from homespun_server.compliance.consent.rows import add_if_absent
from homespun_server.compliance.consent.status import Status, statuses
from homespun_server.compliance.consent.subjects import Subjects, pseudonym_of, secure
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.errors import ConflictError
from homespun_server.settings import ControllerSettings
from homespun_server.store import Store
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema_consent import (
    consent_conflicts,
    consent_counts,
    consent_erasing,
    consent_events,
    consent_notices,
)

_EVENTS = consent_events.c
_DIGEST = b"homespun report 1\n"
_BROWSER = b"homespun browser signals 1\n"


class Log(Protocol):
    """What the ledger needs of the transparency log."""

    def append_within(
        self,
        connection: Connection,
        kind: Literal["consent"],
        content: Mapping[str, object],
        *,
        reference: str,
        subject: str | None = None,
    ) -> int:
        """Append an entry in the caller's transaction, and return its index."""


class ConsentLedger:
    """What people reported that they allow. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, keys: ComplianceKeys, log: Log | None, now: Now = utc_now) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            keys: The compliance keys; ``receipts`` signs.
            log: The transparency log; None: there is none, and receipts say so.
            now: Returns the time.
        """
        self._store = store
        self._keys = keys
        self._log = log
        self._now = now
        self.subjects = Subjects(store, keys)
        """Who is known, by pseudonym."""

    def record(self, report: ConsentReport, *, origin: Origin = "device") -> ConsentReceipt:
        """Receive a report: kept, counted, logged and receipted in one transaction, or nothing of it.

        The same report again changes nothing, and gets the receipt that the first one got.

        Args:
            report: What was reported; it was checked when it was decoded.
            origin: Who brings it.

        Raises:
            ConflictError: Another report was received in its place. It is refused, and that is noted.
            StoreError: If the store cannot be written.
        """
        with self._store.writing() as connection:
            receipt = self.record_within(connection, report, origin=origin)
        if receipt is None:
            raise ConflictError(
                "another report was received in the place of this one. It was refused and changes nothing; the ledger "
                "notes that it came."
            )
        return receipt

    def record_within(
        self, connection: Connection, report: ConsentReport, *, origin: Origin = "device"
    ) -> ConsentReceipt | None:
        """Receive a report within a transaction; None: another was received in its place, which is noted."""
        key = self.subjects.key_within(connection, report.subject, create=True)
        assert key is not None  # noqa: S101 - it was made
        subject, digest = pseudonym_of(key), _digest(key, report)
        received = self._received(connection, subject, digest, report, origin)
        return None if received is None else self._receipt(report, *received)

    def signal(self, identifier: str, known_as: Known, *, sdk: str = "") -> ConsentReceipt:
        """Record that Global Privacy Control was on in a request of an identified person, once while it is on.

        Args:
            identifier: What the operator calls them.
            known_as: How that names them.
            sdk: The version of what sent the request.

        Raises:
            StoreError: If the store cannot be written.
        """
        with self._store.writing() as connection:
            key = self.subjects.key_within(connection, identifier, create=True)
            assert key is not None  # noqa: S101 - it was made
            source = hmac.digest(key, _BROWSER, sha256).hex()[:32]
            now = self._now()
            choice = signal_of(time=now.timestamp(), forbidden=tuple(map(str, FORBIDS[GPC])))
            report = ConsentReport(
                subject=identifier, known_as=known_as, source=source, sequence=1, sdk=sdk, choice=choice
            )
            report = _next(report, self._events(connection, pseudonym_of(key)))
            receipt = self.record_within(connection, report, origin="browser")
        assert receipt is not None  # noqa: S101 - its place was free, or it is the very same
        return receipt

    def status_as_of(self, subject: str, time: datetime | None = None) -> Mapping[str, Status]:
        """Return where each purpose of a person stood, by its name, as far as it had been received by then.

        Args:
            subject: The pseudonym.
            time: The time, by this server's clock; None: now.

        Raises:
            StoreError: If the store cannot be read.
        """
        at = self._now() if time is None else time
        with self._store.reading() as connection:
            if time is None:
                # A clock that was set back forgets nothing: what was received was received.
                at = max(at, datetime.fromisoformat(_last_received(connection, subject) or text_of(at)))
            known = self._events(connection, subject, until=text_of(at))
        return statuses(known, at)

    def events_of(self, subject: str) -> tuple[ConsentEvent, ...]:
        """Return what was received of a person, in the order of receipt.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return self._events(connection, subject)

    def gaps(self, subject: str) -> tuple[Gap, ...]:
        """Return what is missing in a person's sources: later events were received, and these were not."""
        return gaps_of(self.events_of(subject))

    def conflicts_of(self, subject: str) -> tuple[Conflict, ...]:
        """Return what was refused of a person's reports, in the order of receipt.

        Raises:
            StoreError: If the store cannot be read.
        """
        found = consent_conflicts.c
        query = select(found.source, found.sequence, found.received).where(found.subject == subject)
        with self._store.reading() as connection:
            return tuple(Conflict(*row) for row in connection.execute(query.order_by(found.number)))

    def counts(self, *, since: date | None = None, until: date | None = None) -> tuple[DayCount, ...]:
        """Return how many choices of each kind each day brought, in the order of days.

        Args:
            since: The first day; None: from the beginning.
            until: The day after the last; None: to the end.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return counting.counts(connection, since, until)

    def notices(self) -> dict[str, str]:
        """Return the words that people were shown, by their SHA-256.

        Raises:
            StoreError: If the store cannot be read.
        """
        query = select(consent_notices.c.sha256, consent_notices.c.text).order_by(consent_notices.c.sha256)
        with self._store.reading() as connection:
            return {row.sha256: row.text for row in connection.execute(query)}

    def size(self) -> tuple[int, int]:
        """Return how many events there are, and how many reports were refused.

        Raises:
            StoreError: If the store cannot be read.
        """
        total = select(func.coalesce(func.sum(consent_counts.c.number), 0))
        with self._store.reading() as connection:
            refused = connection.scalar(select(func.count()).select_from(consent_conflicts))
            return int(connection.scalar(total) or 0), int(refused or 0)

    def import_27560(self, data: bytes, identifier: str) -> tuple[ConsentReceipt, ...]:
        """Bring in a document of ISO/IEC TS 27560, all of it or nothing; what is known already changes nothing.

        Args:
            data: The document, as a device or this program exported it.
            identifier: Who its data subject is to the operator.

        Raises:
            MisuseError: It is no such document, or contradicts itself.
            ConflictError: It contradicts what was received before.
            StoreError: If the store cannot be written.
        """
        reports = documents.reports_of(data, identifier)
        receipts: list[ConsentReceipt] = []
        with self._store.writing() as connection:
            for report in reports:
                receipt = self.record_within(connection, report, origin="import")
                if receipt is None:
                    raise ConflictError(
                        f"event {report.sequence} of {report.source} says something else than what was received "
                        "before. Nothing of the document was brought in."
                    )
                receipts.append(receipt)
        return tuple(receipts)

    def export_27560(self, subject: str, controller: ControllerSettings | None) -> ConsentDocument:
        """Return what was received of a person as a document of ISO/IEC TS 27560 in the DPV profile.

        Args:
            subject: The pseudonym.
            controller: Who answers for the processing, as the settings name them.

        Raises:
            SettingsError: The settings name nobody.
            StoreError: If the store cannot be read.
        """
        return documents.document_of(self.events_of(subject), controller)

    def erase_within(self, connection: Connection, subject: str) -> int:
        """Remove everything that was received of a person within a transaction; return how many events that were.

        Their key is ``subjects.forget_within``'s to destroy, what opens their log entries the log's.

        Args:
            connection: The transaction's.
            subject: The pseudonym.
        """
        secure(connection)
        theirs = _EVENTS.subject == subject
        rows = connection.execute(select(consent_events).where(theirs)).all()
        counting.uncount(connection, rows)
        connection.execute(insert(consent_erasing).values(subject=subject))
        connection.execute(delete(consent_events).where(theirs))
        connection.execute(delete(consent_conflicts).where(consent_conflicts.c.subject == subject))
        connection.execute(delete(consent_erasing).where(consent_erasing.c.subject == subject))
        self._erasure_logged(connection, [row.log for row in rows if row.log is not None])
        return len(rows)

    def _received(
        self, connection: Connection, subject: str, digest: str, report: ConsentReport, origin: Origin
    ) -> tuple[str, int | None] | None:
        """Return when a report was received and where it is logged; None: another is in its place.

        The clock may have been set back; a person's times of receipt never go back, as they order the sources.
        """
        place = {"subject": subject, "source": report.source, "sequence": report.sequence}
        found = self._in_place(connection, place)
        now = max(text_of(self._now()), _last_received(connection, subject) or "")
        if found is None:
            return now, self._keep(connection, place, digest, report, origin, now)
        if hmac.compare_digest(found.digest, digest):
            return found.received, found.log
        add_if_absent(connection, consent_conflicts, **place, received=now, digest=digest)
        return None

    def _in_place(self, connection: Connection, place: dict[str, Any]) -> Any:
        where = [_EVENTS[name] == value for name, value in place.items()]
        query = select(_EVENTS.digest, _EVENTS.received, _EVENTS.log).where(*where)
        found = connection.execute(query).one_or_none()
        if found is None and connection.dialect.name == "postgresql":
            # Two devices of one name, or one that tries twice at once: the second one waits for the first.
            lock = int.from_bytes(bytes.fromhex(place["subject"][:16]), signed=True)
            connection.execute(select(func.pg_advisory_xact_lock(lock)))
            found = connection.execute(query).one_or_none()
        return found

    def _keep(
        self,
        connection: Connection,
        place: dict[str, Any],
        digest: str,
        report: ConsentReport,
        origin: Origin,
        now: str,
    ) -> int | None:
        values = values_of(report.choice)
        notice = report.choice.notice
        if notice is not None and notice.text:
            add_if_absent(connection, consent_notices, sha256=notice.sha256, text=notice.text)
        counting.count(connection, values, now)
        log = None if self._log is None else self._logged(connection, place, values, report, origin, now)
        row = {**place, **values, "origin": origin, "received": now, "sdk": report.sdk, "digest": digest, "log": log}
        connection.execute(insert(consent_events).values(**row))
        return log

    def _logged(
        self,
        connection: Connection,
        place: dict[str, Any],
        values: dict[str, Any],
        report: ConsentReport,
        origin: Origin,
        now: str,
    ) -> int:
        assert self._log is not None  # noqa: S101 - the caller asked
        content = {"schema": 1, "event": {**place, **values, "origin": origin, "received": now, "sdk": report.sdk}}
        reference = f"{place['subject']} {report.source} {report.sequence}"
        return self._log.append_within(connection, "consent", content, reference=reference, subject=place["subject"])

    def _erasure_logged(self, connection: Connection, logged: list[int]) -> None:
        """Commit to how many events went, so that what is counted and what was ever logged still add up."""
        if self._log is None or not logged:
            return
        content = {"what": "consents erased", "number": len(logged)}
        reference = f"erased {' '.join(map(str, sorted(logged)))}"
        self._log.append_within(connection, "consent", content, reference=reference)

    def _receipt(self, report: ConsentReport, received: str, log: int | None) -> ConsentReceipt:
        bare = ConsentReceipt(
            report=report_digest(report),
            source=report.source,
            sequence=report.sequence,
            received=received,
            log=log,
            public_key=self._keys.receipts_key,
        )
        return sign_receipt(bare, self._keys.receipts.sign)

    def _events(self, connection: Connection, subject: str, *, until: str | None = None) -> tuple[ConsentEvent, ...]:
        query = _with_notices().where(_EVENTS.subject == subject)
        if until is not None:
            query = query.where(_EVENTS.received <= until)
        return tuple(map(event_of, connection.execute(query.order_by(_EVENTS.number))))


def _last_received(connection: Connection, subject: str) -> str | None:
    """Return when the latest event of a person was received; None: they have none."""
    latest = connection.scalar(select(func.max(_EVENTS.received)).where(_EVENTS.subject == subject))
    return None if latest is None else str(latest)


def _with_notices() -> Select[Any]:
    joined = consent_events.outerjoin(consent_notices, consent_events.c.notice == consent_notices.c.sha256)
    return select(consent_events, consent_notices.c.text).select_from(joined)


def _digest(key: bytes, report: ConsentReport) -> str:
    """Return what tells reports apart. Without the name: whoever had the tables could try names otherwise."""
    nameless = {**msgspec.to_builtins(report), "subject": "", "known_as": ""}
    return hmac.digest(key, _DIGEST + canonical(nameless), sha256).hex()


def _next(report: ConsentReport, events: Iterable[ConsentEvent]) -> ConsentReport:
    """Return the report in its source's next place, or the last one again where the signal is still on."""
    mine = [event for event in events if event.source == report.source]
    signals = [event for event in events if event.choice.signal == GPC]
    if mine and signals[-1] is mine[-1]:
        last = mine[-1]
        return msgspec.structs.replace(report, sequence=last.sequence, sdk=last.sdk, choice=last.choice)
    return msgspec.structs.replace(report, sequence=1 + max((event.sequence for event in mine), default=0))
