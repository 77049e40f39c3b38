"""Picks items that might turn out well, and says how likely each pick was.

Propensities are what makes off-policy estimates possible (inverse propensity scoring: Horvitz and Thompson, 1952): a
pick of propensity zero never happens. Randomness comes from a seed alone, so that the same seed picks the same items.
Pure.
"""

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from homespun.ranking.assembly import Explore

Reals = NDArray[np.float64]


def explored_places(length: int, share: float) -> frozenset[int]:
    """Return the places of a list, from 1, that are for exploring: ⌊share · length⌋, evenly spread.

    The first place is among them only if all are.
    """
    # A whole share of a whole number of places must not fall short by rounding.
    count = int(share * length + 1e-9)
    return frozenset((number * length + count - 1) // count for number in range(1, count + 1)) if count else frozenset()


def epsilon_greedy(epsilon: float, seed: int) -> Explore:
    """Return what picks the first candidate, or with probability ε any one, each as likely (the first one too).

    Args:
        epsilon: From 0 to 1.
        seed: Decides all picks.
    """
    draw = random.Random(seed)  # noqa: S311 - it has to be repeatable, and nobody gains by guessing it

    def pick(candidates: Sequence[int]) -> tuple[int, float]:
        number = draw.randrange(len(candidates)) if draw.random() < epsilon else 0
        return candidates[number], (1 - epsilon) * (number == 0) + epsilon / len(candidates)

    return pick


def thompson(samples: Reals) -> Explore:
    """Return what picks the candidate that is best by draws from what is known of the person.

    The k-th pick is by the k-th draw. Its propensity is the share of all draws by which it would have been picked: an
    estimate with a standard error of at most 1/(2√m), and never zero.

    Args:
        samples: float64 [m, p], all candidates' scores by each of m draws; as many draws as picks at least.
    """
    used = iter(range(samples.shape[0]))

    def pick(candidates: Sequence[int]) -> tuple[int, float]:
        own = samples[:, list(candidates)]
        # Of equals, argmax takes the first: the better one by what is known.
        best = own.argmax(axis=1)
        number = int(best[next(used)])
        return candidates[number], float((best == number).mean())

    return pick
