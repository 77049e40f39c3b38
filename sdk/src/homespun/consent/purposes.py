"""What a person can allow. Everything is off until it is granted, and each purpose stands alone."""

from enum import StrEnum
from typing import Self


class Purpose(StrEnum):
    """One thing that homespun may do; its ``description`` is plain enough to be shown.

    The value is the purpose's name in consent records and never changes its meaning.
    """

    description: str

    DEVICE_STORAGE = (
        "device_storage",
        "Keep an encrypted profile on this device, so that it is still there after a restart.",
    )
    PERSONALIZATION = (
        "personalization",
        "Use what you do in this application to choose what is shown to you, on this device only.",
    )
    CONTRIBUTION = (
        "contribution",
        "Send a small encoded summary that is only ever used together with those of many other people.",
    )
    MEASUREMENT = (
        "measurement",
        "Count on this device whether recommendations were useful, to compare ways of choosing them.",
    )
    EXPLANATION_LOG = (
        "explanation_log",
        "Keep a record of why each recommendation was made, so that it can be checked later.",
    )

    CONSENT_PROOF = (
        "consent_proof",
        "Report what you allow and refuse to the operator, as you, so that both sides have proof of it.",
    )
    REQUESTS = (
        "requests",
        "Look whether a request about your data, such as an erasure, waits for you, and answer it with proof, as you.",
    )

    def __new__(cls, name: str, description: str) -> Self:
        """Make a member that is its name and carries its description."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.description = description
        return member
