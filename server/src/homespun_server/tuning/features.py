"""What every term of a model says of every item in every case: float32 arrays of [cases, items]."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun_server.training.blend import ARCHETYPES, REPEATED, SEEN, context_term, own_context_term
from homespun_server.training.model import Component, Kernel, Model
from homespun_server.tuning.questions import Questions

Floats = NDArray[np.float32]

_OFFSET = 0.1
"""What a device adds to a number of events before it takes the logarithm."""


def component_feature(component: Component, questions: Questions, kernel: Kernel) -> Floats:
    """Return what a component says, with a kernel of this run's choice."""
    histories = questions.histories(kernel)
    result = np.zeros((questions.count, questions.items), np.float32)
    if component.low_rank is not None:
        table = component.low_rank
        left = (table.vectors * table.spectrum * table.encoder[:, None]).astype(np.float32)
        right = (table.vectors * table.decoder[:, None]).astype(np.float32)
        result += np.asarray(histories @ left) @ right.T
    if component.sparse is not None:
        result += (histories @ component.sparse.matrix.astype(np.float32)).toarray()
    return result


def other_features(model: Model, questions: Questions) -> dict[str, Floats]:
    """Return what the other terms say, by the name of the term."""
    return {name: values.astype(np.float32) for name, values in _others(model, questions)}


def _others(model: Model, questions: Questions) -> Iterator[tuple[str, NDArray[np.generic]]]:
    cases = np.arange(questions.count)
    lately = questions.lately
    for prior in model.priors:
        if lately is not None and prior.name in lately.values:
            yield prior.name, lately.values[prior.name][lately.moments]
            continue
        yield prior.name, np.broadcast_to(prior.values, (questions.count, questions.items))
    for context in model.contexts:
        codes = questions.contexts.get(context.feature, np.full(questions.count, -1))
        yield context_term(context.feature), np.where(codes[:, None] >= 0, context.log_odds[codes], 0.0)
        # Where nothing that was seen may be recommended, what people chose before tells no items apart.
        if context.own_weights is not None and context.feature in questions.habits:
            own = np.zeros((questions.count, questions.items), np.float32)
            own[questions.chosen_rows, questions.chosen_columns] = questions.habits[context.feature]
            yield own_context_term(context.feature), own
    if model.archetypes is not None:
        liked = csr_matrix(
            (np.ones(questions.rows.size), (questions.rows, questions.columns)), (questions.count, questions.items)
        )
        nearest = np.asarray(liked @ model.archetypes.log_odds.T).argmax(axis=1)
        known = np.bincount(questions.rows, minlength=questions.count) > 0
        yield ARCHETYPES, np.where(known[:, None], model.archetypes.log_odds[nearest[cases]], 0.0)
    if model.repeats is not None:
        counts = np.zeros((questions.count, questions.items), np.float32)
        counts[questions.chosen_rows, questions.chosen_columns] = np.log((questions.chosen + _OFFSET) / _OFFSET)
        yield REPEATED, counts
        yield SEEN, (counts > 0).astype(np.float32)
