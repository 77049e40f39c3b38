"""Learns a model: terms from releases, a blend, and both put together."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from homespun.protocol.bundle import PrivacyStatement
from homespun_server.evaluation.comparison import Observer
from homespun_server.evaluation.report import Bounding
from homespun_server.learning.assembling import Assembly
from homespun_server.learning.data import FitData
from homespun_server.learning.options import FitOptions
from homespun_server.learning.releasing import Released
from homespun_server.learning.terms import Terms
from homespun_server.learning.trained import train
from homespun_server.learning.validation import Tuned, Validation, tune
from homespun_server.learning.writing import write
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.provenance import Sourced, derive, non_private
from homespun_server.statistics.raw import Raw
from homespun_server.training.blend import NOISY_BLEND, STANDARD_BLEND, UNORDERED_BLEND, Blend, with_trends
from homespun_server.training.model import Model
from homespun_server.training.scorers import Scorer
from homespun_server.training.size_points import Measured, SizePoint
from homespun_server.training.trend import name_of


@dataclass(frozen=True)
class Learned:
    """A trained model, and what is needed to refresh it.

    Attributes:
        model: The model.
        terms: What it was assembled from.
        released: What these were trained from.
        weighing: How they are weighed.
        point: The size that was chosen; None where there was nothing to compress.
        sizes: All sizes that there were, if their quality was measured.
        tuned: What validation found; None if the blend was given or standard.
        bounding: What bounding did on the way.
    """

    model: Sourced[Model]
    terms: Sourced[Terms]
    released: Released
    weighing: "Sourced[Weighing]"
    point: SizePoint | None
    sizes: Sourced[tuple[Measured, ...]]
    tuned: Raw[Tuned] | None
    bounding: Raw[tuple[Bounding, ...]] = field(repr=False)

    @property
    def directions(self) -> Sourced[int]:
        """How many patterns of taste stood out from the noise."""
        return derive(lambda terms: terms.directions, self.terms)


@dataclass(frozen=True)
class Weighing:
    """How terms are weighed, pairs scored (None: the default), and how good each size is, if that was measured."""

    blend: Blend
    scorer: Scorer | None
    curve: tuple[Measured, ...] = ()


class _Made(NamedTuple):
    model: Model
    point: SizePoint | None
    sizes: tuple[Measured, ...]


def learn(
    data: FitData,
    options: FitOptions,
    budget: Reservation | None,
    observer: Observer,
    now: datetime,
    validation: Validation | None = None,
) -> Learned:
    """Release the sums that a model needs, and train it from the releases alone.

    Args:
        data: The people; only training users are summed.
        options: What a fit may vary.
        budget: The budget to spend; None for exact sums, marked non-private.
        observer: Called with (step, done, in all).
        now: The time of the fit.
        validation: How to learn the blend, without privacy; None: the options' blend, or the standard one.

    Raises:
        BudgetError: If the budget does not allow a release.
        TrainingError: If the data allow no model; before any release, if the catalogue allows none.
    """
    options = replace(options, learns_blend=validation is not None)
    tuned = None if validation is None else Raw(tune(data.interactions, options, validation, observer, now))
    # Again after validation, which uses the database for a split of its own.
    data = data if tuned is None else FitData(data.interactions, options, budget)
    ordered = data.timed and options.wants("sequential")
    weighing = (
        _found(tuned) if tuned is not None else stated_weighing(options, ordered=ordered, noisy=budget is not None)
    )
    scorer = weighing.value.scorer
    trained = train(data, options, budget, observer, now, () if scorer is None else (scorer,))
    return assembled(trained.terms, trained.released, weighing, options, tuned)


def assembled(
    terms: Sourced[Terms],
    released: Released,
    weighing: Sourced[Weighing],
    options: FitOptions,
    tuned: Raw[Tuned] | None = None,
) -> Learned:
    """Put terms and their weights together."""
    made = derive(lambda found, how: _model(found, how, options), terms, weighing)
    return Learned(
        model=derive(lambda each: each.model, made),
        terms=terms,
        released=released,
        weighing=weighing,
        point=made.value.point,
        sizes=derive(lambda each: each.sizes, made),
        tuned=tuned,
        bounding=Raw(released.bounding),
    )


def make_bundle(
    data: FitData,
    folder: Path,
    *,
    budget: Reservation | None,
    options: FitOptions,
    observer: Observer,
    now: datetime,
    validation: Validation | None = None,
) -> tuple[Learned, PrivacyStatement]:
    """Learn from the training users and write the bundle to ``folder``; see ``fit`` for the arguments."""
    learned = learn(data, options, budget, observer, now, validation)
    return learned, write(learned.model, data, folder, budget=budget, options=options, now=now)


def _found(tuned: Raw[Tuned]) -> Sourced[Weighing]:
    found = tuned.for_the_operator()
    chosen = Raw(Weighing(found.blend, found.scorer, found.curve))
    return non_private(chosen, "the blend and the size that validation chose")


def stated_weighing(options: FitOptions, *, ordered: bool, noisy: bool) -> Sourced[Weighing]:
    """Return how the options weigh terms: by their blend, or a standard one.

    Args:
        options: The options.
        ordered: Whether the model uses the order of events.
        noisy: Whether there is noise in what it is made from.
    """
    stated, blend = options.stated(options.scorer), blend_of(options, ordered=ordered, noisy=noisy)
    return derive(lambda scorer: Weighing(blend, scorer), stated)


def blend_of(options: FitOptions, *, ordered: bool, noisy: bool) -> Blend:
    """Return the options' blend, or a standard one, with trends if they were asked for by name."""
    if options.blend is not None:
        return options.blend
    unordered = NOISY_BLEND if noisy else UNORDERED_BLEND
    standard = STANDARD_BLEND if ordered else unordered
    return with_trends(standard, list(map(name_of, options.half_lives))) if options.demands("trend") else standard


def _model(terms: Terms, weighing: Weighing, options: FitOptions) -> _Made:
    assembly = Assembly(terms, options, weighing.scorer)
    point = assembly.chosen(weighing.curve)
    model = assembly.model(assembly.tables(point), weighing.blend)
    return _Made(model, point, assembly.measured(weighing.curve) if point is not None else ())
