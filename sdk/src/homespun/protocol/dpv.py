"""Names of the Data Privacy Vocabulary, version 2 (https://w3id.org/dpv), as far as consent records use them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

_REFERENCES: Final = (
    "dct:conformsTo",
    "dpv:hasApplicability",
    "dpv:hasDataController",
    "dpv:hasJurisdiction",
    "dpv:hasLegalBasis",
    "dpv:hasLocation",
    "dpv:hasNotice",
    "dpv:hasProcessing",
    "dpv:hasRecipient",
    "dpv:isIndicatedBy",
    "skos:broader",
    "spdx:algorithm",
)

CONTEXT: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "dpv": "https://w3id.org/dpv#",
        "loc": "https://w3id.org/dpv/loc#",
        "dct": "http://purl.org/dc/terms/",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "schema": "https://schema.org/",
        "skos": "http://www.w3.org/2004/02/skos/core#",
        "spdx": "http://spdx.org/rdf/terms#",
        **{name: {"@type": "@id"} for name in _REFERENCES},
        "dpv:isIndicatedAtTime": {"@type": "http://www.w3.org/2001/XMLSchema#dateTime"},
    }
)
"""What the names mean; the same in every document."""

Text = Annotated[str, Meta(min_length=1)]
Uuid = Annotated[str, Meta(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Urn = Annotated[str, Meta(pattern="^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Iri = Annotated[str, Meta(pattern='^[a-z][a-z0-9+.-]*:[^\\s<>"{}|\\\\^`]+$')]
Term = Annotated[str, Meta(pattern="^dpv:[A-Z][A-Za-z]+$")]
Place = Annotated[str, Meta(pattern="^loc:[A-Z]{2,3}(-[A-Z0-9]{1,3})?$")]
Time = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{6})?Z$")]
NoticeName = Annotated[str, Meta(pattern="^_:notice-[1-9][0-9]*$")]

State = Literal[
    "dpv:ConsentGiven",
    "dpv:RenewedConsentGiven",
    "dpv:ConsentRefused",
    "dpv:ConsentWithdrawn",
    "dpv:ConsentExpired",
    "dpv:ConsentUnknown",
    "dpv:ConsentStatusInvalidForProcessing",
    "dpv:ConsentStatus",
]
ConsentType = Literal["dpv:ExplicitlyExpressedConsent", "dpv:ExpressedConsent"]
EventTypes = Annotated[tuple[State | ConsentType, ...], Meta(min_length=1, max_length=2)]
Terms = Annotated[tuple[Term, ...], Meta(min_length=1)]
