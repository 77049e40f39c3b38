"""A ranked list together with everything that it was made from.

A decision is a function of a compiled policy, what is known of the person, and a request: the same three make the same
list again, which is how explanations, counterfactuals and audits are checked.

Where personal data may not be used, because the person did not allow it or a control forbids it, neither
events nor tastes nor attributes nor what was shown are looked at, whatever the caller passes. What the person
hid stays hidden in such a list too: an instruction is no profile. Nor are the circumstances of the request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.model.candidates import Limits, best_items, scored_all
from homespun.model.history import History, Positions, Reals
from homespun.model.membership import NOTHING, distinct
from homespun.model.scoring import Pool
from homespun.protocol.controls import Refusal
from homespun.protocol.policy.stages import Candidates, Cascade, Weights
from homespun.ranking.additions import Addition, Interests, additions_to
from homespun.ranking.assembly import Assembled
from homespun.ranking.constraints import Bars, bars_of
from homespun.ranking.diversity import pool_size
from homespun.ranking.moving import Step, assembled, calibrating, cascaded, dials_of, unlike
from homespun.ranking.person import Person
from homespun.ranking.request import Inputs, Request
from homespun.ranking.rules import Firing, Situation
from homespun.ranking.surfaces import Compiled, SurfacePlan
from homespun.ranking.tastes import local_terms

_GROWTH = 4

_EACH = 20
"""Items that each part of the model proposes at least."""


@dataclass(frozen=True, eq=False)
class Decision:
    """One ranked list and its inputs, kept unchanged for explanations.

    Attributes:
        compiled: The bundle and the policy.
        person: Who it is for.
        request: What was asked for.
        plan: The surface.
        situation: What conditions were asked about.
        firing: The rules that acted; None: none could.
        case: The number of the case of switching that held; None: none.
        history: The model's input, as weighed; empty if nothing that is known is a like of one of the bundle's items.
        terms: What each edited interest adds to the items that carry its tag.
        pool: The candidates, with the model's scores and what edited interests add to them, best first.
        additions: What stages add, in order.
        scores: float64 [p], the scores that ranked.
        steps: How the pool stood after each stage that moves items; the first is by score.
        assembled: The list.
        bars: What keeps items out.
        complete: Whether the pool is everything that may be listed.
    """

    compiled: Compiled
    person: Person
    request: Request
    plan: SurfacePlan
    situation: Situation
    firing: Firing | None
    case: int | None
    history: History
    terms: Mapping[str, float]
    pool: Pool
    additions: tuple[Addition, ...]
    scores: Reals
    steps: tuple[Step, ...]
    assembled: Assembled
    bars: Bars
    complete: bool

    @property
    def bundle(self) -> Bundle:
        """The bundle that scored."""
        return self.compiled.bundle

    @property
    def time(self) -> float:
        """When it was made, seconds since 1970."""
        return self.request.now

    @property
    def allowed(self) -> bool:
        """Whether personal data may be used: the person allowed it and no control forbids it."""
        return self.person.allowed

    @property
    def refusal(self) -> Refusal | None:
        """The control that forbids personal data; None if none does."""
        return self.person.refusal

    @cached_property
    def attributes(self) -> Mapping[str, str]:
        """What the person declares about themselves that the scores depend on, as the model names it."""
        declared = self.person.declared.keys() - self.request.context.keys()
        return {name: value for name, value in self.history.circumstances if name in declared}

    @cached_property
    def personalized(self) -> bool:
        """Whether personal data was used: whether there was any and it was allowed.

        What is hidden and the diversity are settings, not personal data in this sense.
        """
        # Any event counts, also of an unknown or a disliked item: it was read, and it can change a list by what
        # is left out. A list and the explanation of an item must not say different things of the same events.
        person = self.person
        return bool(person.known or person.steering.has_tastes or self.bars.capped or self.attributes)

    @cached_property
    def places(self) -> Positions:
        """The list: places in the pool, int64 [≤ k]."""
        return np.array([place.candidate for place in self.assembled.places], np.int64)

    @cached_property
    def ranked(self) -> Pool:
        """The listed items, in the list's order, with the scores that ranked them."""
        return replace(self.pool, scores=self.scores).take(self.places)

    @cached_property
    def asked(self) -> Pool | None:
        """The item that was asked for, with its score, whether it is listed or not; None: none was."""
        if self.request.asked is None:
            return None
        position = np.array([self.bundle.position(self.request.asked)], np.int64)
        scored = self.bundle.scorer.score(self.history, position)
        added = [addition.values(scored) for addition in (Interests(self.bundle, self.terms), *self.additions)]
        return replace(scored, scores=scored.scores + sum(added, np.zeros(1)))

    @property
    def unmet(self) -> tuple[str, ...]:
        """Names of the acting rules whose pin or share found nothing that fits."""
        rules = () if self.firing is None else self.firing.rules
        return tuple(rules[number].name for number in sorted(self.assembled.unmet))


def decide(compiled: Compiled, inputs: Inputs, request: Request) -> Decision:
    """Make a list.

    Args:
        compiled: The bundle and the policy.
        inputs: The person.
        request: What is asked for.

    Raises:
        MisuseError: The policy has no such surface, the surface needs an item or items that the request does not
            name, or something else than an Event is among the events.
        UnknownItemError: The bundle does not have the item that the list is for, or that is asked about.
    """
    plan = compiled.surface(request.surface)
    _check_source(plan, request)
    person = compiled.person(inputs)
    base = compiled.bundle.alike(request.item or "") if plan.source == "similar" else person.history(request.context)
    situation = situation_of(compiled, person, request)
    firing = compiled.firing(plan, situation)
    weights, case = plan.weights(situation)
    history = compiled.weighed(base, weights)
    terms: Mapping[str, float] = {} if plan.source == "similar" else person.interests(history)
    bars = bars_of(person, plan, request, firing)
    cook = _Cook(compiled, person, request, plan, firing, history, terms, bars)
    made = cook.made()
    if request.asked is not None:
        compiled.bundle.position(request.asked)
    return Decision(
        compiled=compiled,
        person=person,
        request=request,
        plan=plan,
        situation=situation,
        firing=firing,
        case=case,
        history=history,
        terms=terms,
        pool=made.pool,
        additions=made.additions,
        scores=made.scores,
        steps=made.steps,
        assembled=made.assembled,
        bars=bars,
        complete=made.complete,
    )


