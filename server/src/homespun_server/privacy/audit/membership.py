"""Membership inference on what is published: does a bundle fit those it was trained from better than others?

The attacker sees the bundle's tables, the likes of their targets and nothing else, not even who was a member for a
single one. For each direction k of the model and a target who likes the items S, the *reconstruction gain* says how
well every item is reconstructed from the target's others, leaving each item's own self out:

    g_k = Σ_{i≠j∈S} encoder[i, k] · decoder[j, k] / |S|.

A table of single entries is one more direction, with its entries in place of the products.

Whoever was summed up in the model has bent its directions towards themselves a little, the weak ones most. So g_k is
freed of what the size of a history and the popularity of its items explain (least squares over all targets),
standardised, and added up over the directions with equal weights.

These are exact figures about people. They bound nothing: a stronger attack may exist, and only the accounted ε
says what no attack can do. They show that a defence has an effect, and catch a build that has none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.errors import MisuseError

LEAST_LIKES = 5
"""Targets with fewer items of the model are left out: there is nothing to reconstruct."""

LEAST_TARGETS = 50
"""Members, and others, without whom no figure means anything."""

RESAMPLES = 1000

_SEED = 20_130_101
_CHANCE = math.sqrt(math.pi / 8)
"""Mean of the limit of √n · sup(F − G) (Smirnov): P[> x] = e^{−2x²}."""

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]


@dataclass(frozen=True)
class Tables:
    """What a bundle publishes of its model.

    Attributes:
        encoder: float64 [N, d], the components side by side.
        decoder: float64 [N, d].
        bias: float64 [N], which orders items by popularity.
        entries: Tables of single entries: float64 [N, N] in compressed rows, whose diagonals do not matter.
    """

    encoder: Reals
    decoder: Reals
    bias: Reals
    entries: tuple[csr_matrix, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A figure with its 95% bootstrap interval over targets."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Attack:
    """How well members are told from others.

    Attributes:
        members: Targets whom the model was trained from.
        others: Targets whom it was not.
        auc: Probability that a member scores higher than somebody else; .5 is chance.
        advantage: Largest difference between true and false positive rate of any threshold, chosen in hindsight.
        chance: The advantage that this alone gives, on average, where there is nothing to find.
    """

    members: int
    others: int
    auc: Figure
    advantage: Figure
    chance: float


def attack(tables: Tables, members: Sequence[Integers], others: Sequence[Integers]) -> Attack:
    """Attack a model.

    Args:
        tables: What is published.
        members: Each member's distinct items, as int64 rows of the tables.
        others: The same of people who were kept aside.

    Raises:
        MisuseError: If too few of either have enough items.
    """
    groups = [[items for items in group if items.size >= LEAST_LIKES] for group in (members, others)]
    inside, outside = map(len, groups)
    if min(inside, outside) < LEAST_TARGETS:
        raise MisuseError(
            f"{inside} members and {outside} others like {LEAST_LIKES} items of the model or more; without "
            f"{LEAST_TARGETS} of each the figures would mean nothing. Keep more users aside, or use more data."
        )
    found = scores(tables, [*groups[0], *groups[1]])
    return compare(found[:inside], found[inside:])


def scores(tables: Tables, targets: Sequence[Integers]) -> Reals:
    """Return how much each target looks like a member: float64 [targets], of no unit."""
    gains = np.array([_gains(tables, items) for items in targets])
    features = np.array([_features(tables.bias[items]) for items in targets])
    solution, *_ = np.linalg.lstsq(features, gains, rcond=None)
    unexplained = gains - features @ solution
    spread = unexplained.std(axis=0)
    total: Reals = (unexplained[:, spread > 0] / spread[spread > 0]).sum(axis=1)
    return total


def compare(members: Reals, others: Reals) -> Attack:
    """Return AUC and advantage of scores, with intervals."""
    generator = np.random.default_rng(_SEED)
    drawn = np.array(
        [
            _figures(generator.choice(members, members.size), generator.choice(others, others.size))
            for _ in range(RESAMPLES)
        ]
    )
    lows, highs = np.quantile(drawn, [0.025, 0.975], axis=0)
    auc, advantage = (
        Figure(value, float(low), float(high))
        for value, low, high in zip(_figures(members, others), lows, highs, strict=True)
    )
    chance = _CHANCE * math.sqrt(1 / members.size + 1 / others.size)
    return Attack(members.size, others.size, auc, advantage, chance)


def _gains(tables: Tables, items: Integers) -> Reals:
    encoder, decoder = tables.encoder[items], tables.decoder[items]
    together = encoder.sum(axis=0) * decoder.sum(axis=0)
    selves = (encoder * decoder).sum(axis=0)
    directions = (together - selves) / items.size
    entries = [_apart_from_selves(table, items) / items.size for table in tables.entries]
    gains: Reals = np.concatenate([directions, entries])
    return gains


def _apart_from_selves(table: csr_matrix, items: Integers) -> float:
    own = table[items][:, items]
    return float(own.sum() - own.diagonal().sum())


def _features(popularity: Reals) -> tuple[float, ...]:
    """Return what is known of a history without the model: powers of its size and its items' popularity."""
    size, mean = math.log(popularity.size), float(popularity.mean())
    return 1.0, size, size**2, size**3, mean, mean**2, float(popularity.std()), size * mean


def _figures(members: Reals, others: Reals) -> tuple[float, float]:
    """Return AUC, ties counted half, and the largest TPR − FPR."""
    ordered = np.sort(others)
    below, up_to = (np.searchsorted(ordered, members, side=side) for side in ("left", "right"))
    auc = float((below + up_to).mean()) / (2 * others.size)
    thresholds = np.concatenate([members, others])
    true = 1 - np.searchsorted(np.sort(members), thresholds) / members.size
    false = 1 - np.searchsorted(ordered, thresholds) / others.size
    return auc, max(0.0, float((true - false).max()))
