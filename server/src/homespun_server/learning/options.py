"""What a fit may vary. Everything is fixed before data is seen, or says what it was chosen by."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from homespun.errors import MisuseError
from homespun.protocol.events import KIND
from homespun.protocol.policy import Policy, encode_policy, parse_policy
from homespun.protocol.statistics.declaration import MAX_PAIRED
from homespun_server.privacy.provenance import PlainT, Sourced, check_sourced, derive, fixed, together
from homespun_server.training.blend import Blend
from homespun_server.training.scorers import Scorer

Part = Literal["collaborative", "sequential", "content", "trend"]
"""What a model can be made of besides popularity; ``sequential`` are all components that use the order."""

PARTS: tuple[Part, ...] = get_args(Part)

STANDARD_PARTS: tuple[Part, ...] = ("collaborative", "content")
"""What a model is made of where nobody says otherwise and no blend says how much order and time matter: that differs
so much from one data set to the next that a guess would be wrong for most, and each part costs budget."""

_DAY = 86_400
_LEAST_BYTES = 30_000


@dataclass(frozen=True)
class FitOptions:
    """What a fit may vary; everything is fixed before data is seen.

    Attributes:
        name: The bundle's name for people.
        min_weight: Least weight of a like; None: every interaction is one.
        test_share: Share of users kept aside for evaluation, in [0, 1).
        max_items: Largest universe. Noise takes 17 µs a pair and core: 3,000 items are 4.5 million pairs.
        max_sequence_items: Most items that transitions are counted of, as many numbers as its square; None: 1,000, or
            (non-private) as many as the universe has.
        max_events: Latest events of a person in which transitions are sought.
        dimensions: Largest rank of a component that scores by people's tastes.
        content_dimensions: Largest rank of the component that scores by words, tags and attributes.
        parts: What the model is made of; None: collaborative and content, or, with a blend that was given or is
            learned, whatever the table and the catalogue allow.
        model_bytes: Most bytes of the model files.
        half_lives: Of trends, in seconds.
        as_of: When it is for trends, seconds since 1970; None: the time of the fit, or (non-private) of the last event.
        contexts: Circumstances that the model uses, each with the values that are told apart.
        repeats: Whether what was chosen before may be recommended again; its weight is then learned or standard.
        archetypes: How many typical tastes to find; 0: none.
        new_items_every: Of a list every so-manieth place is for an item that nobody was counted with; 0: none.
        scorer: How pairs are scored; None: by the rule of ``scorers.choose_scorer``.
        blend: How terms weigh; None: the standard blend.
        learns_blend: Whether validation learns the blend; a fit that is given one sets it.
        kinds: The kinds of events that devices may record, declared and never taken from the table; None: any.
        policy: How devices are to make lists, as the publisher declares it; None: the bundle does not say.
        users: The number of users, if the operator declares it public; it then stands on the card.
        chosen_by: What options were chosen by, if not fixed a priori: releases, or figures derived from them.

    Raises:
        MisuseError: On construction, if one means nothing.
        PolicyError: On construction, if the policy cannot be used.
    """

    name: str = "homespun bundle"
    min_weight: float | None = None
    test_share: float = 0.1
    max_items: int = 3000
    max_sequence_items: int | None = None
    max_events: int = 200
    dimensions: int = 96
    content_dimensions: int = 32
    parts: tuple[Part, ...] | None = None
    model_bytes: int = 2_500_000
    half_lives: tuple[int, ...] = (2 * _DAY, 14 * _DAY, 60 * _DAY)
    as_of: int | None = None
    contexts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    repeats: bool = False
    archetypes: int = 0
    new_items_every: int = 10
    scorer: Scorer | None = None
    blend: Blend | None = None
    learns_blend: bool = False
    kinds: tuple[str, ...] | None = None
    policy: Policy | None = None
    users: int | None = None
    chosen_by: tuple[Sourced[object], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what means nothing, before anything is read or spent."""
        if not 2 <= self.max_items <= MAX_PAIRED or self.dimensions < 1:  # noqa: PLR2004 - a pair
            raise MisuseError(f"max_items must lie in 2..{MAX_PAIRED} and dimensions be at least 1.")
        if self.kinds is not None and not (self.kinds and all(KIND.fullmatch(kind) for kind in self.kinds)):
            raise MisuseError(f"kinds is {self.kinds!r}; name at least one lower-case word, or None for any kind.")
        if not 0 <= self.test_share < 1:
            raise MisuseError(f"test_share is {self.test_share}; it must lie in [0, 1).")
        if self.min_weight is not None and not math.isfinite(self.min_weight):
            raise MisuseError(
                f"min_weight is {self.min_weight}; give a finite number, or None if everything is a like."
            )
        check_sourced(**{f"chosen_by[{place}]": source for place, source in enumerate(self.chosen_by)})
        if self.users is not None and self.users < 0:
            raise MisuseError(f"{self.users} users cannot be declared; leave it out if the number is not public.")
        if self.policy is not None:
            # As devices will read it.
            parse_policy(encode_policy(self.policy))
        self._check_parts()

    def _check_parts(self) -> None:
        unknown = set(self.parts or ()).difference(PARTS)
        if unknown:
            raise MisuseError(f"{min(unknown)!r} is no part of a model; choose from {', '.join(PARTS)}.")
        if self.parts is not None and not {"collaborative", "sequential", "content"}.intersection(self.parts):
            raise MisuseError("a model needs a part that scores by the history: collaborative, sequential or content.")
        if min(self.max_sequence_items or 2, self.max_events) < 2 or self.content_dimensions < 1:  # noqa: PLR2004
            raise MisuseError("transitions need 2 items and 2 events at least, and content 1 dimension.")
        if self.archetypes < 0 or self.archetypes == 1 or self.new_items_every < 0:
            raise MisuseError("archetypes are 0 or at least 2, and every so-manieth place is counted from 0.")
        if self.model_bytes < _LEAST_BYTES:
            raise MisuseError(f"a model of {self.model_bytes:,} bytes holds nothing; allow {_LEAST_BYTES:,} at least.")
        names = [feature for feature, _ in self.contexts]
        if len(set(names)) < len(names):
            raise MisuseError(f"a context stands twice among {', '.join(names)}.")

    def wants(self, part: Part) -> bool:
        """Return whether a part is wanted, if the data allow it."""
        if self.parts is not None:
            return part in self.parts
        return part in STANDARD_PARTS or self.blend is not None or self.learns_blend

    def demands(self, part: Part) -> bool:
        """Return whether a part was asked for by name, so that it is an error if the data do not allow it."""
        return self.parts is not None and part in self.parts

    def stated(self, value: PlainT) -> Sourced[PlainT]:
        """State one of these options: fixed a priori, or whatever it was chosen by."""
        return derive(lambda plain, _: plain, fixed(value), together(*self.chosen_by))

    @property
    def stated_policy(self) -> Sourced[Policy] | None:
        """State the policy; None: there is none."""
        return None if self.policy is None else derive(parse_policy, self.stated(encode_policy(self.policy).decode()))
