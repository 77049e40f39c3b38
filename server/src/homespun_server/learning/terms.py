"""The terms of the score before anybody has decided how much each weighs: trained from releases, all of one size.

The items are the universe, most popular first, and behind it the rest of the catalogue if its content is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.protocol.content import ContentEncoder
from homespun_server.errors import TrainingError
from homespun_server.learning.options import FitOptions, Part
from homespun_server.learning.releasing import Released
from homespun_server.privacy.provenance import Sourced, derive, fixed, together
from homespun_server.privacy.provenance import released as stated_release
from homespun_server.privacy.release import Release
from homespun_server.statistics.items import Items
from homespun_server.training.archetypes import LearnedArchetypes, train_archetypes
from homespun_server.training.blend import POPULARITY
from homespun_server.training.collaborative import Hints, Trained, train_collaborative
from homespun_server.training.content import Content, train_content
from homespun_server.training.content_encoder import most_useful
from homespun_server.training.content_prior import Features, features_of
from homespun_server.training.context import LearnedContext, train_context
from homespun_server.training.item_prior import ItemPrior
from homespun_server.training.placement import Placement, placement
from homespun_server.training.popularity import Universe
from homespun_server.training.repeating import train_repeats
from homespun_server.training.scaling import scaled_values
from homespun_server.training.scorers import Scorer
from homespun_server.training.similarity import Similarity
from homespun_server.training.tables import Floats
from homespun_server.training.transitions import standard_recipe, train_transitions
from homespun_server.training.trend import TrendRecipe, train_trend

T = TypeVar("T")

Integers = NDArray[np.int64]

LARGEST_SHARE_OF_ITEMS = 0.5
"""Share of the model's bytes that the content of all items may take at most, with what each of them costs besides."""

LEAST_BYTES_AN_ITEM = 32
"""What an item takes besides content and priors at the smallest size: its row among tastes, scales, starts of rows."""

NO_TIMES = "The table says of no event when it was, so nothing was learned of order or of what is popular lately."


