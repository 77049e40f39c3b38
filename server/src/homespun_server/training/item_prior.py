"""One number an item that does not depend on the history, before anybody has decided how much it weighs."""

from dataclasses import dataclass

from homespun_server.training.model import Prior, Weights
from homespun_server.training.tables import Floats


@dataclass(frozen=True, eq=False)
class ItemPrior:
    """A prior without its weights.

    Attributes:
        name: Its name in the bundle.
        values: float64 [N].
    """

    name: str
    values: Floats

    def weighted(self, weights: Weights) -> Prior:
        """Return it with θ, one weight per activity level."""
        return Prior(self.name, self.values, weights)
