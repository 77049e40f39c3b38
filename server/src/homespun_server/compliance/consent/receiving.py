"""Receiving: what is reported becomes an event, a count, an entry of the log and a receipt, in one transaction.

Rules:

- The same report again changes nothing, and gets the receipt that the first one got. Another one in its place is
  refused, and that is noted.
- A voucher that fits is noted with the stream, and not kept. One that does not fit changes nothing: the report is taken
  like one without, because it may be a denial.
- A stream is one bearer's: a device's report into the stream of a person's browser signals, or into that of a request,
  is refused and noted like another one in a place that is taken.
- Of the words that were shown the hash is kept; the words are the operator's to register (``notices``).

Non-goal: knowing that a report is true.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from homespun.consent.signals import FORBIDS
from homespun.protocol.asking.registration import is_vouched
from homespun.protocol.canonical import canonical
from homespun.protocol.consent import GPC
from homespun.protocol.consent_report import (
    ConsentReceipt,
    ConsentReport,
    Known,
    is_drawn,
    report_digest,
    sign_receipt,
    signal_of,
)
from homespun_server.compliance.consent import counts as counting
from homespun_server.compliance.consent.events import ConsentEvent, Origin, values_of
from homespun_server.compliance.consent.ports import Log
from homespun_server.compliance.consent.reading import events_within, last_received
from homespun_server.compliance.consent.rows import add_if_absent
from homespun_server.compliance.consent.subjects import Subjects, pseudonym_of
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.store.moments import Now, text_of
from homespun_server.store.schema_consent import consent_conflicts, consent_events, consent_vouched

_EVENTS = consent_events.c
_DIGEST = b"homespun report 1\n"
_BROWSER = b"homespun browser signals 1\n"


@dataclass(frozen=True, kw_only=True)
class _Coming:
    """A report on its way in.

    Attributes:
        subject: The person's pseudonym.
        report: What was reported.
        digest: What tells it from others.
        origin: What brings it.
        known_as: How the person is named.
        vouched: Whether its stream is vouched for, by now.
        now: When it is received.
    """

    subject: str
    report: ConsentReport
    digest: str
    origin: Origin
    known_as: Known
    vouched: bool
    now: str

    @property
    def place(self) -> dict[str, Any]:
        return {"subject": self.subject, "source": self.report.source, "sequence": self.report.sequence}

    @property
    def values(self) -> dict[str, Any]:
        said = {"origin": self.origin, "known_as": self.known_as, "received": self.now, "sdk": self.report.sdk}
        return {**self.place, **values_of(self.report.choice), **said}


class Receiving:
    """Takes in what is reported. Safe to use from several threads and processes at once."""

    def __init__(self, keys: ComplianceKeys, subjects: Subjects, log: Log | None, now: Now) -> None:
        """Put the parts together.

        Args:
            keys: The compliance keys; ``receipts`` signs.
            subjects: The people who are known.
            log: The transparency log; None: there is none, and receipts say so.
            now: Returns the time.
        """
        self._keys = keys
        self._subjects = subjects
        self._log = log
        self._now = now

    def take(
        self,
        connection: Connection,
        report: ConsentReport,
        *,
        origin: Origin,
        voucher: str | None = None,
        subject: str | None = None,
    ) -> ConsentReceipt | None:
        """Receive a report within a transaction; None: it is refused, which is noted.

        It is refused if another was received in its place, or if a device reports into a stream that is no device's.

        Args:
            connection: The transaction's.
            report: What was reported; it was checked when it was decoded.
            origin: What brings it.
            voucher: What vouches for the account, if anything does.
            subject: The pseudonym of whom it is about, which is there; None: the report names them.
        """
        if subject is None:
            key = self._subjects.key_within(connection, report.subject, create=True)
        else:
            key = self._subjects.key_of_within(connection, subject)
        if key is None:
            return None  # They were erased meanwhile.
        coming = self._coming(connection, key, report, origin, voucher)
        found = self._in_place(connection, coming.place)
        is_another = found is not None and not hmac.compare_digest(found.digest, coming.digest)
        is_astray = origin == "device" and (report.source == _browser(key) or _is_no_devices(connection, coming))
        if is_another or is_astray:
            place = coming.place
            add_if_absent(connection, consent_conflicts, **place, received=coming.now, digest=coming.digest)
            return None
        received, log = (
            (found.received, found.log) if found is not None else (coming.now, self._keep(connection, coming))
        )
        if coming.vouched:
            stream = {"subject": coming.subject, "source": report.source}
            add_if_absent(connection, consent_vouched, **stream, received=coming.now)
        return self._receipt(report, received, log)

    def signal(self, connection: Connection, identifier: str, known_as: Known, sdk: str) -> ConsentReceipt:
        """Record that Global Privacy Control was on in a request of an identified person, once while it is on.

        Args:
            connection: The transaction's.
            identifier: What the operator calls them.
            known_as: How that names them.
            sdk: The version of what sent the request.
        """
        key = self._subjects.key_within(connection, identifier, create=True)
        assert key is not None  # noqa: S101 - it was made
        now = self._now()
        choice = signal_of(time=now.timestamp(), forbidden=tuple(map(str, FORBIDS[GPC])))
        report = ConsentReport(
            subject=identifier, known_as=known_as, source=_browser(key), sequence=1, sdk=sdk, choice=choice
        )
        report = _next(report, events_within(connection, pseudonym_of(key)))
        receipt = self.take(connection, report, origin="browser")
        assert receipt is not None  # noqa: S101 - its place was free, or it is the very same
        return receipt

    def is_vouched(self, identifier: str, voucher: str) -> bool:
        """Return whether a voucher is of an account, and not over."""
        return is_vouched(self._keys.vouching, identifier, voucher, self._now().timestamp())

    def _coming(
        self, connection: Connection, key: bytes, report: ConsentReport, origin: Origin, voucher: str | None
    ) -> _Coming:
        subject, now = pseudonym_of(key), self._now()
        fits = voucher is not None and self.is_vouched(report.subject, voucher)
        known = is_noted(connection, subject, report.source)
        return _Coming(
            subject=subject,
            report=report,
            digest=_digest(key, report),
            origin=origin,
            known_as=_known_as(connection, subject, report, origin) if not fits else "account",
            vouched=fits or known,
            # The clock may have been set back; a person's times of receipt never go back, as they order the sources.
            now=max(text_of(now), last_received(connection, subject) or ""),
        )

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

    def _keep(self, connection: Connection, coming: _Coming) -> int | None:
        """Keep an event, count it and log it; return its place in the log."""
        values = coming.values
        counting.count(connection, values, coming.now)
        log = None if self._log is None else self._logged(connection, self._log, coming)
        row = {**values, "digest": coming.digest, "log": log}
        connection.execute(insert(consent_events).values(**row))
        return log

    def _logged(self, connection: Connection, log: Log, coming: _Coming) -> int:
        content = {"schema": 1, "event": {**coming.values, "vouched": coming.vouched}}
        reference = f"{coming.subject} {coming.report.source} {coming.report.sequence}"
        return log.append_within(connection, "consent", content, reference=reference, subject=coming.subject)

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


def is_noted(connection: Connection, subject: str, source: str) -> bool:
    """Return whether a voucher for a person's stream came."""
    found = consent_vouched.c
    query = select(found.received).where(found.subject == subject, found.source == source)
    return connection.scalar(query) is not None