@dataclass(frozen=True, eq=False)
class Terms:
    """Everything that a model can be assembled from.

    Attributes:
        items: int64 [N], catalogue positions.
        learned: M, how many of them were learned from people: the first.
        similarities: How alike the learned items are, by the way in which pairs were scored; the default first.
        directions: How many patterns of taste stood out from the noise.
        transitions: [N, N]; None without.
        content: float64 [N, c], unit rows; None without.
        words: By which content vectors of other items are made; None without.
        priors: The terms that depend on the item alone, popularity first, each with a deviation of 1.
        contexts: Circumstances.
        archetypes: Tastes; None without.
        left_out: Why each part that the data do not allow is not there.
    """

    items: Integers
    learned: int
    similarities: Mapping[Scorer, Similarity]
    directions: int
    transitions: csr_matrix | None
    content: Floats | None
    words: ContentEncoder | None
    priors: tuple[ItemPrior, ...]
    contexts: tuple[LearnedContext, ...] = ()
    archetypes: LearnedArchetypes | None = None
    left_out: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """N."""
        return self.items.size


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What is known before any release.

    Attributes:
        items: The catalogue.
        content: What it says of its items; None without.
        left_out: Why there is no content, if it was wanted.
    """

    items: Sourced[Items]
    content: Sourced[Content] | None
    left_out: tuple[str, ...]


class _Trainer:
    """Trains what the data allow, and collects why they do not allow the rest."""

    def __init__(self, released: Released, catalogue: Catalogue, options: FitOptions) -> None:
        self.released, self.items, self.options = released, catalogue.items, options
        self.content = catalogue.content
        self.reasons = [*catalogue.left_out, *released.left_out]
        self.chosen = derive(lambda universe: universe.items, released.universe)
        self.everything = derive(_items, self.chosen, self.items, fixed(self.most_items()))
        self.place = placement(self.chosen, self.everything)

    def most_items(self) -> int:
        """Return from how many items on the catalogue's others are left out, and say so if they are."""
        if self.content is None:
            return 0
        options, size = self.options, len(self.items.value)
        dimensions: int = self.content.value.vectors.shape[1]
        priors = 2 + len(options.half_lives)
        rows = options.archetypes + sum(len(values) for _, values in options.contexts)
        an_item = dimensions + rows + 4 * priors + LEAST_BYTES_AN_ITEM
        most = int(options.model_bytes * LARGEST_SHARE_OF_ITEMS) // an_item
        if size > max(most, self.chosen.value.size):
            self.reasons.append(
                f"The catalogue has {size:,} items, and a model of {options.model_bytes:,} bytes has room for the "
                f"content of {most:,}, so items that were not learned from people are not in it. Allow more bytes."
            )
        return most

    def tried(self, train: Callable[[], Sourced[T]], part: Part | None = None) -> Sourced[T] | None:
        """Return what training gives, or None if the data do not allow it and it was not asked for by name."""
        if part is not None and not self.options.wants(part):
            return None
        try:
            return train()
        except TrainingError as error:
            if part is not None and self.options.demands(part):
                raise
            self.reasons.append(str(error))
            return None

    def missed(self, part: Part) -> None:
        """Say that nothing was released for a part.

        Raises:
            TrainingError: If it was asked for by name.
        """
        if self.options.demands(part):
            raise TrainingError(NO_TIMES)
        if self.options.wants(part) and NO_TIMES not in self.reasons:
            self.reasons.append(NO_TIMES)

    def collaborative(self, scorers: tuple[Scorer, ...]) -> list[Sourced[Trained]]:
        """Return the pairs scored in the default way, and in the others that are named."""
        pairs = self.released.by_name.get("item-pairs")
        if pairs is None:
            return []
        features = features_of(self.items, self.chosen)
        people, dimensions = self.options.stated(self.options.users), self.options.stated(self.options.dimensions)
        found: list[Sourced[Trained]] = []
        for scorer in (self.options.scorer, *scorers):
            if scorer in {trained.value.scorer for trained in found}:
                continue
            hints = derive(_hints, features, people, self.options.stated(scorer))
            trained = self.tried(
                lambda hints=hints: train_collaborative(pairs, self.released.universe, dimensions, hints),  # type: ignore[misc]
                "collaborative",
            )
            found += [] if trained is None else [trained]
        return found

    def transitions(self) -> Sourced[csr_matrix] | None:
        """Return the table of transitions."""
        ordered = self.released.by_name.get("transitions")
        if ordered is None:
            self.missed("sequential")
            return None
        place = placement(self.released.sequence, self.everything)
        trained = self.tried(lambda: train_transitions(ordered, place, standard_recipe()), "sequential")
        return None if trained is None else derive(lambda found: found.matrix, trained)

    def priors(self, as_of: Sourced[int] | None) -> Sourced[tuple[ItemPrior, ...]]:
        """Return popularity, trends, and which items are chosen again."""
        found = [derive(_popularity, self.released.universe, self.place, self.everything)]
        trend = self.released.by_name.get("item-trend")
        if trend is None or as_of is None:
            self.missed("trend")
        else:
            lately = self.tried(lambda: trends(trend, self.place, as_of, self.options), "trend")
            found += [] if lately is None else [lately]
        again = self.released.by_name.get("repeats")
        if again is not None:
            chosen_again = self.tried(lambda: train_repeats(again, self.place))
            found += [] if chosen_again is None else [derive(lambda prior: (prior,), chosen_again)]
        return derive(lambda parts: tuple(prior for part in parts for prior in part), together(*found))

    def contexts(self) -> Sourced[tuple[LearnedContext, ...]]:
        """Return the circumstances."""
        found = [self.tried(lambda each=each: train_context(each, self.place)) for each in self.released.contexts]  # type: ignore[misc]
        return together(*(context for context in found if context is not None))

    def archetypes(self) -> Sourced[LearnedArchetypes] | None:
        """Return the tastes."""
        tastes = self.released.by_name.get("archetypes")
        return None if tastes is None else self.tried(lambda: train_archetypes(tastes, self.place))


