"""Learns a blend by validation: weights, and kernels from a short list each, then weights of each activity level."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from homespun_server.training.blend import POPULARITY, STANDARD_BLEND, Blend
from homespun_server.training.model import LEVELS, Component, Kernel, Model, Weights
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

START = {"collaborative": 0.05, "sequential": 0.5, "session": 1.0, "content": 0.05, POPULARITY: 0.05}
"""What a component weighs where it is tried with another kernel while it weighs nothing."""

STARTS: Sequence[Mapping[str, float]] = (START, {})
"""Where the search for weights begins; other terms begin at 0."""


_ROUNDS = 2
"""How often kernels are tried again, with the weights that were found meanwhile."""


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
    steps = _Steps(progress, (1 + _ROUNDS) * len(model.components) + LEVELS)
    features: dict[str, Floats] = other_features(model, questions)
    kernels: dict[str, Kernel] = {}
    for component in model.components:
        kernels[component.name] = STANDARD_BLEND.kernel(component.name)
        features[component.name] = component_feature(component, questions, kernels[component.name])
        steps.done()
    before = whole.gains(_total(questions, features, STANDARD_BLEND.weight, bars)).mean()
    pools = Pools(questions, features, bars)
    judge = Judge(pools.questions, depth)
    pooled = {term: pools.of(values) for term, values in features.items()}
    # What ascends from one start may never find what another leads to: nothing is sure of order, or of repeats.
    ascents = [ascend(judge, pooled, start, pools.bars) for start in STARTS]
    found = max(ascents, key=lambda ascent: float(ascent.gains.mean()))
    tried = _Tried(questions, pools)
    for _ in range(_ROUNDS):
        before_round = dict(kernels)
        for component in model.components:
            kernels[component.name] = _together(judge, tried, component, pooled, found.weights, kernels)
            steps.done()
        if kernels == before_round:
            break
        found = ascend(judge, pooled, found.weights, pools.bars)
    weights = by_level(judge, pooled, found.weights, pools.bars, steps.done)
    blend = Blend({term: tuple(values) for term, values in weights.items()}, kernels)
    steps.all_done()
    return Learned(blend, float(before), quality(model, questions, blend, depth))


def quality(model: Model, questions: Questions, blend: Blend, depth: int) -> float:
    """Return the mean NDCG of a model's tables with a blend."""
    return Qualities(questions, blend, depth).of(model)


class Qualities:
    """Measures models that differ in the tables of components only: all other terms are those of the first."""

    def __init__(self, questions: Questions, blend: Blend, depth: int) -> None:
        """Prepare to measure.

        Args:
            questions: The cases.
            blend: How all models weigh their terms.
            depth: k of the NDCG.
        """
        self._questions, self._blend, self._judge = questions, blend, Judge(questions, depth)
        self._rest: Floats | None = None
        self._components: dict[str, tuple[object, Floats]] = {}

    def of(self, model: Model) -> float:
        """Return the mean NDCG of a model."""
        if self._rest is None:
            features = other_features(model, self._questions)
            self._rest = _total(self._questions, features, self._blend.weight, self._judge.barred())
        total = self._rest.copy()
        for component in model.components:
            total += self._component(component)
        return float(self._judge.gains(total).mean())

    def _component(self, component: Component) -> Floats:
        key = component.low_rank, component.sparse
        found = self._components.get(component.name)
        if found is None or found[0] != key:
            feature = component_feature(component, self._questions, self._blend.kernel(component.name))
            weights = np.array(self._blend.weight(component.name), np.float32)[self._questions.levels]
            found = key, weights[:, None] * feature
            self._components[component.name] = found
        return found[1]


class _Steps:
    def __init__(self, progress: Callable[[int, int], None], total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def done(self) -> None:
        """Tell that one more step is done."""
        self._done = min(self._done + 1, self._total)
        self._progress(self._done, self._total)

    def all_done(self) -> None:
        """Tell that nothing is left to do: rounds end early when they change nothing."""
        self._progress(self._total, self._total)


class _Tried:
    """What components say with kernels that were tried: rounds try the same ones with other weights."""

    def __init__(self, questions: Questions, pools: Pools) -> None:
        self._questions, self.pools = questions, pools
        self._found: dict[tuple[str, Kernel], Floats] = {}

    def feature(self, component: Component, kernel: Kernel) -> Floats:
        """Return what a component says of the pools."""
        key = component.name, kernel
        if key not in self._found:
            self._found[key] = self.pools.of(component_feature(component, self._questions, kernel))
        return self._found[key]


def _together(
    judge: Judge,
    tried: _Tried,
    component: Component,
    features: dict[str, Floats],
    weights: Mapping[str, float],
    kernels: Mapping[str, Kernel],
) -> Kernel:
    """Return the kernel that ranks best with all others as they are, and put what it says among the features."""
    present = kernels[component.name]
    # A component that weighs nothing so far may do so for want of the right kernel.
    weight = weights[component.name] or START[component.name]
    others = {term: values for term, values in features.items() if term != component.name}
    rest = weighted(others, weights, tried.pools.bars)
    best, chosen = judge.gains(rest + np.float32(weight) * features[component.name]).mean(), present
    for kernel in KERNELS[component.name]:
        if kernel == present:
            continue
        feature = tried.feature(component, kernel)
        gain = judge.gains(rest + np.float32(weight) * feature).mean()
        if gain > best:
            best, chosen, features[component.name] = gain, kernel, feature
    return chosen


def _total(questions: Questions, features: Features, weight: Callable[[str], Weights], bars: Floats) -> Floats:
    total = bars.copy()
    for term, values in features.items():
        own = np.array(weight(term), np.float32)[questions.levels]
        if own.any():
            total += own[:, None] * values
    return total
