"""Events of the ledger as values, and their rows."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from sqlalchemy import Row

from homespun.protocol.consent import ConsentRecord, ShownNotice
from homespun.protocol.consent_report import Known, ReportedChoice, record_of

Origin = Literal["device", "browser", "import", "request"]
"""What brought an event: a device's report, a request's header, a document, or a request that an officer worked on."""


class ConsentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One choice of one person as it was received.

    Attributes:
        number: Its place in the ledger, ascending; there may be gaps.
        source: The stream that it is from.
        sequence: Its place in that stream.
        origin: What brought it.
        known_as: How the person was named.
        received: When, by this server's clock, ISO 8601, UTC.
        sdk: The version of what reported it; empty where that is not known.
        log: Index of its entry in the transparency log; None: there is no log.
        vouched: Since when a voucher says that its stream is this person's, ISO 8601, UTC; None: none came.
        choice: What was chosen. Words that were shown, their language and version are the operator's where the
            operator registered them; of others the report's language and version, and no words.
    """

    number: int
    source: str
    sequence: int
    origin: Origin
    received: str
    sdk: str
    log: int | None
    choice: ReportedChoice
    known_as: Known = "account"
    vouched: str | None = None

    @property
    def record(self) -> ConsentRecord:
        """The record, as the device has it."""
        return record_of(self.choice, self.sequence)


class Conflict(msgspec.Struct, frozen=True):
    """A report that was refused, because another one was received first in its place.

    Attributes:
        source: The stream.
        sequence: The place in it.
        received: When it came, ISO 8601, UTC.
    """

    source: str
    sequence: int
    received: str


class Gap(msgspec.Struct, frozen=True):
    """Places of a stream of which nothing was received although something later was.

    Attributes:
        source: The stream.
        first: The first missing place.
        last: The last one of that gap.
    """

    source: str
    first: int
    last: int


def values_of(choice: ReportedChoice) -> dict[str, Any]:
    """Return the columns that say what was chosen."""
    notice = choice.notice
    return {
        "schema": choice.schema,
        "purpose": choice.purpose,
        "action": choice.action,
        "notice": None if notice is None else notice.sha256,
        "language": "" if notice is None else notice.language,
        "version": "" if notice is None else notice.version,
        "surface": choice.surface,
        "method": choice.method,
        "time": choice.time,
        "valid_until": choice.valid_until,
        "exception": choice.exception,
        "signal": choice.signal,
        "signal_value": choice.signal_value,
        "outcome": _joined(choice.outcome),
        "choices": _joined(choice.choices),
        "basis": choice.basis,
    }


def event_of(row: Row[Any]) -> ConsentEvent:
    """Return an event of its row, beside which are the registered words and since when its stream is vouched for."""
    return ConsentEvent(
        number=row.number,
        source=row.source,
        sequence=row.sequence,
        origin=row.origin,
        known_as=row.known_as,
        vouched=row.vouched,
        received=row.received,
        sdk=row.sdk,
        log=row.log,
        choice=ReportedChoice(
            schema=row.schema,
            purpose=row.purpose,
            action=row.action,
            notice=_notice_of(row),
            surface=row.surface,
            method=row.method,
            time=row.time,
            valid_until=row.valid_until,
            exception=row.exception,
            signal=row.signal,
            signal_value=row.signal_value,
            outcome=_split(row.outcome),
            choices=_split(row.choices),
            basis=row.basis,
        ),
    )


def _notice_of(row: Row[Any]) -> ShownNotice | None:
    """Return what was shown: registered words by the operator's names for them, others by those of the report."""
    if row.notice is None:
        return None
    if row.text is None:
        return ShownNotice("", row.language, row.version, row.notice)
    return ShownNotice(row.text, row.registered_language, row.registered_version, row.notice)


def gaps_of(events: Iterable[ConsentEvent]) -> tuple[Gap, ...]:
    """Return what is missing, source by source in the order of their first event."""
    streams: dict[str, list[int]] = {}
    for event in events:
        streams.setdefault(event.source, []).append(event.sequence)
    return tuple(gap for source, sequences in streams.items() for gap in _missing(source, sorted(sequences)))


def _missing(source: str, sequences: list[int]) -> Iterable[Gap]:
    for before, after in zip((0, *sequences), sequences, strict=False):
        if after > before + 1:
            yield Gap(source, before + 1, after - 1)


def _joined(names: tuple[str, ...]) -> str:
    # Purposes are words without spaces.
    return " ".join(names)


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())
