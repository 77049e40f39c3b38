"""The consent record: one choice of the person, with the notice that they saw.

A record is evidence and is never changed; a later choice is a later record. Purposes are text here, so
that a record about a purpose that this version does not know is kept rather than lost.
"""

from typing import Literal

import msgspec

SCHEMA_VERSION = 1
"""Version of the consent record that this package writes and reads."""

Action = Literal["grant", "withdraw"]


class ShownNotice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The notice as it was shown.

    Attributes:
        text: Its full text.
        language: BCP 47 tag of the text's language.
        version: The application's name for this wording.
        sha256: Lower-case hexadecimal SHA-256 of the text in UTF-8.
    """

    text: str
    language: str
    version: str
    sha256: str


class ConsentRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One choice about one purpose.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        sequence: Position among the person's choices, from 1; the order that decides.
        purpose: The purpose's name, for instance ``personalization``.
        action: ``grant`` or ``withdraw``.
        notice: What was shown; None for a withdrawal, which needs no notice.
        surface: Where the choice was made, for instance ``settings page``.
        method: How it was made, for instance ``explicit``.
        time: When, seconds since 1970-01-01 UTC by the device's clock; informative only.
    """

    schema: int = SCHEMA_VERSION
    sequence: int
    purpose: str
    action: Action
    notice: ShownNotice | None
    surface: str
    method: str
    time: float
