"""The lasting taste: a Bayesian linear term on the directions of one low-rank table.

A model forgets by its kernels, counts every liked item alike and looks at no disliked one. This term remembers, and
listens to how much and to what the person did not like. With x_i the unit decoder row of item i less the catalogue's
mean of those, c_i how much the item counts and n = Σ |c_i|,

    A = (1 + n) · (ρI + C),   C = E[x xᵀ] over the catalogue,   ρ = tr(C) / d
    mean = A⁻¹ Σ_i c_i x_i,   covariance = A⁻¹

which is ridge regression where every other item of the catalogue is weak evidence against (Hu, Koren and Volinsky 2008)
and where each event weighs as much information as the catalogue has on average (the g-prior of Zellner 1986). A depends
on the person by a number alone, so that it is factored once per bundle, and what each event adds is exact:

    term(j) = f · Σ_i c_i x_iᵀ A⁻¹ (x_j − m)

m is the mean direction of a pool, and f makes the term's spread over that pool a part of the scores' spread. Both are
held fixed in attributions, like n and the person's mean grade.

Non-goals: it does not correct the model's own weights of components, and it learns no temperature; both were measured
(ADR 0028) and lost to noise in what one person does. Items without a row in the table get nothing.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.foldin import Liking
from homespun.model.history import History, Positions, Reals
from homespun.ranking.learning.counting import fading, grades
from homespun.ranking.learning.prior import LEAST, Floats, Prior, prior_of, with_inverse_lengths
from homespun.ranking.learning.rule import LearningRule

SAMPLE = 4096
"""Items, evenly spread over the catalogue, that stand for all of it."""

_TABLES = ("collaborative", "content")


@dataclass(frozen=True, eq=False)
class Term:
    """A posterior at the scale of one pool; linear in what each event says.

    Attributes:
        posterior: What was learned.
        centre: float64 [d], the mean direction of the pool's items.
        factor: What the linear form is multiplied by.
        pool: float64 [p], the values of the pool's own items.
    """

    posterior: "Posterior"
    centre: Reals
    factor: float
    pool: Reals

    def values(self, rows: Floats) -> Reals:
        """Return what is added to the scores of items with these decoder rows (float32 [p, d]); float64 [p]."""
        return self._along(self.posterior.mean, rows)

    def parts(self, rows: Floats) -> Reals:
        """Return what each event adds, the liked items' first, then the disliked; float64 [n, p].

        The sum over events is ``values`` up to rounding. It takes n · p · d steps: it is for the items of a list.
        """
        real, inverses = with_inverse_lengths(rows)
        away = (real * inverses[:, None] - self.centre) * (inverses > 0)[:, None]
        turned = np.einsum("pd,de->pe", away, self.posterior.prior.inverse)
        parts: Reals = np.einsum("nd,pd->np", self.factor * self.posterior.evidence, turned)
        return parts

    def rough_parts(self, rows: Floats) -> Floats:
        """Return ``parts`` up to the rounding of float32, for many items at once; float32 [n, p]."""
        real, inverses = with_inverse_lengths(rows)
        away = (real * inverses[:, None] - self.centre) * (inverses > 0)[:, None]
        turned = (away @ self.posterior.prior.inverse).astype(np.float32)
        parts: Floats = (self.factor * self.posterior.evidence).astype(np.float32) @ turned.T
        return parts

    def drawn(self, rows: Floats, draws: Reals) -> Reals:
        """Return the term for tastes drawn from the posterior (Thompson sampling); float64 [m, p].

        Args:
            rows: float32 [p, d].
            draws: float64 [m, d], independent standard normal numbers.
        """
        real, inverses = with_inverse_lengths(rows)
        tastes = self.posterior.mean + self.posterior.deviations(draws)
        along = (tastes @ real.T) * inverses - (tastes @ self.centre)[:, None]
        values: Reals = self.factor * along * (inverses > 0)
        return values

    def _along(self, taste: Reals, rows: Floats) -> Reals:
        real, inverses = with_inverse_lengths(rows)
        along = np.einsum("pd,d->p", real, taste) * inverses
        values: Reals = self.factor * (along - float(self.centre.dot(taste))) * (inverses > 0)
        return values


@dataclass(frozen=True, eq=False)
class Posterior:
    """What a person's events say of their lasting taste.

    Attributes:
        table: The low-rank table whose rows it is about.
        prior: What holds without them.
        rows: float32 [n, d], the decoder row of every liked, then every disliked item, in the order given.
        counts: float64 [n], c.
        share: How much of it counts, 0 to 1.
        rule: The settings.
    """

    table: str
    prior: Prior
    rows: Floats
    counts: Reals
    share: float
    rule: LearningRule

    @cached_property
    def mean(self) -> Reals:
        """The mean, float64 [d]."""
        real, inverses = with_inverse_lengths(self.rows)
        counts = self.counts * (inverses > 0) / self.amount
        total = np.einsum("n,nd->d", counts * inverses, real) - counts.sum() * self.prior.centre
        mean: Reals = np.einsum("d,de->e", total, self.prior.inverse)
        return mean

    @cached_property
    def amount(self) -> float:
        """1 + n."""
        return 1.0 + float(np.abs(self.counts).sum())

    @cached_property
    def evidence(self) -> Reals:
        """c_i x_i / (1 + n), float64 [n, d]; ``mean`` is their sum times the prior's inverse."""
        real, inverses = with_inverse_lengths(self.rows)
        away = (real * inverses[:, None] - self.prior.centre) * (inverses > 0)[:, None]
        return (self.counts / self.amount)[:, None] * away

    def deviations(self, draws: Reals) -> Reals:
        """Return how far from the mean standard normal numbers (float64 [m, d]) lead; float64 [m, d]."""
        away: Reals = draws @ self.prior.root.T / math.sqrt(self.amount)
        return away

    def over(self, rows: Floats, scores: Reals) -> Term:
        """Return the term at the scale of a pool: its spread there is ``weight`` · ``share`` of the scores'.

        No item of the pool gets more than ``bound`` spreads. A pool in which all directions or all scores are alike
        gets nothing.

        Args:
            rows: float32 [p, d], the pool's decoder rows of ``table``.
            scores: float64 [p].
        """
        real, inverses = with_inverse_lengths(rows)
        known = np.count_nonzero(inverses)
        if not known:
            return Term(self, self.prior.centre, 0.0, np.zeros(scores.size))
        centre = np.einsum("p,pd->d", inverses, real) / known
        plain = (np.einsum("pd,d->p", real, self.mean) * inverses - float(centre.dot(self.mean))) * (inverses > 0)
        # The mean over the known items is zero.
        own, largest = math.sqrt(float(plain.dot(plain)) / known), max(float(plain.max()), -float(plain.min()))
        if own <= LEAST:
            return Term(self, centre, 0.0, np.zeros(scores.size))
        spread = float(scores.std())
        factor = min(self.share * self.rule.weight * spread / own, self.rule.bound * spread / largest)
        return Term(self, centre, factor, factor * plain)


