"""The stages that a list is made in, in three phases: which items may stand in it, what they score, how they stand.

A stage of the second phase adds to scores. A stage of the third moves items and changes no score. Within a phase the
policy's order is kept; each stage stands at most once.
"""

from typing import Annotated, Literal

import msgspec

from homespun.protocol.bundle import Kind
from homespun.protocol.control_entry import MAX_CAP_DAYS, MAX_CAP_TIMES
from homespun.protocol.policy.conditions import MAX_DAYS, MAX_NAMED, Condition, ItemId, Key, Tag
from homespun.protocol.policy.rules import MAX_BOOST, MAX_LIST, Share

MAX_POOL = 2000

PartName = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Factor = Annotated[float, msgspec.Meta(ge=0, le=1000)]
Weights = dict[PartName, Factor]
Ids = Annotated[tuple[ItemId, ...], msgspec.Meta(max_length=MAX_NAMED)]


class Candidates(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="stage", tag="candidates"
):
    """Which items may stand in the list.

    Attributes:
        pool: How many of the best by the model are looked at in every later stage; more where a list is longer.
        include: Items that are looked at in any case.
        exclude: Items that are never listed.
    """

    pool: Annotated[int, msgspec.Meta(ge=10, le=MAX_POOL)] = 100
    include: Ids = ()
    exclude: Ids = ()


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="stage", tag="seen"):
    """What becomes of items that the person has events with. What they spoke against stays out in any case.

    Attributes:
        kinds: For how many days after such an event an item is left out, by kind; 0: not at all, null: for ever.
        others: The same for every other kind.
    """

    kinds: dict[Kind, Annotated[float, msgspec.Meta(ge=0, le=MAX_DAYS)] | None] = {}
    others: Annotated[float, msgspec.Meta(ge=0, le=MAX_DAYS)] | None = None


class Frequency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="stage", tag="frequency"):
    """Leave an item out once it was shown so often; what the person sets counts before it.

    Attributes:
        times: How often.
        days: In how many days back from now.
    """

    times: Annotated[int, msgspec.Meta(ge=1, le=MAX_CAP_TIMES)]
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_CAP_DAYS)]


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case of switching.

    Attributes:
        when: When it holds.
        weights: What parts of the score are multiplied by then.
    """

    when: Condition
    weights: Weights


class Blend(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="stage", tag="blend"
):
    """How much each part of the model's score counts, on top of the weights that the model has learned.

    Parts are named as in explanations: components, priors, circumstances (``context`` for all), ``archetype`` and
    ``repeat``.

    Attributes:
        weights: What parts are multiplied by; 1 where nothing is said.
        switch: Other weights in some cases, in whose place they stand: the first case that holds, if any.
    """

    weights: Weights = {}
    switch: Annotated[tuple[Case, ...], msgspec.Meta(max_length=20)] = ()


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="stage", tag="rules"):
    """The policy's rules act here."""


class Recency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="stage", tag="recency"):
    """Add weight · 2^(−age / half-life) for the age of an item; nothing where it is not known or in the future.

    Attributes:
        attribute: The attribute that says since when there is the item, seconds since 1970.
        weight: In standard deviations of the candidates' scores.
        half_life_days: After how many days it adds half.
    """

    attribute: Key
    weight: Annotated[float, msgspec.Meta(gt=0, le=MAX_BOOST)]
    half_life_days: Annotated[float, msgspec.Meta(gt=0, le=MAX_DAYS)]


class Learning(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="stage", tag="learning"
):
    """Learn from the person's own feedback, on the device.

    Attributes:
        weight: How much of what is learned is added.
        least_events: Below so many liked items nothing is.
    """

    weight: Annotated[float, msgspec.Meta(ge=0, le=10)] = 1.0
    least_events: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50


class Popularity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="stage", tag="popularity"):
    """Speak for what is popular, or against it, whatever the model has learned.

    Attributes:
        dial: From −1 (novel) to 1 (popular); standard deviations of the candidates' scores for each standard deviation
            of their popularity.
    """

    dial: Annotated[float, msgspec.Meta(ge=-1, le=1)]


class Cascade(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="stage", tag="cascade"):
    """Order the best items once more, by other weights.

    Attributes:
        top: How many.
        weights: What parts of the model's score are multiplied by; 1 where nothing is said.
    """

    top: Annotated[int, msgspec.Meta(ge=2, le=MAX_LIST)]
    weights: Weights


class Diversity(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="stage", tag="diversity"
):
    """Against lists of the same thing again and again; the person's own dial counts in place of both numbers.

    Attributes:
        unlike: From 0 to 1, how much unlike items stand side by side (maximal marginal relevance).
        calibration: From 0 to 1, how much the list's tags follow the person's own (Steck 2018); its default was
            measured to cost nothing.
    """

    unlike: Share = 0.0
    calibration: Share = 0.05


class Exploration(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="stage", tag="exploration"
):
    """Give places to items that might turn out well, and record how likely each was to get its place.

    Attributes:
        method: ``epsilon``: each place for it goes to a random candidate with probability ``epsilon``. ``thompson``: to
            the best candidate by a draw from what is learned of the person.
        share: Of the list's places, at most so many, rounded down.
        epsilon: For ``epsilon``.
    """

    method: Literal["off", "epsilon", "thompson"] = "off"
    share: Share = 0.1
    epsilon: Share = 0.1


class Caps(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="stage", tag="caps"):
    """List at most so many items with the same tag.

    Attributes:
        each: For every tag that is not among ``tags``; None: no cap.
        tags: By tag.
    """

    each: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIST)] | None = None
    tags: dict[Tag, Annotated[int, msgspec.Meta(ge=0, le=MAX_LIST)]] = {}


Stage = (
    Candidates
    | Seen
    | Frequency
    | Blend
    | Rules
    | Recency
    | Learning
    | Popularity
    | Cascade
    | Diversity
    | Exploration
    | Caps
)

PHASES: tuple[tuple[type, ...], ...] = (
    (Candidates, Seen, Frequency),
    (Blend, Rules, Recency, Learning, Popularity),
    (Cascade, Diversity, Exploration, Caps),
)
"""Which stages belong to which phase."""


def phase(stage: Stage) -> int:
    """Return the phase of a stage, from 0."""
    return next(number for number, kinds in enumerate(PHASES) if isinstance(stage, kinds))
