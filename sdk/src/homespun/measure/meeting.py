"""Which variant a list is made by, and what the person is told of it."""

from dataclasses import dataclass

from homespun.protocol.experiment import Experiment, Survey, Variant


@dataclass(frozen=True)
class Meeting:
    """A list that is about to be made by a variant.

    Attributes:
        experiment: The experiment.
        variant: The variant.
    """

    experiment: Experiment
    variant: Variant

    @property
    def told(self) -> str:
        """What the person is told of it."""
        return (
            f"The list was made under the experiment {self.experiment.name!r}, variant {self.variant.name!r}: "
            f"{self.variant.text}"
        )


@dataclass(frozen=True, kw_only=True)
class Running:
    """An experiment that this device is part of, as the person sees it.

    Attributes:
        name: The experiment's name.
        text: What is compared and counted.
        variant: The name of the variant here.
        variant_text: What is different with it.
        starts: When it starts, seconds since 1970.
        ends: When it ends.
        met: When the person met the variant first; None: not yet, so nothing is counted.
        counted: What was counted so far, by measure; this, cut at the published caps, is what a sum may get.
        survey: A question that may be asked; None: none, or it was answered.
    """

    name: str
    text: str
    variant: str
    variant_text: str
    starts: int
    ends: int
    met: int | None
    counted: dict[str, int]
    survey: Survey | None
