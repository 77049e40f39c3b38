"""What is concluded from the sums: metrics, each the ratio of two sums over the people who met a variant."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homespun.protocol.experiment.outcomes import PEOPLE, MeasureName

Positive = Annotated[
    str,
    Meta(
        pattern=r"^(0\.[0-9]{0,5}[1-9]|[1-9][0-9]{0,3}(\.[0-9]{0,5}[1-9])?)\Z",
        description="A plain decimal number above 0 with at most six places, for instance 0.05.",
    ),
]

Good = Literal["more", "less"]
"""Whether more of a metric is better, or less."""


class _Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Common to metrics.

    Attributes:
        name: The metric's name.
        good: Whether more of it is better, or less.
    """

    name: MeasureName
    good: Good = "more"


class Mean(_Metric, frozen=True, kw_only=True, tag="mean"):
    """A measure per person.

    Attributes:
        name: The metric's name.
        measure: What is summed.
        good: Whether more of it is better, or less.
    """

    measure: MeasureName

    @property
    def above(self) -> str:
        """What is summed above."""
        return self.measure

    @property
    def below(self) -> str:
        """What is summed below: people."""
        return PEOPLE


class Share(Mean, frozen=True, kw_only=True, tag="share"):
    """The share of people for whom a measure with the cap 1 is 1.

    Attributes:
        name: The metric's name.
        measure: What is summed.
        good: Whether more of it is better, or less.
    """


class Ratio(_Metric, frozen=True, kw_only=True, tag="ratio"):
    """One measure of all people over another, such as clicks over impressions.

    Attributes:
        name: The metric's name.
        above: What is summed above.
        below: What is summed below.
        good: Whether more of it is better, or less.
    """

    above: MeasureName
    below: MeasureName


Metric = Mean | Ratio | Share


class Guardrail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A metric that must not get worse.

    Attributes:
        metric: Which.
        worst: The change for the worse that is tolerated, as a share of what the control has.
    """

    metric: MeasureName
    worst: Positive
