"""The definition of an experiment: what is compared, on which devices, what is counted and what would be concluded.

Published as a target of its channel, ``<channel>/<sha256>/experiment.json``, before it begins, so that nobody chooses
afterwards what to look at. What leaves a device is the statistic that follows from it (``statistic_of``), in a task
that names its digest.

Rules:

- The first variant is the control. A variant makes lists by a policy, from a bundle, or as the device does anyway.
- A device is in at most one experiment of a layer if their slots do not overlap, and in none that its holdout leaves
  out (``assignment``).
- The person meets a variant when a list is made for one of its surfaces, and not before.

Pure.
"""

import hashlib
from functools import cached_property
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from homespun.errors import CollectionError, HomespunError, MisuseError
from homespun.protocol.canonical import canonical
from homespun.protocol.channel import SHARES, Digest, Name
from homespun.protocol.collection.index import MAX_TASK_BYTES, parsed
from homespun.protocol.experiment.metrics import Guardrail, Metric, Positive, Ratio, Share
from homespun.protocol.experiment.outcomes import Answers, Counted, MeasureName, Survey, Text, Words
from homespun.protocol.policy import Policy, parse_policy
from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.standard import variant_outcomes
from homespun.protocol.statistics.variants import MAX_MEASURES, MAX_VARIANTS

SCHEMA_VERSION: Final = 1
"""Version of the definitions that this package writes and reads."""

DAY: Final = 86_400
"""Seconds: what is counted is kept by days."""

MAX_DAYS: Final = 366
"""Longest experiment, in days."""

MOST_PEOPLE: Final = 200_000
"""Most people that are added up in one task, where nobody says otherwise: with 32 bits about 262,000 fit."""

_SECONDS = Annotated[int, Meta(ge=0, le=253_402_300_800)]


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """One way of making lists.

    Attributes:
        name: The variant's name.
        share: Of the devices that may be in the experiment, in parts of ``SHARES``.
        policy: The policy by which lists are made, as the text of its JSON, because canonical JSON has no reals.
        bundle: The bundle that lists are made from, by the SHA-256 of its manifest; released by the channel to the
            same devices (``assignment``). While a device does not have it, its person does not meet the variant.
        text: What is different, as the person reads it.

    Raises:
        MisuseError: On construction, if the policy is none.
    """

    name: Name
    share: Annotated[int, Meta(ge=1, le=SHARES)]
    text: Text
    policy: Annotated[str, Meta(min_length=2, max_length=MAX_TASK_BYTES)] | None = None
    bundle: Digest | None = None

    def __post_init__(self) -> None:
        """Check that the policy is one."""
        try:
            _ = self.rules
        except HomespunError as error:
            raise MisuseError(f"the variant {self.name}: {error}") from error

    @cached_property
    def rules(self) -> Policy | None:
        """The policy, read; None: that of the device."""
        return None if self.policy is None else parse_policy(self.policy, f"the policy of {self.name}")


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which devices may be in the experiment: those in these slots of a layer.

    Attributes:
        name: The layer's name; its slots are the same for all experiments that name it.
        first: The first slot, from 0.
        slots: How many of ``SHARES``.

    Raises:
        MisuseError: On construction, if there are no such slots.
    """

    name: Name
    first: Annotated[int, Meta(ge=0, lt=SHARES)] = 0
    slots: Annotated[int, Meta(ge=1, le=SHARES)]

    def __post_init__(self) -> None:
        """Refuse slots that there are not."""
        if self.first + self.slots > SHARES:
            raise MisuseError(
                f"the layer {self.name} has {SHARES:,} slots; these end with {self.first + self.slots:,}."
            )


class Holdout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Devices that are in none of the experiments that name it.

    Attributes:
        name: The holdout's name.
        share: Of all devices, in parts of ``SHARES``.
    """

    name: Name
    share: Annotated[int, Meta(ge=1, lt=SHARES)]


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """One experiment.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        name: In lists, ledgers and reports.
        text: What is compared and counted, as the person reads it.
        hypotheses: What is expected, and why.
        salt: 32 hexadecimal digits that decide which device is in which variant; where variants are bundles, that of
            the staged releases of them.
        starts: From here lists are made by variants, and outcomes are counted; seconds since 1970.
        ends: From here no more.
        surfaces: Where lists are made by variants.
        variants: The control first.
        layer: Which devices may be in it; None: all.
        holdout: Devices that are in it in no case; None: none.
        measures: What is counted of a person.
        metrics: What follows from the sums.
        primary: The metric that decides.
        effect: The least change of it that would matter, as a share of what the control has.
        guardrails: Metrics that must not get worse.
        windows: Who is counted in a task over part of the time: ``newcomers``, who met their variant in it, so that
            everybody is in one window; or ``everybody`` who met it until then, so that people are in several.
        survey: A question that the application may ask; None: none.

    Raises:
        MisuseError: On construction, if it contradicts itself.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,63}\Z")]
    text: Text
    hypotheses: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=10)]
    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    starts: _SECONDS
    ends: _SECONDS
    surfaces: Annotated[tuple[Words, ...], Meta(min_length=1, max_length=20)]
    variants: Annotated[tuple[Variant, ...], Meta(min_length=2, max_length=MAX_VARIANTS)]
    measures: Annotated[tuple[Counted, ...], Meta(min_length=1, max_length=MAX_MEASURES)]
    metrics: Annotated[tuple[Metric, ...], Meta(min_length=1, max_length=MAX_MEASURES)]
    primary: MeasureName
    effect: Positive
    guardrails: Annotated[tuple[Guardrail, ...], Meta(max_length=20)] = ()
    layer: Layer | None = None
    holdout: Holdout | None = None
    windows: Literal["newcomers", "everybody"] = "newcomers"
    survey: Survey | None = None
    schema: Literal[1] = SCHEMA_VERSION

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if not self.starts < self.ends <= self.starts + MAX_DAYS * DAY:
            raise MisuseError(f"{self.name}: it has to end after it starts, and within {MAX_DAYS} days.")
        if sum(variant.share for variant in self.variants) > SHARES:
            raise MisuseError(f"{self.name}: the variants' shares make more than the whole, {SHARES:,}.")
        if len({variant.bundle is None for variant in self.variants}) > 1:
            raise MisuseError(f"{self.name}: name the bundle of every variant, the control's too, or of none.")
        _check_names(self)
        _check_metrics(self)
        _check_survey(self)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its canonical JSON, in hexadecimal: what tasks and indexes name it by."""
        return hashlib.sha256(encode_experiment(self)).hexdigest()

    @property
    def is_of_bundles(self) -> bool:
        """Whether variants are bundles."""
        return any(variant.bundle is not None for variant in self.variants)

    @property
    def products(self) -> tuple[tuple[str, str], ...]:
        """The pairs of measures whose product is summed, because a ratio's variance needs it."""
        found: dict[frozenset[str], tuple[str, str]] = {}
        for each in self.metrics:
            if isinstance(each, Ratio):
                found.setdefault(frozenset((each.above, each.below)), (each.above, each.below))
        return tuple(found.values())

    def metric(self, name: str) -> Metric:
        """Return a metric by its name."""
        return next(metric for metric in self.metrics if metric.name == name)


