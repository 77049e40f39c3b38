"""What happened to a purpose, as consent events.

Where DPV has no state for something, the event says in words what it is. A signal that came on is a state that is
invalid for processing; one that went off brings no consent, so it is a state without a further name; a declaration
by the application, and what only a newer version can read, is ``dpv:ConsentUnknown``: nobody consented by it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from msgspec import UNSET, UnsetType

from homespun.consent.signals import title
from homespun.protocol.consent import ConsentRecord, Kind, kind_of, permits
from homespun.protocol.consent_27560 import Duration, EventNode
from homespun.protocol.dpv import ConsentType, State
from homespun.protocol.events import MAX_TIME

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_STATES: Final[Mapping[Kind, State]] = MappingProxyType(
    {
        "refuse": "dpv:ConsentRefused",
        "withdraw": "dpv:ConsentWithdrawn",
        "expire": "dpv:ConsentExpired",
        "declare": "dpv:ConsentUnknown",
        "unknown": "dpv:ConsentUnknown",
    }
)


def event_of(
    record: ConsentRecord, before: ConsentRecord | None, *, person: str, controller: str, notice: str | None
) -> EventNode:
    """Return a record as an event of one purpose.

    Args:
        record: What happened.
        before: The choice, or its expiry, that this one follows.
        person: The data subject's IRI.
        controller: The controller's IRI.
        notice: The node of the notice that was shown.
    """
    kind = kind_of(record)
    return EventNode(
        types=_types(record, before),
        identifier=str(record.sequence),
        time=iso_time(record.time),
        by=controller if kind in ("expire", "declare") else person,
        method=", ".join(part for part in (record.method, record.surface) if part) or "unknown",
        duration=_duration(record),
        notice=UNSET if notice is None else notice,
        justification=_justification(record),
        outcome=_outcome(record) if kind == "signal" else UNSET,
    )


def iso_time(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC; what lies outside its years is written as the first or the last of them."""
    moment = _EPOCH + timedelta(seconds=min(max(seconds, 0.0), MAX_TIME))
    return moment.isoformat().replace("+00:00", "Z")


def _types(record: ConsentRecord, before: ConsentRecord | None) -> tuple[State | ConsentType, ...]:
    kind = kind_of(record)
    if kind == "signal":
        return ("dpv:ConsentStatus" if permits(record) else "dpv:ConsentStatusInvalidForProcessing",)
    if kind != "grant":
        return (_STATES[kind],)
    renewed = before is not None and kind_of(before) in ("grant", "expire")
    explicit = record.method == "explicit"
    return (
        "dpv:RenewedConsentGiven" if renewed else "dpv:ConsentGiven",
        "dpv:ExplicitlyExpressedConsent" if explicit else "dpv:ExpressedConsent",
    )


def _duration(record: ConsentRecord) -> Duration:
    if kind_of(record) == "grant" and record.valid_until is not None:
        return Duration(type="dpv:UntilTimeDuration", value=iso_time(record.valid_until))
    return Duration(type="dpv:UntilEventDuration", value="until a later event of this record")


def _justification(record: ConsentRecord) -> str | UnsetType:
    kind = kind_of(record)
    if kind == "declare":
        return record.basis or "The declaration of strict necessity is taken back."
    if kind == "grant" and record.exception:
        return f"An explicit exception to {title(record.exception)}."
    return UNSET


def _outcome(record: ConsentRecord) -> str:
    state = "off" if permits(record) else "on"
    forbidden = ", ".join(record.outcome) or "nothing"
    granted = ", ".join(record.choices) or "none of what it is about"
    return f"{title(record.signal or '')} is {state}. It forbids: {forbidden}. Granted when it came: {granted}."