class Learner:
    """Learns lasting tastes for one bundle. Immutable; made once per bundle."""

    def __init__(self, bundle: Bundle, table: str) -> None:
        """Look at the catalogue; applications call ``Learner.of``."""
        self.table = table
        self._bundle = bundle
        items = bundle.manifest.items
        sample = np.linspace(0, items - 1, min(items, SAMPLE)).astype(np.int64)
        self._prior = prior_of(self._rows(sample))

    @classmethod
    def of(cls, bundle: Bundle) -> "Learner | None":
        """Return one for the table of what is liked together, or else of content; None if the bundle has neither."""
        tables = {part.name: part.low_rank for part in bundle.layout.parts}
        table = next((tables[name] for name in _TABLES if tables.get(name)), None)
        return None if table is None else cls(bundle, table)

    def learn(self, history: History | Liking, disliked: Positions, rule: LearningRule) -> Posterior | None:
        """Return what a person's events say; None if there are too few, or nothing may be learned from them.

        Wishes in the history have no part in it: what somebody says has its own weight already.

        Args:
            history: What they like.
            disliked: int64 [m], positions of what they do not like, oldest first.
            rule: The settings.
        """
        liked = len(history.events)
        share = rule.share(liked)
        if not share or not rule.weight:
            return None
        against = np.full(disliked.size, -rule.dislike) * fading(disliked.size, rule.forgetting)
        counts = np.concatenate([grades(history.events, rule.grade) * fading(liked, rule.forgetting), against])
        rows = self._rows(np.concatenate([history.positions[:liked], disliked]))
        return Posterior(self.table, self._prior, rows, counts, share, rule)

    def _rows(self, positions: Positions) -> Floats:
        return self._bundle.scorer.decoders(positions)[self.table]
