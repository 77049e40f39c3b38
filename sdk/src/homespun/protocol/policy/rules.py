"""Rules, for the people who run a product: when something holds, something is done with some items."""

from datetime import datetime
from typing import Annotated

import msgspec

from homespun.protocol.policy.conditions import Condition, ItemTest, Name

MAX_BOOST = 100.0
MAX_LIST = 1000

Spreads = Annotated[float, msgspec.Meta(gt=0, le=MAX_BOOST)]
"""Standard deviations of the candidates' scores by the model."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Place = Annotated[int, msgspec.Meta(ge=1, le=MAX_LIST)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Boost(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="boost"):
    """Add to the score.

    Attributes:
        by: How much, in standard deviations of the candidates' scores.
    """

    by: Spreads


class Bury(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="bury"):
    """Take from the score.

    Attributes:
        by: How much, in standard deviations of the candidates' scores.
    """

    by: Spreads


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="filter"):
    """Keep out of the list."""


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="pin"):
    """Put the best of the items at a place, whatever its score.

    Attributes:
        at: The place, from 1.
    """

    at: Place


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="cap"):
    """List at most so many of the items.

    Attributes:
        at_most: How many.
    """

    at_most: Annotated[int, msgspec.Meta(ge=0, le=MAX_LIST)]


class Reserve(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="reserve"):
    """Give the items at least a share of the list's places, evenly spread, as long as there are enough of them.

    Attributes:
        share: Of the places, rounded down to whole ones.
    """

    share: Annotated[float, msgspec.Meta(gt=0, le=1)]


Action = Boost | Bury | Filter | Pin | Cap | Reserve


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule.

    Attributes:
        name: What reports and explanations call it; each name once.
        then: What is done.
        items: With which items; None: with all, which only makes sense together with ``when`` for a filter.
        when: Under which condition; None: always.
        since: From when on; None: always.
        until: Until when, that moment not included; None: for ever.
        surfaces: On which surfaces; None: on all that have a stage of rules.
    """

    name: Name
    then: Action
    items: ItemTest | None = None
    when: Condition | None = None
    since: Moment | None = None
    until: Moment | None = None
    surfaces: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=100)] | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that never holds."""
        if self.since is not None and self.until is not None and not self.since < self.until:
            raise ValueError("'since' is not before 'until', so that the rule would never hold")
