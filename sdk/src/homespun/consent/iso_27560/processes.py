"""What is done for each purpose, in terms of the Data Privacy Vocabulary.

Everything happens on the device; only a contribution, proof of what was chosen and answers to requests leave it, for
the controller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from msgspec import UNSET

from homespun.consent.iso_27560.controller import Controller
from homespun.consent.purposes import Purpose
from homespun.protocol.consent_27560 import Described, Duration, ProcessNode, StorageCondition

_HERE: Final = ("dpv:WithinDevice",)


@dataclass(frozen=True, slots=True)
class _Process:
    purpose: str
    data: str
    data_words: str
    processing: tuple[str, ...]
    kept: str
    leaves: bool = False


_PROCESSES: Final[Mapping[Purpose, _Process]] = MappingProxyType(
    {
        Purpose.DEVICE_STORAGE: _Process(
            "dpv:TechnicalServiceProvision",
            "dpv:PersonalData",
            "The encrypted profile: what was recorded, the person's settings, and these records.",
            ("dpv:Store",),
            "until storage is withdrawn or the profile is erased",
        ),
        Purpose.PERSONALIZATION: _Process(
            "dpv:ProvidePersonalisedRecommendations",
            "dpv:ObservedPersonalData",
            "What the person did with which item, and when.",
            ("dpv:Record", "dpv:Use", "dpv:Profiling"),
            "until it is forgotten, its time to be kept ends, or the profile is erased",
        ),
        Purpose.CONTRIBUTION: _Process(
            "dpv:ImproveExistingProductsAndServices",
            "dpv:DerivedPersonalData",
            "A small encoded summary, which is only ever used together with those of many others.",
            ("dpv:Derive", "dpv:Transmit", "dpv:Aggregate"),
            "until it was added up with the summaries of others",
            leaves=True,
        ),
        Purpose.MEASUREMENT: _Process(
            "dpv:ServiceUsageAnalytics",
            "dpv:ObservedPersonalData",
            "Which recommendations were shown, and whether they were useful.",
            ("dpv:Record", "dpv:Analyse"),
            "until its time to be kept ends, or the profile is erased",
        ),
        Purpose.EXPLANATION_LOG: _Process(
            "dpv:RecordManagement",
            "dpv:DerivedPersonalData",
            "Why each recommendation was made.",
            ("dpv:Generate", "dpv:Store"),
            "until its time to be kept ends, or the profile is erased",
        ),
        Purpose.CONSENT_PROOF: _Process(
            "dpv:RecordManagement",
            "dpv:ProvidedPersonalData",
            "What the person chose, with the words that they saw, and the name that the application knows them by.",
            ("dpv:Transmit", "dpv:Store"),
            "until the operator's duty to prove consent ends, or the operator erased the person",
            leaves=True,
        ),
        Purpose.REQUESTS: _Process(
            "dpv:RightsFulfillment",
            "dpv:ProvidedPersonalData",
            "Requests about the person's data, and signed receipts of what was done about them.",
            ("dpv:Retrieve", "dpv:Transmit", "dpv:Store"),
            "until the operator's duty to prove the answer ends",
            leaves=True,
        ),
    }
)

_UNKNOWN: Final = _Process(
    "dpv:Purpose",
    "dpv:PersonalData",
    "What a newer version of homespun keeps for it.",
    ("dpv:Processing",),
    "until the profile is erased",
)


def process_of(purpose: str, controller: Controller, *, by_consent: bool) -> ProcessNode:
    """Return what is done for a purpose; of one that this version does not know, that it is unknown.

    Args:
        purpose: Its name in consent records.
        controller: Who answers for it.
        by_consent: Whether consent is its ground, rather than a declaration of strict necessity.
    """
    known = next((each for each in Purpose if each == purpose), None)
    process = _UNKNOWN if known is None else _PROCESSES[known]
    words = "A purpose of a newer version of homespun; this version does nothing for it."
    kept = Duration(type="dpv:UntilEventDuration", value=process.kept)
    where = (*_HERE, "dpv:RemoteLocation") if process.leaves else _HERE
    return ProcessNode(
        purpose=Described(
            type="dpv:Purpose",
            identifier=purpose,
            broader=process.purpose,
            description=words if known is None else known.description,
        ),
        personal_data=Described(type="dpv:PersonalData", broader=process.data, description=process.data_words),
        processing=process.processing,
        legal_basis="dpv:Consent" if by_consent else UNSET,
        controller=controller.identifier,
        recipients=(controller.identifier,) if process.leaves else ("dpv:DataSubject",),
        storage=(
            StorageCondition(type="dpv:StorageLocation", location=where),
            StorageCondition(type="dpv:StorageDuration", duration=kept),
        ),
        jurisdictions=tuple(f"loc:{code}" for code in controller.jurisdictions),
    )
