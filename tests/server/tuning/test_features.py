"""A blend is learned from other scores than those that devices give."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case
from homespun_server.publishing.bundle import MAX_HISTORY
from homespun_server.training.blend import ARCHETYPES, REPEATED, SEEN, context_term, own_context_term
from homespun_server.training.model import Model
from homespun_server.tuning.features import component_feature, other_features
from homespun_server.tuning.questions import ask
from tests.conftest import Runs
from tests.server.publishing.support import model_of, publish
from tests.server.tuning.support import EVERYTHING, as_written


def weights_of(model: Model) -> dict[str, tuple[float, ...]]:
    """Return the model's own weights by the name of the term."""
    found: dict[str, tuple[float, ...]] = {part.name: part.weights for part in model.components}
    found.update({prior.name: prior.weights for prior in model.priors})
    found.update({context_term(context.feature): context.weights for context in model.contexts})
    for context in model.contexts:
        assert context.own_weights is not None
        found[own_context_term(context.feature)] = context.own_weights
    if model.archetypes is not None:
        found[ARCHETYPES] = model.archetypes.weights
    if model.repeats is not None:
        found |= {REPEATED: model.repeats.count_weights, SEEN: model.repeats.seen_weights}
    return found


def scores_of(model: Model, cases: list[Case], known: dict[str, int]) -> np.ndarray:
    """What the terms say of every item, weighed and added up: float64 [cases, N]."""
    contexts = {context.feature: context.values for context in model.contexts}
    found = ask(cases, known, EVERYTHING, most=len(cases), repeats=True, contexts=contexts)
    features = other_features(model, found)
    features.update({part.name: component_feature(part, found, part.kernel) for part in model.components})
    weights = weights_of(model)
    assert features.keys() == weights.keys()
    total = np.zeros((found.count, found.items))
    for term, values in features.items():
        total += np.array(weights[term])[found.levels][:, None] * values
    return total


def random_case(draw: np.random.Generator, size: int) -> Case:
    count = int(draw.integers(0, 2 * size))
    events = [
        Event(
            f"item-{draw.integers(0, size)}",
            time=None if draw.random() < 0.1 else float(draw.integers(0, 9000)),
            context=random_daytime(draw),
        )
        for _ in range(count)
    ]
    return Case("somebody", tuple(events), frozenset({"item-0"}), context=random_daytime(draw))


def random_daytime(draw: np.random.Generator) -> dict[str, str]:
    return {} if draw.random() < 0.3 else {"daytime": str(draw.choice(["morning", "night", "noon"]))}


def on_a_device(folder: Path, case: Case) -> np.ndarray:
    with closing(Bundle.open(folder)) as bundle:
        assert bundle.manifest.history.max_items == MAX_HISTORY
        history = bundle.history(case.events, case.context)
        return bundle.scorer.score(history, np.arange(bundle.manifest.items)).scores


def test_terms_add_up_to_another_score_than_a_devices(tmp_path: Path, runs: Runs) -> None:
    for number in runs("blend features", 40):
        draw = np.random.default_rng(number)
        size = int(draw.integers(2, 90))
        model = model_of(size, everything=bool(number % 4), seed=number)
        folder = tmp_path / str(number)
        publish(folder, model)
        cases = [random_case(draw, size) for _ in range(4)]
        known = {f"item-{item}": place for place, item in enumerate(model.items.tolist())}
        written, float_scores = scores_of(as_written(model, folder), cases, known), scores_of(model, cases, known)
        for case, expected, before in zip(cases, written, float_scores, strict=True):
            found = on_a_device(folder, case)
            scale = 1 + np.abs(found).max()
            assert found == pytest.approx(expected, abs=2e-5 * scale), number
            # Rounding is all that lies between: 4 bits for single entries, of up to a sixteenth of their range.
            assert np.abs(found - before).max() < 0.15 * scale, number
