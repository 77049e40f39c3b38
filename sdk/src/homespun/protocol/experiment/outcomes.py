"""What an experiment counts of a person, and how: bounded whole numbers, and nothing about single items or moments.

Everything is counted from the moment on at which the person met their variant, while the experiment runs.
"""

from itertools import pairwise
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from homespun.errors import MisuseError
from homespun.protocol.statistics.variants import MAX_CAP

PEOPLE: Final = "people"
"""What is counted of everybody: that they met the variant. No measure is called so."""

MAX_SECONDS: Final = 86_400
"""Longest time that is told apart from longer ones, in seconds."""

HUNDREDTHS: Final = 100
"""A diversity of 1."""

MeasureName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,63}\Z")]
Words = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
Text = Annotated[str, Meta(min_length=1, max_length=2000)]
_SECONDS = Annotated[int, Meta(ge=0, le=MAX_SECONDS)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Common to everything here: immutable, and nothing unknown."""


class Impressions(_Part, frozen=True, kw_only=True, tag="impressions"):
    """Items of lists that were made under the experiment.

    Attributes:
        of: ``listed`` counts every item when its list is made; ``shown`` those of them that the application says were
            on the screen.
    """

    of: Literal["listed", "shown"] = "listed"


class Events(_Part, frozen=True, kw_only=True, tag="events"):
    """Events: clicks, conversions, hides or whatever the application records.

    Attributes:
        kinds: The kinds that count.
        of: ``listed`` counts only events about items that were in a list under the experiment before; ``any`` all.
    """

    kinds: Annotated[tuple[Words, ...], Meta(min_length=1, max_length=20)]
    of: Literal["listed", "any"] = "listed"


class _Lengths(_Part, frozen=True, kw_only=True):
    """A bucket of lengths of time.

    Attributes:
        at_least: Seconds with which it begins.
        below: Seconds with which the next one begins; None: none does.
    """

    at_least: _SECONDS = 0
    below: _SECONDS | None = None

    def __post_init__(self) -> None:
        """Refuse a bucket that nothing falls into."""
        if self.below is not None and self.below <= self.at_least:
            raise MisuseError(f"no time is at least {self.at_least} and below {self.below} seconds.")

    def holds(self, seconds: float) -> bool:
        """Return whether a length of time falls into the bucket."""
        return self.at_least <= seconds and (self.below is None or seconds < self.below)


class Dwells(_Lengths, frozen=True, kw_only=True, tag="dwells"):
    """Times that the person stayed with an item of a list under the experiment, as long as the bucket says."""


class Sessions(_Lengths, frozen=True, kw_only=True, tag="sessions"):
    """Sessions, as long as the bucket says."""


class Diversity(_Part, frozen=True, kw_only=True, tag="diversity"):
    """How different the items of the person's lists were: of all pairs in one list those without a common value.

    In hundredths over all lists under the experiment, rounded down; pairs with an item that has no value are left out.

    Attributes:
        field: The attribute that is compared, for instance ``genre``; ``tags`` for the items' tags.
    """

    field: Words


class Answers(_Part, frozen=True, kw_only=True, tag="answers"):
    """1 if the person's answer to the question is among these.

    Attributes:
        answers: Which of the survey's.
    """

    answers: Annotated[tuple[Words, ...], Meta(min_length=1, max_length=10)]


Outcome = Impressions | Events | Dwells | Sessions | Diversity | Answers


class Counted(_Part, frozen=True, kw_only=True):
    """A measure: one whole number about a person.

    Attributes:
        name: The measure's name.
        cap: Larger values count as this one.
        outcome: What is counted.

    Raises:
        MisuseError: On construction, if the cap is above all values there are.
    """

    name: MeasureName
    cap: Annotated[int, Meta(ge=1, le=MAX_CAP)]
    outcome: Outcome

    def __post_init__(self) -> None:
        """Refuse a cap above all values, and the name that everybody has."""
        most = {Diversity: HUNDREDTHS, Answers: 1}.get(type(self.outcome), MAX_CAP)
        if self.cap > most:
            raise MisuseError(f"{self.name}: nobody has more than {most}; a cap of {self.cap} only adds noise.")
        if self.name == PEOPLE:
            raise MisuseError(f"no measure is called {PEOPLE!r}; people are counted anyway.")


def buckets(
    name: str, edges: tuple[int, ...], cap: int, outcome: type[Dwells] | type[Sessions] = Dwells
) -> tuple[Counted, ...]:
    """Return one measure for every bucket of a length of time.

    Args:
        name: Before the number of the bucket, from 0.
        edges: Seconds with which buckets begin, ascending; the last one has no end.
        cap: Most that counts in one bucket.
        outcome: What is as long: ``Dwells`` or ``Sessions``.
    """
    ends: tuple[int | None, ...] = (*(second for _, second in pairwise(edges)), None)
    return tuple(
        Counted(name=f"{name}-{number}", cap=cap, outcome=outcome(at_least=edge, below=end))
        for number, (edge, end) in enumerate(zip(edges, ends, strict=True))
    )


class Survey(_Part, frozen=True, kw_only=True):
    """One question that the application may ask; nobody has to answer.

    Attributes:
        question: The question.
        answers: Those to choose from.
    """

    question: Text
    answers: Annotated[tuple[Words, ...], Meta(min_length=2, max_length=10)]
