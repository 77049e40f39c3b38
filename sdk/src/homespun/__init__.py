"""homespun: privacy-first personalization on the device.

The names below are the public surface; everything else may change between versions.
"""

from homespun._version import __version__
from homespun.config import Settings
from homespun.consent import Notice, Purpose
from homespun.errors import HomespunError
from homespun.explain.explanation import Attribution, Explanation
from homespun.model.bundle import Bundle, Scored
from homespun.personalizer import Personalizer, Recommendation
from homespun.profile import Key
from homespun.protocol.events import Event
from homespun.protocol.receipts import Receipt

__all__ = [
    "Attribution",
    "Bundle",
    "Event",
    "Explanation",
    "HomespunError",
    "Key",
    "Notice",
    "Personalizer",
    "Purpose",
    "Receipt",
    "Recommendation",
    "Scored",
    "Settings",
    "__version__",
]
