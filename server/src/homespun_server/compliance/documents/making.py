"""The documents that can be made, by the name that the command has for them."""

from collections.abc import Callable, Mapping
from typing import Final

from homespun.protocol.read_only import ReadOnlyDict
from homespun_server.compliance.documents.assessment import impact_assessment
from homespun_server.compliance.documents.blocks import Document
from homespun_server.compliance.documents.gathering import Gathered
from homespun_server.compliance.documents.notice import privacy_notice
from homespun_server.compliance.documents.recommender import recommender_parameters
from homespun_server.compliance.documents.record import data_map_document, record_of_processing

DOCUMENTS: Final[Mapping[str, Callable[[Gathered], Document]]] = ReadOnlyDict(
    {
        "art-30": record_of_processing,
        "art-35": impact_assessment,
        "dsa-27": recommender_parameters,
        "notice": privacy_notice,
        "map": data_map_document,
    }
)
"""What makes a document of what was gathered."""

TITLES: Final[Mapping[str, str]] = ReadOnlyDict(
    {
        "art-30": "record of processing activities (GDPR Art. 30)",
        "art-35": "skeleton of an impact assessment (GDPR Art. 35)",
        "dsa-27": "main parameters of the recommender (DSA Art. 27 and 38)",
        "notice": "facts for a privacy notice (GDPR Art. 13 and 14)",
        "map": "the data map, field by field",
    }
)
"""What each one is, in few words."""
