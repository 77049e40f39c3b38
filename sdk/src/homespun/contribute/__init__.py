"""What may leave the device: the one way out, and the ledger of everything that took it.

``Egress`` alone holds the transport. Whatever is to be sent is queued with it, under a consent and within a
budget, and is in the ledger before its first byte goes. ``Ledger`` is how a person reads that.
"""

from homespun.contribute.egress import Egress
from homespun.contribute.ledger import Ledger, PurposeTotal
from homespun.contribute.limits import EgressLimits
from homespun.contribute.log import EgressLog, EgressReader, Transport
from homespun.contribute.outcome import CancelEffects, SendOutcome, SendResult

__all__ = [
    "CancelEffects",
    "Egress",
    "EgressLimits",
    "EgressLog",
    "EgressReader",
    "Ledger",
    "PurposeTotal",
    "SendOutcome",
    "SendResult",
    "Transport",
]
