"""What an evaluation found, as it is written to ``evaluation.json``: exact figures about people, for the operator."""

from typing import Literal

import msgspec

from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.segments import TOO_FEW

NOTICE = (
    "Exact figures about people, computed without noise. They are not covered by any bundle's (ε, δ): keep this file "
    "to yourself, and do not choose a bundle to publish as private by them."
)

INTERVALS = (
    "95% bootstrap intervals over users, whose cases are drawn together; leads are paired. Another draw of the noise "
    "of a private fit would give another model, which the intervals leave out."
)


class SegmentFigures(msgspec.Struct, frozen=True):
    """A model's figures in one segment.

    Attributes:
        kind: By what cases are told apart: history, popularity, person or tag.
        title: Which these are.
        cases: How many.
        users: Of how many users.
        too_few: Whether there are so few cases that the figures say nothing.
        metrics: By ``ndcg@10`` and so on.
    """

    kind: str
    title: str
    cases: int
    users: int
    too_few: bool
    metrics: dict[str, Interval]


class ModelFigures(msgspec.Struct, frozen=True):
    """One model's figures.

    Attributes:
        model: Its name.
        role: Whether it is a bundle that was asked about, or a reference.
        metrics: Means over cases, by ``ndcg@10`` and so on.
        lists: ``coverage@10``, ``gini@10`` and so on, of all lists together.
        leads: Paired differences to each earlier model, by its name: metrics of accuracy.
        segments: Figures of accuracy by segment.
        lorenz: Share of all exposure that the least shown items have, at even shares of the catalogue from 0 to 1.
        proposal_recall: Share of the exact top k that quantized proposals contain, by k; empty for references.
    """

    model: str
    role: Literal["bundle", "reference"]
    metrics: dict[str, Interval]
    lists: dict[str, float]
    leads: dict[str, dict[str, Interval]]
    segments: tuple[SegmentFigures, ...]
    lorenz: tuple[float, ...]
    proposal_recall: dict[str, float]


class ColdPoint(msgspec.Struct, frozen=True):
    """How well people are served of whom few events are known.

    Attributes:
        events: How many are known.
        ndcg_10: NDCG@10 of the next event, by model.
        against: The better of the other models.
        lead: The bundle's paired lead over it.
        holds: Whether the bundle is not below it within the interval.
    """

    events: int
    ndcg_10: dict[str, Interval]
    against: str
    lead: Interval
    holds: bool


class ColdCurve(msgspec.Struct, frozen=True):
    """The same people, none of whom trained, with their histories cut short.

    Attributes:
        model: The bundle.
        people: How many.
        too_few: Whether they are so few that the figures say nothing.
        points: By events known, ascending.
    """

    model: str
    people: int
    too_few: bool
    points: tuple[ColdPoint, ...]

    @property
    def holds(self) -> bool:
        """Whether the bundle is never below the better of the others within its interval."""
        return all(point.holds for point in self.points)


class EvaluationReport(msgspec.Struct, frozen=True):
    """An evaluation.

    Attributes:
        schema: Version of this structure.
        non_private: Always true.
        notice: The same in words.
        created: When, ISO 8601 in UTC.
        protocol: Name of the protocol.
        text: What was done, in words.
        asserted: What is true only if the caller knows it.
        repeats: Whether items that a person has seen may be recommended.
        intervals: What intervals are.
        cases: How many requests were made.
        users: Of how many people.
        left_out: Events that might have been predicted and were not, by reason.
        training_users: Users who train.
        catalogue_items: Items in the catalogue.
        ks: Lengths of lists.
        main: The metric that headlines and plots are about.
        exposure_at: Length of the lists of ``lorenz``.
        models: References first, then bundles.
        cold_users: One curve a bundle; empty where the protocol has nobody new.
        notes: What could not be measured, and why.
    """

    schema: Literal[1]
    non_private: Literal[True]
    notice: str
    created: str
    protocol: str
    text: str
    asserted: str
    repeats: bool
    intervals: str
    cases: int
    users: int
    left_out: dict[str, int]
    training_users: int
    catalogue_items: int
    ks: tuple[int, ...]
    main: str
    exposure_at: int
    models: tuple[ModelFigures, ...]
    cold_users: tuple[ColdCurve, ...]
    notes: tuple[str, ...]

    @property
    def few(self) -> bool:
        """Whether there are so few cases that nothing can be said."""
        return self.cases < TOO_FEW
