"""The people whose data a fit uses."""

from decimal import Decimal

from homespun.protocol.bundle import NEGATIVE_KINDS
from homespun.protocol.statistics.declaration import LikeRule
from homespun_server.learning.options import FitOptions
from homespun_server.privacy.ledger import Reservation
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.likes import Likes
from homespun_server.statistics.population import Population

OPEN_SECRET = bytes(32)
"""Samples are drawn with this where there is no budget: a secret that everybody knows."""


def rule_of(options: FitOptions) -> LikeRule:
    """Return which events count in favour of an item."""
    least = None if options.min_weight is None else Decimal(str(options.min_weight))
    return LikeRule(min_weight=least, negative_kinds=NEGATIVE_KINDS)


class FitData:
    """The people whose data a fit uses. Lives in the interactions' database.

    Attributes:
        interactions: The table.
        likes: Who likes what, for the users kept aside.
        population: Everybody, for sums.
        rule: Which events count in favour of an item.
        training: The cohort that the model is trained from.
        timed: Whether the table has times, and so an order.
    """

    def __init__(self, interactions: Interactions, options: FitOptions, budget: Reservation | None) -> None:
        """Prepare the data; without a budget, samples are drawn with a secret that everybody knows."""
        secret = OPEN_SECRET if budget is None else budget.secret
        self.interactions = interactions
        self.likes = Likes(interactions, min_weight=options.min_weight, test_share=options.test_share)
        self.population = Population(interactions, secret, contexts=dict(options.contexts))
        self.rule = rule_of(options)
        self.training = Cohort.training(options.test_share)
        self.timed = "time" in interactions.report.columns
