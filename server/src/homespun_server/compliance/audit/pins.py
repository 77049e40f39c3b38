"""What an auditor knows from elsewhere, and holds the bundle against."""

from collections.abc import Mapping
from dataclasses import dataclass, field

UNPINNED = "not pinned: the bundle vouches for its own key"


@dataclass(frozen=True, kw_only=True)
class Pins:
    """Keys that an auditor was given on another way than the bundle; what is None proves less.

    Attributes:
        log: The key that signs checkpoints and the bundle, 32 bytes.
        receipts: The key that signs receipts, 32 bytes.
        root: The root of the signed repository that applications ship.
        witnesses: Keys of witnesses, by name.
    """

    log: bytes | None = None
    receipts: bytes | None = None
    root: bytes | None = None
    witnesses: Mapping[str, bytes] = field(default_factory=dict)
