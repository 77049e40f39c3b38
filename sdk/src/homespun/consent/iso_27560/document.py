"""A consent record for each purpose, with its events and the notices that they refer to."""

import uuid
from collections.abc import Iterable, Sequence

from msgspec import UNSET

from homespun.consent.iso_27560.controller import Controller
from homespun.consent.iso_27560.events import event_of
from homespun.consent.iso_27560.processes import process_of
from homespun.consent.order import ordered
from homespun.consent.purposes import Purpose
from homespun.consent.signals import FORBIDS
from homespun.errors import MisuseError
from homespun.protocol.consent import ConsentRecord, ShownNotice, kind_of
from homespun.protocol.consent_27560 import (
    Checksum,
    ConsentDocument,
    DataSubject,
    EntityNode,
    EventNode,
    Exercise,
    NoticeNode,
    Record27560,
)

_CHOICES = ("grant", "withdraw", "refuse", "expire")


def to_27560(records: Iterable[ConsentRecord], *, profile: str, controller: Controller) -> ConsentDocument:
    """Return the consent records of a profile as TS 27560 has them, one for each purpose that has records.

    ``msgspec.json.encode`` writes the result as JSON-LD that fits ``protocol/schemas/consent-record.json``. A
    record's id is made from the profile's id and the purpose, and so is the same in every document.

    Args:
        records: The ledger's records, in any order.
        profile: The profile's id, 32 hexadecimal digits.
        controller: Who answers for the application.

    Raises:
        MisuseError: If ``profile`` is no id, or ``controller`` is none.
    """
    if not isinstance(controller, Controller):
        raise MisuseError("a consent record names who answers for it: controller=Controller(...).")
    person, history = _person(profile), ordered(records)
    names = [*Purpose, *sorted({record.purpose for record in history} - {*Purpose, ""})]
    happened = {name: [record for record in history if _concerns(record, name)] for name in names}
    notices = _Notices()
    return ConsentDocument(
        records=tuple(_record(name, events, person, controller, notices) for name, events in happened.items() if events)
    )


class _Notices:
    """Numbers the notices of a document, the same words once."""

    def __init__(self) -> None:
        self._names: dict[ShownNotice | None, str] = {}

    def name(self, notice: ShownNotice | None) -> str:
        """Return what the document calls a notice."""
        return self._names.setdefault(notice, f"_:notice-{len(self._names) + 1}")

    def node(self, notice: ShownNotice | None) -> NoticeNode:
        """Return the notice as the document shows it."""
        if notice is None:
            return NoticeNode(id=self.name(None), language="und", applicability="dpv:NotAvailable")
        return NoticeNode(
            id=self.name(notice),
            language=notice.language or "und",
            version=notice.version or UNSET,
            text=notice.text or UNSET,
            checksum=Checksum(value=notice.sha256),
        )


def _record(
    purpose: str, records: Sequence[ConsentRecord], person: uuid.UUID, controller: Controller, notices: _Notices
) -> Record27560:
    identity = uuid.uuid5(person, purpose)
    shown = tuple(dict.fromkeys(record.notice for record in records if record.notice is not None)) or (None,)
    chosen = any(kind_of(record) != "declare" for record in records)
    at = controller.withdrawal
    return Record27560(
        id=identity.urn,
        identifier=str(identity),
        data_subject=DataSubject(id=person.urn, identifier=str(person)),
        notices=tuple(map(notices.node, shown)),
        process=process_of(purpose, controller, by_consent=chosen),
        control=Exercise(types=("dpv:ProvideConsent", "dpv:WithdrawConsent"), at=at),
        right=Exercise(types=("dpv:DataSubjectRight",), title="Right to withdraw consent at any time", at=at),
        entities=(
            EntityNode(
                id=controller.identifier,
                identifier=controller.identifier,
                name=controller.name,
                address=controller.address,
                contact=controller.contact,
            ),
        ),
        events=tuple(_events(records, person, controller, notices)),
    )


def _events(
    records: Sequence[ConsentRecord], person: uuid.UUID, controller: Controller, notices: _Notices
) -> Iterable[EventNode]:
    before: ConsentRecord | None = None
    for record in records:
        notice = None if record.notice is None else notices.name(record.notice)
        yield event_of(record, before, person=person.urn, controller=controller.identifier, notice=notice)
        before = record if kind_of(record) in _CHOICES else before


def _concerns(record: ConsentRecord, purpose: str) -> bool:
    if kind_of(record) == "signal":
        return purpose in (*record.outcome, *record.choices, *FORBIDS.get(record.signal or "", ()))
    return record.purpose in (purpose, "")


def _person(profile: str) -> uuid.UUID:
    try:
        return uuid.UUID(hex=profile)
    except (TypeError, ValueError, AttributeError) as error:
        raise MisuseError(f"profile is {profile!r}; give the profile's id, 32 hexadecimal digits.") from error
