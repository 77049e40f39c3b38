"""What keeps items out of a list: controls, the policy, and whether they can be had.

It changes no score; it is told beside it. Asked about the items that are looked at, never about the whole catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.history import Positions
from homespun.model.membership import NOTHING, contains, distinct
from homespun.model.scoring import Truths
from homespun.protocol.controls import FrequencyCap, Steering
from homespun.protocol.policy.stages import Candidates, Frequency
from homespun.protocol.policy.stages import Seen as SeenStage
from homespun.ranking.person import Person
from homespun.ranking.request import Inputs, Request
from homespun.ranking.rules import Firing
from homespun.ranking.surfaces import SurfacePlan

_DAY = 86_400.0


class Bar(NamedTuple):
    """Why an item is kept out of lists.

    Attributes:
        control: The control that does it; ``unavailable`` if the application says that the item cannot be had; or what
            of the request or the policy does it: ``excluded``, ``seen``, ``disliked``, ``rule``, ``itself``.
        tag: The hidden tag; None for the others.
        shown: How often the item was shown, for a frequency cap; None for the others.
        days: In how many days, for a frequency cap; None for the others.
        rule: The rule's name; None for the others.
    """

    control: Literal[
        "hide_item", "hide_tag", "frequency_cap", "unavailable", "excluded", "seen", "disliked", "rule", "itself"
    ]
    tag: str | None = None
    shown: int | None = None
    days: int | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Bars:
    """Everything that keeps items out of one list.

    Attributes:
        bundle: The bundle.
        steering: What holds of the controls.
        named: By what keeps them out one by one, the items; int64, in any order.
        cap: The frequency cap that holds; None: none.
        capped: The items that were shown as often as it allows, with how often.
        firing: The rules that act; None: none.
    """

    bundle: Bundle
    steering: Steering
    named: Mapping[str, Positions]
    cap: FrequencyCap | None
    capped: Mapping[str, int]
    firing: Firing | None

    @cached_property
    def positions(self) -> Positions:
        """All that are named one by one, ascending; int64 [n]."""
        return distinct(list(self.named.values()))

    @cached_property
    def _tagged(self) -> list[Positions]:
        return [self.bundle.tagged(tag) for tag in sorted(self.steering.hidden_tags)]

    def barred(self, positions: Positions) -> Truths:
        """Return which of some items (int64 [p]) must not be listed; truth values [p]."""
        found = contains(self.positions, positions)
        for tagged in self._tagged:
            found |= contains(tagged, positions)
        if self.firing is not None:
            found |= self.firing.barred(positions)
        return found

    def of(self, item: str) -> tuple[Bar, ...]:
        """Return everything that keeps an item of the bundle out."""
        position = self.bundle.position(item)
        named = {name for name, positions in self.named.items() if position in positions}
        found = [Bar("hide_item")] if "hide_item" in named else []
        tags = dict.fromkeys(self.bundle.tags(item)) if self.steering.hidden_tags else {}
        found += [Bar("hide_tag", tag=tag) for tag in tags if tag in self.steering.hidden_tags]
        if item in self.capped and self.cap is not None:
            found.append(Bar("frequency_cap", shown=self.capped[item], days=self.cap.days))
        found += [Bar(name) for name in ("unavailable", "disliked", "seen", "excluded", "itself") if name in named]
        filtering = () if self.firing is None else self.firing.filtering(position)
        return (*found, *(Bar("rule", rule=rule.name) for rule in filtering))


def bars_of(person: Person, plan: SurfacePlan, request: Request, firing: Firing | None) -> Bars:
    """Return what keeps items out of a list."""
    bundle, steering = person.bundle, person.steering
    cap = effective_cap(person.inputs, plan)
    capped = _capped(bundle, cap, request.shown)
    candidates = plan.stage(Candidates)
    excluded = request.exclude if candidates is None else request.exclude.union(candidates.exclude)
    named = {
        "hide_item": bundle.positions_of(steering.hidden_items),
        "frequency_cap": bundle.positions_of(capped),
        "unavailable": bundle.unavailable(request.now),
        "disliked": person.disliked,
        "seen": _seen(person, plan, request),
        "excluded": bundle.positions_of(excluded),
        "itself": NOTHING if request.item is None else bundle.positions_of([request.item]),
    }
    return Bars(bundle, steering, {name: each for name, each in named.items() if each.size}, cap, capped, firing)


def effective_cap(inputs: Inputs, plan: SurfacePlan) -> FrequencyCap | None:
    """Return the frequency cap that holds: the person's own, else the policy's; none where nothing may be used."""
    if not inputs.allowed:
        return None
    stage = plan.stage(Frequency)
    return inputs.steering.frequency_cap or (None if stage is None else FrequencyCap(stage.times, stage.days))


def _capped(bundle: Bundle, cap: FrequencyCap | None, shown: Mapping[str, int]) -> dict[str, int]:
    if cap is None or not shown:
        return {}
    return {item: times for item, times in sorted(shown.items()) if times >= cap.times and item in bundle}


def _seen(person: Person, plan: SurfacePlan, request: Request) -> Positions:
    """Return what is left out because the person knows it; int64 [n]."""
    stage = SeenStage() if request.exclude_seen else plan.stage(SeenStage)
    if stage is None or request.exclude_seen is False:
        return NOTHING
    seen = person.seen
    positions = seen.positions
    if stage.kinds or stage.others is not None:
        days = [stage.kinds.get(kind, stage.others) for kind in seen.kinds]
        limits = np.array([np.inf if each is None else each * _DAY for each in days], np.float64)[seen.kind]
        # Zero days are none at all, also for what was done this very second; without end are also those of no time.
        kept_out = ((request.now - seen.times <= limits) & (limits > 0)) | np.isinf(limits)
        positions = positions[kept_out]
    if stage.others is None:
        # Who wants more like an item knows it.
        return np.concatenate([positions, person.bundle.positions_of(person.steering.more_like)])
    return positions
