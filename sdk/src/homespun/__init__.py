"""homespun: privacy-first personalization on the device.

The names below are the public surface; everything else may change between versions.
"""

from typing import TYPE_CHECKING, Any

from homespun._version import __version__
from homespun.asked.settings import Requests
from homespun.config import Retention, Settings
from homespun.consent import Controller, Notice, Purpose
from homespun.consent.proof import ConsentProof
from homespun.contribute.settings import Contributions
from homespun.errors import HomespunError
from homespun.explain.explanation import Attribution, Explanation
from homespun.model.bundle import Bundle, Scored
from homespun.model.new_item import NewItem
from homespun.personalizer import Personalizer, Recommendation
from homespun.profile import Key
from homespun.protocol.events import Event
from homespun.protocol.receipts import Receipt
from homespun.withdrawal import Withdrawal

if TYPE_CHECKING:
    from homespun.person.export import Recipient
    from homespun.sync import Updates

__all__ = [
    "Attribution",
    "Bundle",
    "ConsentProof",
    "Contributions",
    "Controller",
    "Event",
    "Explanation",
    "HomespunError",
    "Key",
    "NewItem",
    "Notice",
    "Personalizer",
    "Purpose",
    "Receipt",
    "Recipient",
    "Recommendation",
    "Requests",
    "Retention",
    "Scored",
    "Settings",
    "Updates",
    "Withdrawal",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import what only those need who seal exports or take updates: it would double the time of ``import homespun``."""
    if name == "Recipient":
        from homespun.person.export import Recipient  # noqa: PLC0415

        return Recipient
    if name == "Updates":
        from homespun.sync import Updates  # noqa: PLC0415

        return Updates
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
