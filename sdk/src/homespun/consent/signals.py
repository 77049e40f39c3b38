"""Privacy signals, and the purposes that each of them forbids."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from homespun.consent.purposes import Purpose
from homespun.protocol.consent import GPC, ConsentRecord

FORBIDS: Final[Mapping[str, tuple[Purpose, ...]]] = MappingProxyType({GPC: (Purpose.CONTRIBUTION, Purpose.MEASUREMENT)})
"""What a signal that is on forbids: all that is used with others' data, or is made to be told to others.

Proof of what the person chose, the signal itself included, and answers to their own requests serve the person; a
signal against sale and sharing does not speak against them.
"""

_NAMES: Final = MappingProxyType({GPC: "Global Privacy Control"})


def title(signal: str) -> str:
    """Return what people call a signal."""
    return _NAMES.get(signal, f"the signal {signal}")


def forbids(signal: ConsentRecord, purpose: str) -> bool:
    """Return whether a signal, as it was recorded, forbids a purpose; one without a value counts as on."""
    if signal.signal_value is False:
        return False
    return purpose in signal.outcome or purpose in FORBIDS.get(signal.signal or "", ())


def excepted(signal: ConsentRecord, choice: ConsentRecord | None) -> bool:
    """Return whether a grant is the person's explicit exception to a signal, which only a later one can be."""
    return (
        choice is not None
        and choice.exception is not None
        and choice.exception == signal.signal
        and choice.sequence > signal.sequence
    )