def encode_experiment(experiment: Experiment) -> bytes:
    """Return the definition, as canonical JSON (RFC 8785)."""
    return canonical(msgspec.to_builtins(experiment))


def parse_experiment(raw: bytes) -> Experiment:
    """Return a definition that was verified as a target; its digest is the SHA-256 of ``raw``.

    Raises:
        CollectionError: It is malformed, not in canonical JSON, another version's, or contradicts itself.
    """
    experiment = parsed(raw, Experiment, MAX_TASK_BYTES, "an experiment")
    if encode_experiment(experiment) != raw:
        raise CollectionError(
            "an experiment is not in canonical JSON; it was not written by homespun as it is. It is refused."
        )
    return experiment


def statistic_of(experiment: Experiment, *, max_people: int = MOST_PEOPLE) -> Statistic:
    """Return what is summed over people: the statistic that a task of the experiment declares.

    Args:
        experiment: The experiment.
        max_people: Most people that are added up in one task.
    """
    statistic = variant_outcomes(
        [variant.name for variant in experiment.variants],
        [(measure.name, measure.cap) for measure in experiment.measures],
        experiment.products,
        name=experiment.name,
    )
    return msgspec.structs.replace(statistic, width=32, max_people=max_people)


def _check_names(experiment: Experiment) -> None:
    names: tuple[tuple[str, ...], ...] = (
        tuple(variant.name for variant in experiment.variants),
        tuple(measure.name for measure in experiment.measures),
        tuple(metric.name for metric in experiment.metrics),
        tuple(guardrail.metric for guardrail in experiment.guardrails),
        experiment.surfaces,
        () if experiment.survey is None else experiment.survey.answers,
    )
    for listed in names:
        if len(set(listed)) < len(listed):
            raise MisuseError(f"{experiment.name}: a name stands twice among {', '.join(listed)}.")


def _check_metrics(experiment: Experiment) -> None:
    caps = {measure.name: measure.cap for measure in experiment.measures}
    for metric in experiment.metrics:
        used = {metric.above, metric.below} if isinstance(metric, Ratio) else {metric.above}
        if not used <= set(caps):
            raise MisuseError(f"{experiment.name}: {metric.name} needs {', '.join(sorted(used))}; it is not counted.")
        if isinstance(metric, Ratio) and metric.above == metric.below:
            raise MisuseError(f"{experiment.name}: {metric.name} is {metric.above} over itself.")
        if isinstance(metric, Share) and caps[metric.measure] != 1:
            raise MisuseError(
                f"{experiment.name}: {metric.name} is a share of people; give {metric.measure} the cap 1."
            )
    names = [metric.name for metric in experiment.metrics]
    for name in (experiment.primary, *(guardrail.metric for guardrail in experiment.guardrails)):
        if name not in names:
            raise MisuseError(f"{experiment.name}: there is no metric {name!r}; they are {', '.join(names)}.")


def _check_survey(experiment: Experiment) -> None:
    known = () if experiment.survey is None else experiment.survey.answers
    for measure in experiment.measures:
        if isinstance(measure.outcome, Answers) and not set(measure.outcome.answers) <= set(known):
            raise MisuseError(f"{experiment.name}: {measure.name} counts answers that its survey does not have.")
