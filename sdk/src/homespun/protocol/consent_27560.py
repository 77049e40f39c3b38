"""Consent records for others: ISO/IEC TS 27560:2023 in the profile of the Data Privacy Vocabulary, as JSON-LD.

The structure follows the DPV Community Group's guide "Consent Records and Receipts as per ISO/IEC TS 27560:2023
using DPV" (https://w3id.org/dpv/guides/consent-27560), profile ``dpv-27560:record``: header, processing, parties
and events. Terms are of DPV 2 (https://w3id.org/dpv), DCMI, SPDX and schema.org. The context is part of every
document, so that nothing is fetched to read it; the JSON Schema is ``schemas/consent-record.json``, which
``json_schema`` makes and every document must fit.

One record speaks of one purpose of one profile. A mandatory field that has no content says so: a purpose that was
never asked about has a notice that is ``dpv:NotAvailable``, in the language ``und``.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from homespun.protocol.dpv import (
    CONTEXT,
    EventTypes,
    Iri,
    NoticeName,
    Place,
    Term,
    Terms,
    Text,
    Time,
    Urn,
    Uuid,
)


class Duration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long something holds: until a time, or until an event in plain words."""

    type: Literal["dpv:UntilTimeDuration", "dpv:UntilEventDuration"] = field(name="@type")
    value: Text = field(name="rdf:value")


class Checksum(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The SHA-256 of a notice's text in UTF-8."""

    type: Literal["spdx:Checksum"] = field(name="@type", default="spdx:Checksum")
    algorithm: Literal["spdx:checksumAlgorithm_sha256"] = field(
        name="spdx:algorithm", default="spdx:checksumAlgorithm_sha256"
    )
    value: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] = field(name="spdx:checksumValue")


class NoticeNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A notice as it was shown; without its text where only its hash is known, or with nothing where none is."""

    id: NoticeName = field(name="@id")
    type: Literal["dpv:ConsentNotice"] = field(name="@type", default="dpv:ConsentNotice")
    language: Text = field(name="dct:language")
    version: Text | UnsetType = field(name="schema:version", default=UNSET)
    text: Text | UnsetType = field(name="rdf:value", default=UNSET)
    checksum: Checksum | UnsetType = field(name="spdx:checksum", default=UNSET)
    applicability: Literal["dpv:NotAvailable"] | UnsetType = field(name="dpv:hasApplicability", default=UNSET)


class EventNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happened: a choice, an expiry, a signal or a declaration. The identifier is its sequence number.

    The provenance is in documents of an operator: who stands behind what it received.
    """

    types: EventTypes = field(name="@type")
    identifier: Annotated[str, Meta(pattern="^(0|[1-9][0-9]*)$")] = field(name="dct:identifier")
    time: Time = field(name="dpv:isIndicatedAtTime")
    by: Iri = field(name="dpv:isIndicatedBy")
    method: Text = field(name="dpv:hasIndicationMethod")
    duration: Duration = field(name="dpv:hasDuration")
    notice: NoticeName | UnsetType = field(name="dpv:hasNotice", default=UNSET)
    justification: Text | UnsetType = field(name="dpv:hasJustification", default=UNSET)
    outcome: Text | UnsetType = field(name="dpv:hasOutcome", default=UNSET)
    provenance: Text | UnsetType = field(name="dct:provenance", default=UNSET)


class Described(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A purpose, or a kind of personal data: what it is in DPV, and in plain words."""

    type: Literal["dpv:Purpose", "dpv:PersonalData"] = field(name="@type")
    identifier: Text | UnsetType = field(name="dct:identifier", default=UNSET)
    broader: Term = field(name="skos:broader")
    description: Text = field(name="dct:description")


class StorageCondition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where it is stored, or how long."""

    type: Literal["dpv:StorageLocation", "dpv:StorageDuration"] = field(name="@type")
    location: Terms | UnsetType = field(name="dpv:hasLocation", default=UNSET)
    duration: Duration | UnsetType = field(name="dpv:hasDuration", default=UNSET)


class ProcessNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is done for the purpose, with what, where, how long and by whom."""

    type: Literal["dpv:Process"] = field(name="@type", default="dpv:Process")
    purpose: Described = field(name="dpv:hasPurpose")
    personal_data: Described = field(name="dpv:hasPersonalData")
    processing: Terms = field(name="dpv:hasProcessing")
    legal_basis: Term | UnsetType = field(name="dpv:hasLegalBasis", default=UNSET)
    controller: Iri = field(name="dpv:hasDataController")
    recipients: Annotated[tuple[Iri, ...], Meta(min_length=1)] = field(name="dpv:hasRecipient")
    storage: Annotated[tuple[StorageCondition, ...], Meta(min_length=2, max_length=2)] = field(
        name="dpv:hasStorageCondition"
    )
    jurisdictions: Annotated[tuple[Place, ...], Meta(min_length=1)] = field(name="dpv:hasJurisdiction")


class Exercise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A control or a right of the person, and where they use it."""

    types: Terms = field(name="@type")
    title: Text | UnsetType = field(name="dct:title", default=UNSET)
    at: Text = field(name="dpv:isExercisedAt")


class EntityNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A party: who decides about the processing."""

    id: Iri = field(name="@id")
    type: Literal["dpv:DataController"] = field(name="@type", default="dpv:DataController")
    identifier: Iri = field(name="dpv:hasIdentifier")
    name: Text = field(name="dpv:hasName")
    address: Text = field(name="dpv:hasAddress")
    contact: Text = field(name="dpv:hasContact")


class DataSubject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The person, known by the random id of their profile only."""

    id: Urn = field(name="@id")
    type: Literal["dpv:DataSubject"] = field(name="@type", default="dpv:DataSubject")
    identifier: Uuid = field(name="dct:identifier")


class Record27560(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The consent record of one purpose: every field that TS 27560 makes mandatory, and its events in order."""

    id: Urn = field(name="@id")
    type: Literal["dpv:ConsentRecord"] = field(name="@type", default="dpv:ConsentRecord")
    conforms_to: Literal["https://w3id.org/dpv/schema/dpv-27560#record"] = field(
        name="dct:conformsTo", default="https://w3id.org/dpv/schema/dpv-27560#record"
    )
    identifier: Uuid = field(name="dct:identifier")
    data_subject: DataSubject = field(name="dpv:hasDataSubject")
    notices: Annotated[tuple[NoticeNode, ...], Meta(min_length=1)] = field(name="dpv:hasNotice")
    process: ProcessNode = field(name="dpv:hasProcess")
    control: Exercise = field(name="dpv:hasConsentControl")
    right: Exercise = field(name="dpv:hasRight")
    entities: Annotated[tuple[EntityNode, ...], Meta(min_length=1, max_length=1)] = field(name="dpv:hasEntity")
    events: Annotated[tuple[EventNode, ...], Meta(min_length=1)] = field(name="dpv:hasConsentStatus")


class ConsentDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The consent records of a profile, one a purpose."""

    context: dict[str, Any] = field(name="@context", default_factory=lambda: dict(CONTEXT))
    records: tuple[Record27560, ...] = field(name="@graph")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema that every document fits; the shipped file is this in JSON with two spaces."""
    schema = msgspec.json.schema(ConsentDocument)
    schema["$defs"]["ConsentDocument"]["properties"]["@context"] = {"const": dict(CONTEXT)}
    schema["$defs"]["ConsentDocument"]["required"] = ["@context", "@graph"]
    title = "Consent records of a homespun profile: ISO/IEC TS 27560:2023 in the DPV profile"
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:homespun:consent-records:1"}
    return {**head, "title": title, **schema}