def read_catalogue(items: Sourced[Items], options: FitOptions) -> Catalogue:
    """Return what the catalogue says by itself; before any release, because it costs nothing.

    Raises:
        TrainingError: If content was asked for by name and there is none.
    """
    if not options.wants("content"):
        return Catalogue(items, None, ())
    try:
        return Catalogue(items, derive(_content, items, options.stated(options.content_dimensions)), ())
    except TrainingError as error:
        if options.demands("content"):
            raise
        return Catalogue(items, None, (str(error),))


def train_terms(
    released: Released,
    catalogue: Catalogue,
    options: FitOptions,
    *,
    as_of: Sourced[int] | None,
    scorers: tuple[Scorer, ...] = (),
) -> Sourced[Terms]:
    """Train all terms from releases and the catalogue alone.

    Args:
        released: The releases.
        catalogue: The catalogue.
        options: What a fit may vary.
        as_of: When it is for trends; None where there are none.
        scorers: Ways to score pairs beside the one that the options or the rule choose.

    Raises:
        TrainingError: If what was asked for by name cannot be made, or nothing that scores by the history.
    """
    trainer = _Trainer(released, catalogue, options)
    parts: dict[str, Sourced[Any] | None] = {
        "items": trainer.everything,
        "universe": released.universe,
        "content": trainer.content,
        "transitions": trainer.transitions(),
        "priors": trainer.priors(as_of),
        "contexts": trainer.contexts(),
        "archetypes": trainer.archetypes(),
        "collaborative": together(*trainer.collaborative(scorers)),
    }
    if parts["content"] is parts["transitions"] is None and not parts["collaborative"].value:  # type: ignore[union-attr]
        raise TrainingError(" ".join(trainer.reasons))
    present = {name: part for name, part in parts.items() if part is not None}
    reasons = tuple(trainer.reasons)
    joined = together(*present.values())
    # That a part could not be trained shaped the model too, so what it was to be trained from is stated as well.
    sources = together(*map(stated_release, released.everything))
    return derive(lambda values, _: _terms(reasons, **dict(zip(present, values, strict=True))), joined, sources)


def trends(
    trend: Release, place: Sourced[Placement], as_of: Sourced[int], options: FitOptions
) -> Sourced[tuple[ItemPrior, ...]]:
    """Return one prior a half-life, each with a deviation of 1."""
    recipe = derive(lambda now: TrendRecipe(now, options.half_lives), as_of)
    return derive(_scaled, train_trend(trend, place, recipe), place)


def _terms(
    reasons: tuple[str, ...],
    *,
    items: Integers,
    universe: Universe,
    priors: tuple[ItemPrior, ...],
    contexts: tuple[LearnedContext, ...],
    collaborative: tuple[Trained, ...],
    content: Content | None = None,
    transitions: csr_matrix | None = None,
    archetypes: LearnedArchetypes | None = None,
) -> Terms:
    return Terms(
        items=items,
        learned=universe.items.size,
        similarities={trained.scorer: trained.similarity for trained in collaborative},
        directions=collaborative[0].directions if collaborative else 0,
        transitions=transitions,
        content=None if content is None else content.vectors[items],
        words=None if content is None else most_useful(content.encoder),
        priors=priors,
        contexts=contexts,
        archetypes=archetypes,
        left_out=reasons,
    )


def _content(items: Items, dimensions: int) -> Content:
    return train_content(items, dimensions)


def _items(chosen: Integers, items: Items, most: int) -> Integers:
    if len(items) > most:
        return chosen
    others = np.ones(len(items), np.bool_)
    others[chosen] = False
    return np.concatenate([chosen, np.flatnonzero(others)])


def _hints(features: Features, people: int | None, scorer: Scorer | None) -> Hints:
    return Hints(people=people, scorer=scorer, features=features)


def _popularity(universe: Universe, place: Placement, everything: Integers) -> tuple[ItemPrior, ...]:
    return _scaled((ItemPrior(POPULARITY, np.log(universe.relative_of(everything))),), place)


def _scaled(priors: tuple[ItemPrior, ...], place: Placement) -> tuple[ItemPrior, ...]:
    return tuple(ItemPrior(prior.name, scaled_values(prior.values, place.rows.size)) for prior in priors)
