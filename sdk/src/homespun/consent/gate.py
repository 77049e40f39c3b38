"""The gate in front of every part: what may happen at one moment.

Pure: made of what was chosen and set, it answers and remembers nothing.
"""

from collections.abc import Iterator
from math import inf

from homespun.consent.ledger import ConsentLedger
from homespun.consent.parts import Block, Part
from homespun.protocol.controls import Steering


class Gate:
    """What decides at one moment. Never changes.

    Attributes:
        ledger: The person's choices.
        steering: What the person set.
        private: Whether a private session is on.
    """

    def __init__(self, ledger: ConsentLedger, steering: Steering, *, private: bool = False) -> None:
        """Decide nothing yet; see the attributes."""
        self.ledger = ledger
        self.steering = steering
        self.private = private
        # Asked for every event, so each part is thought about once.
        self._ends: dict[str, float] = {}

    def permits(self, part: Part, now: float) -> bool:
        """Return whether a part may act or keep something.

        Args:
            part: Which.
            now: Seconds since 1970, for choices with a term.
        """
        end = self._ends.get(part.name)
        if end is None:
            end = self._ends[part.name] = self._end(part)
        return now < end

    def blocks(self, part: Part) -> tuple[Block, ...]:
        """Return what the person set that stops a part."""
        return tuple(block for block in self._set() if block in part.blocked_by)

    def _end(self, part: Part) -> float:
        """Return until when a part is permitted, if nothing is chosen or set until then."""
        if self.blocks(part):
            return -inf
        return min(self._term(purpose) for purpose in part.purposes)

    def _term(self, purpose: str) -> float:
        # Of a time before all others only those terms have ended whose end is known without a clock.
        status = self.ledger.status_of(purpose, -inf)
        if not status.granted:
            return -inf
        until = None if status.decided_by is None else status.decided_by.valid_until
        return inf if until is None else until

    def _set(self) -> Iterator[Block]:
        settings: dict[Block, bool] = {
            "private": self.private,
            "pause": self.steering.paused,
            "objection": self.steering.objected,
            "restriction": self.steering.restricted,
            "non_profiled": self.steering.non_profiled,
        }
        return (block for block, is_set in settings.items() if is_set)
