"""What somebody wants to have sent, checked."""

import re
from dataclasses import dataclass
from decimal import Decimal

from homespun.contribute.limits import EgressLimits
from homespun.errors import MisuseError
from homespun.protocol.destination import origin
from homespun.protocol.epsilon import epsilon_steps

_WHAT = re.compile(r"[a-z0-9][a-z0-9_.:/-]{0,79}", re.ASCII)
_PURPOSE = re.compile(r"[a-z][a-z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody wants to have sent.

    Attributes:
        what: Its short name.
        payload: Its bytes.
        purpose: Name of the purpose that it serves.
        destination: Origin that it goes to.
        epsilon: ε that it takes, in steps of 10⁻¹².
        idempotent: Whether it may be sent again when it may have left.
    """

    what: str
    payload: bytes
    purpose: str
    destination: str
    epsilon: int
    idempotent: bool


def checked_offer(
    what: str,
    payload: bytes,
    *,
    purpose: str,
    destination: str,
    epsilon: Decimal | int,
    idempotent: bool,
    limits: EgressLimits,
) -> Offer:
    """Return the offer.

    Raises:
        MisuseError: A value is not what it should be.
    """
    if not isinstance(payload, bytes) or not 1 <= len(payload) <= limits.payload_bytes:
        raise MisuseError(f"the payload must be 1 to {limits.payload_bytes} bytes; split it, or raise payload_bytes.")
    if not isinstance(idempotent, bool):
        raise MisuseError("idempotent is True or False: whether the destination counts a repeated payload once.")
    return Offer(
        what=_word("what", what, _WHAT, "a short name such as 'item-counts/2031-w07'"),
        payload=payload,
        purpose=_word("purpose", purpose, _PURPOSE, "a purpose's name such as 'contribution'"),
        destination=origin(destination),
        epsilon=epsilon_steps(epsilon),
        idempotent=idempotent,
    )


def checked_purposes(purposes: object) -> tuple[str, ...]:
    """Return the purposes' names.

    Raises:
        MisuseError: It is not a collection of them, or an empty one.
    """
    if isinstance(purposes, str) or not isinstance(purposes, list | tuple | set | frozenset) or not purposes:
        raise MisuseError("name the purposes in a list, for instance ['contribution'].")
    return tuple(
        _word("a purpose", purpose, _PURPOSE, "a purpose's name such as 'contribution'") for purpose in purposes
    )


def _word(name: str, value: object, pattern: re.Pattern[str], wanted: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MisuseError(f"{name} is not what it should be; use {wanted}, in lower case.")
    # An enumeration's member is kept as its name.
    return str.__str__(value)
