"""How alike items are to a score: a symmetric core between two scalings, and its low-rank part."""

from dataclasses import dataclass

from homespun_server.errors import TrainingError
from homespun_server.training.eigen import leading_eigenpairs
from homespun_server.training.tables import Floats, LowRank


@dataclass(frozen=True, eq=False)
class Similarity:
    """S = diag(encoder) · core · diag(decoder): how much a liked item i speaks for an item j.

    Attributes:
        core: float64 [M, M], symmetric. Scalings are chosen so that its rows are of like size, which is what makes
            it quantize and factor well.
        encoder: float64 [M], positive.
        decoder: float64 [M], positive.
        known: Leading eigenpairs of the core, if they are known: float64 [d], descending, and [M, d].
    """

    core: Floats
    encoder: Floats
    decoder: Floats
    known: tuple[Floats, Floats] | None = None

    def eigenpairs(self, count: int) -> tuple[Floats, Floats]:
        """Return the largest positive eigenvalues of the core, descending, with their vectors as columns."""
        if self.known is None or self.known[0].size < count:
            return leading_eigenpairs(self.core, count)
        values, vectors = self.known
        return values[:count], vectors[:, :count]

    def dense(self) -> Floats:
        """Return S, float64 [M, M]."""
        dense: Floats = self.encoder[:, None] * self.core * self.decoder
        return dense

    def factored(self, name: str, dimensions: int) -> LowRank:
        """Return the best low-rank table of at most so many dimensions: the largest positive eigenpairs of the core.

        Negative ones are left to what compression keeps of the rest: where there are any, they tell items apart
        that few people like, and the same number of positive ones ranks better.

        Raises:
            TrainingError: If the core has no positive eigenvalue: no item speaks for another.
        """
        values, vectors = self.eigenpairs(dimensions)
        if not values.size:
            raise TrainingError("no item speaks for another one, so there is nothing to recommend by.")
        return LowRank(name, vectors, self.encoder, self.decoder, values)
