"""The gate in front of every part: what may happen at one moment.

Pure: made of what was chosen and set, it answers and remembers nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from homespun.consent.ledger import ConsentLedger
from homespun.consent.parts import Block, Part
from homespun.protocol.controls import Steering


@dataclass(frozen=True, slots=True)
class Gate:
    """What decides at one moment.

    Attributes:
        ledger: The person's choices.
        steering: What the person set.
        private: Whether a private session is on.
    """

    ledger: ConsentLedger
    steering: Steering
    private: bool = False

    def permits(self, part: Part, now: float) -> bool:
        """Return whether a part may act or keep something.

        Args:
            part: Which.
            now: Seconds since 1970, for choices with a term.
        """
        return not self.blocks(part) and all(self.ledger.granted(purpose, now) for purpose in part.purposes)

    def blocks(self, part: Part) -> tuple[Block, ...]:
        """Return what the person set that stops a part."""
        return tuple(block for block in self._set() if block in part.blocked_by)

    def _set(self) -> Iterator[Block]:
        for block, is_set in (
            ("private", self.private),
            ("pause", self.steering.paused),
            ("objection", self.steering.objected),
            ("restriction", self.steering.restricted),
            ("non_profiled", self.steering.non_profiled),
        ):
            if is_set:
                yield block  # type: ignore[misc] - a literal of the tuple above
