"""Explains an item of a decision: the pipeline's own account, with nothing made up afterwards."""

from dataclasses import replace

import numpy as np

from homespun.errors import UnknownItemError
from homespun.explain.attribution import attributions_of
from homespun.explain.explanation import Attribution, Explanation, StageRank
from homespun.explain.moves import moves_of
from homespun.explain.reasons import reasons_of
from homespun.explain.runtime import PRECISION, runtime_name
from homespun.explain.wording import DEFAULT, Wording
from homespun.model.history import Positions, Reals
from homespun.model.scoring import Pool
from homespun.ranking.additions import Interests
from homespun.ranking.decision import Decision, decide
from homespun.ranking.request import Inputs

_EVERYBODYS = {"prior", "rule", "recency", "popularity"}


def explain(decision: Decision, item: str, wording: Wording = DEFAULT) -> Explanation:
    """Explain why ``item`` has its score and its place in a decision's list, or why it has none.

    Args:
        decision: The decision.
        item: A listed item, or the one that the decision was asked about.
        wording: How reasons are said.

    Raises:
        UnknownItemError: If the item is not in the bundle, or neither in the list nor asked about.
    """
    bundle = decision.bundle
    found = np.flatnonzero(decision.ranked.positions == bundle.position(item))
    place = int(found[0]) if found.size else None
    scored = _scored(decision, item, place)
    score = float(scored.scores[0])
    attributions = attributions_of(decision, scored)
    placed = None if place is None else decision.assembled.places[place]
    return Explanation(
        item=item,
        title=bundle.title(item),
        score=score,
        reason=reasons_of(decision, scored, [placed], wording)[0],
        attributions=attributions,
        residual=score - sum(part.value for part in attributions),
        personalized=decision.personalized,
        bundle=bundle.id,
        time=decision.time,
        moves=moves_of(decision, place, item),
        surface=decision.plan.name,
        place=None if place is None else place + 1,
        candidates=decision.pool.positions.size,
        stages=stage_ranks(decision, int(scored.positions[0])),
        base=sum(part.value for part in attributions if _is_everybodys(part, decision)),
        general_place=general_place(decision, item),
        propensity=1.0 if placed is None else placed.propensity,
        policy=decision.compiled.identity,
        model=bundle.manifest.name,
        runtime=runtime_name(),
        precision=PRECISION,
        unmet=decision.unmet,
        experiment=decision.compiled.experiment,
    )


def reasons(decision: Decision, wording: Wording = DEFAULT) -> list[str]:
    """Return the main reason for every item of a decision's list, in its order."""
    return reasons_of(decision, decision.ranked, decision.assembled.places, wording)


def stage_ranks(decision: Decision, position: int) -> tuple[StageRank, ...]:
    """Return what each stage did to the rank of a candidate; nothing if it is none."""
    found = np.flatnonzero(decision.pool.positions == position)
    if not found.size:
        return ()
    candidate = int(found[0])
    names, ranks = ["model"], []
    interests = Interests(decision.bundle, decision.terms)
    scores = decision.pool.scores - interests.values(decision.pool) if decision.terms else decision.pool.scores
    ranks.append(_rank(_order(decision, scores), candidate))
    for addition in (*((interests,) if decision.terms else ()), *decision.additions):
        scores = scores + addition.values(decision.pool)
        names.append(addition.stage)
        ranks.append(_rank(_order(decision, scores), candidate))
    # The first step is the order by all scores together, which was told stage by stage.
    for step in decision.steps[1:]:
        names.append(step.stage)
        ranks.append(_rank(step.order, candidate))
    listed = np.flatnonzero(decision.places == candidate)
    if listed.size:
        names.append("places")
        ranks.append(int(listed[0]) + 1)
    befores = [ranks[0], *ranks[:-1]]
    return tuple(StageRank(*each) for each in zip(names, befores, ranks, strict=True))


def general_place(decision: Decision, item: str) -> int | None:
    """Return the place of an item in the same list for somebody of whom nothing is known; None if it has none."""
    if not decision.allowed and decision.person.inputs.events is None:
        listed = decision.ranked.positions.tolist()
    else:
        nobody = Inputs(events=None, steering=decision.person.steering.without_personal_data())
        plain = decide(decision.compiled.beside(), nobody, replace(decision.request, asked=None, shown={}))
        listed = plain.ranked.positions.tolist()
    position = decision.bundle.position(item)
    return listed.index(position) + 1 if position in listed else None


def _scored(decision: Decision, item: str, place: int | None) -> Pool:
    if place is not None:
        return decision.ranked.take(np.array([place], np.int64))
    asked = decision.asked
    if asked is None or decision.request.asked != item:
        raise UnknownItemError(f"{item!r} is not in the list that is being explained.")
    return asked


def _order(decision: Decision, scores: Reals) -> Positions:
    return np.lexsort((decision.pool.positions, -scores)).astype(np.int64, copy=False)


def _rank(order: Positions, candidate: int) -> int:
    return int(np.flatnonzero(order == candidate)[0]) + 1


def _is_everybodys(part: Attribution, decision: Decision) -> bool:
    declared = decision.attributes
    if part.source == "context":
        return part.often is None and (part.component or "") not in declared
    return part.source in _EVERYBODYS
