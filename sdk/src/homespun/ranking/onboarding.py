"""What to ask somebody of whom nothing is known: the few items whose answers tell most about their taste.

A Bayesian A-optimal design (Chaloner and Verdinelli 1995, "Bayesian Experimental Design: A Review"), one item after the
other. With x_i the unit decoder row of item i less the catalogue's mean, as local learning has it, and tastes that are
normal with the covariance Σ, asking for item i is worth

    p_i · xᵢᵀ Σ W Σ xᵢ / (s + xᵢᵀ Σ xᵢ),    W = Σⱼ pⱼ xⱼ xⱼᵀ / Σⱼ pⱼ

which is by how much it is expected to lower the variance of what the person thinks of popular items. p_i is how
likely they know the item, in proportion to exp(popularity); s, the variance of one answer, is the mean of xᵀ Σ x before
anything was asked. An answer lowers Σ by Σ x xᵀ Σ / (s/κ + xᵀ Σ x), so that what is like an item that was asked for is
worth less, and ten items differ without a rule that makes them. κ is 1 for yes and no, and less for "I do not know it",
which says nothing of the taste, yet that the person may not know what is like it either.

Pure, deterministic, and quick enough to be asked after every answer: it looks at the most popular items alone.

Non-goals: it learns nothing from the answers. Likes become events as everywhere else, and the model hears of them
alone; the other answers decide what to ask next. Nor does it guess what the person will like and ask for that: such
questions get more likes, and each says less. What was measured (``benchmarks/ranking/onboarding.py``): ten answers
tell as much as those about the ten most popular items, more than about ten random popular ones, and spend fewer of the
items that can be recommended afterwards.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from homespun.errors import MisuseError
from homespun.model.arguments import list_length
from homespun.model.bundle import Bundle
from homespun.model.candidates import Limits, best_items
from homespun.model.history import Positions, Reals
from homespun.model.membership import NOTHING, contains
from homespun.ranking.learning.prior import LEAST, Prior, prior_of, with_inverse_lengths

MOST_ANSWERS = 10
"""Answers after which nobody should be asked for more."""

POOL = 1000
"""Of the most popular items: those further down are known to few."""

UNKNOWN = 0.25
"""κ of "I do not know it": chosen on people of whom none is in a reported figure."""

_PIECE = 2048

_SAMPLE = 4096
"""Items, evenly spread over the catalogue, that stand for all of it."""

_TABLES = ("collaborative", "content")

Answers = Mapping[str, bool | None]
"""By item: whether the person likes it; None: they do not know it."""


def onboarding_items(
    bundle: Bundle, *, count: int = MOST_ANSWERS, answered: Answers | None = None, exclude: Positions = NOTHING
) -> Positions:
    """Return the items to ask a new person for next, the one that tells most first; int64 [≤ count], distinct.

    Asked again after every answer, with ``count`` 1 or more, the list follows what was answered. Items further down
    reckon with answers to those before them.

    Where a bundle knows what is liked together, that says which items are alike; else what the catalogue says of them
    does. Where it knows neither, the most popular items are returned, which adapt to nothing.

    Args:
        bundle: The bundle.
        count: How many items at most; there are fewer only where no others are left.
        answered: What was answered so far; items that the bundle does not have are passed over. None is asked for
            again.
        exclude: int64 [e], positions of items that must not be proposed, in any order.

    Raises:
        MisuseError: If ``count`` is no whole number from 1 up, or ``answered`` not such a mapping.
    """
    wanted, known = list_length(count), _known(bundle, answered or {})
    asked = np.fromiter(known, np.int64, len(known))
    pool, values = _most_popular(bundle, max(POOL, wanted), np.concatenate([asked, exclude]))
    if not pool.size:
        return pool
    tables = {part.name: part.low_rank for part in bundle.layout.parts}
    table = next((tables[name] for name in _TABLES if tables.get(name)), None)
    if table is None:
        return pool[:wanted]
    items = bundle.manifest.items
    sample = np.linspace(0, items - 1, min(items, _SAMPLE)).astype(np.int64)
    prior = prior_of(bundle.scorer.decoders(sample)[table])
    design = _Design(_away(bundle, table, pool, prior), np.exp(values - values[0]), prior)
    for answer, row in zip(known.values(), _away(bundle, table, asked, prior), strict=True):
        design.ask(row, UNKNOWN if answer is None else 1.0)
    return pool[design.choose(min(wanted, pool.size))]


def popularity(bundle: Bundle) -> Reals:
    """Return how popular each of the manifest's items is: its prior of that name, or else its first; float64 [N]."""
    column, items = _column(bundle), np.arange(bundle.manifest.items, dtype=np.int64)
    # In pieces, because the model takes several times as long for all at once.
    found = [bundle.scorer.priors(part)[:, column] for part in np.split(items, range(_PIECE, items.size, _PIECE))]
    return np.concatenate(found).astype(np.float64)


