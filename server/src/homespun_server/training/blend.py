"""How much each term of the score weighs, and how fast each component forgets: few numbers, additive.

Every term is scaled to a spread of 1 before it is weighed (see ``scaling``), so one blend means the same for any
catalogue. A blend is fixed a priori (``STANDARD_BLEND``), or learned by validation from public data, from releases, or
(non-private) from people kept aside for it. A term that a blend does not name weighs nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.bundle import own_name
from homespun_server.training.model import LEVELS, STEADY, Kernel, Weights

POPULARITY = "popularity"
ARCHETYPES = "archetypes"
REPEATED = "repeats-count"
SEEN = "repeats-seen"

FAST = Kernel(age=1.5, gap=None, ordered=True)
"""What was chosen just now."""

SESSION = Kernel(age=8.0, gap=60.0, ordered=True)
"""What belongs to the same sitting; a pause ends it."""

RECENT = Kernel(age=50.0, gap=None, ordered=False)
"""Everything, the latest most."""


def steady(weight: float) -> Weights:
    """Return the same weight for every activity level."""
    return (weight,) * LEVELS


def context_term(feature: str) -> str:
    """Return the name of a context's term."""
    return f"context:{feature}"


def own_context_term(feature: str) -> str:
    """Return the name of the term of a person's own habits in a context."""
    return context_term(own_name(feature))


@dataclass(frozen=True)
class Blend:
    """Weights and kernels.

    Attributes:
        weights: One number an activity level, by the name of the term.
        kernels: By the name of the component; those that are not named are steady.
    """

    weights: Mapping[str, Weights] = field(default_factory=dict)
    kernels: Mapping[str, Kernel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse weights that are not one an activity level."""
        for name, weights in self.weights.items():
            if len(weights) != LEVELS:
                raise MisuseError(f"the blend has {len(weights)} weights for {name!r}; give one a level: {LEVELS}.")

    def weight(self, term: str) -> Weights:
        """Return a term's weights; 0 if it is not named."""
        return self.weights.get(term, steady(0.0))

    def kernel(self, component: str) -> Kernel:
        """Return a component's kernel."""
        return self.kernels.get(component, STEADY)

    def weighing(self, term: str, weights: Weights) -> Self:
        """Return the blend with other weights for a term."""
        return replace(self, weights={**self.weights, term: weights})

    def forgetting(self, component: str, kernel: Kernel) -> Self:
        """Return the blend with another kernel for a component."""
        return replace(self, kernels={**self.kernels, component: kernel})

    def to_json(self) -> bytes:
        """Return it as JSON, to be kept or published."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Read what ``to_json`` wrote.

        Raises:
            MisuseError: If it is no blend.
        """
        try:
            return msgspec.json.decode(content, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MisuseError(f"this is no blend: {error}. Give the file that a fit wrote.") from error


def with_trends(blend: Blend, trends: Sequence[str]) -> Blend:
    """Return a blend in which trends, together, take what popularity weighs, and popularity half of it.

    For whoever asks for trends by name and has no blend for them: how fast a taste changes is not known then, so all
    half-lives count alike.
    """
    popularity = blend.weight(POPULARITY)
    blend = blend.weighing(POPULARITY, tuple(weight / 2 for weight in popularity))
    for trend in trends:
        blend = blend.weighing(trend, tuple(weight / len(trends) for weight in popularity))
    return blend


_BY_ITSELF = (1.0, 0.3, 0.2, 0.1, 0.05, 0.0)
"""Popularity: less, the more is known of a person."""

STANDARD_BLEND = Blend(
    weights={
        # A long history adds up: what is said by fifty items outweighs what is said by the last few.
        "collaborative": steady(0.05),
        "sequential": steady(0.6),
        "session": steady(1.0),
        "content": (0.1, 0.1, 0.05, 0.02, 0.0, 0.0),
        POPULARITY: _BY_ITSELF,
    },
    kernels={"collaborative": RECENT, "sequential": FAST, "session": SESSION},
)
"""Where nobody says otherwise, of models that use the order; fixed a priori on public data."""

UNORDERED_BLEND = Blend(
    weights={
        "collaborative": steady(0.3),
        "content": (0.3, 0.1, 0.0, 0.0, 0.0, 0.0),
        POPULARITY: (1.0, 0.3, 0.5, 0.5, 0.4, 0.2),
    }
)
"""The same of models that do not: every item of the history counts alike, and popularity for more."""

NOISY_BLEND = UNORDERED_BLEND.weighing(POPULARITY, (1.0, 0.5, 0.5, 0.5, 0.8, 2.0))
"""The same where there is noise in what is known of tastes: popularity, which is known best, counts for more, most of
all beside long histories, whose every item brings noise of its own.

Fixed on training users of two public data sets. MovieLens-1M, 3,100 of them, NDCG@100 by the weight of popularity at
50 items, .2 / 1 / 2 / 5: at ε = 8 .371 / .377 / .377 / .369, at ε = 4 .339 / .354 / .357 / .348, at ε = 2 .284 / .309
/ .320 / .316, at ε = 1 .260 / .279 / .280 / .274. MovieTweetings hardly depends on it.
"""
