"""Writes the bundle of what was learned, and releases how good it is for the card."""

from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.bundle import PrivacyStatement
from homespun.protocol.statistics.standard import metric_sums
from homespun_server.evaluation.comparison import METRICS, Observer
from homespun_server.learning.data import FitData
from homespun_server.learning.options import FitOptions
from homespun_server.learning.releasing import COUNTS_SHARE, released_sum
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.provenance import Sourced, derive, fixed, non_private, public
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.publishing.figures import Figure, Quality, number_of_users, released_quality
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.likes import MIN_TEST_LIKES, Likes
from homespun_server.statistics.raw import Raw
from homespun_server.statistics.sums import sum_metrics
from homespun_server.training.collaborative import POPULARITY_POWER
from homespun_server.training.content import catalogue
from homespun_server.training.model import Model

Reals = NDArray[np.float64]


def write(
    model: Sourced[Model],
    data: FitData,
    folder: Path,
    *,
    budget: Reservation | None,
    options: FitOptions,
    now: datetime,
    quality: Sourced[Quality] | None = None,
) -> PrivacyStatement:
    """Write the bundle of what was learned; see ``fit`` for the arguments."""
    description = Description(
        name=options.name,
        created=now,
        min_weight=options.stated(options.min_weight),
        delta=None if budget is None else budget.delta,
        parameters=_parameters(options, model),
        kinds=None if options.kinds is None else options.stated(options.kinds),
        people=_people(data.likes, options, private=budget is not None),
        quality=quality,
        policy=options.stated_policy,
    )
    return write_bundle(model, catalogue(data.interactions.items), description, folder).privacy


def release_metrics(
    metrics: Raw[Reals], model: Sourced[Model], options: FitOptions, budget: Reservation, observer: Observer
) -> Sourced[Quality]:
    """Release the mean metrics (``METRICS``) of the users kept aside, for the card.

    Args:
        metrics: float64 [users, metrics].
        model: The model that was measured.
        options: The fit's.
        budget: The budget to spend.
        observer: Called with (step, done, in all).
    """
    statistic = metric_sums(METRICS, who=f"people with {MIN_TEST_LIKES} likes or more")
    total = sum_metrics(statistic, metrics.for_the_operator(), Cohort.held_out(options.test_share))
    return released_quality(released_sum(total, Fraction(1), budget, observer), model)


def _people(likes: Likes, options: FitOptions, *, private: bool) -> Sourced[Figure] | None:
    """Return the number of users for the card, if it may stand there."""
    if options.users is not None:
        return derive(number_of_users, public(options.users, "declared by the operator"))
    if private:
        return None
    return derive(number_of_users, non_private(likes.training_users(), "the number of training users"))


def _parameters(options: FitOptions, model: Sourced[Model]) -> dict[str, Sourced[str]]:
    return {
        "largest universe": options.stated(str(options.max_items)),
        "most bytes of the model": options.stated(str(options.model_bytes)),
        "ranks": derive(_ranks, model),
        "power of popularity": fixed(str(POPULARITY_POWER)),
        "share of the budget for counts": fixed(str(float(COUNTS_SHARE))),
        "least weight of a like": options.stated("none" if options.min_weight is None else str(options.min_weight)),
        "users kept aside": options.stated(f"{100 * options.test_share:g}%"),
    }


def _ranks(model: Model) -> str:
    return ", ".join(f"{table.name} {table.dimensions}" for table in model.low_rank) or "none"
