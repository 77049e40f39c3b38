"""What stages add to the model's scores: each fitted to one pool, and then the same for every item.

Additive terms are the only way a stage changes a score. What a policy gives in spreads is multiplied by the standard
deviation of the pool's scores by the model, interests among them, so that a policy means the same for every bundle and
person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.history import Reals
from homespun.model.scoring import Pool
from homespun.protocol.policy.stages import Learning, Popularity, Recency, Rules
from homespun.ranking.learning import Returns
from homespun.ranking.learning.taste import Term
from homespun.ranking.person import Person
from homespun.ranking.request import Request
from homespun.ranking.rules import Firing
from homespun.ranking.surfaces import Compiled, SurfacePlan
from homespun.ranking.tastes import tag_parts

_DAY = 86_400.0


class Addition(Protocol):
    """A term, fitted to a pool."""

    @property
    def stage(self) -> str:
        """Name of the stage."""
        ...

    def values(self, pool: Pool) -> Reals:
        """Return what is added to the scores of some items; float64 [p]."""
        ...


@dataclass(frozen=True)
class Interests:
    """Edited interests; they are in a pool's scores already when it is chosen.

    Attributes:
        bundle: The bundle.
        terms: What each adds to an item that carries its tag.
    """

    bundle: Bundle
    terms: Mapping[str, float]
    stage: str = "interests"

    def values(self, pool: Pool) -> Reals:
        """See ``Addition``."""
        values: Reals = tag_parts(self.bundle, self.terms, pool.positions).sum(axis=0)
        return values


@dataclass(frozen=True)
class Boosts:
    """Rules that boost and bury.

    Attributes:
        firing: What acts.
        spread: Standard deviation of the pool's scores.
    """

    firing: Firing
    spread: float
    stage: str = "rules"

    def values(self, pool: Pool) -> Reals:
        """See ``Addition``."""
        return self.spread * self.firing.spreads(pool.positions)


@dataclass(frozen=True)
class Novelty:
    """How new items are.

    Attributes:
        bundle: The bundle.
        setting: The stage.
        spread: Standard deviation of the pool's scores.
        now: Seconds since 1970.
    """

    bundle: Bundle
    setting: Recency
    spread: float
    now: float
    stage: str = "recency"

    def values(self, pool: Pool) -> Reals:
        """See ``Addition``."""
        since = self.bundle.numbers(self.setting.attribute)[pool.positions]
        ages = (self.now - since) / _DAY
        known = ages >= 0  # nor is NaN
        values = np.zeros(pool.positions.size)
        values[known] = self.setting.weight * self.spread * 2.0 ** (-ages[known] / self.setting.half_life_days)
        return values


@dataclass(frozen=True)
class Renown:
    """The popularity dial, by the first prior.

    Attributes:
        dial: From −1 to 1.
        spread: Standard deviation of the pool's scores.
        mean: The pool's mean popularity.
        deviation: Its standard deviation.
    """

    dial: float
    spread: float
    mean: float
    deviation: float
    stage: str = "popularity"

    def values(self, pool: Pool) -> Reals:
        """See ``Addition``."""
        if not self.deviation:
            return np.zeros(pool.positions.size)
        popular = pool.priors[:, 0].astype(np.float64)
        values: Reals = self.dial * self.spread * ((popular - self.mean) / self.deviation)
        return values


@dataclass(frozen=True)
class Taste:
    """What was learned of the person's lasting taste.

    Attributes:
        term: At the scale of the pool.
        fitted: The pool.
    """

    term: Term
    fitted: Pool
    stage: str = "learning"

    def values(self, pool: Pool) -> Reals:
        """See ``Addition``."""
        return self.term.pool if pool is self.fitted else self.term.values(pool.decoder[self.term.posterior.table])


@dataclass(frozen=True)
class ComingBack:
    """How the person comes back to things.

    Attributes:
        returns: What was learned.
        spread: Standard deviation of the pool's scores.
        now: Seconds since 1970.
    """

    returns: Returns
    spread: float
    now: float
    stage: str = "returns"

    def values(self, pool: Pool) -> Reals:
        """See ``Addition``."""
        return self.returns.values(pool.positions, self.now, self.spread)


def additions_to(
    pool: Pool,
    compiled: Compiled,
    person: Person,
    plan: SurfacePlan,
    request: Request,
    firing: Firing | None,
) -> tuple[Addition, ...]:
    """Return what the stages of a surface add, in the policy's order, fitted to a pool with the model's scores."""
    if not pool.positions.size:
        return ()
    # Where all are alike a boost still counts, as an edited interest does.
    spread = float(pool.scores.std()) or 1.0
    found: list[Addition] = []
    for stage in plan.stages:
        if isinstance(stage, Rules) and firing is not None and firing.boosting:
            found.append(Boosts(firing, spread))
        elif isinstance(stage, Recency):
            found.append(Novelty(compiled.bundle, stage, spread, request.now))
        elif isinstance(stage, Learning):
            found += _learned(pool, compiled, person, stage, request, plan, spread)
        elif isinstance(stage, Popularity) and stage.dial and pool.priors.shape[1]:
            popular = pool.priors[:, 0].astype(np.float64)
            found.append(Renown(stage.dial, spread, float(popular.mean()), float(popular.std())))
    return tuple(found)


def _learned(
    pool: Pool,
    compiled: Compiled,
    person: Person,
    stage: Learning,
    request: Request,
    plan: SurfacePlan,
    spread: float,
) -> list[Addition]:
    # What is like one item is not about the person.
    if not person.allowed or plan.source == "similar" or person.likes < stage.least_events:
        return []
    posterior, returns = person.learned(compiled.learner, stage)
    found: list[Addition] = []
    if posterior is not None:
        found.append(Taste(posterior.over(pool.decoder[posterior.table], pool.scores), pool))
    if returns is not None:
        found.append(ComingBack(returns, spread, request.now))
    return found
