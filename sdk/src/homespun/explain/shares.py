"""How much of the score's variance each part makes: measured by running a bundle on made-up histories.

A history has as many liked items as an activity level begins with, drawn in proportion to exp(popularity) without
repetition, one a day, in circumstances that are drawn evenly from those that the model knows. For each one the variance
of every part over the catalogue is taken; a part's share is its own variance by the sum of all. What parts have in
common is not divided between them, so that a share depends on nothing but how far the part alone moves items apart:
nothing that weighs 0 has one, and whatever weighs more has more.

Deterministic: the draws come from a seed. Non-goal: what stages add to or do with the scores.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.habits import Habit
from homespun.model.history import History, Positions, Reals
from homespun.model.membership import contains, distinct
from homespun.model.scoring import Pool
from homespun.protocol.bundle import ACTIVITY_LEVELS, Component, Manifest, own_name
from homespun.protocol.events import Event
from homespun.protocol.read_only import ReadOnlyDict
from homespun.ranking.blending import ARCHETYPE, REPEAT, weighed
from homespun.ranking.onboarding import popularity

HISTORIES = 24
"""For each activity level."""

SEED = 27
"""Any number; the figures are the same on every device because it is."""

_ITEMS = 512
"""Items, evenly spread over the catalogue, that stand for all of it."""

_DAY = 86_400.0
_DRAWS = 4
"""For each item of a history: some are drawn twice."""


@dataclass(frozen=True)
class ScorePart:
    """A part of the score.

    Attributes:
        name: As explanations call it.
        kind: ``history``, ``prior``, ``context``, ``habit``, ``archetype`` or ``repeat``.
        feature: Which circumstance a part of the kinds ``context`` and ``habit`` is about; else None.
    """

    name: str
    kind: str
    feature: str | None = None


@dataclass(frozen=True, eq=False)
class Variances:
    """What was measured of one bundle.

    Attributes:
        manifest: Its manifest.
        parts: P parts.
        levels: The numbers of liked items that its histories can have.
        values: For each level, float64 [histories, P].
    """

    manifest: Manifest
    parts: tuple[ScorePart, ...]
    levels: tuple[int, ...]
    values: tuple[Reals, ...]

    def shares(self, weights: Mapping[str, float]) -> Reals:
        """Return the parts' shares; float64 [levels, P], zeros at a level where nothing tells items apart.

        Args:
            weights: What parts are multiplied by, as a policy's blend has it.
        """
        factors = _factors(self.manifest, weights) ** 2
        return np.array([_mean_shares(values * factors) for values in self.values]).reshape(-1, len(self.parts))


def parts_in(manifest: Manifest) -> tuple[ScorePart, ...]:
    """Return the parts of a bundle's score."""
    contexts = manifest.contexts
    return (
        *(ScorePart(part.name, "history") for part in manifest.components),
        *(ScorePart(prior.name, "prior") for prior in manifest.priors),
        *(ScorePart(each.feature, "context", each.feature) for each in contexts),
        *((ScorePart(ARCHETYPE, ARCHETYPE),) if manifest.archetypes else ()),
        *(
            ScorePart(own_name(each.feature), "habit", each.feature)
            for each in contexts
            if each.own_weights is not None
        ),
        *((ScorePart(REPEAT, REPEAT),) if manifest.repeats else ()),
    )


def measure(bundle: Bundle, histories: int = HISTORIES, seed: int = SEED) -> Variances:
    """Return the variances of a bundle's parts, by its own weights.

    Args:
        bundle: The bundle.
        histories: Made up for each activity level, at least 1; one is enough without any liked item or circumstance.
        seed: Decides them.
    """
    manifest = bundle.manifest
    draw = random.Random(seed)  # noqa: S311 - it has to be repeatable, and nobody gains by guessing it
    made = _Histories(bundle, draw)
    levels = tuple(least for least in ACTIVITY_LEVELS if least <= min(manifest.items, manifest.history.max_items))
    catalogue = np.linspace(0, manifest.items - 1, min(manifest.items, _ITEMS)).astype(np.int64)
    return Variances(
        manifest,
        parts_in(manifest),
        levels,
        tuple(
            np.array([_variances(bundle, history, catalogue) for history in made.some(least, histories)])
            for least in levels
        ),
    )