def is_installation(connection: Connection, subject: str) -> bool | None:
    """Return whether everything that was received of a person names an installation; None: nothing was."""
    found = set(connection.scalars(select(_EVENTS.known_as).where(_EVENTS.subject == subject).distinct()))
    return found == {"installation"} if found else None


def _known_as(connection: Connection, subject: str, report: ConsentReport, origin: Origin) -> Known:
    """Return how a person is named: by a device as it says, by others as they are named already."""
    if origin == "request":
        # Somebody's identity was checked, and a stranger may have reported an installation of their name before.
        return "account"
    if origin == "import":
        return "installation" if is_installation(connection, subject) else "account"
    # No installation draws another name: whoever calls an account one has only heard of it.
    return "installation" if report.known_as == "installation" and is_drawn(report.subject) else "account"


def _digest(key: bytes, report: ConsentReport) -> str:
    """Return what tells reports apart. Without the name: whoever had the tables could try names otherwise."""
    nameless = {**msgspec.to_builtins(report), "subject": "", "known_as": ""}
    return hmac.digest(key, _DIGEST + canonical(nameless), sha256).hex()


def _next(report: ConsentReport, events: Sequence[ConsentEvent]) -> ConsentReport:
    """Return the report in its source's next place, or the last one again where the signal is still on."""
    stream = [event for event in events if event.source == report.source]
    mine = [event for event in stream if event.origin == "browser" and event.choice.signal_value is True]
    signals = [event for event in events if event.choice.signal == GPC]
    if mine and signals[-1] is mine[-1]:
        last = mine[-1]
        return msgspec.structs.replace(report, sequence=last.sequence, sdk=last.sdk, choice=last.choice)
    # A document that was brought in may have taken places.
    taken = {event.sequence for event in stream}
    first = 1 + max((event.sequence for event in mine), default=0)
    return msgspec.structs.replace(report, sequence=next(place for place in count(first) if place not in taken))


def _browser(key: bytes) -> str:
    """Return the stream of a person's browser signals, which is told to nobody who is not proven to be them."""
    return hmac.digest(key, _BROWSER, sha256).hex()[:32]


def _is_no_devices(connection: Connection, coming: _Coming) -> bool:
    """Return whether a stream is a request's, or of browser signals."""
    of_stream = (_EVENTS.subject == coming.subject, _EVENTS.source == coming.report.source)
    query = select(_EVENTS.number).where(*of_stream, _EVENTS.origin.in_(("browser", "request"))).limit(1)
    return connection.scalar(query) is not None
