"""How a run ends before its end."""

from homespun.sync.outcome import Outcome


class StoppedError(Exception):
    """Ends a run with an outcome; never leaves this package.

    Attributes:
        outcome: What the run did.
    """

    def __init__(self, outcome: Outcome) -> None:
        """End with an outcome."""
        super().__init__(str(outcome))
        self.outcome = outcome