class _Histories:
    def __init__(self, bundle: Bundle, draw: random.Random) -> None:
        self._bundle, self._draw = bundle, draw
        rule, values = bundle.manifest.history, popularity(bundle)
        kinds = (*(rule.kinds or ()), "view", "choose", "use")
        self._kind = next((kind for kind in kinds if kind not in rule.negative_kinds), "use")
        self._order = np.argsort(-values, kind="stable").tolist()
        self._cumulated = np.exp(values - values.max()).cumsum().tolist()

    def some(self, liked: int, count: int) -> Iterator[History]:
        """Yield histories of so many likes, or one of none."""
        if not liked and not self._bundle.manifest.contexts:
            count = 1
        for _ in range(count):
            items = self._items(liked)
            events = [
                Event(self._bundle.items[item], self._kind, _DAY * day, None, self._circumstances() or None)
                for day, item in enumerate(items, start=1)
            ]
            yield self._bundle.history(events, self._circumstances())

    def _items(self, count: int) -> Sequence[int]:
        """Return so many distinct items; the most popular ones stand for those that were drawn twice."""
        everything = range(len(self._order))
        drawn = self._draw.choices(everything, cum_weights=self._cumulated, k=_DRAWS * count) if count else []
        chosen = list(dict.fromkeys(drawn))[:count]
        missing = count - len(chosen)
        return [*chosen, *[item for item in self._order if item not in chosen][:missing]] if missing else chosen

    def _circumstances(self) -> dict[str, str]:
        return {each.feature: self._draw.choice(each.values) for each in self._bundle.manifest.contexts}


def _variances(bundle: Bundle, history: History, catalogue: Positions) -> Reals:
    """Return the variance of each part over the catalogue; float64 [P]."""
    # What the history holds is where repeats and habits are; beside a sample it must not count for more than it is.
    positions = distinct([catalogue, history.positions])
    own = contains(catalogue, positions)
    weights = np.where(own, bundle.manifest.items / catalogue.size, 1.0)
    weights /= weights.sum()
    values = _by_part(bundle.manifest, history, bundle.scorer.score(history, positions))
    away = values - (values @ weights)[:, None]
    found: Reals = np.einsum("np,np,p->n", away, away, weights)
    return found


def _by_part(manifest: Manifest, history: History, pool: Pool) -> Reals:
    """Return what each part adds to each item, in the order of ``parts_in``; float64 [P, p].

    It is what ``parts_of`` returns with the history's items added up, which takes too long item by item.
    """
    size = pool.positions.size
    own = zip(history.context_weights.tolist(), pool.context, strict=True)
    context = [weight * row.astype(np.float64) for weight, row in own]
    known = {feature: row for (feature, _), row in zip(history.circumstances, context, strict=False)}
    items = pool.positions.tolist()
    habits = {each.feature: np.array([each.added.get(item, 0.0) for item in items]) for each in history.habits}
    nothing = np.zeros(size)
    rows = [_of_component(*each, pool) for each in zip(manifest.components, history.weights, strict=True)]
    rows += [weight * row for weight, row in zip(history.priors, pool.priors.T.astype(np.float64), strict=True)]
    rows += [known.get(each.feature, nothing) for each in manifest.contexts]
    if manifest.archetypes:
        rows.append(nothing if history.taste is None else context[-1])
    rows += [habits.get(each.feature, nothing) for each in manifest.contexts if each.own_weights is not None]
    if manifest.repeats:
        rows.append(pool.repeats - sum(habits.values(), nothing))
    return np.array(rows).reshape(len(rows), size)


def _of_component(component: Component, weights: Reals, pool: Pool) -> Reals:
    added = np.zeros(pool.positions.size)
    if component.low_rank is not None:
        wanted = np.einsum("hd,h->d", pool.encoder[component.low_rank].astype(np.float64), weights)
        added += np.einsum("pd,d->p", pool.decoder[component.low_rank].astype(np.float64), wanted)
    if component.sparse is not None:
        found = pool.crossings[component.sparse]
        added += np.bincount(found.places, found.values * weights[found.rows], added.size)
    return added


def _factors(manifest: Manifest, weights: Mapping[str, float]) -> Reals:
    """Return what each part is multiplied by: what lists make of a history of ones; float64 [P]."""
    features = [each.feature for each in manifest.contexts]
    rows = len(features) + bool(manifest.archetypes)
    ones = History(
        events=(),
        positions=np.zeros(1, np.int64),
        weights=np.ones((len(manifest.components), 1)),
        wishes=(),
        level=0,
        priors=np.ones(len(manifest.priors)),
        context=np.arange(rows, dtype=np.int64),
        context_weights=np.ones(rows),
        circumstances=tuple((feature, "") for feature in features),
        repeats=ReadOnlyDict({0: 1.0} if manifest.repeats else {}),
        habits=tuple(
            Habit(each.feature, "", 1.0, ReadOnlyDict()) for each in manifest.contexts if each.own_weights is not None
        ),
    )
    found = weighed(ones, manifest, weights)
    habits = [habit.weight for habit in found.habits]
    return np.array([*found.weights[:, 0], *found.priors, *found.context_weights, *habits, *found.repeats.values()])


def _mean_shares(variances: Reals) -> Reals:
    """Return the mean of histories' shares (float64 [histories, P]), without those that nothing tells apart."""
    totals = variances.sum(axis=1)
    known = totals > 0
    if not known.any():
        return np.zeros(variances.shape[1])
    found: Reals = (variances[known] / totals[known, None]).mean(axis=0)
    return found
