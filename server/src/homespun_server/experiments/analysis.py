"""From an experiment's releases to its report.

The primary metric decides, with the whole α; where several variants are compared with the control, each has its part of
it (Bonferroni). Guardrails share another α in the same way, so a report has at most that chance of a false alarm among
all of them. Always-valid intervals are decisive where every window is looked at, the fixed one where only the last is;
both are in the report, and named.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.experiment import Experiment
from homespun_server.experiments.enough import people_enough
from homespun_server.experiments.looks import Look, Method, Sums, look_after
from homespun_server.experiments.mismatch import mismatch_p
from homespun_server.experiments.question import Criterion, Question, question_of
from homespun_server.experiments.ratios import Bounds, interval
from homespun_server.experiments.reading import Windows, read_windows
from homespun_server.experiments.result import (
    Comparison,
    Counted,
    Estimate,
    ExperimentReport,
    Mismatch,
    Role,
)
from homespun_server.experiments.result import Look as Seen
from homespun_server.experiments.sequence import fixed, spent
from homespun_server.experiments.verdict import Verdict, judge, judge_guardrail
from homespun_server.experiments.words import notes_of, text_of
from homespun_server.privacy.release import Release
from homespun_server.privacy.zcdp import DEFAULT_DELTA, stated_epsilon

MISMATCH_ALPHA = 0.001
"""Probability of calling an experiment broken that is not: strict, because it stops everything."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to analyse.

    Attributes:
        alpha: Probability that the primary metric shows what is not there.
        power: With which the least effect is to be shown.
        every_window: Whether every window is looked at; otherwise this is the only look.
        planned: How many windows there will probably be; chosen before the first.
        delta: δ at which ε is stated.

    Raises:
        MisuseError: On construction, if a figure is out of range.
    """

    alpha: float = 0.05
    power: float = 0.8
    every_window: bool = True
    planned: int = 4
    delta: float = DEFAULT_DELTA

    def __post_init__(self) -> None:
        """Refuse levels that promise nothing."""
        if not (0 < self.alpha < 1 and 0 < self.power < 1 and self.planned > 0):
            raise MisuseError(
                f"α = {self.alpha:g}, a power of {self.power:g} and {self.planned} planned windows: no analysis has "
                "these. α and power lie between 0 and 1, and at least one window is planned."
            )

    def method(self, *, repeating: bool) -> Method:
        """Return how deciding intervals are made, of people who may be in several windows or are not."""
        if not self.every_window:
            return Method.FIXED
        return Method.SPENDING if repeating else Method.MIXTURE


@dataclass(frozen=True)
class _Task:
    """One metric of one variant beside the control."""

    question: Question
    windows: Windows
    settings: Settings
    metric: Criterion
    role: Role
    variant: int
    alpha: float

    @property
    def method(self) -> Method:
        """How the deciding interval is made."""
        return self.settings.method(repeating=self.question.repeating)

    def look(self, number: int, method: Method) -> Look:
        """Return what the look after so many windows sees."""
        above, below = self.question.places(self.metric)
        sums = self.windows.sums
        pair = Sums(sums[0], sums[self.variant], self.windows.noise, self.question.repeating)
        settings = self.settings
        return look_after(pair, above, below, look=number, alpha=self.alpha, method=method, planned=settings.planned)

    def seen(self, number: int) -> Seen:
        """Return what is reported of a look."""
        look = self.look(number, self.method)
        scale = self.question.scale(self.metric)
        bounds, rule = look.difference, judge if self.role == "primary" else judge_guardrail
        return Seen(
            number=number,
            difference=_estimate(bounds.scaled(scale)),
            fixed=_estimate(self.look(number, Method.FIXED).difference.scaled(scale)),
            verdict=rule(float(bounds.low), float(bounds.high), self.least(look), self.metric.good),
        )

    def least(self, look: Look) -> float:
        """Return the least difference that matters, in the released unit; NaN if the control has nothing."""
        return self.metric.effect * float(look.control.value)


def analyse(experiment: Experiment, releases: Sequence[Release], settings: Settings, now: datetime) -> ExperimentReport:
    """Analyse an experiment.

    Args:
        experiment: Its published definition.
        releases: One a window, in the order of the windows.
        settings: How to.
        now: For the report.

    Raises:
        MisuseError: If there is no release, or one is of another experiment.
    """
    question = question_of(experiment)
    return report_of(question, read_windows(releases, question), settings, now)


def report_of(question: Question, windows: Windows, settings: Settings, now: datetime) -> ExperimentReport:
    """Analyse what was released; see ``analyse``."""
    method = settings.method(repeating=question.repeating)
    mismatch = _mismatch(question, windows, settings)
    comparisons = tuple(map(_comparison, _tasks(question, windows, settings)))
    verdicts = {
        each.variant: Verdict.BROKEN if mismatch.broken else each.verdict
        for each in comparisons
        if each.role == "primary"
    }
    report = ExperimentReport(
        experiment=question.name,
        created=now.isoformat(timespec="seconds"),
        method=method,
        alpha=settings.alpha,
        power=settings.power,
        windows=windows.noise.size,
        planned=settings.planned,
        repeating=question.repeating,
        epsilon=tuple(None if rho is None else stated_epsilon(rho, settings.delta) for rho in windows.rho),
        delta=settings.delta,
        noise=tuple(np.sqrt(windows.noise).tolist()),
        counted=_counted(question, windows),
        mismatch=mismatch,
        comparisons=comparisons,
        verdicts=verdicts,
        texts={},
        notes=notes_of(method, repeating=question.repeating, windows=windows.noise.size),
    )
    return _with_texts(report)


def _with_texts(report: ExperimentReport) -> ExperimentReport:
    texts = {variant: text_of(report, variant) for variant in report.verdicts}
    return ExperimentReport(**{name: getattr(report, name) for name in report.__struct_fields__} | {"texts": texts})


def _tasks(question: Question, windows: Windows, settings: Settings) -> Iterator[_Task]:
    others = range(1, len(question.variants))
    for variant in others:
        yield _Task(question, windows, settings, question.primary, "primary", variant, settings.alpha / len(others))
    part = settings.alpha / (len(others) * max(1, len(question.guardrails)))
    for metric in question.guardrails:
        for variant in others:
            yield _Task(question, windows, settings, metric, "guardrail", variant, part)


def _comparison(task: _Task) -> Comparison:
    last = task.windows.noise.size
    look, scale = task.look(last, task.method), task.question.scale(task.metric)
    looks = tuple(task.seen(number) for number in range(1, last + 1))
    least = task.least(look)
    return Comparison(
        metric=task.metric,
        role=task.role,
        variant=task.question.variants[task.variant],
        control=task.question.variants[0],
        alpha=task.alpha,
        own=_estimate(interval(look.treated, look.factor).scaled(scale)),
        other=_estimate(interval(look.control, look.factor).scaled(scale)),
        difference=looks[-1].difference,
        relative=_estimate(look.relative),
        effect=_known(least * scale),
        fixed=looks[-1].fixed,
        noise_share=_known(_noise_share(look)),
        enough=_enough(task, look, least),
        verdict=looks[-1].verdict,
        looks=looks,
    )


def _noise_share(look: Look) -> float:
    arms = (look.treated, look.control)
    own, noise = (
        float(sum(each.variance for each in arms)),
        float(sum(each.noise_share * each.variance for each in arms)),
    )
    return noise / own if own else 0.0


def _enough(task: _Task, look: Look, least: float) -> int | None:
    """Return how many exposed people would do, if as many are added to every variant in proportion."""
    times = people_enough(look.treated, look.control, float(look.factor), least, task.settings.power)
    counted = float(task.windows.sums[:, :, 0, 0].sum())
    return None if times is None or counted <= 0 else max(1, round(times * counted))


def _mismatch(question: Question, windows: Windows, settings: Settings) -> Mismatch:
    counts = windows.sums[:, :, 0, 0].T
    p = mismatch_p(counts, np.array(question.shares), windows.noise, repeating=question.repeating)
    looks = windows.noise.size
    threshold = spent(MISMATCH_ALPHA, looks) if settings.every_window else MISMATCH_ALPHA
    return Mismatch(p=float(p), threshold=threshold)


def _counted(question: Question, windows: Windows) -> tuple[Counted, ...]:
    half = fixed(0.05) * sqrt(float(windows.noise.sum()))
    people = windows.sums[:, :, 0, 0].sum(axis=1)
    return tuple(
        Counted(variant=name, share=share, people=Estimate(value=count, low=max(0.0, count - half), high=count + half))
        for name, share, count in zip(question.variants, question.shares, people.tolist(), strict=True)
    )


def _estimate(bounds: Bounds) -> Estimate:
    return Estimate(value=_known(bounds.value), low=_known(bounds.low), high=_known(bounds.high))


def _known(value: float | NDArray[np.float64]) -> float | None:
    number = float(value)
    return number if isfinite(number) else None
