"""Learns a blend by validation: kernels from a short list each, then weights, then weights of each activity level."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from homespun_server.training.blend import POPULARITY, STANDARD_BLEND, Blend
from homespun_server.training.model import Component, Kernel, Model, Weights
from homespun_server.tuning.features import component_feature, other_features
from homespun_server.tuning.pooling import Pools
from homespun_server.tuning.questions import Questions
from homespun_server.tuning.search import Features, Floats, Judge, ascend, by_level, weighted

_MINUTE, _DAY = 60.0, 86_400.0

KERNELS: Mapping[str, Sequence[Kernel]] = {
    "collaborative": [Kernel(age, None, ordered=False) for age in (None, 200.0, 50.0, 20.0, 8.0)],
    "sequential": [Kernel(age, None, ordered=True) for age in (0.7, 1.5, 3.0)],
    "session": [
        Kernel(age, gap, ordered=True)
        for age, gap in product((8.0, 20.0), (0.5 * _MINUTE, _MINUTE, 10 * _MINUTE, _DAY / 12, _DAY, 7 * _DAY, None))
    ],
    "content": [Kernel(age, None, ordered=False) for age in (None, 50.0, 10.0)],
}
"""What is tried for each component."""

START = {"collaborative": 0.25, "sequential": 0.3, "session": 1.0, "content": 0.05, POPULARITY: 0.05}
"""Where the search for weights begins; other terms begin at 0."""


@dataclass(frozen=True)
class Learned:
    """A blend, and how good it is on the very cases that it was learned from: flattered.

    Attributes:
        blend: The blend.
        before: Mean NDCG of the standard blend.
        after: Mean NDCG of this one.
    """

    blend: Blend
    before: float
    after: float


def learn_blend(model: Model, questions: Questions, depth: int, progress: Callable[[int, int], None]) -> Learned:
    """Learn a blend for a model's tables.

    Args:
        model: Its weights and kernels do not matter.
        questions: The cases.
        depth: k of the NDCG that is to be high.
        progress: Called with (steps done, steps in all).
    """
    whole = Judge(questions, depth)
    bars = whole.barred()
    steps = _Steps(progress, 2 * len(model.components) + 8)
    features: dict[str, Floats] = other_features(model, questions)
    kernels: dict[str, Kernel] = {}
    for component in model.components:
        kernels[component.name], features[component.name] = _alone(whole, bars, component)
        steps.done()
    before = whole.gains(_total(questions, _standard(model, questions, features), STANDARD_BLEND.weight, bars)).mean()
    pools = Pools(questions, features, bars)
    judge = Judge(pools.questions, depth)
    pooled = {term: pools.of(values) for term, values in features.items()}
    found = ascend(judge, pooled, {term: START.get(term, 0.0) for term in features}, pools.bars)
    for component in model.components:
        kernels[component.name] = _together(judge, pools, component, questions, pooled, found.weights, kernels)
        steps.done()
    found = ascend(judge, pooled, found.weights, pools.bars)
    weights = by_level(judge, pooled, found.weights, pools.bars, steps.done)
    blend = Blend({term: tuple(values) for term, values in weights.items()}, kernels)
    return Learned(blend, float(before), quality(model, questions, blend, depth))


def quality(model: Model, questions: Questions, blend: Blend, depth: int) -> float:
    """Return the mean NDCG of a model's tables with a blend."""
    judge = Judge(questions, depth)
    features: dict[str, Floats] = other_features(model, questions)
    for component in model.components:
        features[component.name] = component_feature(component, questions, blend.kernel(component.name))
    return float(judge.gains(_total(questions, features, blend.weight, judge.barred())).mean())


class _Steps:
    def __init__(self, progress: Callable[[int, int], None], total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def done(self) -> None:
        """Tell that one more step is done."""
        self._done = min(self._done + 1, self._total)
        self._progress(self._done, self._total)


def _alone(judge: Judge, bars: Floats, component: Component) -> tuple[Kernel, Floats]:
    """Return the kernel that ranks best alone, and what the component says with it."""
    best = None
    for kernel in KERNELS[component.name]:
        feature = component_feature(component, judge.questions, kernel)
        gain = judge.gains(bars + feature).mean()
        if best is None or gain > best[0]:
            best = (gain, kernel, feature)
    if best is None:
        raise LookupError(component.name)
    return best[1], best[2]


def _together(
    judge: Judge,
    pools: Pools,
    component: Component,
    questions: Questions,
    features: dict[str, Floats],
    weights: Mapping[str, float],
    kernels: Mapping[str, Kernel],
) -> Kernel:
    """Return the kernel that ranks best with all others as they are, and put what it says among the features."""
    weight, present = weights[component.name], kernels[component.name]
    if not weight:
        return present
    total = weighted(features, weights, pools.bars)
    rest = total - np.float32(weight) * features[component.name]
    best, chosen = judge.gains(total).mean(), present
    for kernel in KERNELS[component.name]:
        if kernel == present:
            continue
        feature = pools.of(component_feature(component, questions, kernel))
        gain = judge.gains(rest + np.float32(weight) * feature).mean()
        if gain > best:
            best, chosen, features[component.name] = gain, kernel, feature
    return chosen


def _standard(model: Model, questions: Questions, features: Features) -> Features:
    """Return the features with the kernels of the standard blend."""
    own: dict[str, Floats] = {
        component.name: component_feature(component, questions, STANDARD_BLEND.kernel(component.name))
        for component in model.components
    }
    return {**features, **own}


def _total(questions: Questions, features: Features, weight: Callable[[str], Weights], bars: Floats) -> Floats:
    total = bars.copy()
    for term, values in features.items():
        own = np.array(weight(term), np.float32)[questions.levels]
        if own.any():
            total += own[:, None] * values
    return total
