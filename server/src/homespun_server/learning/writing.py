"""Writes the bundle of what was learned, and releases how good it is for the card."""

from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.bundle import Manifest, PrivacyStatement
from homespun.protocol.statistics.standard import metric_sums
from homespun_server.evaluation.comparison import METRICS, Observer
from homespun_server.evaluation.golden import write_golden
from homespun_server.learning.data import FitData
from homespun_server.learning.options import FitOptions
from homespun_server.learning.releasing import COUNTS_SHARE, released_sum
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.provenance import Sourced, derive, fixed, non_private, public
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.publishing.figures import Figure, Quality, number_of_users, released_quality
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.items import Items
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
    people = people_on_card(options, None if budget is not None else data.likes)
    description = described(
        model, options, now=now, delta=None if budget is None else budget.delta, people=people, quality=quality
    )
    return write_whole(model, catalogue(data.interactions.items), description, folder).privacy


def described(
    model: Sourced[Model],
    options: FitOptions,
    *,
    now: datetime,
    delta: float | None,
    people: Sourced[Figure] | None = None,
    quality: Sourced[Quality] | None = None,
    notes: tuple[str, ...] = (),
) -> Description:
    """Return what the bundle of a model says of itself.

    Args:
        model: The model.
        options: The fit's.
        now: When the bundle is made.
        delta: δ of the statement; None without privacy.
        people: How many people it was made from, if that may stand on the card.
        quality: How good it is, if that may.
        notes: What is public about how it was made.
    """
    return Description(
        name=options.name,
        created=now,
        min_weight=options.stated(options.min_weight),
        delta=delta,
        parameters=_parameters(options, model),
        kinds=None if options.kinds is None else options.stated(options.kinds),
        people=people,
        quality=quality,
        policy=options.stated_policy,
        privacy_notes=notes,
    )


def write_whole(model: Sourced[Model], items: Sourced[Items], description: Description, folder: Path) -> Manifest:
    """Write a bundle with its golden scores; see ``write_bundle``.

    Raises:
        BundleError: If a device would refuse it.
    """
    write_bundle(model, items, description, folder)
    return write_golden(folder)


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


def people_on_card(options: FitOptions, likes: Likes | None) -> Sourced[Figure] | None:
    """Return the number of users for the card, if it may stand there.

    Args:
        options: The fit's, which may declare it public.
        likes: Whose they are, without privacy; None: the number is not to be told.
    """
    if options.users is not None:
        return derive(number_of_users, public(options.users, "declared by the operator"))
    if likes is None:
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
