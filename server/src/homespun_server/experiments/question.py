"""What an analysis is asked: the part of a published definition that the mathematics needs.

Nothing is chosen here: which metric decides, which effects matter and how people are divided over windows was published
before the experiment began.
"""

import msgspec

from homespun.protocol.experiment import PEOPLE, Experiment, statistic_of
from homespun.protocol.experiment.metrics import Good
from homespun.protocol.statistics.variants import Measure, Variants


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """A metric, and the difference in it that matters.

    Attributes:
        name: The metric's name.
        above: The measure that is summed above.
        below: The measure below, or ``PEOPLE``.
        good: Whether more of it is better, or less.
        effect: Least difference that matters, as a share of what the control has; of a guardrail the change for the
            worse that is tolerated.
    """

    name: str
    above: str
    below: str
    good: Good
    effect: float


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of released sums.

    Attributes:
        name: The experiment's.
        variants: Their names, the control first.
        shares: The share of the experiment's people that each should have.
        declared: What each released number is.
        primary: The metric that decides.
        guardrails: Metrics that must not get worse.
        repeating: Whether one person may be in several windows.
    """

    name: str
    variants: tuple[str, ...]
    shares: tuple[float, ...]
    declared: Variants
    primary: Criterion
    guardrails: tuple[Criterion, ...] = ()
    repeating: bool = False

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is counted of a person, and up to which value."""
        return self.declared.measures

    def places(self, metric: Criterion) -> tuple[int, int]:
        """Return where z = (1, measures) has what is summed above and below."""
        names = (PEOPLE, *(measure.name for measure in self.measures))
        return names.index(metric.above), names.index(metric.below)

    def scale(self, metric: Criterion) -> float:
        """Return what 1.0 of the ratio of released sums, which are shares of caps, is in the metric's own unit."""
        caps = {PEOPLE: 1} | {measure.name: measure.cap for measure in self.measures}
        return caps[metric.above] / caps[metric.below]


def question_of(experiment: Experiment) -> Question:
    """Return what a published definition asks."""
    declared = statistic_of(experiment).transformation
    whole = sum(variant.share for variant in experiment.variants)
    return Question(
        name=experiment.name,
        variants=tuple(variant.name for variant in experiment.variants),
        shares=tuple(variant.share / whole for variant in experiment.variants),
        declared=msgspec.convert(msgspec.to_builtins(declared), Variants),
        primary=_criterion(experiment, experiment.primary, experiment.effect),
        guardrails=tuple(_criterion(experiment, each.metric, each.worst) for each in experiment.guardrails),
        repeating=experiment.windows == "everybody",
    )


def _criterion(experiment: Experiment, name: str, effect: str) -> Criterion:
    metric = experiment.metric(name)
    return Criterion(name=metric.name, above=metric.above, below=metric.below, good=metric.good, effect=float(effect))
