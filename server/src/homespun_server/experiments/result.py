"""The report of an experiment: msgspec structs, which are its JSON.

Figures are in the metrics' own units; null where the data allow none.
"""

from typing import Literal

import msgspec

from homespun_server.experiments.looks import Method
from homespun_server.experiments.question import Criterion
from homespun_server.experiments.verdict import Verdict

SCHEMA_VERSION = 1

Role = Literal["primary", "guardrail"]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with its interval; null: the noise allows none."""

    value: float | None
    low: float | None
    high: float | None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Exposed people of a variant.

    Attributes:
        variant: Its name.
        share: The share that it should have.
        people: The released count, and where the true one lies with a probability of 95%.
    """

    variant: str
    share: float
    people: Estimate


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """Whether variants have their shares.

    Attributes:
        p: Probability of such counts by chance and noise.
        threshold: Below it the experiment is broken.
    """

    p: float
    threshold: float

    @property
    def broken(self) -> bool:
        """Whether it is."""
        return self.p < self.threshold


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen after a window: the difference, with the interval that decides and with a fixed one.

    Attributes:
        number: From 1 on.
        difference: With the interval that decides.
        fixed: With the interval of a single planned look.
        verdict: What the deciding interval says.
    """

    number: int
    difference: Estimate
    fixed: Estimate
    verdict: Verdict


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A variant beside the control, in one metric.

    Attributes:
        metric: The metric.
        role: Whether it decides.
        variant: The variant.
        control: The control.
        alpha: Probability that this comparison misses the truth, its part of the report's.
        own: What the variant has.
        other: What the control has.
        difference: The variant minus the control.
        relative: The variant over the control, minus 1.
        effect: Least difference that matters, in the metric's unit; null: not known.
        fixed: The difference with the interval of a single planned look.
        noise_share: How much of the difference's variance is the noise's; null: not known.
        enough: Exposed people, over all variants, who would be enough at this ε for the least effect; null: not known.
        verdict: What it says.
        looks: The same after every window.
    """

    metric: Criterion
    role: Role
    variant: str
    control: str
    alpha: float
    own: Estimate
    other: Estimate
    difference: Estimate
    relative: Estimate
    effect: float | None
    fixed: Estimate
    noise_share: float | None
    enough: int | None
    verdict: Verdict
    looks: tuple[Look, ...]


class ExperimentReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an experiment's releases say.

    Attributes:
        schema: Version of this structure.
        experiment: Its name.
        created: When the report was made, ISO 8601, UTC.
        method: How the deciding intervals are made.
        alpha: Probability that the primary metric shows what is not there.
        power: With which the least effect is to be shown.
        windows: How many were released.
        planned: How many there will probably be.
        repeating: Whether one person may be in several windows.
        epsilon: ε of each window's release, at ``delta``; null: without noise, non-private.
        delta: δ.
        noise: Standard deviation of the noise in a released number of each window, in people.
        counted: Exposed people.
        mismatch: Whether variants have their shares.
        comparisons: Every variant in every metric, the primary one first.
        verdicts: What is said of each variant.
        texts: The same in words, a sentence or two a variant.
        notes: What a reader has to know.
    """

    experiment: str
    created: str
    method: Method
    alpha: float
    power: float
    windows: int
    planned: int
    repeating: bool
    epsilon: tuple[float | None, ...]
    delta: float
    noise: tuple[float, ...]
    counted: tuple[Counted, ...]
    mismatch: Mismatch
    comparisons: tuple[Comparison, ...]
    verdicts: dict[str, Verdict]
    texts: dict[str, str]
    notes: tuple[str, ...]
    schema: int = SCHEMA_VERSION
