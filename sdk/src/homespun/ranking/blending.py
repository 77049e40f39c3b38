"""Weighs the parts of the model's score once more, on top of the weights that it has learned.

Parts are named as in explanations: components, priors, circumstances (``context`` for all of them), ``archetype`` and
``repeat``. A name that this bundle has no part for changes nothing: policies are written for more than one bundle.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from homespun.model.history import History, Reals
from homespun.protocol.bundle import Manifest
from homespun.protocol.read_only import ReadOnlyDict

CONTEXT, ARCHETYPE, REPEAT = "context", "archetype", "repeat"


def weighed(history: History, manifest: Manifest, weights: Mapping[str, float]) -> History:
    """Return a history whose parts count so many times as much.

    Args:
        history: The model's input.
        manifest: The bundle's.
        weights: What parts are multiplied by; 1 where nothing is said.
    """
    circumstances = [weights.get(name, weights.get(CONTEXT, 1.0)) for name, _ in history.circumstances]
    tastes = [weights.get(ARCHETYPE, 1.0)] * (history.context.size - len(circumstances))
    repeat = weights.get(REPEAT, 1.0)
    return replace(
        history,
        weights=history.weights * _factors([part.name for part in manifest.components], weights)[:, None],
        priors=history.priors * _factors([prior.name for prior in manifest.priors], weights),
        context_weights=history.context_weights * np.array([*circumstances, *tastes], np.float64),
        repeats=ReadOnlyDict({position: repeat * added for position, added in history.repeats.items()}),
        habits=tuple([replace(habit, weight=repeat * habit.weight) for habit in history.habits]),
    )


def part_names(manifest: Manifest) -> list[str]:
    """Return the names of everything that can be weighed."""
    named = [*(part.name for part in manifest.components), *(prior.name for prior in manifest.priors)]
    named += [CONTEXT, *(context.feature for context in manifest.contexts)] if manifest.contexts else []
    named += [ARCHETYPE] if manifest.archetypes else []
    return [*named, REPEAT] if manifest.repeats else named


def _factors(names: list[str], weights: Mapping[str, float]) -> Reals:
    return np.array([weights.get(name, 1.0) for name in names], np.float64)