class _Design:
    """What is left to learn, and how much of it each item of a pool would tell.

    Σ itself is not held: only Σ x of every item, which one answer changes by a multiple of one vector.
    """

    def __init__(self, rows: Reals, chances: Reals, prior: Prior) -> None:
        """Begin with nothing asked; the pool's rows (float64 [p, d]) and how likely each is known (float64 [p])."""
        self._rows, self._chances = rows, chances
        self._weights = (rows * chances[:, None]).T @ rows / chances.sum()
        self._turned = rows @ prior.inverse
        self._inverse = prior.inverse.copy()
        self._aimed = self._turned @ self._weights
        # Rows that are all alike tell nothing of each other, and leave no variance to share out.
        self._variance = max(float(self._spread().mean()), LEAST)

    def ask(self, row: Reals, told: float) -> None:
        """Reckon with an answer to the item with a row (float64 [d]) that tells so much: κ."""
        turned = self._inverse @ row
        left = self._variance / told + float(row @ turned)
        shared = (self._rows @ turned) / left
        self._inverse -= np.outer(turned, turned) / left
        self._turned -= np.outer(shared, turned)
        self._aimed -= np.outer(shared, turned @ self._weights)

    def choose(self, count: int) -> Positions:
        """Return the places of the ``count`` items that tell most, each reckoning with those before; int64 [count]."""
        left = np.ones(self._chances.size, np.bool_)
        chosen: list[int] = []
        for _ in range(count):
            gains = self._chances * np.einsum("pd,pd->p", self._aimed, self._turned)
            gains /= self._variance + self._spread()
            # Of equals, argmax takes the first: the more popular one.
            place = int(np.where(left, gains, -np.inf).argmax())
            left[place] = False
            chosen.append(place)
            self.ask(self._rows[place], 1.0)
        return np.array(chosen, np.int64)

    def _spread(self) -> Reals:
        spread: Reals = np.einsum("pd,pd->p", self._rows, self._turned)
        return spread


def _known(bundle: Bundle, answered: Answers) -> dict[int, bool | None]:
    """Return the answers by position, of the items that the bundle has."""
    if not isinstance(answered, Mapping):
        raise MisuseError(
            f"answered is of type {type(answered).__name__}; give a mapping from items to True, False or None."
        )
    wrong = next((answer for answer in answered.values() if answer is not None and not isinstance(answer, bool)), None)
    if wrong is not None:
        raise MisuseError(
            f"an answer is of type {type(wrong).__name__}; give True for a like, False for none, None for "
            "'I do not know it'."
        )
    return {bundle.position(item): answer for item, answer in answered.items() if item in bundle}


def _column(bundle: Bundle) -> int:
    names = [prior.name for prior in bundle.manifest.priors]
    return names.index("popularity") if "popularity" in names else 0


def _most_popular(bundle: Bundle, count: int, left_out: Positions) -> tuple[Positions, Reals]:
    """Return the ``count`` most popular items of the manifest's but for some (int64 [e]), and how popular they are."""
    first = bundle.manifest.items
    barred = np.sort(left_out)
    alone = np.zeros(len(bundle.manifest.priors))
    alone[_column(bundle)] = 1.0
    # What the application added has no popularity.
    limits = Limits(lambda positions: contains(barred, positions) | (positions >= first), barred.size)
    pool = best_items(bundle.scorer.query(replace(bundle.history(()), priors=alone)), count, limits)
    return pool.positions[:count], pool.scores[:count]


def _away(bundle: Bundle, table: str, positions: Positions, prior: Prior) -> Reals:
    """Return how far items' directions are from the catalogue's mean, 0 where an item has none; float64 [p, d]."""
    real, inverses = with_inverse_lengths(bundle.scorer.decoders(positions)[table])
    away: Reals = (real * inverses[:, None] - prior.centre) * (inverses > 0)[:, None]
    return away
