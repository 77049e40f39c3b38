"""The ledger: receiving, reading and erasing what people reported."""

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import Connection, delete, func, insert, select

from homespun.protocol.consent_27560 import ConsentDocument
from homespun.protocol.consent_report import ConsentReceipt, ConsentReport, Known
from homespun_server.compliance.consent import counts as counting
from homespun_server.compliance.consent import documents
from homespun_server.compliance.consent.counts import DayCount
from homespun_server.compliance.consent.events import Conflict, ConsentEvent, Gap, Origin, gaps_of
from homespun_server.compliance.consent.notices import Notices
from homespun_server.compliance.consent.ports import Log
from homespun_server.compliance.consent.reading import events_within, last_received
from homespun_server.compliance.consent.receiving import Receiving, is_installation, is_noted
from homespun_server.compliance.consent.status import Status, statuses
from homespun_server.compliance.consent.subjects import Subjects, secure
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
    consent_vouched,
)

_EVENTS = consent_events.c


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
        self._log = log
        self._now = now
        self.subjects = Subjects(store, keys)
        """Who is known, by pseudonym."""
        self.notices = Notices(store, now)
        """The words that the operator registered."""
        self._receiving = Receiving(keys, self.subjects, log, now)

    def record(self, report: ConsentReport, *, origin: Origin = "device", voucher: str | None = None) -> ConsentReceipt:
        """Receive a report: kept, counted, logged and receipted in one transaction, or nothing of it.

        The same report again changes nothing, and gets the receipt that the first one got; a voucher counts also then.

        Args:
            report: What was reported; it was checked when it was decoded.
            origin: What brings it.
            voucher: What vouches for the account that it names; None, or one that does not fit: nothing does.

        Raises:
            ConflictError: Another report was received in its place, or it is a device's in a stream that is no
                device's. It is refused, and that is noted.
            StoreError: If the store cannot be written.
        """
        with self._store.writing() as connection:
            receipt = self._receiving.take(connection, report, origin=origin, voucher=voucher)
        if receipt is None:
            raise ConflictError(
                "another report was received in the place of this one, or its stream is not a device's. It was "
                "refused and changes nothing; the ledger notes that it came."
            )
        return receipt

    def record_within(
        self,
        connection: Connection,
        report: ConsentReport,
        *,
        origin: Origin = "device",
        subject: str | None = None,
    ) -> ConsentReceipt | None:
        """Receive a report within a transaction; None: it is refused, as ``record`` says, which is noted.

        Args:
            connection: The transaction's.
            report: What was reported.
            origin: What brings it.
            subject: The pseudonym of whom it is about, where nobody says what the operator calls them; the report
                names them by it then.
        """
        return self._receiving.take(connection, report, origin=origin, subject=subject)

    def is_proven(self, identifier: str, source: str) -> bool:
        """Return whether what a source reports of a person may overrule what others deny.

        Args:
            identifier: What the operator calls the person.
            source: The stream.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            subject = self.subjects.pseudonym_within(connection, identifier, create=False) or ""
            return is_noted(connection, subject, source) or is_installation(connection, subject) is True

    def is_vouched(self, identifier: str, voucher: str) -> bool:
        """Return whether a voucher is of an account, and not over.

        Args:
            identifier: What the operator calls the person.
            voucher: What the operator's backend gave.
        """
        return self._receiving.is_vouched(identifier, voucher)

    def signal(self, identifier: str, known_as: Known, *, sdk: str = "") -> ConsentReceipt:
        """Record that Global Privacy Control was on in a request of an identified person, once while it is on.

        The receipt tells of the person's stream, and when the signal was first seen: it is for nobody but them.

        Args:
            identifier: What the operator calls them.
            known_as: How that names them.
            sdk: The version of what sent the request.

        Raises:
            StoreError: If the store cannot be written.
        """
        with self._store.writing() as connection:
            return self._receiving.signal(connection, identifier, known_as, sdk)

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
                at = max(at, datetime.fromisoformat(last_received(connection, subject) or text_of(at)))
            known = events_within(connection, subject, until=text_of(at))
        return statuses(known, at)

    def events_of(self, subject: str) -> tuple[ConsentEvent, ...]:
        """Return what was received of a person, in the order of receipt.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return events_within(connection, subject)

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

    def size(self) -> tuple[int, int]:
        """Return how many events there are, and how many reports were refused.

        Raises:
            StoreError: If the store cannot be read.
        """
        total = select(func.coalesce(func.sum(consent_counts.c.number), 0))
        with self._store.reading() as connection:
            refused = connection.scalar(select(func.count()).select_from(consent_conflicts))
            return int(connection.scalar(total) or 0), int(refused or 0)

    def import_27560(self, data: bytes, identifier: str) -> tuple[ConsentReceipt | None, ...]:
        """Bring in a document of ISO/IEC TS 27560, all of it or nothing; what is known already changes nothing.

        Returns a receipt for each choice, in order. None: it was received before with more than a document can hold,
        and whoever reported it has the receipt.

        Args:
            data: The document, as a device or this program exported it.
            identifier: Who its data subject is to the operator.

        Raises:
            MisuseError: It is no such document, or contradicts itself.
            ConflictError: It contradicts what was received before.
            StoreError: If the store cannot be written.
        """
        reports = documents.reports_of(data, identifier)
        receipts: list[ConsentReceipt | None] = []
        with self._store.writing() as connection:
            subject = self.subjects.pseudonym_within(connection, identifier, create=True) or ""
            known = documents.retold(events_within(connection, subject), reports, self._now())
            for report in reports:
                if report in known:
                    receipts.append(None)
                    continue
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
        return documents.document_of(self.events_of(subject), controller, self._now())

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
        for table in (consent_conflicts, consent_vouched):
            connection.execute(delete(table).where(table.c.subject == subject))
        connection.execute(delete(consent_erasing).where(consent_erasing.c.subject == subject))
        self._erasure_logged(connection, [row.log for row in rows if row.log is not None])
        return len(rows)

    def _erasure_logged(self, connection: Connection, logged: list[int]) -> None:
        """Commit to how many events went, so that what is counted and what was ever logged still add up."""
        if self._log is None or not logged:
            return
        content = {"what": "consents erased", "number": len(logged)}
        reference = f"erased {' '.join(map(str, sorted(logged)))}"
        self._log.append_within(connection, "consent", content, reference=reference)
