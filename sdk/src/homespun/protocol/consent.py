"""The consent record: one choice about one purpose, or one signal, with the notice that was seen.

A record is evidence and is never changed; a later choice is a later record. Purposes and actions are text here,
so that what a newer version wrote is kept rather than lost, and read by ``kind_of`` as unknown, which allows
nothing. Schema 1 has no field below ``time``, and is read as it is.
"""

from typing import Final, Literal, cast, get_args

import msgspec

SCHEMA_VERSION: Final = 2
"""Version of the consent record that this package writes; it reads all up to this one."""

Action = Literal["grant", "withdraw", "refuse", "expire", "signal", "declare"]
"""What records do:

- ``grant``, ``withdraw``, ``refuse``: the person's choice; a refusal answers a notice, a withdrawal needs none.
- ``expire``: the term of a grant ended.
- ``signal``: a privacy signal, such as Global Privacy Control, came on or went off.
- ``declare``: the application declares the purpose strictly necessary, or takes that back.
"""

Kind = Literal[Action, "unknown"]
"""An action, or what only a newer version can read."""

ACTIONS: Final = frozenset(get_args(Action))

GPC: Final = "gpc"
"""Name of the signal Global Privacy Control."""


class ShownNotice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The notice as it was shown.

    Attributes:
        text: Its full text; empty where only its hash was remembered.
        language: BCP 47 tag of the text's language.
        version: The application's name for this wording.
        sha256: Lower-case hexadecimal SHA-256 of the text in UTF-8.
    """

    text: str
    language: str
    version: str
    sha256: str


class ConsentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One choice about one purpose, or one signal.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        sequence: Position among the records, from 1; the order that decides.
        purpose: The purpose's name, for instance ``personalization``; empty for a signal, which is about several.
        action: An Action; of a newer writer perhaps something else, see ``kind_of``.
        notice: What was shown; for a withdrawal the notice of the grant that it ends, if there was one.
        surface: Where the choice was made, for instance ``settings page``.
        method: How it was made, for instance ``explicit``.
        time: When, seconds since 1970-01-01 UTC by the device's clock; informative only.
        valid_until: When the grant's term ends (of ``expire``: ended), in the same seconds; None without a term.
        exception: The signal that the person makes an exception to by this grant, for instance ``gpc``.
        signal: The signal's name.
        signal_value: Whether the signal came on or went off.
        outcome: The purposes that the signal forbids from now on.
        choices: Which of the purposes that the signal is about the person had granted when it came.
        basis: Why the purpose is declared strictly necessary; None takes the declaration back.
    """

    schema: int = SCHEMA_VERSION
    sequence: int
    purpose: str
    action: str
    notice: ShownNotice | None
    surface: str
    method: str
    time: float
    valid_until: float | None = None
    exception: str | None = None
    signal: str | None = None
    signal_value: bool | None = None
    outcome: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    basis: str | None = None


def kind_of(record: ConsentRecord) -> Kind:
    """Return what a record does; ``unknown`` for all that a newer version wrote, as it may mean anything."""
    if record.schema > SCHEMA_VERSION or record.action not in ACTIONS:
        return "unknown"
    return cast("Kind", record.action)


def permits(record: ConsentRecord) -> bool:
    """Return whether a record allows more than there was before it; all others are on the private side."""
    match kind_of(record):
        case "grant":
            return True
        case "declare":
            return record.basis is not None
        case "signal":
            return record.signal_value is False
        case _:
            return False


def same_words(first: ShownNotice | None, second: ShownNotice | None) -> bool:
    """Return whether two notices showed the same words; a notice that is missing showed none."""
    if first is None or second is None:
        return False
    return (first.sha256, first.language, first.version) == (second.sha256, second.language, second.version)