@dataclass(frozen=True)
class _Made:
    pool: Pool
    additions: tuple[Addition, ...]
    scores: Reals
    steps: tuple[Step, ...]
    assembled: Assembled
    complete: bool


@dataclass(frozen=True)
class _Cook:
    """Makes a list from a pool, and from a larger one where constraints leave too few."""

    compiled: Compiled
    person: Person
    request: Request
    plan: SurfacePlan
    firing: Firing | None
    history: History
    terms: Mapping[str, float]
    bars: Bars
    candidates: Candidates = field(default_factory=Candidates)

    def made(self) -> _Made:
        """Return the list, from as large a pool as it takes."""
        dials = dials_of(self.person, self.plan)
        stage = self.plan.stage(Candidates) or self.candidates
        count = max(self.request.k, stage.pool, pool_size(self.request.k) if any(dials) else 0)
        while True:
            pool, complete = self._pool(count, stage)
            made = self._list(pool, complete=complete)
            if complete or len(made.assembled.places) >= self.request.k:
                return made
            count *= _GROWTH

    def _pool(self, count: int, stage: Candidates) -> tuple[Pool, bool]:
        bundle, request = self.compiled.bundle, self.request
        query = self.person.query(self.history)
        included = bundle.positions_of(stage.include) if stage.include else NOTHING
        named = distinct([included, *([self.firing.candidates] if self.firing else [])])
        local = local_terms(bundle, self.terms) if self.terms else None
        limits = Limits(self.bars.barred, self.bars.positions.size, local, named)
        if self.plan.source == "given":
            return scored_all(query, bundle.positions_of(request.ids or ()), limits), True
        if self.plan.source == "history":
            return scored_all(query, distinct([self.person.seen.positions]), limits), True
        pool = best_items(query, count, limits, max(request.k, _EACH))
        return pool, pool.positions.size < count or count >= bundle.size

    def _list(self, pool: Pool, *, complete: bool) -> _Made:
        additions = additions_to(pool, self.compiled, self.person, self.plan, self.request, self.firing)
        scores = sum((addition.values(pool) for addition in additions), pool.scores)
        steps = self._steps(pool, scores, additions)
        bundle, order = self.compiled.bundle, steps[-1].order
        level = self.person.steering.exploration
        found = assembled(bundle, self.plan, level, self.request, self.firing, pool, scores, order, additions)
        return _Made(pool, additions, scores, steps, found, complete)

    def _steps(self, pool: Pool, scores: Reals, additions: tuple[Addition, ...]) -> tuple[Step, ...]:
        bundle, person, k = self.compiled.bundle, self.person, self.request.k
        by_score = np.lexsort((pool.positions, -scores)).astype(np.int64, copy=False)
        steps = [Step("score", by_score)]
        cascade, dials = self.plan.stage(Cascade), dials_of(person, self.plan)
        if cascade is not None:
            again = self._again(pool, cascade.weights, additions)
            steps.append(Step("cascade", cascaded(by_score, again, cascade.top)))
        head = pool_size(k) if any(dials) else 0
        if dials.unlike:
            step = unlike(bundle, pool, scores, steps[-1].order[:head], k, dials.unlike, self.history.level)
            steps.append(Step(step.stage, np.concatenate([step.order, steps[-1].order[head:]])))
        if dials.calibration and person.tag_shares:
            step = calibrating(bundle, person, pool, scores, steps[-1].order[:head], k, dials.calibration)
            steps.append(Step(step.stage, np.concatenate([step.order, steps[-1].order[head:]])))
        return tuple(steps)

    def _again(self, pool: Pool, weights: Weights, additions: tuple[Addition, ...]) -> Reals:
        """Return the scores by other weights of the model's parts; what is added stays."""
        base = self.person.history(self.request.context)
        if self.plan.source == "similar":
            base = self.compiled.bundle.alike(self.request.item or "")
        other = self.compiled.bundle.scorer.score(self.compiled.weighed(base, weights), pool.positions)
        added = [addition.values(other) for addition in (Interests(self.compiled.bundle, self.terms), *additions)]
        total: Reals = sum(added, other.scores)
        return total


def situation_of(compiled: Compiled, person: Person, request: Request) -> Situation:
    """Return what conditions are asked about."""
    return Situation(
        surface=request.surface,
        now=request.now,
        context={**person.declared, **request.context},
        lifecycle=person.lifecycle(request.now, compiled.policy.lifecycle),
        likes=person.likes if person.allowed else 0,
        past=person.past if person.allowed else None,
    )


def _check_source(plan: SurfacePlan, request: Request) -> None:
    if plan.source == "similar" and request.item is None:
        raise MisuseError(f"the surface {plan.name!r} lists what is like one item; name it: similar_items(item).")
    if plan.source == "given" and request.ids is None:
        raise MisuseError(f"the surface {plan.name!r} ranks items that are given; name them: search(ids).")
    if plan.source != "similar" and request.item is not None:
        raise MisuseError(f"the surface {plan.name!r} is not about one item.")
    if plan.source != "given" and request.ids is not None:
        raise MisuseError(f"the surface {plan.name!r} is not about given items.")
