"""Everything that gates look at."""

import msgspec

from homespun.protocol.bundle import PrivacyStatement
from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.synthetic import Facts
from homespun_server.publishing.review import Basis


class SegmentMean(msgspec.Struct, frozen=True):
    """The main metric in a part of the requests.

    Attributes:
        title: Which part.
        own: The bundle's mean.
        incumbent: The incumbent's; None: without one.
    """

    title: str
    own: float
    incumbent: float | None


class Advantage(msgspec.Struct, frozen=True):
    """What the membership attack found.

    Attributes:
        value: The advantage, chosen in hindsight.
        high: The upper end of its interval.
        chance: What chance gives.
    """

    value: float
    high: float
    chance: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that gates look at.

    Attributes:
        metric: The main metric.
        basis: Whether the leads are released or exact.
        over_popularity: The paired lead over popularity; None: not measured.
        over_incumbent: The same over the incumbent; None: not measured, or there is none.
        incumbent: The incumbent's identity; None: the channel has none.
        segments: The parts that have enough requests.
        facts: The bundle.
        lost_items: Share of the incumbent's items that the bundle lacks; None: not measured, or there is none.
        privacy: The bundle's statement.
        sources: Where everything on its card comes from.
        has_quality: Whether quality stands on its card.
        advantage: The membership attack; None: not measured.
        nobody: Whether nothing in the model is made from people, so that nobody can be inferred.
        missing: Why something was not measured, in words.
    """

    metric: str
    basis: Basis
    over_popularity: Interval | None
    over_incumbent: Interval | None
    incumbent: str | None
    segments: tuple[SegmentMean, ...]
    facts: Facts
    lost_items: float | None
    privacy: PrivacyStatement
    sources: dict[str, str]
    has_quality: bool
    advantage: Advantage | None
    nobody: bool
    missing: tuple[str, ...] = ()
