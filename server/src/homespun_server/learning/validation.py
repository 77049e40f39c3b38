"""Learns a blend from what training users did: exact, so the blend and all that is made with it is non-private.

The training users' table is divided once more by the protocol that the model will be judged by. Terms are trained
from the one part, and the blend is learned by predicting the other. Users who are kept aside for evaluation take no
part in it.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from homespun.errors import MisuseError
from homespun.protocol.bundle import NEGATIVE_KINDS, HistoryRule
from homespun_server.errors import TrainingError
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.comparison import Observer
from homespun_server.evaluation.dividing import HELD_OUT_FILE, TRAINING_FILE, divide, target_condition
from homespun_server.evaluation.held_out import Cases, HeldOut
from homespun_server.evaluation.protocols import ColdItems, EvaluationProtocol, LeaveLastOut, StrongGeneralization
from homespun_server.learning.assembling import Assembly
from homespun_server.learning.data import FitData
from homespun_server.learning.lately import Lately
from homespun_server.learning.options import FitOptions
from homespun_server.learning.terms import Terms
from homespun_server.learning.trained import train
from homespun_server.privacy.provenance import Sourced
from homespun_server.publishing.bundle import MAX_HISTORY
from homespun_server.statistics.cohort import SPLIT_NAME, threshold
from homespun_server.statistics.interactions import Interactions
from homespun_server.training.blend import Blend
from homespun_server.training.scorers import Scorer
from homespun_server.training.size_points import Measured
from homespun_server.training.trend import name_of
from homespun_server.tuning.blending import Qualities, learn_blend
from homespun_server.tuning.questions import Lately as Refreshed
from homespun_server.tuning.questions import Questions, ask

MOST_CASES = 4000
MOST_CELLS = 1 << 24
"""Cases times items: what every term says of them is held at once, 64 MB a term."""


class Tuned(NamedTuple):
    """What was learned by validation.

    Attributes:
        blend: The blend.
        scorer: How pairs are scored.
        cases: How many cases it was learned from.
        standard: Mean NDCG of the standard blend on them.
        learned: Mean NDCG of the learned one: flattered.
        curve: Mean NDCG at each size.
    """

    blend: Blend
    scorer: Scorer | None
    cases: int
    standard: float
    learned: float
    curve: tuple[Measured, ...]


@dataclass(frozen=True)
class Validation:
    """How to validate.

    Attributes:
        protocol: How the training users' table is divided.
        depth: k of the NDCG that is to be high.
        scorers: Ways to score pairs that are tried, beside the default.
        refresh: Seconds between refreshes of trends, as the model will be refreshed; None: trends stay what they were
            when the validation cases began. Of models that have trends.
    """

    protocol: EvaluationProtocol
    depth: int = 10
    scorers: tuple[Scorer, ...] = ("spectral", "inverse")
    refresh: int | None = None

    def __post_init__(self) -> None:
        """Refuse refreshes that never come."""
        if self.refresh is not None and self.refresh < 1:
            raise MisuseError(f"refresh is {self.refresh}; give seconds between refreshes, or None.")


def tune(
    interactions: Interactions, options: FitOptions, validation: Validation, observer: Observer, now: datetime
) -> Tuned:
    """Learn a blend for these people; an exact figure about them, to be marked so.

    Args:
        interactions: The table.
        options: What a fit may vary; users whom it keeps aside take no part.
        validation: How to validate.
        observer: Called with (step, done, in all).
        now: The time of the fit.

    Raises:
        DataError: If the protocol finds nothing to predict.
        TrainingError: If the training part allows no model, or nothing of what is to be predicted is known to it.
    """
    with tempfile.TemporaryDirectory(prefix="homespun-validation-") as temporary:
        folder = Path(temporary)
        protocol = beyond(validation.protocol, options.test_share)
        split = divide(interactions, protocol, folder).for_the_operator()
        columns = split.interaction_columns(held_out=False)
        with Interactions.read(folder / TRAINING_FILE, columns, items=interactions.items) as part:
            data = FitData(part, options, None)
            trained = train(data, options, None, observer, now, validation.scorers).terms
        terms = trained.value
        aside = split.interaction_columns(held_out=True)
        with Interactions.read(folder / HELD_OUT_FILE, aside, items=interactions.items) as held_out:
            cases = Cases(HeldOut(held_out, target_condition(held_out)), rolling=split.rolling)
            questions = _questions(cases, terms, interactions.items.ids, options, repeats=split.repeats)
    if not questions.count:
        raise TrainingError(
            "nobody who may be asked chose an item that the model knows, so no blend can be learned. Give a blend, use "
            "the standard one, or validate by another protocol."
        )
    if validation.refresh is not None and np.isfinite(questions.times).all():
        questions = replace(questions, lately=_lately(interactions, trained, options, questions, validation.refresh))
    return _tuned(terms, questions, options, validation, observer)


def beyond(protocol: EvaluationProtocol, kept_aside: float) -> EvaluationProtocol:
    """Return a protocol that tests its share of the users whom a fit does not keep aside.

    Both choose users by one hash, so those whom the fit keeps aside come first, and have to be counted in; they are
    no cases.
    """
    match protocol:
        case StrongGeneralization(test_share=share) | ColdItems(test_share=share):
            return replace(protocol, test_share=kept_aside + (1 - kept_aside) * share)
        case LeaveLastOut(test_share=float(share)):
            return replace(protocol, test_share=kept_aside + (1 - kept_aside) * share)
    return protocol


def _questions(
    cases: Iterator[Case] | Cases, terms: Terms, ids: list[str], options: FitOptions, *, repeats: bool
) -> Questions:
    known = {ids[item]: place for place, item in enumerate(terms.items.tolist())}
    weight = options.min_weight
    rule = HistoryRule(None if weight is None else Decimal(weight), MAX_HISTORY, NEGATIVE_KINDS)
    most = max(1, min(MOST_CASES, MOST_CELLS // terms.size))
    contexts: Mapping[str, tuple[str, ...]] = dict(options.contexts)
    return ask(_first(cases, options, most), known, rule, most=most, repeats=repeats, contexts=contexts)


def _first(cases: Iterator[Case] | Cases, options: FitOptions, most: int) -> list[Case]:
    """Return the training users' cases, in time the first ones, and then by a hash of the user.

    The first ones, because a trend is refreshed before the later ones come.
    """
    below = threshold(options.test_share)
    found = [case for case in cases if _hash(SPLIT_NAME, case.user) >= below]
    rolling = all(case.now is not None for case in found) and len({case.user for case in found}) < len(found)
    found.sort(key=lambda case: ((case.now or 0.0) if rolling else 0.0, _hash("homespun-validation-1", case.user)))
    return found[: 2 * most]


def _lately(
    interactions: Interactions, terms: Sourced[Terms], options: FitOptions, questions: Questions, every: int
) -> Refreshed | None:
    """Return trends as they are refreshed while the cases come in; None where there are none."""
    if not any(name_of(half_life) == prior.name for prior in terms.value.priors for half_life in options.half_lives):
        return None
    moments, places = np.unique(np.floor(questions.times / every).astype(np.int64) * every, return_inverse=True)
    data = FitData(interactions, options, None)
    return Refreshed(places, Lately(data, terms, options).values(moments.tolist()))


def _hash(label: str, user: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{label}:{user}".encode()).digest()[:4], "big")


def _tuned(
    terms: Terms, questions: Questions, options: FitOptions, validation: Validation, observer: Observer
) -> Tuned:
    best: Tuned | None = None
    scorers: list[Scorer | None] = [*terms.similarities]
    for scorer in scorers or [None]:
        assembly = Assembly(terms, options, scorer)
        model = assembly.model(assembly.tables(assembly.chosen()), Blend())
        step = "learn the blend" if scorer is None else f"learn the blend, pairs scored by {scorer}"
        learned = learn_blend(model, questions, validation.depth, partial(observer, step))
        if best is None or learned.after > best.learned:
            best = Tuned(learned.blend, scorer, questions.count, learned.before, learned.after, ())
    if best is None:
        raise LookupError("no similarity")
    return best._replace(curve=_curve(terms, questions, options, best, validation.depth, observer))


def _curve(
    terms: Terms, questions: Questions, options: FitOptions, tuned: Tuned, depth: int, observer: Observer
) -> tuple[Measured, ...]:
    """Measure how good each size is, with the learned blend."""
    assembly, qualities = Assembly(terms, options, tuned.scorer), Qualities(questions, tuned.blend, depth)
    found = []
    for done, point in enumerate(assembly.points, start=1):
        model = assembly.model(assembly.tables(point), tuned.blend)
        found.append(Measured(point, qualities.of(model)))
        observer("measure sizes", done, len(assembly.points))
    return tuple(found)
