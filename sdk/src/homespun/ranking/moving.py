"""Stages that move items and change no score: cascade, diversity, then the list put together place by place."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.history import Positions, Reals
from homespun.model.scoring import Pool
from homespun.protocol.policy import rules as actions
from homespun.protocol.policy.stages import Caps, Diversity, Exploration
from homespun.ranking.additions import Addition, Taste
from homespun.ranking.assembly import Assembled, Cap, Explore, Pin, Plan, Reserve, assemble
from homespun.ranking.calibration import calibrated
from homespun.ranking.diversity import directions, spread_out
from homespun.ranking.exploration import epsilon_greedy, explored_places, thompson
from homespun.ranking.learning.drawing import normal_numbers
from homespun.ranking.person import Person
from homespun.ranking.request import Request
from homespun.ranking.rules import Firing
from homespun.ranking.surfaces import SurfacePlan

DRAWS = 64
"""Tastes that are drawn for Thompson sampling."""

LARGEST_UNLIKE = 0.45
"""How much unlike items stand side by side where a person's dial is at 1."""


class Step(NamedTuple):
    """How a pool stands after a stage.

    Attributes:
        stage: The stage's name.
        order: int64 [p], places in the pool, best first.
    """

    stage: str
    order: Positions


class Dials(NamedTuple):
    """How much unlike items stand side by side, and how much tags follow the person's own; from 0 to 1 both."""

    unlike: float
    calibration: float


def dials_of(person: Person, plan: SurfacePlan) -> Dials:
    """Return the person's dial where they set it, else what the policy says.

    The dial's square, so that its lower half, in which lists stay nearly as right as they were, is not crowded into its
    first steps. Calibration has no part in it: for the same loss it makes lists less diverse.
    """
    if person.steering.diversity:
        return Dials(LARGEST_UNLIKE * person.steering.diversity**2, 0.0)
    stage = plan.stage(Diversity)
    return Dials(0.0, 0.0) if stage is None else Dials(stage.unlike, stage.calibration)


def cascaded(order: Positions, again: Reals, top: int) -> Positions:
    """Return an order whose first ``top`` items stand by other scores (float64 [p]), equal ones as they stood."""
    head = order[:top]
    return np.concatenate([head[np.argsort(-again[head], kind="stable")], order[top:]])


def unlike(bundle: Bundle, pool: Pool, scores: Reals, order: Positions, places: int, dial: float, level: int) -> Step:
    """Return the step that puts unlike items side by side; ``places`` from the top on."""
    rows = directions(bundle, pool.positions[order], level)
    return Step("diversity", order[spread_out(rows, np.sort(scores[order])[::-1], places, dial)])


def calibrating(
    bundle: Bundle, person: Person, pool: Pool, scores: Reals, order: Positions, k: int, dial: float
) -> Step:
    """Return the step that makes a list's tags follow the person's own.

    An earlier step's order counts in place of the scores': the best score is the first item's.
    """
    shares = person.tag_shares
    target = np.array(list(shares.values()), np.float64)
    tags = _tag_matrix(bundle, pool.positions[order], list(shares))
    chosen = calibrated(np.sort(scores[order])[::-1], tags, target, dial, k)
    rest = np.ones(order.size, np.bool_)
    rest[chosen] = False
    return Step("calibration", np.concatenate([order[chosen], order[rest]]))


def _tag_matrix(bundle: Bundle, positions: Positions, wanted: Sequence[str]) -> Reals:
    """Return the share that items (int64 [p]) have of each of some tags (t of them); float64 [p, t]."""
    codes = bundle.tag_codes
    places, numbers = codes.of(positions)
    known = np.array([codes.number(tag) for tag in wanted], np.int64)
    columns = np.full(int(max(numbers.max(initial=-1), known.max(initial=-1))) + 1, -1, np.int64)
    columns[known] = np.arange(known.size)
    own = columns[numbers]
    shares = np.zeros((positions.size, known.size))
    found = np.flatnonzero(own >= 0)
    shares[places[found], own[found]] = 1 / np.bincount(places)[places[found]]
    return shares


def assembled(
    bundle: Bundle,
    plan: SurfacePlan,
    level: float | None,
    request: Request,
    firing: Firing | None,
    pool: Pool,
    scores: Reals,
    order: Positions,
    additions: Sequence[Addition],
) -> Assembled:
    """Return the list; ``level`` is the person's dial for exploration."""
    pins, caps, reserves = _of_rules(firing, pool.positions)
    caps += _of_tags(bundle, plan.stage(Caps), pool.positions)
    explored, explore = _exploring(plan.exploration(level), request, pool, scores, additions)
    new = bundle.manifest.new_items
    keeping = new.every if plan.source == "all" else 0
    return assemble(
        order.tolist(),
        Plan(
            length=request.k,
            pins=pins,
            caps=caps,
            reserves=reserves,
            kept_every=keeping,
            kept=pool.positions >= new.first if keeping else None,
            explored=explored,
            explore=explore,
        ),
    )


def _of_rules(firing: Firing | None, positions: Positions) -> tuple[list[Pin], list[Cap], list[Reserve]]:
    if firing is None:
        return [], [], []
    acting = [rule for rule in firing.rules if isinstance(rule.then, actions.Pin | actions.Cap | actions.Reserve)]
    masks = firing.masks(acting, positions)
    numbers = {rule.name: number for number, rule in enumerate(firing.rules)}
    found = list(zip(acting, masks, strict=True))
    return (
        [Pin(numbers[rule.name], rule.then.at, fits) for rule, fits in found if isinstance(rule.then, actions.Pin)],
        [Cap(rule.then.at_most, fits) for rule, fits in found if isinstance(rule.then, actions.Cap)],
        [
            Reserve(numbers[rule.name], rule.then.share, fits)
            for rule, fits in found
            if isinstance(rule.then, actions.Reserve)
        ],
    )


def _of_tags(bundle: Bundle, stage: Caps | None, positions: Positions) -> list[Cap]:
    if stage is None:
        return []
    codes = bundle.tag_codes
    places, numbers = codes.of(positions)
    named = {codes.number(tag): most for tag, most in stage.tags.items()}
    found = []
    for number, count in enumerate(np.bincount(numbers).tolist()):
        most = named.get(number, stage.each)
        # What fewer carry than may be listed limits nothing.
        if most is not None and count > most:
            mask = np.zeros(positions.size, np.bool_)
            mask[places[numbers == number]] = True
            found.append(Cap(most, mask))
    return found


def _exploring(
    stage: Exploration, request: Request, pool: Pool, scores: Reals, additions: Sequence[Addition]
) -> tuple[frozenset[int], Explore | None]:
    places = frozenset[int]() if stage.method == "off" else explored_places(request.k, stage.share)
    if not places:
        return frozenset(), None
    if stage.method == "epsilon":
        return places, epsilon_greedy(stage.epsilon, request.seed)
    taste = next((each for each in additions if isinstance(each, Taste)), None)
    if taste is None:
        # Where nothing is learned there is nothing to draw from.
        return frozenset(), None
    rows = pool.decoder[taste.term.posterior.table]
    draws = normal_numbers(max(DRAWS, len(places)), rows.shape[1], random.Random(request.seed))  # noqa: S311
    return places, thompson(scores - taste.values(pool) + taste.term.drawn(rows, draws))
