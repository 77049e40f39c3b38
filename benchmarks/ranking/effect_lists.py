"""Lists by policies, made by the client's own code for the same cases, and what they are like."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.models.dividing import Divided
from benchmarks.ranking.effect_cases import CutPeople, numbers_of
from homespun.model.bundle import Bundle
from homespun.protocol.controls import NEUTRAL, Steering
from homespun.protocol.policy import Policy
from homespun.ranking.decision import Decision, decide
from homespun.ranking.diversity import directions
from homespun.ranking.request import Inputs, Request
from homespun.ranking.surfaces import Compiled
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.facts import ItemFacts
from homespun_server.evaluation.intervals import Integers, Reals
from homespun_server.evaluation.lists import NOWHERE, Lists, coverage
from homespun_server.evaluation.metrics import hits_of, ndcg_at
from homespun_server.evaluation.references import ExactSums
from homespun_server.statistics.likes import Likes

DEPTH = 10


@dataclass(frozen=True, eq=False)
class Figures:
    """What the lists of one policy are like.

    Attributes:
        ndcg: NDCG@10; float64 [cases], like all of the following.
        diversity: 1 − the mean cosine of the tags of two items of a list.
        apart: The same of the directions that the diversity stage itself looks at.
        calibration: Divergence of the list's tags from the history's; NaN where one of them has none.
        novelty: Mean −log₂ of the share of people who like an item.
        coverage: Share of the model's items that stand in any list.
    """

    ndcg: Reals
    diversity: Reals
    apart: Reals
    calibration: Reals
    novelty: Reals
    coverage: float


@dataclass(frozen=True, eq=False)
class Panel:
    """Cases, and what is known of items.

    Attributes:
        cases: What is asked.
        protocol: How they came about.
        facts: The items.
    """

    cases: Sequence[Case]
    protocol: CutPeople
    facts: ItemFacts

    @cached_property
    def users(self) -> Integers:
        """Whose each case is; int64 [cases]."""
        return numbers_of(self.cases)

    def ask(self, bundle: Bundle, policy: Policy, steering: Steering = NEUTRAL) -> Figures:
        """Return what the lists by a policy are like; chance decides by the number of the case."""
        compiled = Compiled(bundle, policy)
        shown = np.full((len(self.cases), DEPTH), NOWHERE, np.int64)
        apart, ids = np.zeros(len(self.cases)), list[list[str]]()
        for number, case in enumerate(self.cases):
            request = Request.of(
                DEPTH, case.now or 0.0, context=case.context, exclude_seen=not self.protocol.repeats, seed=number
            )
            made = decide(compiled, Inputs(case.events, steering), request)
            ids.append([bundle.items[position] for position in made.ranked.positions.tolist()])
            shown[number, : len(ids[-1])] = [self.facts.positions[item] for item in ids[-1]]
            apart[number] = _apart(bundle, made)
        lists = Lists(shown, self._liked, self.facts)
        known = self.facts.counts > 0
        return Figures(
            ndcg=ndcg_at(hits_of(ids, [case.relevant for case in self.cases], DEPTH), DEPTH),
            diversity=lists.diversity(DEPTH),
            apart=apart,
            calibration=lists.calibration(DEPTH),
            novelty=lists.novelty(DEPTH),
            coverage=coverage(lists.exposure(DEPTH)[known]),
        )

    @cached_property
    def _liked(self) -> list[Integers]:
        least, positions = self.protocol.liked.min_weight, self.facts.positions
        return [
            np.array(
                [
                    positions[event.item]
                    for event in {event.item: event for event in case.events}.values()
                    if least is None or event.weight is None or event.weight >= least
                ],
                np.int64,
            )
            for case in self.cases
        ]


def facts_of(split: Divided) -> ItemFacts:
    """Return what the people who train say of items."""
    liked = split.split.liked
    likes = Likes(split.training, min_weight=liked.min_weight, test_share=0.0, negative_kinds=liked.negative_kinds)
    sums = ExactSums(likes)
    return ItemFacts.of(split.items.ids, split.items.tags, sums.counts.astype(np.int64), sums.matrix.shape[0])


def _apart(bundle: Bundle, made: Decision) -> float:
    rows = directions(bundle, made.ranked.positions, made.history.level)
    number = len(rows)
    likeness = rows @ rows.T
    return 1.0 - float(likeness.sum() - likeness.trace()) / max(1, number * (number - 1))
