"""Folds a person in: from their events to the model's input, in steps of which each is as seldom repeated as it can be.

What events say of taste (``Evidence``) changes with an event; what follows for a person (``Liking``) with an event or a
wish; only the last step, to the ``History``, depends on a request's circumstances. Pure but for the model's rows that
tell the kind of taste.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from homespun.model.blend import Blend
from homespun.model.habits import with_habits
from homespun.model.history import History, Positions, Reals, Wish, in_favour, kernel_weights, likes, times_in_favour
from homespun.protocol.bundle import Manifest, activity_level
from homespun.protocol.events import ContextValue, Event


@dataclass(frozen=True)
class Evidence:
    """What a person's events say of their taste.

    Attributes:
        liked: The event that stands for each liked item that the bundle knows, oldest first.
        favoured: All events in favour of known items, in the order given; empty where repeats add nothing.
    """

    liked: tuple[Event, ...]
    favoured: tuple[Event, ...]

    def without(self, items: frozenset[str]) -> "Evidence":
        """Return what the events say without those of some items: what is said of an item is said by its own."""
        if not items:
            return self
        return Evidence(
            tuple(event for event in self.liked if event.item not in items),
            tuple(event for event in self.favoured if event.item not in items),
        )


@dataclass(frozen=True, eq=False)
class Liking:
    """What a person likes, weighed; the same in all circumstances.

    Attributes:
        events: The event behind each of the first items.
        positions: int64 [h].
        weights: float64 [C, h], β_c · w_c(i).
        wishes: What is behind each of the other items.
        level: The activity level.
        taste: Which archetype, from 0; None: none.
        favoured: Events in favour of known items.
        repeats: What having liked it before adds to an item, without habits, by ascending position.
    """

    events: tuple[Event, ...]
    positions: Positions
    weights: Reals
    wishes: tuple[Wish, ...]
    level: int
    taste: int | None
    favoured: tuple[Event, ...]
    repeats: tuple[tuple[int, float], ...]


def evidence_of(events: Iterable[Event], manifest: Manifest, known: Mapping[str, int]) -> Evidence:
    """Return what events say.

    Args:
        events: Any events, in any order.
        manifest: The bundle's.
        known: Position of every item that is known.

    Raises:
        MisuseError: If something else than an Event is among the events.
    """
    given, rule = list(events), manifest.history
    liked = tuple(event for event in likes(given, rule) if event.item in known)
    return Evidence(liked, () if manifest.repeats is None else tuple(in_favour(given, known, rule)))


def weighed_items(
    evidence: Evidence, wishes: Sequence[Wish], manifest: Manifest, known: Mapping[str, int]
) -> tuple[tuple[Event, ...], Positions, Reals]:
    """Return the events behind the liked items, the positions of these and of the wished ones, and their weights.

    Weights are without β; float64 [C, h].
    """
    named = {wish.item for wish in wishes}
    latest = evidence.liked[-manifest.history.max_items :]
    liked = tuple(event for event in latest if event.item not in named) if named else latest
    items = [*(event.item for event in liked), *(wish.item for wish in wishes)]
    positions = np.array([known[item] for item in items], np.int64)
    return liked, positions, _item_weights(liked, wishes, manifest)


def liking_of(
    evidence: Evidence,
    wishes: Sequence[Wish],
    manifest: Manifest,
    blend: Blend,
    known: Mapping[str, int],
) -> Liking:
    """Return what a person likes; ``taste`` is not found out yet."""
    liked, positions, weights = weighed_items(evidence, wishes, manifest, known)
    level = activity_level(positions.size)
    times = times_in_favour(evidence.favoured, known)
    return Liking(
        events=liked,
        positions=positions,
        weights=blend.components[:, level, None] * weights,
        wishes=tuple(wishes),
        level=level,
        taste=None,
        favoured=evidence.favoured,
        repeats=tuple(zip(times, blend.repeat(times.values(), level), strict=False)),
    )


def in_circumstances(
    liking: Liking, context: Mapping[str, ContextValue], blend: Blend, known: Mapping[str, int]
) -> History:
    """Return the model's input in the circumstances of a request."""
    level = liking.level
    named = blend.circumstances(context)
    rows, weights = blend.context(named, level)
    if liking.taste is not None:
        rows.append(blend.first_taste + liking.taste)
        weights.append(float(blend.archetypes[level]))
    habits = blend.habit(liking.favoured, known, named, level)
    return History(
        events=liking.events,
        positions=liking.positions,
        weights=liking.weights,
        wishes=liking.wishes,
        level=level,
        priors=blend.priors[:, level],
        context=np.array(rows, np.int64),
        context_weights=np.array(weights, np.float64),
        circumstances=tuple(named.items()),
        taste=liking.taste,
        repeats=with_habits(liking.repeats, habits),
        habits=habits,
    )


def _item_weights(liked: Sequence[Event], wishes: Sequence[Wish], manifest: Manifest) -> Reals:
    kernels = [part.kernel for part in manifest.components]
    own = np.array([wish.weight for wish in wishes], np.float64)
    unordered = np.array([[not kernel.ordered] for kernel in kernels], np.float64)
    return np.concatenate([kernel_weights(liked, kernels), unordered * own], axis=1)
